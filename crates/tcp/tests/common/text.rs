//! Segments as text, in the manner of packetdrill:
//! `P. 1:101(100) ack 1 win 5000 urg 7 <mss 1000,sackOK,TS val 1 ecr 2,wscale 7,sack 5:9 20:30>`.
//!
//! Numbers count from the SYN of their direction (the SYN is 0). Instead of a number a name with
//! an optional distance may stand: see [`Names`]. `wire 4` says that a received segment stands
//! for four on the wire. `E`, `W` and `A` among the flags are ECE, CWR and AE, behind S, F or R;
//! in front of all may stand the ECN field: `[noecn]`, `[ect0]`, `[ect1]` or `[ce]`. AccECN
//! counters are `ECN e1b 1 ceb 0 e0b 1`, in their order on the wire. A user timeout is `uto 90s` or `uto 2m`,
//! and ours is told in seconds.

use handfast_packet::tcp::{
    AccEcn, AccEcnOrder, Ace, FastOpen, SackBlock, SeqNumber, TcpOptions, Timestamps, UserTimeout,
};
use handfast_tcp::{Control, Segment, Transmit};

use super::{Script, text_at};
use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;

/// Names for numbers in the text of a table that serves several states.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names {
    /// `R`: RCV.NXT.
    pub rcv_nxt: i64,
    /// `S`: SND.NXT.
    pub snd_nxt: i64,
    /// `U`: SND.UNA.
    pub snd_una: i64,
    /// `W`: behind the receive window.
    pub window_end: i64,
}

impl Names {
    /// A number: `17`, `R`, `S+1`, `W-20`.
    fn number(&self, text: &str) -> i64 {
        let (base, rest) = match text.as_bytes()[0] {
            b'R' => (self.rcv_nxt, &text[1..]),
            b'S' => (self.snd_nxt, &text[1..]),
            b'U' => (self.snd_una, &text[1..]),
            b'W' => (self.window_end, &text[1..]),
            _ => (0, text),
        };
        if rest.is_empty() {
            return base;
        }
        base + rest
            .trim_start_matches('+')
            .parse::<i64>()
            .unwrap_or_else(|_| panic!("number {text:?}"))
    }
}

/// A segment in words: its clauses by name.
struct Clauses<'a> {
    field: Option<Ecn>,
    flags: &'a str,
    range: Option<(&'a str, &'a str)>,
    words: Vec<(&'a str, &'a str)>,
    options: Option<Vec<&'a str>>,
}

fn split(text: &str) -> Clauses<'_> {
    let (head, options) = match text.split_once('<') {
        Some((head, options)) => {
            let options = options
                .trim_end()
                .strip_suffix('>')
                .expect("options end with '>'");
            (
                head,
                Some(
                    options
                        .split(',')
                        .filter(|option| !option.is_empty())
                        .collect(),
                ),
            )
        }
        None => (text, None),
    };
    let mut words = head.split_whitespace().peekable();
    let field = words.next_if(|word| word.starts_with('[')).map(field);
    let flags = words.next().expect("flags come first");
    let mut words: Vec<_> = words.collect();
    let range = (!words.is_empty() && words[0].contains(':')).then(|| {
        let range = words.remove(0);
        range.split_once(':').expect("a range has a colon")
    });
    assert!(words.len() % 2 == 0, "clauses are pairs: {text:?}");
    let words = words.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    Clauses {
        field,
        flags,
        range,
        words,
        options,
    }
}

const FIELDS: [(&str, Ecn); 4] = [
    ("[noecn]", Ecn::NotEct),
    ("[ect0]", Ecn::Ect0),
    ("[ect1]", Ecn::Ect1),
    ("[ce]", Ecn::Ce),
];

fn field(word: &str) -> Ecn {
    let found = FIELDS.iter().find(|(name, _)| *name == word);
    found.unwrap_or_else(|| panic!("ECN field {word:?}")).1
}

fn field_name(field: Ecn) -> &'static str {
    let found = FIELDS.iter().find(|(_, named)| *named == field);
    found.expect("all four have names").0
}

const ACE: [(char, Ace); 3] = [
    ('E', Ace::ECE),
    ('W', Ace::CWR),
    ('A', Ace::from_bits(0b100)),
];

fn ace(flags: &str) -> Ace {
    let set = ACE.iter().filter(|(letter, _)| flags.contains(*letter));
    set.fold(Ace::ZERO, |ace, (_, bit)| ace.union(*bit))
}

