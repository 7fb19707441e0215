//! What can limit a sender: the numbers that columns have, and the words for them. First come the
//! stack's own, behind them those that only a bystander has.

use handfast_tcp::Limit;
use serde_json::{Value, json};

use crate::Language;
use crate::analysis::Limitation;

/// Those that only a bystander has.
const SEEN_ONLY: [Limitation; 2] = [Limitation::Handshake, Limitation::Recovery];

/// The words by the numbers.
pub(super) fn table(language: Language) -> Value {
    let told = Limit::ALL.iter();
    let told = told.map(|&limit| json!({ "id": limit.name(), "words": words(limit, language) }));
    let seen = SEEN_ONLY.iter();
    let seen = seen.map(|limit| json!({ "id": limit.word(), "words": limit.words(language) }));
    told.chain(seen).collect()
}

/// The number of what a stack says of itself.
pub(super) fn of_stack(limit: Limit) -> i64 {
    let place = Limit::ALL.iter().position(|&known| known == limit);
    number(place.expect("all of them are known"))
}

/// The number of what a bystander sees.
pub(super) fn of_bystander(limitation: Limitation) -> i64 {
    match limitation {
        Limitation::Application => of_stack(Limit::Application),
        Limitation::ReceiveWindow => of_stack(Limit::ReceiveWindow),
        Limitation::CongestionWindow => of_stack(Limit::CongestionWindow),
        Limitation::Nagle => of_stack(Limit::Nagle),
        Limitation::Handshake => number(Limit::ALL.len()),
        Limitation::Recovery => number(Limit::ALL.len() + 1),
    }
}

fn number(place: usize) -> i64 {
    i64::try_from(place).expect("a short table")
}

fn words(limit: Limit, language: Language) -> String {
    let russian = match limit {
        Limit::SendBuffer => "буфер отправки",
        Limit::Pacing => "размеренная отправка (pacing)",
        Limit::Cork => "приложение копит данные (cork)",
        Limit::Application => return Limitation::Application.words(language),
        Limit::CongestionWindow => return Limitation::CongestionWindow.words(language),
        Limit::ReceiveWindow => return Limitation::ReceiveWindow.words(language),
        Limit::Nagle => return Limitation::Nagle.words(language),
    };
    language.of(limit.to_string(), russian.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_to_their_words() {
        let table = table(Language::English);
        for (limitation, _) in Limitation::ALL {
            let row = &table[usize::try_from(of_bystander(limitation)).expect("a small number")];
            assert_eq!(row["words"], limitation.words(Language::English));
        }
        for limit in Limit::ALL {
            let row = &table[usize::try_from(of_stack(limit)).expect("a small number")];
            assert_eq!(row["words"], limit.to_string());
        }
    }
}
