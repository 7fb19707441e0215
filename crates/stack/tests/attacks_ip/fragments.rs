//! Attacks by fragments: A17 (floods of small ones) and A22 (overlaps, and too much for a length
//! field).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use handfast_packet::buf::Chunk;
use handfast_packet::build::{Icmp, Ipv4, Ipv6};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv6_ext::FragmentHeader;

use crate::host::{FAMILIES, Family, Host, Random, to_host};

/// What the limits of reassembly come to (docs/limits.md).
const DATAGRAMS: usize = 64;
const FRAGMENTS_OF_DATAGRAM: usize = 128;
const BYTES: usize = 1 << 20;
/// More than a fragment or a datagram costs beside its bytes: nodes of trees, a block's head.
const OVERHEAD: usize = 256;

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug)]
struct Place {
    identification: u32,
    offset: u16,
    more: bool,
}

/// A fragment from `source` to the host.
fn fragment(source: IpAddr, protocol: Protocol, place: Place, payload: &[u8]) -> Vec<u8> {
    let Place {
        identification,
        offset,
        more,
    } = place;
    match (source, Family::of(source).address(1)) {
        (IpAddr::V4(source), IpAddr::V4(us)) => {
            let identification = u16::try_from(identification & 0xffff).unwrap();
            let header = Ipv4::new(source, us).protocol(protocol);
            (header.identification(identification).fragment(offset, more) / payload).to_vec()
        }
        (IpAddr::V6(source), IpAddr::V6(us)) => {
            let mut header = [0; FragmentHeader::LEN];
            FragmentHeader {
                next_header: protocol,
                offset,
                more,
                identification,
            }
            .write(&mut header);
            let ip = Ipv6::new(source, us).next_header(Protocol::FRAGMENT);
            (ip / &header / payload).to_vec()
        }
        _ => unreachable!("one packet has one family"),
    }
}

/// An echo request in two fragments.
fn echo_in_two(source: IpAddr, identification: u32) -> [Vec<u8>; 2] {
    let family = Family::of(source);
    let request = to_host(source, Icmp::echo_request(1, 2)) / &[7; 56];
    let message = request.to_vec().split_off(family.header_len());
    [(0, true), (32, false)].map(|(offset, more)| {
        let at = usize::from(offset);
        let end = if more { 32 } else { message.len() };
        let place = Place {
            identification,
            offset,
            more,
        };
        fragment(source, family.icmp(), place, &message[at..end])
    })
}

/// Who floods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    /// One host.
    OneSource,
    /// Each datagram has a source of its own.
    ForgedSources,
}

/// The `n`-th fragment of a flood: 8 bytes somewhere in a datagram whose last never comes.
fn of_flood(family: Family, flood: Flood, n: u32, random: &mut Random) -> Vec<u8> {
    let datagram = n / 2;
    let source = match (family, flood) {
        (_, Flood::OneSource) => family.address(66),
        (Family::V4, Flood::ForgedSources) => Ipv4Addr::from_bits(0x0a00_0000 + datagram).into(),
        (Family::V6, Flood::ForgedSources) => {
            Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + (1 << 64) + u128::from(datagram)).into()
        }
    };
    // IPv4 has 2^16 identifications only, but counts them for each protocol.
    let protocol = Protocol(200 + u8::try_from(datagram >> 16).unwrap());
    let place = Place {
        identification: datagram,
        offset: u16::try_from(random.below(8_000) * 8).unwrap(),
        more: true,
    };
    fragment(source, protocol, place, &[0xee; 8])
}

