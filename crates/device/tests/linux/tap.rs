//! TAP against a packet socket on the kernel's end of it, TUN against the kernel's own TCP.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

use handfast_device::{Device, DeviceError, PacketOptions, PacketSocket, Tap, TapOptions};
use handfast_packet::buf::{Medium, RxChecksum, RxFrame};
use handfast_packet::ethernet::EthernetAddress;

use crate::frames::{Segment, assert_same, data, fetch, fetch_one, send, wire_of, wire_of_sent};
use crate::runner::{Test, ip};

pub(crate) const TESTS: &[Test] = &[
    ("tap::super_frames_pass_both_ways", super_frames),
    (
        "tap::without_checksums_the_kernel_sends_whole_frames",
        without_checksums,
    ),
    ("tap::an_interface_that_is_taken_is_explained", taken),
    ("tap::a_descriptor_can_be_taken_over", from_fd),
    ("tap::a_tun_carries_packets_and_is_no_ethernet", tun),
    (
        "tap::the_kernels_tcp_takes_and_gives_super_frames",
        kernel_tcp,
    ),
];

/// A TAP or TUN; the error is the reason for which there is none here.
fn open(name: &str, options: &TapOptions) -> Result<Tap, String> {
    match Tap::open(name, options) {
        Ok(tap) => Ok(tap),
        Err(error @ (DeviceError::NotPermitted { .. } | DeviceError::NoTun { .. })) => {
            Err(error.to_string())
        }
        Err(error) => panic!("{error}"),
    }
}

fn open_tun(name: &str) -> Result<Tap, String> {
    open(
        name,
        &TapOptions {
            medium: Medium::Ip,
            ..TapOptions::default()
        },
    )
}

fn super_frames() -> Result<(), String> {
    let mut tap = open("tap7", &TapOptions::default())?;
    assert_eq!((tap.interface(), tap.capabilities().mtu), ("tap7", 1_500));
    let mut kernel = PacketSocket::open("tap7", &PacketOptions::default()).expect("it is up");
    let ends = [kernel.hardware_address(), tap.hardware_address()];
    assert_ne!(ends[0], ends[1]);
    for v6 in [false, true] {
        for len in [100, 60_000] {
            let out = Segment {
                v6,
                ..Segment::new(Some(ends), len)
            }
            .frame();
            let into = Segment {
                v6,
                ..Segment::new(Some([ends[1], ends[0]]), len)
            }
            .frame();
            send(&mut tap, out.clone());
            send(&mut kernel, into.clone());
            let (headers, medium) = (out.head.len(), Medium::Ethernet);
            let at_kernel = fetch(&mut kernel, headers, len);
            let at_tap = fetch(&mut tap, headers, len);
            assert_eq!((at_kernel.len(), at_tap.len()), (1, 1));
            assert_eq!(
                (at_tap[0].gso, at_tap[0].checksum),
                (into.gso, RxChecksum::Partial)
            );
            if out.gso.is_some() {
                assert_same(&wire_of(at_kernel, medium), &wire_of_sent(out, medium));
                assert_same(&wire_of(at_tap, medium), &wire_of_sent(into, medium));
            } else {
                assert_eq!(at_kernel[0].data[..], out.to_vec()[..]);
                assert_eq!(at_tap[0].data[..], into.to_vec()[..]);
            }
        }
    }
    let too_large = Segment {
        cut: 3_000,
        ..Segment::new(Some(ends), 3_000)
    }
    .frame();
    send(&mut tap, too_large);
    let statistics = tap.statistics();
    assert_eq!(
        (
            statistics.too_large,
            statistics.refused,
            statistics.unusable
        ),
        (1, 0, 0)
    );
    Ok(())
}

fn without_checksums() -> Result<(), String> {
    let options = TapOptions {
        checksums: false,
        ..TapOptions::default()
    };
    let mut tap = open("tap7", &options)?;
    let capabilities = tap.capabilities();
    assert_eq!((capabilities.max_gso, capabilities.tx_checksum), (0, false));
    let mut kernel = PacketSocket::open("tap7", &PacketOptions::default()).expect("it is up");
    let ends = [kernel.hardware_address(), tap.hardware_address()];
    let medium = Medium::Ethernet;
    for v6 in [false, true] {
        for len in [100, 60_000] {
            let into = Segment {
                v6,
                ..Segment::new(Some([ends[1], ends[0]]), len)
            }
            .frame();
            send(&mut kernel, into.clone());
            let at_tap = fetch(&mut tap, into.head.len(), len);
            let whole =
                |frame: &RxFrame| frame.gso.is_none() && frame.checksum == RxChecksum::Unknown;
            assert!(at_tap.iter().all(whole), "{len} bytes, IPv6 {v6}");
            assert_same(&wire_of(at_tap, medium), &wire_of_sent(into, medium));
            // What leaves the checksum to others cannot be sent.
            let out = Segment {
                v6,
                ..Segment::new(Some(ends), len)
            };
            send(&mut tap, out.frame());
        }
    }
    assert_eq!(tap.statistics().too_large, 4);
    Ok(())
}

