//! IPv6 extension headers: what a walk passes, what it refuses, and where it says the fault is.

use handfast_packet::ip::Protocol;
use handfast_packet::ipv6_ext::{EXTENSIONS_MAX, FragmentHeader, Walk, WalkError, walk};
use proptest::prelude::*;

const HOP: Protocol = Protocol::HOP_BY_HOP;
const DESTINATION: Protocol = Protocol::DESTINATION_OPTIONS;

/// An options header of eight bytes that names `next` and holds the given six bytes.
fn options(next: Protocol, six: [u8; 6]) -> Vec<u8> {
    [&[next.0, 0], &six[..]].concat()
}

/// Six bytes of padding, as PadN.
const PAD: [u8; 6] = [1, 4, 0, 0, 0, 0];

#[test]
fn known_and_skippable_options_are_passed() {
    // Pad1 everywhere, PadN, router alert, and a kind whose high bits say "skip".
    for six in [
        [0; 6],
        PAD,
        [5, 2, 0, 0, 0, 0],
        [0x3e, 4, 9, 9, 9, 9],
        [0, 0x1e, 3, 1, 2, 3],
    ] {
        let bytes = [options(Protocol::TCP, six), b"text".to_vec()].concat();
        for first in [HOP, DESTINATION] {
            let expected = Walk {
                protocol: Protocol::TCP,
                payload: b"text",
                fragment: None,
                offset: 8,
                named_at: 40,
            };
            assert_eq!(walk(first, &bytes), Ok(expected), "{six:?}");
        }
    }
}

#[test]
fn without_extension_headers_the_ipv6_header_names_the_protocol() {
    for protocol in [
        Protocol::TCP,
        Protocol::ICMPV6,
        Protocol::NO_NEXT,
        Protocol(50),
    ] {
        let walked = walk(protocol, b"text").unwrap();
        assert_eq!((walked.protocol, walked.payload), (protocol, &b"text"[..]));
        assert_eq!((walked.offset, walked.named_at), (0, 6));
    }
}

/// RFC 8200 4.2: the two high bits of an option that nobody knows say what is to be done.
#[test]
fn unknown_options_do_what_their_high_bits_say() {
    let with = |kind: u8| {
        let second = options(Protocol::TCP, [1, 0, kind, 2, 0, 0]);
        [options(DESTINATION, PAD), second].concat()
    };
    let refused = |even_multicast| WalkError::UnknownOption {
        // 40 of IPv6, 8 of the first header, and 4 into the second.
        pointer: 52,
        even_multicast,
    };
    assert!(walk(HOP, &with(0x1e)).is_ok());
    assert_eq!(walk(HOP, &with(0x40)), Err(WalkError::Discard));
    assert_eq!(walk(HOP, &with(0x7f)), Err(WalkError::Discard));
    assert_eq!(walk(HOP, &with(0x80)), Err(refused(true)));
    assert_eq!(walk(HOP, &with(0xc2)), Err(refused(false)));
}

#[test]
fn options_longer_than_their_header_are_refused() {
    for six in [
        [1, 5, 0, 0, 0, 0],
        [1, 4, 0, 0, 0, 0x1e],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 1],
    ] {
        let fits = six == [1, 4, 0, 0, 0, 0x1e];
        let bytes = options(Protocol::TCP, six);
        let walked = walk(DESTINATION, &bytes);
        if fits {
            assert!(walked.is_ok(), "data of an option is not looked at");
        } else {
            assert_eq!(walked, Err(WalkError::Truncated), "{six:?}");
        }
    }
}

#[test]
fn hop_by_hop_options_stand_first_or_nowhere() {
    let bytes = [options(HOP, PAD), options(Protocol::TCP, PAD)].concat();
    // The next header field of the header in front is the fault.
    let misplaced = Err(WalkError::Misplaced { pointer: 40 });
    assert_eq!(walk(DESTINATION, &bytes), misplaced);
    assert_eq!(walk(HOP, &bytes), misplaced);
    let third = [options(DESTINATION, PAD), bytes].concat();
    assert_eq!(walk(HOP, &third), Err(WalkError::Misplaced { pointer: 48 }));
}