/// A flood of `datagrams` beginnings, a fragment in each microsecond. Meanwhile others send
/// datagrams whose two fragments are `apart` fragments of the flood from each other.
fn flood(family: Family, flood: Flood, datagrams: u32, apart: u32) {
    let (mut host, mut random) = (Host::new(), Random::new(17));
    let (mut asked, mut answered) = (0_u32, 0_u32);
    let mut pending: Option<Vec<u8>> = None;
    for n in 0..datagrams * 2 {
        host.now += Duration::from_micros(1);
        assert!(
            host.receive(of_flood(family, flood, n, &mut random))
                .is_empty()
        );
        if n % apart == 0 {
            if let Some(last) = pending.take() {
                asked += 1;
                answered += u32::try_from(host.receive(last).len()).unwrap();
            }
            let other = family.address(u8::try_from(2 + asked % 32).unwrap());
            let [first, last] = echo_in_two(other, asked);
            assert!(host.receive(first).is_empty());
            pending = Some(last);
        }
        let used = host.stack.reassembly_use();
        assert!(used.datagrams <= DATAGRAMS && used.bytes <= BYTES);
        assert!(used.fragments <= DATAGRAMS * FRAGMENTS_OF_DATAGRAM);
        let memory = used.bytes + (used.fragments + used.datagrams) * OVERHEAD;
        assert!(memory <= 4 << 20, "{memory} bytes");
    }
    assert!(
        asked > 100 && answered * 100 >= asked * 99,
        "{answered} of {asked}"
    );
    let counters = host.stack.counters().network;
    assert_eq!(counters.reassembled, u64::from(answered));
    // What is left of the flood goes when its time has come, and is complained of within bounds.
    let expiry = if family == Family::V4 { 30 } else { 60 };
    host.pass(Duration::from_secs(expiry - 1));
    assert!(host.stack.reassembly_use().datagrams > 0);
    assert!(host.pass(Duration::from_secs(1)).len() <= 32);
    assert_eq!(host.stack.reassembly_use().datagrams, 0);
}

/// A17, reduced to a twentieth. The cost of a fragment is that of a few look-ups in ordered trees:
/// their sizes are bounded by what is asserted here, and nothing walks over them.
#[test]
fn a17_small_fragments_of_one_source_cost_others_nothing() {
    for family in FAMILIES {
        flood(family, Flood::OneSource, 50_000, 500);
    }
}

#[test]
#[ignore = "full size, 20 s: cargo test --release -- --ignored"]
fn a17_small_fragments_of_one_source_cost_others_nothing_full() {
    for family in FAMILIES {
        flood(family, Flood::OneSource, 1_000_000, 500);
    }
}

/// A17 when no two datagrams have the same source, so that nobody's share limits them: the oldest
/// gives way, and a datagram lives for as many new ones as the table has places.
#[test]
fn a17_small_fragments_of_forged_sources_leave_time_for_others() {
    for family in FAMILIES {
        flood(family, Flood::ForgedSources, 20_000, 100);
    }
}

#[test]
#[ignore = "full size, 20 s: cargo test --release -- --ignored"]
fn a17_small_fragments_of_forged_sources_leave_time_for_others_full() {
    for family in FAMILIES {
        flood(family, Flood::ForgedSources, 1_000_000, 100);
    }
}

/// A17: all fragments in one datagram. It is given up when they are too many.
#[test]
fn a17_one_datagram_of_small_fragments_is_capped() {
    for family in FAMILIES {
        let (mut host, mut random) = (Host::new(), Random::new(1));
        for _ in 0..10_000 {
            let place = Place {
                identification: 1,
                offset: u16::try_from(random.below(8_000) * 8).unwrap(),
                more: true,
            };
            host.receive(fragment(family.address(66), Protocol(200), place, &[0; 8]));
            let used = host.stack.reassembly_use();
            assert!(used.fragments <= FRAGMENTS_OF_DATAGRAM && used.datagrams == 1);
        }
        assert_eq!(host.stack.reassembly_use().bytes, 0, "{family:?}: given up");
    }
}

/// A fragment of a geometry: `from..to` in units of 8 bytes, and whether it says that it is the
/// last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    from: usize,
    to: usize,
    last: bool,
}

