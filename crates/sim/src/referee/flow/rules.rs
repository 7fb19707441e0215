//! The rules for what a host sends on a connection. Each has a name of its own.

use handfast_packet::cause::Cause;
use handfast_packet::tcp::{SackBlock, TcpFlags};

use super::seq::position;
use super::{Broken, Flow, Moment, Offers, Ours, Theirs, Told, stamps};
use crate::referee::segment::Seen;

/// Most segments without text that may leave one connection at one moment for which nothing was
/// received: no batch of input is owed more answers.
pub(super) const STORM_MAX: u32 = 256;
/// How many times the peer's window may leave at such a moment, retransmissions included.
const WINDOWS_AT_ONCE: i64 = 4;
/// Text that may leave at such a moment besides.
const TEXT_AT_ONCE: i64 = 256 * 1_024;
/// Nobody need cut text smaller than this, whatever the peer's MSS (Linux has the same floor).
const TEXT_LEAST: usize = 48;
/// Answers that may still be on their way out when a connection is reset.
const ANSWERS_UNDER_WAY: u32 = 4;

pub(super) fn broken<T>(rule: &'static str, detail: String) -> Result<T, Broken> {
    Err(Broken { rule, detail })
}

/// A SYN-ACK repeats only what the SYN offered (RFC 7323 2.2 and 3.2, RFC 2018 section 2).
pub(super) fn judge_syn(seen: &Seen<'_>, theirs: Option<&Theirs>) -> Result<(), Broken> {
    if seen.ack().is_none() {
        return Ok(());
    }
    let Some(theirs) = theirs else {
        return broken("syn-ack-without-syn", String::new());
    };
    let (ours, offered) = (Offers::of(&seen.header.options), theirs.offers);
    let more = (ours.timestamps && !offered.timestamps)
        || (ours.sack && !offered.sack)
        || (ours.scale.is_some() && offered.scale.is_none());
    if more {
        return broken("option-not-offered", format!("{ours:?} after {offered:?}"));
    }
    Ok(())
}

impl Flow {
    /// No storm: what leaves at one moment, with nothing received in between, is bounded.
    pub(super) fn judge_moment(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        if self.moment.at != seen.at {
            self.moment = Moment {
                at: seen.at,
                ..Moment::default()
            };
        }
        if seen.len() == 0 || seen.has(TcpFlags::RST) {
            self.moment.empty += 1;
        }
        self.moment.text += seen.len();
        let window = self
            .ours
            .as_ref()
            .map_or(0, |ours| ours.edge - ours.acknowledged);
        let most = window.max(0) * WINDOWS_AT_ONCE + TEXT_AT_ONCE;
        let Moment { empty, text, .. } = self.moment;
        if empty > STORM_MAX || text > most {
            let detail = format!("{empty} empty segments and {text} bytes at one moment");
            return broken("storm", detail);
        }
        Ok(())
    }

    /// A RST answers no RST (RFC 9293 3.10.7.1), and ends an open connection.
    pub(super) fn judge_reset(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        let answers = matches!(
            seen.cause,
            Cause::NoConnection | Cause::ProtocolError | Cause::DataAfterClose
        );
        if answers {
            self.resets.answered += 1;
            let (asked, answered) = (self.resets.asked, self.resets.answered);
            if answered > asked {
                let detail = format!("{answered} resets for {asked} segments that may have one");
                return broken("reset-for-a-reset", detail);
            }
        }
        if !seen.text.is_empty() {
            return broken("reset-with-text", format!("{} bytes", seen.text.len()));
        }
        // An answer to who comes behind TIME-WAIT may overtake the last ACK of the connection.
        let finished = self.is_finished() && seen.cause == Cause::NoConnection;
        let Some(ours) = self.ours.as_mut().filter(|ours| !ours.cookie) else {
            return Ok(());
        };
        // In the handshake a wrong segment gets a RST, and the connection goes on.
        self.resets.ended |= !matches!(seen.cause, Cause::NoConnection | Cause::ProtocolError);
        let open = ours.acknowledged >= 1 && ours.told.is_some_and(|told| told.ack >= 1);
        if open && seen.cause != Cause::ProtocolError {
            self.resets.over = true;
            self.resets.asked = self.resets.asked.min(ANSWERS_UNDER_WAY);
            self.resets.answered = 0;
            ours.text.forget();
            self.resets.last_words |= finished;
        }
        // A SYN that waited inside of the host while the RST waited on the way out is taken next.
        let gone = self.resets.over || self.resets.ended;
        let waits = gone && self.resets.syns > 0;
        self.resets.renewed |= waits;
        self.resets.repeated |= waits;
        Ok(())
    }

