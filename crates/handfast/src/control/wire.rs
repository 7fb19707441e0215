//! What goes over the socket, written and read in one place.

use std::borrow::Cow;
use std::io;

use handfast_packet::Instant;
use handfast_stack::{TcpFigures, TcpRow};
use handfast_tcp::{Limit, State, TcpInfo};
use serde_json::{Map, Value, json};

use super::facts::{Facts, Told};

/// The version of the protocol; what is added to it later does not change the number.
pub const VERSION: u64 = 1;
/// Most bytes of a request, the end of its line included.
pub const REQUEST_MAX: usize = 1_024;
/// Most sockets of one answer; how many there are beyond is said.
pub const ROWS_MAX: usize = 10_000;
/// Most bytes of an answer that are read: several times what so many sockets take.
pub const ANSWER_MAX: u64 = 64 << 20;

/// The sockets of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the process.
    pub pid: u32,
    /// The name of its program.
    pub program: String,
    /// Listeners, then connections, then entries in TIME-WAIT; at most [`ROWS_MAX`].
    pub sockets: Vec<TcpRow>,
    /// How many there are besides.
    pub more: u64,
    /// What happened, where that was asked for; `None` also from a program too old to tell.
    pub facts: Option<Facts>,
}

impl Answer {
    /// The document as it came, in one line without an end.
    pub fn to_json(&self) -> String {
        let head = head(self.pid, &self.program);
        let tail = tail(self.more, self.facts.as_ref());
        [head, rows(&self.sockets, false), tail].concat()
    }
}

/// What is asked for: all sockets, and perhaps what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Facts with larger numbers are wanted, too.
    pub(super) facts_after: Option<u64>,
}

impl Request {
    /// The line that asks for it.
    pub(super) fn line(self) -> String {
        let mut json = json!({ "ask": "connections" });
        if let Some(after) = self.facts_after {
            json["facts_after"] = after.into();
        }
        format!("{json}\n")
    }
}

/// Reads a request; the error is for whoever sent it.
pub(super) fn request(line: &[u8]) -> Result<Request, &'static str> {
    let value: Value = serde_json::from_slice(line).map_err(|_| "the request is no JSON")?;
    match value.get("ask").and_then(Value::as_str) {
        Some("connections") => Ok(Request {
            facts_after: value.get("facts_after").and_then(Value::as_u64),
        }),
        Some(_) => Err("there is no answer to that; ask for connections"),
        None => Err("the request asks for nothing; ask for connections"),
    }
}

/// The beginning of an answer; rows follow, with commas between them.
pub(super) fn head(pid: u32, program: &str) -> String {
    let program = Value::from(program);
    format!("{{\"version\":{VERSION},\"pid\":{pid},\"program\":{program},\"sockets\":[")
}

/// Rows, with a comma before the first where others went before it.
pub(super) fn rows(rows: &[TcpRow], follow: bool) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if follow || index > 0 {
            text.push(',');
        }
        text.push_str(&row_json(row).to_string());
    }
    text
}

/// The end of an answer.
pub(super) fn tail(more: u64, facts: Option<&Facts>) -> String {
    match facts {
        None => format!("],\"more\":{more}}}"),
        Some(facts) => format!("],\"more\":{more},\"facts\":{}}}", facts_json(facts)),
    }
}

/// An answer that says why there is none.
pub(super) fn refusal(why: &str) -> String {
    let refusal = json!({ "version": VERSION, "error": why });
    format!("{refusal}\n")
}

fn facts_json(facts: &Facts) -> Value {
    let told: Vec<Value> = facts.told.iter().map(told_json).collect();
    json!({ "next": facts.next, "lost": facts.lost, "told": told })
}

fn told_json(told: &Told) -> Value {
    let mut json = json!({
        "at": told.at.as_nanos(),
        "local": told.local.to_string(),
        "peer": told.remote.to_string(),
        "fact": told.name,
        "words": told.words,
        "rule": told.rule,
        "routine": told.is_routine,
        "trouble": told.is_trouble,
    });
    if let Some(state) = told.state {
        json["state"] = state.to_string().into();
    }
    json
}

fn row_json(row: &TcpRow) -> Value {
    let mut json = json!({
        "state": row.state.to_string(),
        "local": row.local.to_string(),
        "peer": row.remote.to_string(),
        "recv_q": row.receive_queue,
        "send_q": row.send_queue,
    });
    if let Some(figures) = &row.figures {
        json["controller"] = figures.controller.as_ref().into();
        json["limited_by"] = figures.info.limited_by.to_string().into();
        json["tcp_info"] = figures_json(&figures.info).into();
    }
    json
}