/// All cuts of a grid. With `any_end`, every one may say that it is the last; else those that reach
/// the end of the grid do.
fn cuts(grid: usize, any_end: bool) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for from in 0..grid {
        for to in from + 1..=grid {
            for last in [false, true] {
                if any_end || last == (to == grid) {
                    cuts.push(Cut { from, to, last });
                }
            }
        }
    }
    cuts
}

/// What is to come of fragments, from first principles: whether each one completes a datagram, and
/// of which fragments (by their number) that consists.
#[derive(Default)]
struct Model {
    kept: Vec<(usize, Cut)>,
    spoilt: bool,
}

impl Model {
    fn add(
        &mut self,
        number: usize,
        cut: Cut,
        exact_repetitions: bool,
    ) -> Option<Vec<(usize, Cut)>> {
        if cut.from == 0 && cut.last {
            // All there is: no fragment at all, or an atomic one (RFC 6946).
            return Some(vec![(number, cut)]);
        }
        if self.spoilt || exact_repetitions && self.kept.iter().any(|(_, kept)| *kept == cut) {
            return None;
        }
        let contradicts = |kept: &Cut| {
            let overlaps = kept.from < cut.to && cut.from < kept.to;
            overlaps || kept.last && cut.to > kept.to || cut.last && kept.to > cut.to
        };
        if self.kept.iter().any(|(_, kept)| contradicts(kept)) {
            self.spoilt = true;
            self.kept.clear();
            return None;
        }
        self.kept.push((number, cut));
        let end = self.kept.iter().find(|(_, kept)| kept.last)?.1.to;
        let units: usize = self.kept.iter().map(|(_, kept)| kept.to - kept.from).sum();
        (units == end).then(|| {
            self.kept.sort_by_key(|(_, kept)| kept.from);
            core::mem::take(&mut self.kept)
        })
    }
}

/// Bytes of fragment `number` in IPv4, which tell whose they are: a UDP header without a checksum
/// at the beginning, the number everywhere else.
fn marked(number: usize, cut: Cut) -> Vec<u8> {
    let mark = u8::try_from(number + 1).unwrap();
    let mut bytes = vec![mark; (cut.to - cut.from) * 8];
    if cut.from == 0 {
        bytes[..8].copy_from_slice(&[mark, mark, 0, 9, 0, 8, 0, 0]);
    }
    bytes
}

/// Bytes of the echo request in IPv6 that all fragments are cut from: wherever it ends, its
/// checksum is right, because each unit counters what its length adds to the pseudo-header.
fn echo_units(grid: usize) -> Vec<u8> {
    let request = to_host(Family::V6.address(2), Icmp::echo_request(1, 2));
    let mut bytes = request.to_vec().split_off(40);
    for unit in 1..grid {
        let mark = u8::try_from(unit).unwrap();
        bytes.extend([mark, mark, !mark, !mark, 0xff, 0xf7, 0, 0]);
    }
    bytes
}

/// Sends the cuts of every sequence of `count` to a host and compares what it takes for whole.
fn every_geometry(family: Family, (grid, count, any_end): (usize, usize, bool)) -> u64 {
    let (cuts, echo) = (cuts(grid, any_end), echo_units(grid));
    let source = family.address(2);
    let packet = |number: usize, cut: Cut| {
        let place = Place {
            identification: 9,
            offset: u16::try_from(cut.from * 8).unwrap(),
            more: !cut.last,
        };
        Chunk::from(match family {
            Family::V4 => fragment(source, Protocol::UDP, place, &marked(number, cut)),
            Family::V6 => {
                let part = &echo[cut.from * 8..cut.to * 8];
                fragment(source, Protocol::ICMPV6, place, part)
            }
        })
    };
    let packets: Vec<Vec<Chunk>> = (0..count)
        .map(|number| cuts.iter().map(|&cut| packet(number, cut)).collect())
        .collect();
    let (mut host, mut tried) = (Host::new(), 0);
    let mut chosen = vec![0; count];
    loop {
        let mut model = Model::default();
        for (number, &index) in chosen.iter().enumerate() {
            let whole = model.add(number, cuts[index], family == Family::V6);
            let sent = host.receive(packets[number][index].clone());
            let expected = whole.map(|parts| match family {
                Family::V4 => parts.iter().flat_map(|&(n, cut)| marked(n, cut)).collect(),
                Family::V6 => echo[8..parts.last().unwrap().1.to * 8].to_vec(),
            });
            let came = sent.first().map(|reply| came_through(family, reply));
            assert_eq!(came, expected, "{family:?} {chosen:?} of {cuts:?}");
        }
        tried += 1;
        // Everything is forgotten, and the right to send errors is earned anew.
        host.pass(Duration::from_secs(61));
        if !advance(&mut chosen, cuts.len()) {
            return tried;
        }
    }
}

