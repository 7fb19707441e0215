//! What can limit a sender: the numbers that columns have, and the words for them.

use handfast_tcp::Limit;
use serde_json::{Value, json};

use crate::Language;

/// The words by the numbers.
pub(super) fn table(language: Language) -> Value {
    let all = Limit::ALL.iter();
    all.map(|&limit| json!({ "id": limit.name(), "words": words(limit, language) }))
        .collect()
}

/// The number of a limit.
pub(super) fn number(limit: Limit) -> i64 {
    let place = Limit::ALL.iter().position(|&known| known == limit);
    let place = place.expect("all of them are known");
    i64::try_from(place).expect("a short table")
}

fn words(limit: Limit, language: Language) -> String {
    let russian = match limit {
        Limit::Application => "приложение",
        Limit::SendBuffer => "буфер отправки",
        Limit::CongestionWindow => "окно перегрузки",
        Limit::ReceiveWindow => "окно получателя",
        Limit::Pacing => "размеренная отправка (pacing)",
        Limit::Nagle => "алгоритм Нейгла",
        Limit::Cork => "приложение копит данные (cork)",
    };
    language.of(limit.to_string(), russian.to_owned())
}
