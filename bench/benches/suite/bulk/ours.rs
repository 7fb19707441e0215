//! Handfast at the near end: application, stack and device on one thread of tokio.

use std::net::IpAddr;

use handfast::Config;
use handfast::tokio::{Net, TcpStream};
use handfast_bench::{Failure, Sample, measure};
use handfast_device::{PacketOptions, PacketSocket, XdpOptions, XdpSocket};
use handfast_lab::{CABLE_INTERFACE, CABLE_PREFIX_LEN, Cable, Namespace, OURS_V4};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;

use super::far::Far;
use super::{Device, Direction, PIECE, Work};

/// Our link address on a packet socket: with that of the interface the near kernel would look for a
/// route for each frame, and the twin has no second kernel that does.
const OURS: EthernetAddress = EthernetAddress([2, 77, 1, 0, 0, 3]);

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    match work.device {
        Device::Tap => {
            let (far, tap) = Cable::tap(&work.cable)?;
            transfer(work, &far, tap)
        }
        Device::Xdp => {
            let cable = Cable::lay(&work.cable, false)?;
            let options = XdpOptions {
                copy: true,
                ..XdpOptions::default()
            };
            let open = || XdpSocket::open(CABLE_INTERFACE, &options);
            let socket = cable.near.run(open)?;
            transfer(work, &cable.far, socket)
        }
        Device::Packet | Device::Cutting => {
            let cable = Cable::lay(&work.cable, false)?;
            let options = packet_options(work.cable.offloads || work.device == Device::Cutting);
            let open = || PacketSocket::open(CABLE_INTERFACE, &options);
            let socket = cable.near.run(open)?;
            transfer(work, &cable.far, socket)
        }
    }
}

pub(super) fn packet_options(offloads: bool) -> PacketOptions {
    PacketOptions {
        super_segments: offloads,
        checksums: offloads,
        hardware_address: Some(OURS),
        ..PacketOptions::default()
    }
}

fn transfer(
    work: &Work,
    namespace: &Namespace,
    device: impl handfast_device::Device + Send + 'static,
) -> Result<Sample, Failure> {
    let far = Far::start(namespace, work)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (net, streams) = runtime.block_on(async {
        let net = Net::start(device, Config::default())?;
        let address = Cidr::new(IpAddr::V4(OURS_V4), CABLE_PREFIX_LEN);
        net.host()
            .add_address(address.expect("24 bits fit into an IPv4 address"))?;
        let mut streams = Vec::with_capacity(work.streams);
        for _ in 0..work.streams {
            streams.push(net.connect(far.address).await?);
        }
        Ok::<_, Failure>((net, streams))
    })?;
    let (direction, share) = (work.direction, work.share());
    let sample = measure(|| {
        runtime.block_on(async {
            let pass = |stream| tokio::spawn(pass(stream, direction, share));
            let tasks: Vec<_> = streams.into_iter().map(pass).collect();
            for task in tasks {
                task.await??;
            }
            Ok(work.amount())
        })
    })?;
    runtime.block_on(net.shutdown());
    far.finish(work)?;
    Ok(sample)
}

/// One stream.
pub(super) async fn pass(
    mut stream: TcpStream,
    direction: Direction,
    text: u64,
) -> std::io::Result<()> {
    if direction == Direction::Send {
        write_all(&mut stream, text).await?;
    }
    // The far end closes when it has everything, or has said everything.
    let mut buffer = vec![0; PIECE];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Writes `text` bytes and the end of the stream.
async fn write_all(stream: &mut TcpStream, text: u64) -> std::io::Result<()> {
    let piece = vec![0x5A; PIECE];
    let mut left = text;
    while left > 0 {
        let count = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
        stream.write_all(&piece[..count]).await?;
        left -= u64::try_from(count).expect("a piece is small");
    }
    stream.shutdown().await
}
