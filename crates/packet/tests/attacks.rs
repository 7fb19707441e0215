//! The known attacks that end at a header: rows A03, A04 and A50 of `docs/attacks.tsv`, as far as
//! they need no stack. Full sizes are ignored tests.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::net::IpAddr;

use handfast_packet::checksum::{Sum, checksum, pseudo_header, update};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv6_ext::{self, EXTENSIONS_MAX, WalkError};
use handfast_packet::tcp::{OPTIONS_LEN_MAX, TcpOptions, options, verify_checksum};
use handfast_packet::udp;

/// The kinds that matter: all that mean something, their neighbours and what is reserved.
const KINDS: [u8; 21] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 28, 29, 30, 34, 69, 172, 174, 253, 254, 255, 19, 173,
];

/// Small, fast, the same numbers in every run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// How many options are good and whether a bad one follows them, from first principles.
fn good_options(field: &[u8]) -> (usize, bool) {
    let (mut at, mut good) = (0, 0);
    while at < field.len() {
        match field[at] {
            0 => return (good + 1, false),
            1 => at += 1,
            kind => {
                let Some(&len) = field.get(at + 1) else {
                    return (good, true);
                };
                let fits = match kind {
                    2 => len == 4,
                    3 => len == 3,
                    4 => len == 2,
                    5 => len > 2 && len % 8 == 2,
                    8 => len == 10,
                    _ => len >= 2,
                };
                if !fits || at + usize::from(len) > field.len() {
                    return (good, true);
                }
                at += usize::from(len);
            }
        }
        good += 1;
    }
    (good, false)
}

/// Reads an option field in both ways, within as many steps as it has bytes.
fn read(field: &[u8]) {
    let (mut good, mut bad) = (0, false);
    for option in options(field) {
        assert!(!bad, "nothing follows what is malformed: {field:?}");
        match option {
            Ok(_) => good += 1,
            Err(_) => bad = true,
        }
    }
    assert!(good + usize::from(bad) <= field.len().min(OPTIONS_LEN_MAX));
    assert_eq!((good, bad), good_options(field), "{field:?}");
    TcpOptions::parse(field);
}

/// Every string of up to `count` kinds, all of them with the same length; what the field has no
/// room for is cut off. Returns how many.
fn strings_of_kinds(count: usize, lengths: &[u8]) -> u64 {
    let mut tried = 0;
    for len in 1..=count {
        let mut chosen = vec![0; len];
        loop {
            for &length in lengths {
                let mut field = [0xf9; OPTIONS_LEN_MAX];
                let mut end = 0;
                for &kind in &chosen {
                    let Some(room) = field.get_mut(end..) else {
                        break;
                    };
                    let size = if KINDS[kind] < 2 {
                        1
                    } else {
                        usize::from(length.max(2))
                    };
                    for (place, byte) in room.iter_mut().zip([KINDS[kind], length]) {
                        *place = byte;
                    }
                    end += size;
                }
                read(&field[..end.min(OPTIONS_LEN_MAX)]);
                tried += 1;
            }
            let Some(place) = chosen.iter().position(|&kind| kind + 1 < KINDS.len()) else {
                break;
            };
            chosen[..place].fill(0);
            chosen[place] += 1;
        }
    }
    tried
}

/// Every field of two kinds with a length each and nothing behind them.
fn pairs_of_options(lengths: &[u8]) -> u64 {
    let mut tried = 0;
    for first in KINDS {
        for second in KINDS {
            for &one in lengths {
                for &other in lengths {
                    read(&[first, one, second, other]);
                    tried += 1;
                }
            }
        }
    }
    tried
}

/// Fields of 40 bytes: one half anything, the other of kinds that matter and lengths that fit.
fn random_fields(count: u64) {
    let mut random = Random(3);
    let mut field = [0; OPTIONS_LEN_MAX];
    for n in 0..count {
        random.fill(&mut field);
        if n % 2 == 0 {
            for pair in field.chunks_mut(2) {
                pair[0] = KINDS[usize::from(pair[0]) % KINDS.len()];
                pair[1] %= 12;
            }
        }
        read(&field);
    }
}

/// A03, reduced to strings of three kinds.
#[test]
fn a03_no_option_string_leads_astray() {
    let lengths: Vec<u8> = (0..=42).chain([0x7f, 0x80, 0xff]).collect();
    let strings = [1, 2, 3].map(|len| 21_u64.pow(len)).iter().sum::<u64>();
    assert_eq!(strings_of_kinds(3, &lengths), strings * 46);
    pairs_of_options(&[0, 1, 2, 3, 4, 5, 10, 255]);
    random_fields(100_000);
}

#[test]
#[ignore = "full size, 90 s: cargo test --release -- --ignored"]
fn a03_no_option_string_leads_astray_full() {
    let lengths: Vec<u8> = (0..=255).collect();
    let strings = [1, 2, 3, 4].map(|len| 21_u64.pow(len)).iter().sum::<u64>();
    assert_eq!(strings_of_kinds(4, &lengths), strings * 256);
    assert_eq!(pairs_of_options(&lengths), 21 * 21 * 65_536);
    random_fields(100_000_000);
}

