//! What a script says, as data: settings, and steps with their times. Nothing here knows a stack.
//!
//! Numbers stand as they were written: sequence numbers relative to the start of the connection,
//! windows before scaling.

use std::time::Duration;

/// A whole script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Lines of the form `--name=value`, in their order.
    pub settings: Vec<Setting>,
    /// What happens, in its order.
    pub steps: Vec<Step>,
}

/// One `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands, from 1.
    pub line: u32,
    /// Without the dashes.
    pub name: String,
    /// Behind the equals sign; empty when there is none.
    pub value: String,
}

/// One event of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it begins, from 1.
    pub line: u32,
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// The time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the start of the script.
    At(Duration),
    /// So long after the step before it.
    After(Duration),
    /// Between these times after the start.
    Between(Duration, Duration),
    /// Between these times after the step before it.
    AfterBetween(Duration, Duration),
    /// Whenever it comes; for packets of the stack only.
    Any,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A packet that comes in or that the stack must send.
    Packet(Packet),
    /// A call of the application.
    Call(Call),
    /// A line for a shell, which is never run: the runner knows some of them.
    Command(String),
    /// Python text between `%{` and `}%`.
    Code(String),
    /// Something that is not understood.
    Unsupported {
        /// What it is.
        what: String,
    },
}

/// Which way a packet goes, as the stack under test sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`: the script sends it to the stack.
    In,
    /// `>`: the stack must send it.
    Out,
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Which way it goes.
    pub direction: Direction,
    /// What was said of its IP header.
    pub ip: IpInfo,
    /// Source and destination port, when the script names them.
    pub ports: Option<(u16, u16)>,
    /// The rest.
    pub body: Body,
}

/// What a script says of an IP header; all of it is optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpInfo {
    /// The ECN field in square brackets.
    pub ecn: Option<Ecn>,
    /// The whole type of service or traffic class.
    pub traffic_class: Option<u8>,
    /// Time to live or hop limit.
    pub hop_limit: Option<u8>,
}

/// The ECN field (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// Not ECN-capable.
    Not,
    /// ECT(0).
    Ect0,
    /// ECT(1).
    Ect1,
    /// Congestion experienced.
    Ce,
    /// One of both ECT codepoints; for packets of the stack only.
    Ect01,
}

/// What IP carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram with so many bytes.
    Udp {
        /// Bytes of payload.
        len: u32,
    },
    /// An ICMP error.
    Icmp(Icmp),
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its flags.
    pub flags: Flags,
    /// Where its text begins; `None` was written `...`.
    pub seq: Option<u32>,
    /// Bytes of text.
    pub len: u32,
    /// The numbers are those of the wire, not relative ones (written `!`).
    pub absolute: bool,
    /// The acknowledgment number.
    pub ack: Option<u32>,
    /// The acknowledgment number is that of the wire (written `!`).
    pub ack_absolute: bool,
    /// The window before scaling.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// The options; `None` was written `<...>` and stands for any.
    pub options: Option<Vec<TcpOption>>,
}

/// The flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The low 9 bits of the header's flag word: FIN is 1, AE is 256 (RFC 9768).
    pub bits: u16,
    /// The flags ECE, CWR and AE were given as a count of 0 to 7 (RFC 9768 3.2.2); `bits` has
    /// them too.
    pub ace: Option<u8>,
}

impl Flags {
    /// FIN.
    pub const FIN: u16 = 1;
    /// SYN.
    pub const SYN: u16 = 2;
    /// RST.
    pub const RST: u16 = 4;
    /// PSH.
    pub const PSH: u16 = 8;
    /// ACK.
    pub const ACK: u16 = 16;
    /// URG.
    pub const URG: u16 = 32;
    /// ECE.
    pub const ECE: u16 = 64;
    /// CWR.
    pub const CWR: u16 = 128;
    /// AE.
    pub const AE: u16 = 256;

    /// Whether a flag is set.
    pub const fn has(self, flag: u16) -> bool {
        self.bits & flag != 0
    }
}

/// A TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// End of the list.
    Eol,
    /// Padding.
    Nop,
    /// Largest segment (RFC 9293 3.7.1).
    Mss(u16),
    /// Window scale (RFC 7323).
    WindowScale(u8),
    /// SACK is permitted (RFC 2018).
    SackPermitted,
    /// SACK blocks, first byte and first byte behind (RFC 2018).
    Sack(Vec<(u32, u32)>),
    /// Timestamps (RFC 7323).
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// Fast Open (RFC 7413); empty asks for a cookie.
    FastOpen(Cookie),
    /// Fast Open with the experimental kind 254.
    FastOpenExperimental(Cookie),
    /// AccECN counters in the order in which they were written (RFC 9768 3.2.3).
    AccEcn(Vec<(EcnCounter, u32)>),
    /// MD5 signature (RFC 2385), whose value is not looked at.
    Md5,
    /// Any other kind, with its content.
    Unknown {
        /// The kind.
        kind: u8,
        /// The bytes behind the length.
        content: Vec<u8>,
    },
}

/// A Fast Open cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A name whose value comes from outside of the script, or from the stack.
    Named(String),
}

/// A counter of the AccECN option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnCounter {
    /// Bytes with ECT(0).
    Ect0,
    /// Bytes with CE.
    Ce,
    /// Bytes with ECT(1).
    Ect1,
}

/// An ICMP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// `unreachable`, `packet_too_big` and so on.
    pub kind: String,
    /// The code's name or number.
    pub code: Option<String>,
    /// The MTU of the next hop.
    pub mtu: Option<u32>,
    /// The segment that it quotes: first sequence number and bytes of text.
    pub quoted: Option<(u32, u32)>,
}

/// A call of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// What it is called with.
    pub arguments: Vec<Value>,
    /// When a call that blocks must return: counted from where its beginning is counted from.
    /// `None` returns at once.
    pub end: Option<Duration>,
    /// What it must return.
    pub result: Value,
    /// The error it must set, such as `EAGAIN`.
    pub errno: Option<String>,
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `...`: whatever fits.
    Any,
    /// A number.
    Integer(i64),
    /// A name of a constant.
    Name(String),
    /// Text in quotes.
    Text(String),
    /// Several joined by an operator: `|`, `+`, `*` or `<<`.
    Joined(char, Vec<Self>),
    /// `[a, b]`.
    List(Vec<Self>),
    /// `{a, name=b}`.
    Struct(Vec<Field>),
    /// A function of values, such as `htons(80)`.
    Apply(String, Vec<Self>),
}

/// One part of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty when it has none.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Value {
    /// The part of a structure with this name.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields
                .iter()
                .find(|field| field.name == name)
                .map(|field| &field.value),
            _ => None,
        }
    }
}
