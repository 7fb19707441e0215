//! The words for what is not TCP, and the short forms of flags, options and numbers.

use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::icmpv4::{self, Icmpv4};
use handfast_packet::icmpv6::{self, Icmpv6};
use handfast_packet::ndp::Ndp;
use handfast_packet::tcp::{TcpFlags, TcpHeader};

use crate::flow::Step;
use crate::view::{Ends, View};

/// The protocol's name and what the frame says, for everything but TCP.
pub(crate) fn say(view: &View<'_>) -> (&'static str, String) {
    match view {
        View::Arp(arp) => ("ARP", say_arp(arp)),
        View::Icmpv4 { ends, message } => ("ICMP", between(ends, &say_icmpv4(message))),
        View::Icmpv6 {
            ends,
            message,
            body,
        } => match Ndp::parse(message, body) {
            Some(Ok(ndp)) => ("NDP", say_ndp(&ndp)),
            Some(Err(error)) => ("NDP", between(ends, &format!("malformed: {error}"))),
            None => ("ICMPv6", between(ends, &say_icmpv6(message))),
        },
        View::Udp { ends, len } => ("UDP", between(ends, &format!("{len} bytes"))),
        View::Fragment {
            ends,
            offset,
            len,
            more,
        } => {
            let last = if *more { "" } else { ", the last" };
            let end = usize::from(*offset) + len;
            (
                "IP",
                between(ends, &format!("fragment {offset}..{end}{last}")),
            )
        }
        View::OtherIp {
            ends,
            protocol,
            len,
        } => ("IP", between(ends, &format!("{protocol}, {len} bytes"))),
        View::OtherLink(ether_type) => ("frame", format!("ether type {:#06x}", ether_type.0)),
        View::Broken(error) => ("broken", error.clone()),
        View::Tcp(_) => ("TCP", String::new()),
    }
}

fn between(ends: &Ends, what: &str) -> String {
    format!("{what}, {} -> {}", ends.source, ends.destination)
}

fn say_arp(arp: &ArpPacket) -> String {
    let (sender, target) = (arp.sender_protocol, arp.target_protocol);
    match arp.operation {
        ArpOperation::REQUEST if sender.is_unspecified() => format!("probe: who has {target}?"),
        _ if sender == target => format!("announcement: {sender} is at {}", arp.sender_hardware),
        ArpOperation::REQUEST => format!("who has {target}? tell {sender}"),
        ArpOperation::REPLY => format!("{sender} is at {}", arp.sender_hardware),
        ArpOperation(other) => format!("operation {other} from {sender} for {target}"),
    }
}

fn say_ndp(ndp: &Ndp) -> String {
    match ndp {
        Ndp::RouterSolicitation { .. } => "is there a router?".to_owned(),
        Ndp::RouterAdvertisement(router) => {
            let prefixes: Vec<String> = router
                .prefixes
                .iter()
                .map(|prefix| format!("{}/{}", prefix.prefix, prefix.prefix_len))
                .collect();
            format!("router for {} s: {}", router.lifetime, prefixes.join(" "))
        }
        Ndp::NeighborSolicitation {
            target,
            source_link: None,
            ..
        } => {
            format!("probe: who has {target}?")
        }
        Ndp::NeighborSolicitation { target, .. } => format!("who has {target}?"),
        Ndp::NeighborAdvertisement {
            target,
            target_link: Some(link),
            ..
        } => {
            format!("{target} is at {link}")
        }
        Ndp::NeighborAdvertisement {
            target,
            target_link: None,
            ..
        } => {
            format!("{target} is here")
        }
    }
}

fn say_icmpv4(message: &Icmpv4) -> String {
    use icmpv4::unreachable;
    match *message {
        Icmpv4::EchoRequest { sequence, .. } => format!("echo request {sequence}"),
        Icmpv4::EchoReply { sequence, .. } => format!("echo reply {sequence}"),
        Icmpv4::Unreachable { code, next_hop_mtu } => match code {
            unreachable::NETWORK => "network unreachable".to_owned(),
            unreachable::HOST => "host unreachable".to_owned(),
            unreachable::PROTOCOL => "protocol unreachable".to_owned(),
            unreachable::PORT => "port unreachable".to_owned(),
            unreachable::PROHIBITED => "prohibited by a filter".to_owned(),
            unreachable::FRAGMENTATION_NEEDED => {
                format!("too big, the next hop takes {next_hop_mtu}")
            }
            other => format!("unreachable, code {other}"),
        },
        Icmpv4::TimeExceeded { .. } => "time exceeded".to_owned(),
        Icmpv4::ParameterProblem { pointer, .. } => format!("parameter problem at {pointer}"),
        Icmpv4::Other { kind, code, .. } => format!("type {kind}, code {code}"),
    }
}