/// Counters in the order of the wire.
fn accecn(words: &[&str]) -> AccEcn {
    let value = |name| {
        let at = words.iter().position(|word| *word == name);
        at.map_or(0, |at| words[at + 1].parse().expect("a counter"))
    };
    let order = if words.first() == Some(&"e1b") {
        AccEcnOrder::Ect1First
    } else {
        AccEcnOrder::Ect0First
    };
    AccEcn::new(order, value("e0b"), value("ceb"), value("e1b")).truncated((words.len() / 2) as u8)
}

/// `900s` or `15m`.
fn user_timeout(time: &str) -> UserTimeout {
    let (number, unit) = time.split_at(time.len() - 1);
    let number = number.parse().expect("a number");
    UserTimeout::from_option(unit == "m", number).expect("15 bits that are not zero")
}

fn describe_accecn(option: &AccEcn) -> String {
    let counters = [
        ("e0b", option.ect0()),
        ("ceb", option.ce()),
        ("e1b", option.ect1()),
    ];
    let mut words: Vec<_> = counters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", (*value)?)))
        .collect();
    if option.order() == AccEcnOrder::Ect1First {
        words.reverse();
    }
    format!("ECN {}", words.join(" "))
}

fn control(flags: &str) -> Control {
    match (
        flags.contains('S'),
        flags.contains('F'),
        flags.contains('R'),
    ) {
        (false, false, false) => Control::None,
        (true, false, false) => Control::Syn,
        (false, true, false) => Control::Fin,
        (false, false, true) => Control::Rst,
        _ => panic!("one control function at most: {flags:?}"),
    }
}

impl Script {
    /// The segment that `text` describes, sent by the peer.
    pub fn segment(&self, text: &str) -> Segment {
        let clauses = split(text);
        let theirs = |number: i64| SeqNumber(self.irs.wrapping_add(number as u32));
        let ours = |number: i64| SeqNumber(self.iss.wrapping_add(number as u32));
        let (from, rest) = clauses
            .range
            .unwrap_or_else(|| panic!("no range in {text:?}"));
        let from = self.names.number(from);
        let (end, len) = rest
            .strip_suffix(')')
            .and_then(|rest| rest.split_once('('))
            .expect("(len)");
        let (end, len) = (
            self.names.number(end),
            len.parse::<usize>().expect("a length"),
        );
        assert_eq!(end - from, len as i64, "range and length agree in {text:?}");
        let mut segment = Segment {
            seq: theirs(from),
            ack: None,
            control: control(clauses.flags),
            push: clauses.flags.contains('P'),
            window: self.peer_window,
            urgent: None,
            options: TcpOptions::default(),
            // The text of a SYN stands behind it.
            payload: Chunk::from(text_at(from + i64::from(clauses.flags.contains('S')), len))
                .into(),
            received_at: self.now,
            wire_segments: 1,
            ecn: clauses.field.unwrap_or_default(),
            ace: ace(clauses.flags),
        };
        for (word, value) in clauses.words {
            let number = self.names.number(value);
            match word {
                "ack" => segment.ack = Some(ours(number)),
                "win" => segment.window = number.try_into().expect("a window"),
                "urg" => segment.urgent = Some(number.try_into().expect("an urgent pointer")),
                "wire" => segment.wire_segments = number.try_into().expect("a count"),
                _ => panic!("unknown clause {word:?} in {text:?}"),
            }
        }
        assert_eq!(
            segment.ack.is_some(),
            clauses.flags.contains('.'),
            "'.' means ACK: {text:?}"
        );
        for option in clauses.options.unwrap_or_default() {
            self.parse_option(&mut segment.options, option);
        }
        segment
    }

    fn parse_option(&self, options: &mut TcpOptions, option: &str) {
        let words: Vec<_> = option.split_whitespace().collect();
        match words[..] {
            ["mss", value] => options.mss = Some(value.parse().expect("an MSS")),
            ["wscale", value] => options.window_scale = Some(value.parse().expect("a shift")),
            ["sackOK"] => options.sack_permitted = true,
            ["uto", time] => options.user_timeout = Some(user_timeout(time)),
            ["ECN", ref words @ ..] => options.accecn = Some(accecn(words)),
            ["FO", ref cookie @ ..] => {
                let digits = cookie.concat();
                let pairs = digits.as_bytes().chunks(2);
                let bytes: Vec<u8> = pairs
                    .map(|pair| {
                        let pair = std::str::from_utf8(pair).expect("digits");
                        u8::from_str_radix(pair, 16).expect("a cookie in hexadecimal")
                    })
                    .collect();
                options.fast_open = FastOpen::new(&bytes);
            }
            ["TS", "val", value, "ecr", echo] => {
                let number = |text: &str| text.parse().expect("a timestamp");
                options.timestamps = Some(Timestamps {
                    value: number(value),
                    echo: number(echo),
                });
            }
            ["sack", ref blocks @ ..] => {
                for block in blocks {
                    let (left, right) = block.split_once(':').expect("left:right");
                    let edge =
                        |text| SeqNumber(self.iss.wrapping_add(self.names.number(text) as u32));
                    options.sack.push(SackBlock {
                        left: edge(left),
                        right: edge(right),
                    });
                }
            }
            _ => panic!("unknown option {option:?}"),
        }
    }

