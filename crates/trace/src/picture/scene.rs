//! What there is to see of one direction of a connection, in seconds and bytes; not yet where it
//! stands on the paper.

use handfast_packet::Instant;
use handfast_packet::tcp::TcpFlags;

use super::{Kind, Panel, Picture};
use crate::analysis::{Mark, Segment};

/// The window line is drawn as far as it lies within so much of what is sent, and only where it does
/// so half of the time: a window that is far would squeeze everything else to the edge.
const WINDOW_REACH: f64 = 1.2;

/// One thing: when, and from where to where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) at: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// All things by their kinds.
pub(super) struct Scene {
    /// In the order of [`Kind::ALL`].
    things: Vec<Vec<Thing>>,
    /// How long it lasts, in seconds.
    pub(super) time: f64,
    /// The highest number, in bytes.
    pub(super) top: f64,
}

impl Scene {
    pub(super) fn of(picture: &Picture<'_>) -> Self {
        let connection = picture.connection;
        let mut scene = Self {
            things: vec![Vec::new(); Kind::ALL.len()],
            time: connection.duration().as_secs_f64(),
            top: 0.0,
        };
        for segment in &connection.segments {
            let at = since(connection.began, segment.at);
            if segment.side == picture.side {
                scene.ours(segment, at);
            } else {
                scene.theirs(picture, segment, at);
            }
        }
        scene.losses(picture);
        scene.panel(picture);
        scene.fit();
        scene
    }

    pub(super) fn things(&self, kind: Kind) -> &[Thing] {
        &self.things[kind as usize]
    }

    /// The kinds that are there.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.into_iter();
        all.filter(|&kind| !self.things(kind).is_empty())
    }

    /// The highest value of the panel.
    pub(super) fn panel_top(&self) -> f64 {
        let below = Kind::ALL.into_iter().filter(|kind| kind.is_below());
        let all = below.flat_map(|kind| self.things(kind));
        all.map(|thing| thing.to).fold(0.0, f64::max)
    }

    fn put(&mut self, kind: Kind, at: f64, from: u64, to: u64) {
        let (from, to) = (from as f64, to as f64);
        self.things[kind as usize].push(Thing { at, from, to });
    }

    /// What the sender of this direction sent.
    fn ours(&mut self, segment: &Segment, at: f64) {
        let end = segment.seq + u64::from(segment.len);
        let again = segment.marks.retransmission();
        let kind = match again {
            Some(mark) => Kind::of_retransmission(mark),
            None if segment.marks.has(Mark::ZeroWindowProbe) => Kind::WindowProbe,
            None => Kind::Sent,
        };
        if segment.len > 0 || kind != Kind::Sent {
            self.put(kind, at, segment.seq, end);
        }
        self.signs(segment, at, segment.seq, end);
    }

    /// What its receiver said.
    fn theirs(&mut self, picture: &Picture<'_>, segment: &Segment, at: f64) {
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let acked = self.things(Kind::Ack).last().map_or(0.0, |last| last.to) as u64;
        let place = if has_ack { segment.ack } else { acked };
        self.signs(segment, at, place, place);
        if !has_ack || segment.flags.contains(TcpFlags::RST) {
            return;
        }
        if segment.ack >= acked {
            self.put(Kind::Ack, at, segment.ack, segment.ack);
            let edge = segment.ack + u64::from(segment.window);
            self.put(Kind::Window, at, edge, edge);
        }
        for &(from, to) in picture.connection.sack_blocks(segment) {
            self.put(Kind::Sack, at, from, to);
        }
        if segment.marks.has(Mark::ZeroWindow) {
            self.put(Kind::ZeroWindow, at, segment.ack, segment.ack);
        }
    }

    /// How the connection begins and ends, whoever says so.
    fn signs(&mut self, segment: &Segment, at: f64, start: u64, end: u64) {
        let signs = [
            (TcpFlags::SYN, Kind::Syn, start),
            (TcpFlags::FIN, Kind::Fin, end),
            (TcpFlags::RST, Kind::Reset, start),
        ];
        for (flag, kind, place) in signs {
            if segment.flags.contains(flag) {
                self.put(kind, at, place, place);
            }
        }
    }

    fn losses(&mut self, picture: &Picture<'_>) {
        let connection = picture.connection;
        for loss in picture.losses {
            let is_within = (connection.began..=connection.ended).contains(&loss.at);
            if let Some((side, place)) = loss.place(connection)
                && side == picture.side
                && is_within
            {
                let end = place + u64::from(loss.len);
                self.put(Kind::Lost, since(connection.began, loss.at), place, end);
            }
        }
    }

    fn panel(&mut self, picture: &Picture<'_>) {
        let connection = picture.connection;
        let mut put = |kind, at, value| {
            let [from, to] = [value; 2];
            let at = since(connection.began, at);
            self.things[kind as usize].push(Thing { at, from, to });
        };
        match picture.panel {
            None => {}
            Some(Panel::RoundTrip) => {
                let mut segments = connection.segments.iter();
                for sample in connection.sent(picture.side).rtt.samples() {
                    // Both are in the order of the capture.
                    if let Some(ack) = segments.find(|segment| segment.frame == sample.frame) {
                        put(Kind::RoundTrip, ack.at, sample.time.as_secs_f64());
                    }
                }
            }
            Some(Panel::InFlight) => {
                // What is in flight after an ACK is less by what it says; the sender's own segments
                // tell how much is out when they have passed.
                let mut end = 0;
                for segment in &connection.segments {
                    let in_flight = match segment.side == picture.side {
                        true => {
                            end = end.max(segment.seq + u64::from(segment.len));
                            u64::from(segment.in_flight)
                        }
                        false => end.saturating_sub(segment.ack),
                    };
                    put(Kind::InFlight, segment.at, in_flight as f64);
                }
            }
        }
    }

    /// Finds the highest number, and leaves a window out that is nowhere near.
    fn fit(&mut self) {
        let highest = |things: &[Thing]| things.iter().map(|thing| thing.to).fold(0.0, f64::max);
        let above = Kind::ALL
            .into_iter()
            .filter(|&kind| kind != Kind::Window && !kind.is_below());
        self.top = above
            .map(|kind| highest(self.things(kind)))
            .fold(1.0, f64::max);
        let reach = self.top * WINDOW_REACH;
        let edges = &self.things[Kind::Window as usize];
        let ends = edges.iter().skip(1).map(|next| next.at);
        let spans = edges.iter().zip(ends.chain([self.time]));
        let (mut near, mut all) = (0.0, 0.0);
        for (edge, end) in spans {
            all += end - edge.at;
            near += if edge.to <= reach { end - edge.at } else { 0.0 };
        }
        if near * 2.0 < all {
            self.things[Kind::Window as usize].clear();
            return;
        }
        let within = edges.iter().filter(|edge| edge.to <= reach);
        self.top = within.map(|edge| edge.to).fold(self.top, f64::max);
    }
}

fn since(began: Instant, at: Instant) -> f64 {
    at.duration_since(began).as_secs_f64()
}