/// Reads an answer.
pub(super) fn answer(bytes: &[u8]) -> io::Result<Answer> {
    let value: Value = serde_json::from_slice(bytes)?;
    if let Some(why) = value.get("error").and_then(Value::as_str) {
        return Err(io::Error::other(format!("the process refuses: {why}")));
    }
    let version = number(&value, "version");
    if version != VERSION {
        return Err(strange(&format!(
            "it speaks version {version} of the protocol, and this program version {VERSION}"
        )));
    }
    let sockets = value.get("sockets").and_then(Value::as_array);
    let sockets = sockets.ok_or_else(|| strange("it has no list of sockets"))?;
    let sockets: Option<_> = sockets.iter().map(row).collect();
    let facts = match value.get("facts") {
        Some(value) => Some(facts(value).ok_or_else(|| strange("a fact in it cannot be read"))?),
        None => None,
    };
    Ok(Answer {
        pid: u32::try_from(number(&value, "pid")).unwrap_or_default(),
        program: text(&value, "program").unwrap_or_default().to_owned(),
        sockets: sockets.ok_or_else(|| strange("a socket in it cannot be read"))?,
        more: number(&value, "more"),
        facts,
    })
}

fn facts(value: &Value) -> Option<Facts> {
    let all = value.get("told").and_then(Value::as_array)?;
    Some(Facts {
        told: all.iter().map(told).collect::<Option<_>>()?,
        next: number(value, "next"),
        lost: number(value, "lost"),
    })
}

fn told(value: &Value) -> Option<Told> {
    let owned = |key| text(value, key).unwrap_or_default().to_owned();
    let is = |key| value.get(key).and_then(Value::as_bool).unwrap_or_default();
    Some(Told {
        at: Instant::from_nanos(number(value, "at")),
        local: text(value, "local")?.parse().ok()?,
        remote: text(value, "peer")?.parse().ok()?,
        name: owned("fact"),
        words: owned("words"),
        rule: owned("rule"),
        state: match text(value, "state") {
            Some(name) => Some(by_name(State::ALL, name)?),
            None => None,
        },
        is_routine: is("routine"),
        is_trouble: is("trouble"),
    })
}

fn row(value: &Value) -> Option<TcpRow> {
    let figures = match value.get("tcp_info") {
        Some(figures) => {
            let limit = text(value, "limited_by")?;
            Some(TcpFigures {
                controller: Cow::Owned(text(value, "controller")?.to_owned()),
                info: TcpInfo {
                    limited_by: by_name(Limit::ALL, limit)?,
                    ..read_figures(figures)
                },
            })
        }
        None => None,
    };
    Some(TcpRow {
        state: by_name(State::ALL, text(value, "state")?)?,
        local: text(value, "local")?.parse().ok()?,
        remote: text(value, "peer")?.parse().ok()?,
        receive_queue: number(value, "recv_q"),
        send_queue: number(value, "send_q"),
        figures,
    })
}