/// RFC 8200 4.4 and RFC 5095: passed when nothing is left to do, refused otherwise, type 0 too.
#[test]
fn routing_headers_are_never_obeyed() {
    for kind in [0, 2, 4, 253] {
        let done = [Protocol::TCP.0, 0, kind, 0, 0, 0, 0, 0];
        assert_eq!(
            walk(Protocol::ROUTING, &done).unwrap().protocol,
            Protocol::TCP
        );
        let mut left = done;
        left[3] = 1;
        let refused = Err(WalkError::Routing { pointer: 42 });
        assert_eq!(walk(Protocol::ROUTING, &left), refused);
        let second = [options(Protocol::ROUTING, PAD), left.to_vec()].concat();
        assert_eq!(walk(HOP, &second), Err(WalkError::Routing { pointer: 50 }));
    }
}

#[test]
fn as_many_headers_as_the_limit_and_not_one_more() {
    let chain = |count: usize| {
        let mut bytes = Vec::new();
        for left in (0..count).rev() {
            let next = if left == 0 {
                Protocol::TCP
            } else {
                DESTINATION
            };
            bytes.extend(options(next, PAD));
        }
        bytes
    };
    let most = chain(EXTENSIONS_MAX);
    let walked = walk(DESTINATION, &most).unwrap();
    assert_eq!(
        (walked.protocol, walked.offset),
        (Protocol::TCP, 8 * EXTENSIONS_MAX)
    );
    let more = chain(EXTENSIONS_MAX + 1);
    assert_eq!(walk(DESTINATION, &more), Err(WalkError::TooMany));
}

proptest! {
    /// A walk ends behind the fragment header, with its fields as they were written.
    #[test]
    fn fragment_headers_are_read_back(
        (next, units, identification) in (any::<u8>(), 0_u16..8_192, any::<u32>()),
        more: bool,
        reserved in 0_u8..4,
        in_front: bool,
        payload in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let header = FragmentHeader {
            next_header: Protocol(next),
            offset: units * 8,
            more,
            identification,
        };
        let mut bytes = vec![0; FragmentHeader::LEN];
        header.write(&mut bytes);
        // Reserved bits are ignored (RFC 8200 4.5).
        bytes[1] = reserved;
        bytes[3] |= reserved << 1;
        bytes.extend(&payload);
        let mut first = Protocol::FRAGMENT;
        if in_front {
            bytes.splice(..0, options(Protocol::FRAGMENT, PAD));
            first = HOP;
        }
        let start = if in_front { 8 } else { 0 };
        let expected = Walk {
            protocol: Protocol(next),
            payload: &payload,
            fragment: Some(header),
            offset: start + FragmentHeader::LEN,
            named_at: 40 + start,
        };
        prop_assert_eq!(walk(first, &bytes), Ok(expected));
    }

    /// A chain that ends anywhere before its payload is cut short.
    #[test]
    fn no_chain_is_walked_beyond_its_end(cut in 0_usize..32) {
        let fragment = vec![Protocol::TCP.0, 0, 0, 1, 0, 0, 0, 9];
        let routing = vec![Protocol::FRAGMENT.0, 0, 0, 0, 0, 0, 0, 0];
        let chain = [
            options(DESTINATION, PAD),
            options(Protocol::ROUTING, PAD),
            routing,
            fragment,
        ]
        .concat();
        prop_assert!(walk(HOP, &chain).is_ok());
        prop_assert_eq!(walk(HOP, &chain[..cut]), Err(WalkError::Truncated));
    }

    /// Whatever the bytes, the payload is their end, and offsets point into the packet.
    #[test]
    fn any_walk_stays_inside(
        first in prop_oneof![Just(0_u8), Just(43), Just(44), Just(60), any::<u8>()],
        bytes in prop::collection::vec(
            prop_oneof![Just(0_u8), Just(1), Just(43), Just(44), Just(60), any::<u8>()], 0..120,
        ),
    ) {
        match walk(Protocol(first), &bytes) {
            Ok(walked) => {
                prop_assert_eq!(walked.payload, &bytes[walked.offset..]);
                prop_assert!(walked.named_at < 40 + bytes.len().max(1));
            }
            Err(
                WalkError::Misplaced { pointer }
                | WalkError::UnknownOption { pointer, .. }
                | WalkError::Routing { pointer },
            ) => prop_assert!(usize::try_from(pointer).unwrap() < 40 + bytes.len()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
