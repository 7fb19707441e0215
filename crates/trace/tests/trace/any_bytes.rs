//! No frame, however mangled, may upset a picture.

use std::num::NonZeroU16;

use handfast_packet::Instant;
use handfast_packet::buf::{Gso, Medium};
use handfast_packet::build::{Ipv4, Tcp};
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::TcpFlags;
use handfast_trace::{Flows, Ladder, LadderOptions, PcapngOptions, PcapngWriter, Tee};
use proptest::prelude::*;

use crate::common::*;

fn all(medium: Medium, width: usize) -> (Tee, Sink) {
    let sink = Sink::default();
    let options = LadderOptions {
        medium,
        width,
        ..LadderOptions::default()
    };
    let capture = PcapngOptions {
        medium,
        ..PcapngOptions::default()
    };
    let recorders: Vec<Box<dyn Recorder>> = vec![
        Box::new(Flows::new(medium)),
        Box::new(Ladder::new(Box::new(sink.clone()), options)),
        Box::new(PcapngWriter::new(Vec::new(), &capture).unwrap()),
    ];
    (Tee::new(recorders), sink)
}

/// A segment whose every field is anything, between two ends that are always the same.
fn any_segment() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), 0_u16..512);
    let near = (0_u32..5000, 0_u32..5000, any::<u16>(), 0_u16..512);
    let options =
        proptest::collection::vec(any::<u8>(), 0..10).prop_map(|o| [o, vec![0; 2]].concat());
    (
        prop_oneof![numbers, near],
        options,
        0_usize..2000,
        any::<bool>(),
    )
        .prop_map(|((seq, ack, window, flags), options, len, is_ours)| {
            let (ip, tcp) = if is_ours {
                (Ipv4::new(CLIENT, SERVER), Tcp::new(49_152, 80))
            } else {
                (Ipv4::new(SERVER, CLIENT), Tcp::new(80, 49_152))
            };
            let len_padded = options.len() / 4 * 4;
            let tcp = tcp.seq(seq).ack(ack).window(window).flags(TcpFlags(flags));
            let tcp = tcp.raw_options(&options[..len_padded]);
            packet(ip, tcp, &vec![0; len]).to_vec()
        })
}

fn any_gso() -> impl Strategy<Value = Option<Gso>> {
    proptest::option::of((1_u16.., 1_u16..)).prop_map(|gso| {
        let (segment_len, segments) = gso?;
        Some(Gso {
            segment_len: NonZeroU16::new(segment_len)?,
            segments: NonZeroU16::new(segments)?,
        })
    })
}

fn record(recorder: &mut Tee, index: usize, bytes: &[u8], gso: Option<Gso>, ours: bool) {
    let direction = if ours { Direction::Out } else { Direction::In };
    let at = Instant::from_micros(u64::try_from(index).unwrap());
    recorder.record(&FrameRecord {
        at,
        direction,
        bytes,
        gso,
        cause: Cause::Unstated,
    });
}

proptest! {
    #[test]
    fn any_bytes_are_drawn(
        frames in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..200), any_gso(), any::<bool>()), 0..20),
        width in 0_usize..200,
    ) {
        for medium in [Medium::Ethernet, Medium::Ip] {
            let (mut recorder, sink) = all(medium, width);
            for (index, (bytes, gso, ours)) in frames.iter().enumerate() {
                record(&mut recorder, index, bytes, *gso, *ours);
            }
            prop_assert_eq!(sink.text().lines().count(), frames.len());
        }
    }

    #[test]
    fn any_segments_are_followed(
        segments in proptest::collection::vec((any_segment(), any_gso(), any::<bool>()), 0..60),
    ) {
        let (mut recorder, sink) = all(Medium::Ethernet, 100);
        for (index, (bytes, gso, ours)) in segments.iter().enumerate() {
            record(&mut recorder, index, bytes, *gso, *ours);
        }
        prop_assert!(sink.text().lines().count() >= segments.len());
        prop_assert!(sink.text().lines().all(|line| line.chars().count() <= 100));
    }
}