    /// All rules for a segment that is no RST.
    pub(super) fn judge(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        let (Some(ours), theirs) = (&mut self.ours, &self.theirs) else {
            // Its beginning was not seen.
            return Ok(());
        };
        let last_words = seen.len() == 0 && std::mem::take(&mut self.resets.last_words);
        if self.resets.over && !last_words {
            return broken("sent-after-reset", format!("seq {}", seen.header.seq));
        }
        let Some(theirs) = theirs else {
            judge_opening(seen)?;
            return judge_text(ours, seen);
        };
        judge_early_text(ours, theirs, seen)?;
        judge_size(theirs, self.default_mss, seen)?;
        stamps::judge(ours, theirs, seen)?;
        judge_text(ours, seen)?;
        let Some(ack) = seen.ack() else {
            return match seen.has(TcpFlags::SYN) {
                true => Ok(()),
                false => broken("ack-flag-missing", format!("seq {}", seen.header.seq)),
            };
        };
        let near = ours.told.map_or(1, |told| told.ack);
        let ack = position(theirs.initial, ack, near);
        judge_ack(ours, theirs, (ack, self.crowded), seen)?;
        judge_sack(ours, theirs, ack, seen)
    }
}

/// Before the peer's SYN there is nothing to acknowledge and nobody to send text to.
fn judge_opening(seen: &Seen<'_>) -> Result<(), Broken> {
    if seen.has(TcpFlags::SYN) && seen.ack().is_none() {
        return Ok(());
    }
    broken(
        "sent-before-the-peers-syn",
        format!("seq {}", seen.header.seq),
    )
}

/// Where text and FIN lie, and that text stays what it was.
fn judge_text(ours: &mut Ours, seen: &Seen<'_>) -> Result<(), Broken> {
    let syn = seen.has(TcpFlags::SYN);
    let near = if syn { 1 } else { ours.next };
    let start = position(ours.initial, seen.text_seq(), near);
    let end = start + seen.len();
    judge_urgent(ours, start, seen)?;
    if seen.len() == 0 {
        ours.next = ours.next.max(i64::from(syn));
        // A first copy may have got lost inside of the host (an unknown neighbour), but nothing
        // lies further ahead than a probe of the window.
        let most = ours.next.max(ours.edge + 1);
        if start > most {
            return broken("empty-segment-ahead", format!("{start} is ahead of {most}"));
        }
        return Ok(());
    }
    let next = ours.next.max(1);
    // The octet of a keep-alive probe is garbage that the peer has acknowledged (RFC 9293 3.8.4).
    if end <= ours.acknowledged {
        return Ok(());
    }
    // A probe of a shut window is one octet, or the FIN (RFC 9293 3.8.6.1).
    let probe = seen.len() == 1 && start <= ours.edge;
    if !syn && end > ours.edge && end > next && !probe {
        let detail = format!("{start}..{end}, where the window ends at {}", ours.edge);
        return broken("beyond-the-window", detail);
    }
    let text_end = end - i64::from(seen.has(TcpFlags::FIN));
    if let Some(fin) = ours.fin {
        let moved = seen.has(TcpFlags::FIN) && text_end != fin;
        if moved || text_end > fin {
            let detail = format!("text to {text_end}, where the FIN was at {fin}");
            return broken(if moved { "fin-moved" } else { "text-after-fin" }, detail);
        }
    } else if seen.has(TcpFlags::FIN) {
        if text_end < next {
            let detail = format!("at {text_end}, where {next} was reached");
            return broken("fin-before-text", detail);
        }
        ours.fin = Some(text_end);
    }
    if let Some(at) = ours.text.sent(start, seen.text) {
        return broken("text-changed", format!("byte {at} of {start}..{text_end}"));
    }
    ours.next = ours.next.max(end);
    Ok(())
}

/// The urgent pointer points ahead, and never to the left of where it pointed (RFC 9293 3.8.5).
fn judge_urgent(ours: &mut Ours, start: i64, seen: &Seen<'_>) -> Result<(), Broken> {
    if !seen.has(TcpFlags::URG) {
        return Ok(());
    }
    let pointer = seen.header.urgent;
    let until = start + i64::from(pointer);
    if pointer == 0 {
        return broken("urgent-pointer-zero", format!("at {start}"));
    }
    // A place that is too far for the field is named later.
    if pointer < u16::MAX && until < ours.urgent {
        let detail = format!("to {until}, where it was {}", ours.urgent);
        return broken("urgent-pointer-moved-back", detail);
    }
    ours.urgent = ours.urgent.max(until);
    Ok(())
}