fn taken() -> Result<(), String> {
    let _tap = open("tap7", &TapOptions::default())?;
    let error = Tap::open("tap7", &TapOptions::default()).expect_err("this must fail");
    assert!(matches!(error, DeviceError::InUse { .. }), "{error}");
    for name in ["", "a name that is far too long", "tap%d"] {
        let error = Tap::open(name, &TapOptions::default()).expect_err("this must fail");
        assert!(matches!(error, DeviceError::InvalidName { .. }), "{error}");
    }
    Ok(())
}

fn from_fd() -> Result<(), String> {
    let first = open("tap7", &TapOptions::default())?;
    let fd = first
        .fd()
        .expect("it has one")
        .try_clone_to_owned()
        .expect("room for one more");
    let address = Some(EthernetAddress([2, 0, 0, 0, 0, 7]));
    let options = TapOptions {
        hardware_address: address,
        ..TapOptions::default()
    };
    let mut second = Tap::from_fd(fd, &options).expect("a descriptor of a TAP");
    drop(first);
    assert_eq!(
        (second.interface(), second.capabilities().mtu),
        ("tap7", 1_500)
    );
    assert_eq!(
        (
            Some(second.hardware_address()),
            second.capabilities().medium
        ),
        (address, Medium::Ethernet)
    );
    let mut kernel = PacketSocket::open("tap7", &PacketOptions::default()).expect("it is up");
    let link = [kernel.hardware_address(), second.hardware_address()];
    let frame = Segment::new(Some(link), 10).frame();
    send(&mut second, frame.clone());
    assert_eq!(fetch_one(&mut kernel).data[..], frame.to_vec()[..]);
    let other = std::fs::File::open("/dev/null")
        .expect("it is everywhere")
        .into();
    assert!(matches!(
        Tap::from_fd(other, &options),
        Err(DeviceError::Io { .. })
    ));
    Ok(())
}

fn tun() -> Result<(), String> {
    let mut tun = open_tun("tun7")?;
    assert_eq!(tun.hardware_address(), EthernetAddress::ZERO);
    let error = PacketSocket::open("tun7", &PacketOptions::default()).expect_err("this must fail");
    assert!(matches!(error, DeviceError::NotEthernet { .. }), "{error}");
    ip("address add 10.9.0.1/24 dev tun7");
    let socket = UdpSocket::bind("10.9.0.1:0").expect("the address is here");
    socket
        .send_to(b"hello", "10.9.0.2:9")
        .expect("there is a route");
    let packet = fetch_one(&mut tun);
    assert_eq!((packet.data[0], &packet.data[28..]), (0x45, &b"hello"[..]));
    Ok(())
}

/// A connection by hand with the kernel's TCP: it must accept a super-frame of 60,000 bytes with a
/// partial checksum as if it were 42 good segments, and hands out super-frames itself.
fn kernel_tcp() -> Result<(), String> {
    let mut tun = open_tun("tun8")?;
    ip("address add 10.9.0.1/24 dev tun8");
    let listener = TcpListener::bind("10.9.0.1:4321").expect("the address is here");
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let segment = |flags, seq, ack, len| {
        Segment {
            flags,
            seq,
            ack,
            ..Segment::new(None, len)
        }
        .frame()
    };
    send(&mut tun, segment(0x02, 999, 0, 0));
    let answer = fetch_one(&mut tun);
    assert_eq!(
        (answer.data[33], word(&answer.data[28..32])),
        (0x12, 1_000),
        "SYN-ACK"
    );
    let ack = word(&answer.data[24..28]).wrapping_add(1);
    send(&mut tun, segment(0x10, 1_000, ack, 0));
    let (mut stream, _) = listener.accept().expect("the handshake is complete");
    // Without an MSS option the kernel holds segments of ours to 536 bytes for its own sending.
    send(
        &mut tun,
        Segment {
            cut: 1_460,
            flags: 0x18,
            seq: 1_000,
            ack,
            ..Segment::new(None, 60_000)
        }
        .frame(),
    );
    let mut got = vec![0; 60_000];
    stream.read_exact(&mut got).expect("the bytes are there");
    assert!(got == data(60_000), "the bytes are the same");
    stream.write_all(&data(5_000)).expect("there is room");
    let mut received = Vec::new();
    let mut super_frames = 0;
    while received.len() < 5_000 {
        let frame = fetch_one(&mut tun);
        assert_eq!(frame.checksum, RxChecksum::Partial);
        super_frames += usize::from(frame.gso.is_some());
        received.extend_from_slice(&frame.data[20 + usize::from(frame.data[32] >> 4) * 4..]);
    }
    assert!(received == data(5_000) && super_frames > 0);
    Ok(())
}
