//! The TCP header and its options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{TcpHeaderSlice, TcpOptionElement};
use handfast_packet::tcp::{
    OPTIONS_LEN_MAX, SackBlock, SackBlocks, SeqNumber, TcpFlags, TcpHeader, TcpOption, TcpOptions,
    Timestamps, options, verify_checksum,
};

/// A header is read as it was written, but for options that leave no room for others; another
/// library sees the same fields.
pub fn tcp_header(data: &[u8]) {
    let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let _ = (
        verify_checksum(four, four, data),
        verify_checksum(six, six, data),
    );
    let Ok((header, len)) = TcpHeader::parse(data) else {
        return assert!(TcpHeaderSlice::from_slice(data).is_err());
    };
    assert!(len <= data.len() && len <= TcpHeader::LEN + OPTIONS_LEN_MAX);
    let again = rewritten(&header);
    let expected = TcpHeader {
        options: again.options,
        ..header.clone()
    };
    assert_eq!(again, expected);
    check_kept(&header.options, &again.options);
    assert_eq!(
        rewritten(&again),
        again,
        "the second time nothing is left out"
    );
    compare(&header, &data[..len]);
}

/// Of the options, each is read as it was written, the iterator ends, and what a connection acts
/// upon is what the iterator tells.
pub fn tcp_options(data: &[u8]) {
    let data = &data[..data.len().min(OPTIONS_LEN_MAX)];
    let mut written = Vec::new();
    let mut count = 0;
    for option in options(data) {
        count += 1;
        assert!(count <= data.len(), "the iterator does not end");
        let Ok(option) = option else { continue };
        assert!(!option.to_string().is_empty());
        option.write(&mut written);
    }
    let wanted: Vec<_> = options(data).filter_map(Result::ok).collect();
    let read: Vec<_> = options(&written)
        .collect::<Result<_, _>>()
        .expect("all were good");
    assert_eq!(read, wanted);
    assert_eq!(TcpOptions::parse(&written), TcpOptions::parse(data));
    let last = |found: fn(&TcpOption<'_>) -> Option<u16>| wanted.iter().rev().find_map(found);
    let parsed = TcpOptions::parse(data);
    assert_eq!(
        parsed.mss,
        last(|option| match option {
            TcpOption::Mss(mss) => Some(*mss),
            _ => None,
        })
    );
    assert_eq!(
        parsed.window_scale.map(u16::from),
        last(|option| match option {
            TcpOption::WindowScale(shift) => Some(u16::from(*shift)),
            _ => None,
        })
    );
}

fn rewritten(header: &TcpHeader) -> TcpHeader {
    let mut bytes = vec![0xee; header.header_len()];
    assert!(bytes.len() <= TcpHeader::LEN + OPTIONS_LEN_MAX && bytes.len().is_multiple_of(4));
    header.write(&mut bytes);
    let (again, len) = TcpHeader::parse(&bytes).expect("what we write we can read");
    assert_eq!(len, bytes.len());
    again
}

/// What gives way when options do not fit: SACK blocks, Fast Open and the user timeout.
fn check_kept(before: &TcpOptions, after: &TcpOptions) {
    let given_way = TcpOptions {
        sack: after.sack,
        fast_open: after.fast_open,
        user_timeout: after.user_timeout,
        ..*before
    };
    assert_eq!(*after, given_way);
    assert!(before.sack.as_slice().starts_with(after.sack.as_slice()));
    assert!(after.fast_open.is_none() || after.fast_open == before.fast_open);
    assert!(after.user_timeout.is_none() || after.user_timeout == before.user_timeout);
}

fn compare(header: &TcpHeader, bytes: &[u8]) {
    let other = TcpHeaderSlice::from_slice(bytes).expect("they read it too");
    assert_eq!(other.source_port(), header.source);
    assert_eq!(other.destination_port(), header.destination);
    assert_eq!(other.sequence_number(), header.seq.0);
    assert_eq!(other.acknowledgment_number(), header.ack.0);
    assert_eq!(other.window_size(), header.window);
    assert_eq!(other.urgent_pointer(), header.urgent);
    for (theirs, flag) in [
        (other.fin(), TcpFlags::FIN),
        (other.syn(), TcpFlags::SYN),
        (other.rst(), TcpFlags::RST),
        (other.psh(), TcpFlags::PSH),
        (other.ack(), TcpFlags::ACK),
        (other.urg(), TcpFlags::URG),
        (other.ece(), TcpFlags::ECE),
        (other.cwr(), TcpFlags::CWR),
        (other.ns(), TcpFlags::AE),
    ] {
        assert_eq!(theirs, header.flags.contains(flag), "{flag:?}");
    }
    // They know five kinds; of a field with others they see only the beginning.
    let mut seen = TcpOptions::default();
    for element in other.options_iterator() {
        let Ok(element) = element else { return };
        match element {
            TcpOptionElement::Noop => {}
            TcpOptionElement::MaximumSegmentSize(mss) => seen.mss = Some(mss),
            TcpOptionElement::WindowScale(shift) => seen.window_scale = Some(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted => seen.sack_permitted = true,
            TcpOptionElement::SelectiveAcknowledgement(first, rest) => {
                seen.sack = SackBlocks::EMPTY;
                for (left, right) in [Some(first)].into_iter().chain(rest).flatten() {
                    let (left, right) = (SeqNumber(left), SeqNumber(right));
                    seen.sack.push(SackBlock { left, right });
                }
            }
            TcpOptionElement::Timestamp(value, echo) => {
                seen.timestamps = Some(Timestamps { value, echo });
            }
        }
    }
    assert_eq!(seen, header.options);
}