fn by_name<T: ToString>(all: impl IntoIterator<Item = T>, name: &str) -> Option<T> {
    all.into_iter().find(|one| one.to_string() == name)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A figure; one that an older program does not have is 0.
fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn strange(what: &str) -> io::Error {
    let message = format!("the answer cannot be understood: {what}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Both directions from one list, which the compiler holds against the fields of `TcpInfo`.
macro_rules! figures {
    ($($name:ident)*) => {
        fn figures_json(info: &TcpInfo) -> Map<String, Value> {
            let mut map = Map::new();
            $(map.insert(stringify!($name).to_owned(), info.$name.into());)*
            let app_limited = info.delivery_rate_app_limited;
            map.insert("delivery_rate_app_limited".to_owned(), app_limited.into());
            map
        }

        fn read_figures(value: &Value) -> TcpInfo {
            let app_limited = value.get("delivery_rate_app_limited");
            TcpInfo {
                $($name: number(value, stringify!($name)).try_into().unwrap_or_default(),)*
                delivery_rate_app_limited: app_limited.and_then(Value::as_bool).unwrap_or_default(),
                limited_by: Limit::default(),
            }
        }
    };
}

figures! {
    state ca_state retransmits probes backoff options snd_wscale rcv_wscale rto ato snd_mss rcv_mss
    unacked sacked lost retrans last_data_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt
    rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans pacing_rate
    max_pacing_rate bytes_acked bytes_received segs_out segs_in notsent_bytes min_rtt data_segs_in
    data_segs_out delivery_rate busy_time rwnd_limited sndbuf_limited delivered delivered_ce
    bytes_sent bytes_retrans dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd total_rto
    total_rto_recoveries total_rto_time received_ce delivered_ce_bytes delivered_e0_bytes
    delivered_e1_bytes received_ce_bytes received_e0_bytes received_e1_bytes
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;

    fn sockets() -> Vec<TcpRow> {
        let local: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let listener = TcpRow {
            state: State::Listen,
            local,
            remote: SocketAddr::new(IpAddr::from([0; 4]), 0),
            receive_queue: 1,
            send_queue: 128,
            figures: None,
        };
        let connection = TcpRow {
            state: State::CloseWait,
            local: "[2001:db8::1]:80".parse().unwrap(),
            remote: "[2001:db8::2]:49152".parse().unwrap(),
            receive_queue: 7,
            send_queue: u64::MAX,
            figures: Some(TcpFigures {
                controller: Cow::Borrowed("bbr"),
                info: TcpInfo {
                    state: 8,
                    delivery_rate_app_limited: true,
                    bytes_received: 1 << 50,
                    max_pacing_rate: u64::MAX,
                    limited_by: Limit::ReceiveWindow,
                    received_e1_bytes: 3,
                    ..TcpInfo::default()
                },
            }),
        };
        vec![listener, connection]
    }

    #[test]
    fn what_is_written_is_read() {
        let written = Answer {
            pid: 4711,
            program: "a \"name\"".to_owned(),
            sockets: sockets(),
            more: 3,
            facts: None,
        };
        let read = answer(written.to_json().as_bytes());
        assert_eq!(read.unwrap(), written);
        let with_facts = Answer {
            facts: Some(Facts {
                told: vec![told_one(Some(State::Closing)), told_one(None)],
                next: 1 << 40,
                lost: 7,
            }),
            ..written
        };
        let read = answer(with_facts.to_json().as_bytes());
        assert_eq!(read.unwrap(), with_facts);
    }

    fn told_one(state: Option<State>) -> Told {
        Told {
            at: Instant::from_nanos(1_234_567_890),
            local: "192.0.2.1:80".parse().unwrap(),
            remote: "[2001:db8::2]:49152".parse().unwrap(),
            name: "state".to_owned(),
            words: "words \"and\" more".to_owned(),
            rule: "RFC 9293 3.3.2".to_owned(),
            state,
            is_routine: state.is_none(),
            is_trouble: state.is_some(),
        }
    }

    #[test]
    fn every_state_and_limit_has_a_name_of_its_own() {
        for state in State::ALL {
            assert_eq!(by_name(State::ALL, &state.to_string()), Some(state));
        }
        for limit in Limit::ALL {
            assert_eq!(by_name(Limit::ALL, &limit.to_string()), Some(limit));
        }
    }

    #[test]
    fn requests_are_understood_or_refused_in_words() {
        for facts_after in [None, Some(0), Some(u64::MAX)] {
            let wanted = Request { facts_after };
            assert_eq!(request(wanted.line().as_bytes()), Ok(wanted));
        }
        let later = b"{\"ask\":\"connections\",\"unknown\":[1]}";
        assert_eq!(request(later), Ok(Request { facts_after: None }));
        for line in [
            &b""[..],
            b"connections",
            b"{\"ask\":\"everything\"}",
            b"{\"ask\":1}",
            b"[]",
            b"\xff\xfe\0",
            &[b'['; 1_000],
        ] {
            assert!(request(line).is_err());
        }
    }

    #[test]
    fn answers_that_are_none_are_refused() {
        for bytes in [
            &b""[..],
            b"[]",
            b"{\"version\":2,\"sockets\":[]}",
            b"{\"version\":1}",
            b"{\"version\":1,\"sockets\":[{\"state\":\"OPEN\"}]}",
            b"{\"version\":1,\"sockets\":[],\"facts\":{}}",
            b"{\"version\":1,\"sockets\":[],\"facts\":{\"told\":[{\"local\":\"here\"}]}}",
            refusal("no").as_bytes(),
        ] {
            assert!(answer(bytes).is_err());
        }
    }
}
