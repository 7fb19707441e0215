//! Comments of frames in Russian: those that are ours, found again by their English words, whether
//! they come from a stack or from a file. Others stay as they are.

use handfast_packet::cause::{Cause, Proof};

use super::happenings::of_proof;
use crate::Language;

/// What stands before the number of a timeout, and before that of a probe.
const COUNTED: [(&str, &str); 2] = [
    ("retransmission: timeout ", "повторная передача: тайм-аут "),
    ("window probe ", "проба окна "),
];

const CAUSES: [(Cause, &str); 22] = [
    (Cause::Open, "открытие"),
    (Cause::Accept, "согласие на открытие"),
    (Cause::SynCookie, "согласие на открытие: cookie"),
    (Cause::HandshakeAck, "рукопожатие завершено"),
    (Cause::Close, "закрытие"),
    (Cause::Ack, "подтверждение"),
    (Cause::DelayedAck, "отложенное подтверждение"),
    (
        Cause::CongestionEcho,
        "подтверждение: пришли отметки о перегрузке",
    ),
    (
        Cause::DuplicateAck,
        "повторное подтверждение: замечена дыра",
    ),
    (
        Cause::DuplicateData,
        "подтверждение: эти данные уже были здесь",
    ),
    (Cause::WindowUpdate, "новое окно"),
    (Cause::ChallengeAck, "проверочное подтверждение"),
    (Cause::LossProbe, "проба хвоста (TLP)"),
    (Cause::Resend, "повторная передача: раньше не приняли"),
    (Cause::KeepAlive, "keep-alive"),
    (Cause::Abort, "приложение оборвало соединение"),
    (Cause::NoConnection, "сброс: такого соединения нет"),
    (Cause::ProtocolError, "сброс: здесь это недопустимо"),
    (Cause::DataAfterClose, "сброс: данные после закрытия"),
    (Cause::TimeWaitAck, "подтверждение из TIME-WAIT"),
    (Cause::IcmpError, "сообщение ICMP об ошибке"),
    (Cause::EchoReply, "эхо-ответ"),
];

const PROOFS: [Proof; 8] = [
    Proof::Timeout,
    Proof::DuplicateAcks,
    Proof::PartialAck,
    Proof::ManyHoles,
    Proof::SackCount,
    Proof::Lateness,
    Proof::LateDuplicate,
    Proof::Refused,
];

/// A comment in Russian, as far as it is ours.
pub(super) fn russian(comment: &str) -> String {
    let (cause, super_segment) = match comment.split_once("super-segment: ") {
        Some((cause, stands_for)) => (cause.trim_end_matches("; "), Some(stands_for)),
        None => (comment, None),
    };
    let (words, rule) = match cause.rfind(" (RFC ") {
        Some(at) => cause.split_at(at),
        None => (cause, ""),
    };
    let words = of_cause(words).unwrap_or_else(|| words.to_owned());
    let Some(stands_for) = super_segment else {
        return words + rule;
    };
    let stands_for = stands_for
        .replace(" wire segments of ", " сегментов по ")
        .replace(" bytes", " байт");
    let between = if cause.is_empty() { "" } else { "; " };
    format!("{words}{rule}{between}суперсегмент: {stands_for}")
}

fn of_cause(words: &str) -> Option<String> {
    let counted = COUNTED.iter().find_map(|(english, russian)| {
        let number = words.strip_prefix(english)?;
        Some(format!("{russian}{number}"))
    });
    let known = || {
        let mut causes = CAUSES.iter();
        causes
            .find(|(cause, _)| cause.to_string() == words)
            .map(|&(_, russian)| russian.to_owned())
    };
    let proven = || {
        let proof = PROOFS
            .into_iter()
            .find(|&proof| Cause::FastRetransmit(proof).to_string() == words)?;
        let proof = of_proof(proof, Language::Russian);
        Some(format!("повторная передача: {proof}"))
    };
    counted.or_else(known).or_else(proven)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_translated_and_others_stay() {
        for (english, expected) in [
            ("open (RFC 9293 3.10.1)", "открытие (RFC 9293 3.10.1)"),
            (
                "retransmission: three behind it arrived (RFC 6675 4)",
                "повторная передача: три сегмента за ним дошли (RFC 6675 4)",
            ),
            (
                "retransmission: timeout 2 (RFC 6298 5.4); super-segment: 3 wire segments of 1448 bytes",
                "повторная передача: тайм-аут 2 (RFC 6298 5.4); суперсегмент: 3 сегментов по 1448 байт",
            ),
            (
                "super-segment: 45 wire segments of 1448 bytes",
                "суперсегмент: 45 сегментов по 1448 байт",
            ),
            ("window probe 3", "проба окна 3"),
            ("look at this (me)", "look at this (me)"),
            ("", ""),
        ] {
            assert_eq!(russian(english), expected);
        }
    }

    #[test]
    fn no_cause_of_a_segment_is_forgotten() {
        let silent = ["unstated", "new_data", "icmp_message"];
        let links = ["resolve", "address", "router", "group"];
        let counted = ["fast_retransmit", "timeout_retransmit", "window_probe"];
        for &name in Cause::NAMES {
            let is_known = CAUSES.iter().any(|(cause, _)| cause.name() == name);
            let is_other = silent.contains(&name)
                || counted.contains(&name)
                || links.iter().any(|link| name.starts_with(link));
            assert!(is_known != is_other, "{name}");
        }
        assert_eq!(PROOFS.len(), Proof::NAMES.len());
    }
}