/// The payload that an answer shows: in IPv4 what port unreachable quotes, in IPv6 the echo.
fn came_through(family: Family, reply: &[u8]) -> Vec<u8> {
    match family {
        Family::V4 => {
            assert_eq!(reply[20..22], [3, 3], "port unreachable");
            reply[20 + 8 + 20..].to_vec()
        }
        Family::V6 => {
            assert_eq!(reply[40], 129, "echo reply");
            reply[48..].to_vec()
        }
    }
}

/// The next sequence; false after the last.
fn advance(chosen: &mut [usize], choices: usize) -> bool {
    for index in chosen {
        *index += 1;
        if *index < choices {
            return true;
        }
        *index = 0;
    }
    false
}

/// A22: on smaller grids than in full. Both families drop a datagram whose fragments overlap, in
/// whatever order they come; IPv4 never mixes what two senders sent.
#[test]
fn a22_no_overlap_of_fragments_makes_a_datagram() {
    for family in FAMILIES {
        assert_eq!(every_geometry(family, (12, 2, true)), 156 * 156);
        assert_eq!(every_geometry(family, (5, 3, true)), 30_u64.pow(3));
        assert_eq!(every_geometry(family, (4, 4, false)), 10_u64.pow(4));
    }
}

#[test]
#[ignore = "full size, 8 min: cargo test --release -- --ignored"]
fn a22_no_overlap_of_fragments_makes_a_datagram_full() {
    for family in FAMILIES {
        assert_eq!(every_geometry(family, (12, 2, true)), 156 * 156);
        assert_eq!(every_geometry(family, (12, 3, true)), 156_u64.pow(3));
        assert_eq!(every_geometry(family, (12, 4, false)), 78_u64.pow(4));
    }
}

/// A22, the ping of death: what no length field can say is dropped, and leaves nothing behind. In
/// IPv6 its sender is told (RFC 8200 4.5).
#[test]
fn a22_nothing_longer_than_a_length_field_can_say() {
    for family in FAMILIES {
        let (mut host, source) = (Host::new(), family.address(2));
        let longest = if family == Family::V4 { 65_515 } else { 65_535 };
        for offset in (64_000_usize..65_536).step_by(8) {
            for (len, more) in [
                (8, true),
                (1_480, true),
                (1, false),
                (9, false),
                (1_479, false),
            ] {
                let place = Place {
                    identification: 3,
                    offset: u16::try_from(offset).unwrap(),
                    more,
                };
                let before = host.stack.counters().network.fragments_dropped;
                let packet = fragment(source, Protocol::UDP, place, &vec![0; len]);
                let complaints = host.receive(packet).len();
                let dropped = host.stack.counters().network.fragments_dropped > before;
                assert_eq!(
                    dropped,
                    offset + len > longest,
                    "{family:?} {len} at {offset}"
                );
                assert_eq!(complaints, usize::from(dropped && family == Family::V6));
                host.pass(Duration::from_secs(61));
                assert_eq!(host.stack.reassembly_use().datagrams, 0);
            }
        }
    }
}