/// A04: a length of 0 or 1 ends the field at once: nothing behind it is looked at.
#[test]
fn a04_a_tcp_option_without_length_ends_the_field() {
    for kind in 2..=255 {
        for len in [0, 1] {
            for behind in [[0; 34], [0xff; 34], [2; 34]] {
                let field = [&[2, 4, 5, 180, kind, len][..], &behind].concat();
                assert_eq!(options(&field).count(), 2, "{kind} {len}");
                let parsed = TcpOptions::parse(&field);
                let mss = TcpOptions {
                    mss: Some(1_460),
                    ..TcpOptions::default()
                };
                assert_eq!(parsed, mss);
            }
        }
    }
}

/// A04: an option without content in IPv6 is legal, and each is a step forward: a header of
/// nothing else is left behind, one that ends inside of an option is not.
#[test]
fn a04_ipv6_options_without_length_are_stepped_over() {
    for kind in [Protocol::HOP_BY_HOP, Protocol::DESTINATION_OPTIONS] {
        for option in [1, 0x1e, 0x3f] {
            let mut header = vec![6, 255];
            header.extend([option, 0].repeat(1_023));
            assert_eq!(header.len(), 2_048);
            header.extend([7; 20]);
            let walk = ipv6_ext::walk(kind, &header).unwrap();
            assert_eq!((walk.protocol, walk.offset), (Protocol::TCP, 2_048));
            // An odd number of bytes is left for the last option.
            header[2] = 0;
            header[2_046] = 0;
            header[2_047] = option;
            let error = ipv6_ext::walk(kind, &header);
            assert_eq!(error, Err(WalkError::Truncated), "{option}");
        }
    }
}

/// A05: of a chain of up to 200 headers no more are looked at than the limit allows: what stands
/// behind them makes no difference, not even where it ends.
#[test]
fn a05_a_chain_of_extension_headers_is_left_at_the_limit() {
    let next = Protocol::DESTINATION_OPTIONS.0;
    for count in 1..=200 {
        for behind in [&[][..], &[0xff; 64], &[next; 2_048]] {
            let mut chain = [next, 0, 1, 4, 0, 0, 0, 0].repeat(count);
            chain[count * 8 - 8] = Protocol::TCP.0;
            chain.extend_from_slice(behind);
            let walk = ipv6_ext::walk(Protocol::DESTINATION_OPTIONS, &chain);
            if count <= EXTENSIONS_MAX {
                let walk = walk.unwrap();
                assert_eq!((walk.protocol, walk.offset), (Protocol::TCP, count * 8));
            } else {
                assert_eq!(walk, Err(WalkError::TooMany), "{count}");
                chain.truncate((EXTENSIONS_MAX + 1) * 8);
                let same = ipv6_ext::walk(Protocol::DESTINATION_OPTIONS, &chain);
                assert_eq!(same, Err(WalkError::TooMany), "{count}, cut off");
            }
        }
    }
}

/// A05: headers of the greatest length; 32 of them would make a sum that wraps in 16 bits.
#[test]
fn a05_lengths_of_headers_do_not_wrap() {
    for kind in [Protocol::DESTINATION_OPTIONS, Protocol::ROUTING] {
        for count in 1..=40 {
            let mut chain = Vec::new();
            for n in 1..=count {
                let next = if n == count { Protocol::TCP } else { kind };
                let mut header = vec![0; 2_048];
                header[..2].copy_from_slice(&[next.0, 255]);
                chain.extend(header);
            }
            chain.extend([0; 20]);
            let expected = match count <= EXTENSIONS_MAX {
                true => Ok((Protocol::TCP, count * 2_048)),
                false => Err(WalkError::TooMany),
            };
            let walked =
                |bytes: &[u8]| ipv6_ext::walk(kind, bytes).map(|walk| (walk.protocol, walk.offset));
            assert_eq!(walked(&chain), expected, "{count}");
            // Less than the last header says is there.
            let end = count.min(EXTENSIONS_MAX + 1) * 2_048 - 1;
            assert_eq!(walked(&chain[..end]), Err(WalkError::Truncated), "{count}");
        }
    }
}

const ENDS: [(IpAddr, IpAddr); 2] = [
    (
        IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)),
    ),
    (
        IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
        IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)),
    ),
];

/// A TCP segment of any bytes with a right checksum.
fn segment(random: &mut Random, ends: (IpAddr, IpAddr), bytes: &mut [u8]) {
    random.fill(bytes);
    bytes[16..18].fill(0);
    let len = u32::try_from(bytes.len()).unwrap();
    let sum = pseudo_header(ends.0, ends.1, Protocol::TCP, len);
    let sum = sum.add(bytes).finish();
    bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    assert!(verify_checksum(ends.0, ends.1, bytes));
}