    /// The whole of what we sent, as text.
    pub fn describe(&self, transmit: &Transmit) -> String {
        let everything = "[noecn] S 0:0(0) ack 0 win 0 <>";
        let mut text = self.in_terms_of(transmit, &split(everything), transmit.ack.is_some());
        if let Some(urgent) = transmit.urgent {
            text += &format!(" urg {urgent}");
        }
        format!("{text} ({:?})", transmit.cause)
    }

    /// Whether `transmit` is what `expected` says; clauses that `expected` leaves out may be
    /// anything.
    pub fn is_as_expected(&self, transmit: &Transmit, expected: &str) -> bool {
        let clauses = split(expected);
        let normal = self.normalize(&clauses);
        self.in_terms_of(transmit, &clauses, true) == normal
    }

    fn normalize(&self, clauses: &Clauses<'_>) -> String {
        let mut text = clauses
            .field
            .map_or(String::new(), |field| format!("{} ", field_name(field)));
        text += clauses.flags;
        if let Some((from, rest)) = clauses.range {
            let (end, len) = rest.split_once('(').expect("(len)");
            text += &format!(
                " {}:{}({len}",
                self.names.number(from),
                self.names.number(end)
            );
        }
        for (word, value) in &clauses.words {
            text += &format!(" {word} {}", self.names.number(value));
        }
        if let Some(options) = &clauses.options {
            text += &format!(" <{}>", options.join(","));
        }
        text
    }

    /// `transmit` as text, with those clauses that `clauses` has.
    fn in_terms_of(&self, transmit: &Transmit, clauses: &Clauses<'_>, ack: bool) -> String {
        let since = |seq: SeqNumber, first: u32| seq.0.wrapping_sub(first).cast_signed();
        let mut text = clauses
            .field
            .map_or(String::new(), |_| format!("{} ", field_name(transmit.ecn)));
        let before = text.len();
        text += match transmit.control {
            Control::None => "",
            Control::Syn => "S",
            Control::Fin => "F",
            Control::Rst => "R",
        };
        for (letter, bit) in ACE {
            if transmit.ace.contains(bit) {
                text.push(letter);
            }
        }
        text += if transmit.push { "P" } else { "" };
        text += if transmit.ack.is_some() { "." } else { "" };
        if text.len() == before {
            text += "-";
        }
        if clauses.range.is_some() {
            let (from, len) = (since(transmit.seq, self.iss), transmit.payload.len());
            text += &format!(" {from}:{}({len})", i64::from(from) + len as i64);
        }
        for (word, _) in &clauses.words {
            text += &match (*word, transmit.ack) {
                ("ack", Some(number)) if ack => format!(" ack {}", since(number, self.irs)),
                ("ack", _) => String::new(),
                ("win", _) => format!(" win {}", transmit.window),
                ("len", _) => format!(" len {}", transmit.segment_len),
                _ => panic!("unknown clause {word:?}"),
            };
        }
        if clauses.options.is_some() {
            text += &format!(" <{}>", self.describe_options(&transmit.options));
        }
        text
    }

    fn describe_options(&self, options: &TcpOptions) -> String {
        let mut words = Vec::new();
        words.extend(options.mss.map(|mss| format!("mss {mss}")));
        words.extend(options.sack_permitted.then(|| "sackOK".to_string()));
        words.extend(
            options
                .timestamps
                .map(|ts| format!("TS val {} ecr {}", ts.value, ts.echo)),
        );
        words.extend(options.accecn.as_ref().map(describe_accecn));
        words.extend(options.window_scale.map(|shift| format!("wscale {shift}")));
        words.extend(options.fast_open.map(|fast_open| {
            let digits = fast_open.cookie().iter().map(|byte| format!("{byte:02x}"));
            let digits: String = digits.collect();
            format!("FO {digits}").trim_end().to_string()
        }));
        words.extend(
            options
                .user_timeout
                .map(|uto| format!("uto {}s", uto.duration().as_secs())),
        );
        if !options.sack.as_slice().is_empty() {
            let edge = |seq: SeqNumber| seq.0.wrapping_sub(self.irs).cast_signed();
            let blocks = options.sack.as_slice().iter();
            let blocks: Vec<_> = blocks
                .map(|b| format!("{}:{}", edge(b.left), edge(b.right)))
                .collect();
            words.push(format!("sack {}", blocks.join(" ")));
        }
        words.join(",")
    }
}