fn say_icmpv6(message: &Icmpv6) -> String {
    use icmpv6::unreachable;
    match *message {
        Icmpv6::EchoRequest { sequence, .. } => format!("echo request {sequence}"),
        Icmpv6::EchoReply { sequence, .. } => format!("echo reply {sequence}"),
        Icmpv6::Unreachable { code } => match code {
            unreachable::NO_ROUTE => "no route".to_owned(),
            unreachable::PROHIBITED => "prohibited by a filter".to_owned(),
            unreachable::ADDRESS => "host unreachable".to_owned(),
            unreachable::PORT => "port unreachable".to_owned(),
            other => format!("unreachable, code {other}"),
        },
        Icmpv6::PacketTooBig { mtu } => format!("too big, the next hop takes {mtu}"),
        Icmpv6::TimeExceeded { .. } => "time exceeded".to_owned(),
        Icmpv6::ParameterProblem { pointer, .. } => format!("parameter problem at {pointer}"),
        Icmpv6::Other { kind: 130, .. } => "who is in which group?".to_owned(),
        Icmpv6::Other {
            kind: 131 | 143, ..
        } => "group report".to_owned(),
        Icmpv6::Other { kind, code, .. } => format!("type {kind}, code {code}"),
    }
}

/// The flags that tell what a segment is, at most seven letters and a blank: PSH only where
/// nothing weightier stands.
pub(crate) fn flags(flags: TcpFlags) -> String {
    let weighty = [
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::PSH, "PSH"),
    ];
    let kind = weighty
        .iter()
        .find(|(flag, _)| flags.contains(*flag))
        .map(|(_, name)| *name);
    match (kind, flags.contains(TcpFlags::ACK)) {
        (Some(name), true) => format!("{name} ACK"),
        (Some(name), false) => name.to_owned(),
        (None, true) => "ACK".to_owned(),
        (None, false) => "none".to_owned(),
    }
}

/// The options that matter: those of a SYN, and SACK blocks as relative numbers.
pub(crate) fn options(header: &TcpHeader, step: &Step) -> String {
    let mut words = Vec::new();
    let options = &header.options;
    if let Some(mss) = options.mss {
        words.push(format!("mss {mss}"));
    }
    if let Some(shift) = options.window_scale {
        words.push(format!("ws {shift}"));
    }
    if options.sack_permitted {
        words.push("sack".to_owned());
    }
    if header.flags.contains(TcpFlags::SYN) && options.timestamps.is_some() {
        words.push("ts".to_owned());
    }
    if header.flags.contains(TcpFlags::URG) {
        words.push(format!("urgent {}", header.urgent));
    }
    for (index, block) in step.sack.iter().enumerate() {
        let is_duplicate = index == 0 && step.ack.is_some_and(|ack| block.start < ack);
        let word = if is_duplicate { "dsack" } else { "sack" };
        words.push(format!("{word} {}:{}", block.start, block.end));
    }
    words.join(" ")
}

/// A window in at most six characters up to 1 GiB: bytes, or KiB with a K.
pub(crate) fn window(bytes: u64) -> String {
    if bytes < 1_000_000 {
        bytes.to_string()
    } else {
        format!("{}K", bytes / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_short() {
        let word = |bits: u16| flags(TcpFlags(bits));
        assert_eq!(word(0x002), "SYN");
        assert_eq!(word(0x012), "SYN ACK");
        assert_eq!(word(0x018), "PSH ACK");
        assert_eq!(word(0x019), "FIN ACK");
        assert_eq!(word(0x004), "RST");
        assert_eq!(word(0x000), "none");
        assert!((0..512).all(|bits| word(bits).len() <= 7));
    }

    #[test]
    fn windows_fit_their_column() {
        assert_eq!(window(64_240), "64240");
        assert_eq!(window(4 << 20), "4096K");
        assert!(window((1 << 30) - 1).len() <= 8);
    }
}