/// Damages `count` segments by one bit each; every one must be found.
fn single_bits(count: u64) {
    let (mut random, mut done) = (Random(5), 0);
    let mut bytes = [0; 128];
    while done < count {
        for ends in ENDS {
            let len = 20 + usize::try_from(random.next() % 109).unwrap();
            let bytes = &mut bytes[..len];
            segment(&mut random, ends, bytes);
            for at in 0..len {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert!(!verify_checksum(ends.0, ends.1, bytes), "bit {bit} at {at}");
                    bytes[at] ^= 1 << bit;
                }
            }
            done += u64::try_from(len * 8).unwrap();
        }
    }
}

/// A50, reduced to a five-hundredth.
#[test]
fn a50_every_wrong_bit_is_found() {
    single_bits(2_000_000);
}

#[test]
#[ignore = "full size, 90 s: cargo test --release -- --ignored"]
fn a50_every_wrong_bit_is_found_full() {
    single_bits(1_000_000_000);
}

/// Sum of the big-endian words modulo 65,535: what the checksum can see.
fn visible(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    bytes.chunks(2).map(word).sum::<u64>() % 65_535
}

/// Lets words of `rounds` segments of each family change places, each with each other.
fn words_change_places(rounds: u32) {
    let (mut random, mut missed, mut found) = (Random(9), [0_u64; 2], 0_u64);
    for ends in ENDS {
        for _ in 0..rounds {
            let mut bytes = [0; 64];
            segment(&mut random, ends, &mut bytes);
            let before = visible(&bytes);
            for one in 0..61 {
                for other in one + 2..63 {
                    let mut swapped = bytes;
                    swapped.swap(one, other);
                    swapped.swap(one + 1, other + 1);
                    let passes = verify_checksum(ends.0, ends.1, &swapped);
                    assert_eq!(passes, visible(&swapped) == before, "{one} {other}");
                    let apart = (one + other) % 2;
                    missed[apart] += u64::from(passes);
                    found += u64::from(!passes);
                    assert!(passes || apart == 1);
                }
            }
        }
    }
    // Places of different parity: when the difference of the words is a multiple of 257.
    assert!(missed[1] * 200 < found, "{missed:?} {found}");
}

/// A50: words that change places are found exactly when their sum changes. It never does when both
/// stand at even places or both at odd ones: that is beyond the Internet checksum, and nothing here
/// promises more.
#[test]
fn a50_words_that_change_places_are_found_where_the_sum_can_tell() {
    words_change_places(40);
}

#[test]
#[ignore = "full size, 5 min: cargo test --release -- --ignored"]
fn a50_words_that_change_places_are_found_where_the_sum_can_tell_full() {
    // 1,830 pairs of places.
    words_change_places(1_000_000_000 / 2 / 1_830 + 1);
}

/// A50: a sum of zero means that there is none, which only IPv4 allows.
#[test]
fn a50_udp_without_a_checksum_is_for_ipv4_only() {
    for (source, destination) in ENDS {
        let without = [0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4];
        let right = udp::verify_checksum(source, destination, &without);
        assert_eq!(right, source.is_ipv4());
        // A datagram whose sum comes out as zero bears its complement instead.
        let mut bytes = without;
        let sum = |bytes: &[u8]| {
            let len = u32::try_from(bytes.len()).unwrap();
            let pseudo = pseudo_header(source, destination, Protocol::UDP, len);
            pseudo.add(bytes).finish()
        };
        let filler = sum(&[&without[..8], &[1, 2, 0, 0][..]].concat());
        bytes[10..].copy_from_slice(&filler.to_be_bytes());
        assert_eq!(sum(&bytes), 0);
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        assert!(udp::verify_checksum(source, destination, &bytes));
    }
}

/// A50 and RFC 1624: a checksum that is mended for one changed word is that of a new sum, at all
/// edges of ones' complement.
#[test]
fn a50_mended_checksums_are_those_of_a_new_sum() {
    let edges = [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x5555, 0x1234];
    for rest in 1..=u16::MAX {
        let [a, b] = rest.to_be_bytes();
        for old in edges {
            for new in edges {
                let with = |word: u16| {
                    let [c, d] = word.to_be_bytes();
                    checksum(&[a, b, c, d])
                };
                assert_eq!(update(with(old), old, new), with(new), "{rest} {old} {new}");
            }
        }
    }
}

/// A50: a sum in pieces is the sum of the whole, wherever the pieces end.
#[test]
fn a50_odd_pieces_make_the_same_sum() {
    let mut bytes = [0; 97];
    Random(2).fill(&mut bytes);
    for one in 0..=bytes.len() {
        for other in one..=bytes.len() {
            let sum = Sum::new().add(&bytes[..one]).add(&bytes[one..other]);
            assert_eq!(sum.add(&bytes[other..]).finish(), checksum(&bytes));
        }
    }
}
