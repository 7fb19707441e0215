//! The words for what a stack tells besides segments, windows and round trips.

use handfast_packet::cause::Proof;
use handfast_tcp::{CloseReason, Fact, RecoveryPhase, Timer, WindowCause};

use crate::Language;

/// What happened, with its rule; `None` for what a report shows otherwise than in words.
pub(super) fn words(fact: &Fact, language: Language) -> Option<String> {
    let text = match fact {
        Fact::TimerSet { timer, .. } => match language {
            Language::English => format!("{} set", of_timer(*timer, language)),
            Language::Russian => format!("{}: запущен", of_timer(*timer, language)),
        },
        Fact::TimerStopped(timer) => match language {
            Language::English => format!("{} stopped", of_timer(*timer, language)),
            Language::Russian => format!("{}: остановлен", of_timer(*timer, language)),
        },
        Fact::TimerFired(timer) => match language {
            Language::English => format!("{} fired", of_timer(*timer, language)),
            Language::Russian => format!("{}: сработал", of_timer(*timer, language)),
        },
        Fact::Recovery { to, .. } => of_phase(*to, language).to_owned(),
        Fact::Lost { bytes, proof, .. } => {
            let proof = of_proof(*proof, language);
            match language {
                Language::English => format!("{bytes} bytes count as lost: {proof}"),
                Language::Russian => format!("{bytes} байт считаются потерянными: {proof}"),
            }
        }
        Fact::Spurious => language
            .of(
                "the last reduction of the window was a mistake",
                "последнее уменьшение окна оказалось ошибкой",
            )
            .to_owned(),
        Fact::Congestion { by, .. } => of_window(*by, language).to_owned(),
        Fact::Closed(reason) => match language {
            Language::English => format!("the end: {reason}"),
            Language::Russian => format!("конец: {}", of_reason(*reason)),
        },
        _ => return None,
    };
    Some(match fact.rule() {
        Some(rule) => format!("{text} ({rule})"),
        None => text,
    })
}

fn of_timer(timer: Timer, language: Language) -> &'static str {
    let (english, russian) = match timer {
        Timer::Retransmit => ("retransmission timer", "таймер повторной передачи"),
        Timer::WindowProbe => ("window probe timer", "таймер пробы окна"),
        Timer::DelayedAck => ("delayed ACK timer", "таймер отложенного ACK"),
        Timer::KeepAlive => ("keep-alive timer", "таймер keep-alive"),
        Timer::UserTimeout => ("user timeout", "пользовательский тайм-аут"),
        Timer::FinWait2 => ("FIN-WAIT-2 timer", "таймер FIN-WAIT-2"),
        Timer::TailLossProbe => ("tail loss probe timer", "таймер пробы хвоста (TLP)"),
        Timer::Reorder => ("reordering timer", "таймер переупорядочения (RACK)"),
        Timer::Pacing => ("pacing timer", "таймер размеренной отправки"),
        Timer::Cork => ("cork timer", "таймер накопления (cork)"),
    };
    language.of(english, russian)
}

fn of_phase(phase: RecoveryPhase, language: Language) -> &'static str {
    let (english, russian) = match phase {
        RecoveryPhase::Open => (
            "recovery: nothing is amiss",
            "восстановление: всё в порядке",
        ),
        RecoveryPhase::Disorder => (
            "recovery: something is missing, or late",
            "восстановление: чего-то не хватает или оно опаздывает",
        ),
        RecoveryPhase::Cwr => (
            "recovery: the window is being reduced",
            "восстановление: окно уменьшается",
        ),
        RecoveryPhase::Recovery => (
            "recovery: losses are repaired",
            "восстановление: потери исправляются",
        ),
        RecoveryPhase::Loss => (
            "recovery: the retransmission timer ran out",
            "восстановление: истёк таймер повторной передачи",
        ),
    };
    language.of(english, russian)
}

pub(super) fn of_proof(proof: Proof, language: Language) -> String {
    let russian = match proof {
        Proof::Timeout => "истёк таймер",
        Proof::DuplicateAcks => "повторные подтверждения",
        Proof::PartialAck => "частичное подтверждение",
        Proof::ManyHoles => "много дыр",
        Proof::SackCount => "три сегмента за ним дошли",
        Proof::Lateness => "отправленные позже дошли, а его срок вышел",
        Proof::LateDuplicate => "повторное подтверждение пришло слишком поздно",
        Proof::Refused => "раньше его не приняли",
    };
    language.of(proof.to_string(), russian.to_owned())
}

fn of_window(by: WindowCause, language: Language) -> &'static str {
    let (english, russian) = match by {
        WindowCause::Acknowledged => ("acknowledged", "подтверждение"),
        WindowCause::Loss => ("a loss", "потеря"),
        WindowCause::EcnEcho => ("a congestion mark", "отметка о перегрузке (ECN)"),
        WindowCause::Probe => (
            "a tail loss probe repaired a loss",
            "проба хвоста исправила потерю",
        ),
        WindowCause::Timeout => (
            "the retransmission timer ran out",
            "истёк таймер повторной передачи",
        ),
        WindowCause::Recovered => ("the losses are repaired", "потери исправлены"),
        WindowCause::Undone => (
            "the last reduction was a mistake",
            "последнее уменьшение было ошибкой",
        ),
        WindowCause::Idle => ("nothing was sent for long", "долго ничего не отправлялось"),
        WindowCause::Handshake => ("the first window", "первое окно"),
        WindowCause::Replaced => (
            "another controller took over",
            "управление перешло к другому алгоритму",
        ),
    };
    language.of(english, russian)
}

/// Why a connection is over, in Russian; in English reasons have words of their own.
const fn of_reason(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Normal => "обе стороны закрыли соединение как положено",
        CloseReason::Refused => "собеседник отказал (RST в ответ на SYN)",
        CloseReason::Reset => "собеседник сбросил соединение (RST)",
        CloseReason::Aborted => "эта сторона оборвала соединение (отправлен RST)",
        CloseReason::TimedOut => "истекло время: собеседник слишком долго ничего не подтверждал",
        CloseReason::KeepAliveTimedOut => "истекло время: на пробы keep-alive никто не ответил",
        CloseReason::Unreachable => "сеть сообщает, что собеседник недостижим",
    }
}