/// No text before the handshake is over, but with Fast Open (RFC 9293 3.10.7, RFC 7413).
fn judge_early_text(ours: &Ours, theirs: &Theirs, seen: &Seen<'_>) -> Result<(), Broken> {
    let opening = ours.acknowledged < 1 && !seen.has(TcpFlags::SYN);
    if opening && seen.len() > 0 && !theirs.early && !ours.unsure {
        return broken("text-before-handshake", format!("{} bytes", seen.len()));
    }
    Ok(())
}

/// SEG.TEXT and options fit into the peer's MSS (RFC 9293 3.7.1, RFC 6691).
fn judge_size(theirs: &Theirs, default: u16, seen: &Seen<'_>) -> Result<(), Broken> {
    if seen.has(TcpFlags::SYN) || theirs.mixed {
        return Ok(());
    }
    let mss = usize::from(theirs.mss.unwrap_or(default));
    let most = mss.saturating_sub(seen.options_len).max(TEXT_LEAST);
    let size = seen.largest_piece();
    if size > most {
        let detail = format!(
            "{size} bytes and {} of options, where the MSS is {mss}",
            seen.options_len
        );
        return broken("larger-than-mss", detail);
    }
    Ok(())
}

/// ACK and right edge never move left, and only what was received is acknowledged (RFC 9293 3.4,
/// 3.8.6, SHLD-14).
fn judge_ack(
    ours: &mut Ours,
    theirs: &Theirs,
    (ack, crowded): (i64, bool),
    seen: &Seen<'_>,
) -> Result<(), Broken> {
    if !theirs.received.reaches(ack) && !theirs.unknown && !crowded {
        let detail = format!("{ack}, where {} was received", theirs.received.next());
        return broken("ack-of-nothing", detail);
    }
    let syn = seen.has(TcpFlags::SYN);
    let shift = match (ours.offers.scale, theirs.offers.scale) {
        (Some(shift), Some(_)) if !syn => shift,
        _ => 0,
    };
    let edge = ack + (i64::from(seen.header.window) << shift);
    let Some(told) = &mut ours.told else {
        ours.told = Some(Told { ack, edge });
        return Ok(());
    };
    if ack < told.ack {
        return broken("ack-moved-back", format!("{ack} after {}", told.ack));
    }
    // A scaled window is told in steps, so the edge may seem to move by less than one (RFC 7323
    // 2.4); and a SYN cannot tell a window that was told scaled before.
    let step = (1 << shift) - 1;
    if !syn && edge + step < told.edge {
        return broken("window-moved-back", format!("{edge} after {}", told.edge));
    }
    *told = Told {
        ack,
        edge: told.edge.max(edge),
    };
    Ok(())
}

/// SACK blocks lie in what was received behind the ACK; the first may name what came twice
/// (RFC 2018 section 4, RFC 2883 section 4).
fn judge_sack(ours: &Ours, theirs: &Theirs, ack: i64, seen: &Seen<'_>) -> Result<(), Broken> {
    let blocks = seen.header.options.sack.as_slice();
    if blocks.is_empty() {
        return Ok(());
    }
    if !(ours.offers.sack && theirs.offers.sack) {
        return broken("sack-not-agreed", format!("{blocks:?}"));
    }
    let place = |block: &SackBlock| {
        (
            position(theirs.initial, block.left.0, ack),
            position(theirs.initial, block.right.0, ack),
        )
    };
    let second = blocks.get(1).map(place);
    for (index, block) in blocks.iter().enumerate() {
        let (left, right) = place(block);
        let inside = second.is_some_and(|outer| outer.0 <= left && right <= outer.1);
        let duplicate = index == 0 && (right <= ack || inside);
        // The SYN may have come twice.
        let first = i64::from(!duplicate);
        if left < first || left >= right || (!duplicate && left <= ack) {
            let detail = format!("{left}..{right} with ACK {ack}");
            return broken("sack-misplaced", detail);
        }
        let (from, until) = (left.max(1), right.max(1));
        if from < until && !theirs.received.covers(from, until) && !theirs.unknown {
            return broken("sack-of-nothing", format!("{left}..{right}"));
        }
    }
    Ok(())
}
