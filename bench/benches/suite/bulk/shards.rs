//! Handfast at the near end as a host of several shards, each with its queue, its streams and its
//! thread of tokio.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Barrier};
use std::thread;

use handfast::tokio::Net;
use handfast::{Clock, Config, Driver, Host, Steering};
use handfast_bench::{Failure, Sample, measure};
use handfast_device::{Device, PacketSocket, SoftwareOffload};
use handfast_lab::{CABLE_INTERFACE, CABLE_PREFIX_LEN, Cable, Namespace, OURS_V4};
use handfast_packet::ip::Cidr;
use tokio::runtime::Builder;

use super::far::Far;
use super::ours::{packet_options, pass};
use super::{Device as Kind, SHARDS, Work};

const STEERING: Steering = Steering::new(SHARDS, 0x5EED);

type Shard<D> = (Host, Driver<SoftwareOffload<D>>);

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    if work.device == Kind::Tap {
        let (far, queues) = Cable::tap_queues(&work.cable, SHARDS)?;
        return transfer(work, &far, queues);
    }
    let cable = Cable::lay(&work.cable, false)?;
    let options = packet_options(work.cable.offloads);
    let open = || PacketSocket::open_queues(CABLE_INTERFACE, &options, STEERING);
    let queues = cable.near.run(open)?;
    transfer(work, &cable.far, queues)
}

fn transfer<D: Device + Send + 'static>(
    work: &Work,
    namespace: &Namespace,
    queues: Vec<D>,
) -> Result<Sample, Failure> {
    let far = Far::start(namespace, work)?;
    let shards = handfast::shards(queues, STEERING, Config::default(), &Clock::system())?;
    let address = Cidr::new(IpAddr::V4(OURS_V4), CABLE_PREFIX_LEN);
    let address = address.expect("24 bits fit into an IPv4 address");
    shards[0].0.add_address(address)?;
    let (work, server) = (*work, far.address);
    // All are connected; and all is done.
    let meeting = Arc::new(Barrier::new(shards.len() + 1));
    let sample = thread::scope(|scope| {
        let threads: Vec<_> = shards
            .into_iter()
            .map(|shard| {
                let meeting = Arc::clone(&meeting);
                scope.spawn(move || serve(shard, &work, server, &meeting))
            })
            .collect();
        meeting.wait();
        let sample = measure(|| {
            meeting.wait();
            Ok(work.amount())
        });
        for thread in threads {
            thread.join().expect("a shard does not panic")?;
        }
        sample
    })?;
    far.finish(&work)?;
    Ok(sample)
}

/// The part of one shard. It comes to both meetings whatever happens, or the others would wait for
/// ever.
fn serve<D: Device + Send + 'static>(
    (host, driver): Shard<D>,
    work: &Work,
    server: SocketAddr,
    meeting: &Arc<Barrier>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let net = Net::drive(host, driver)?;
        let mut streams = Vec::new();
        let mut outcome = Ok(());
        for _ in 0..work.streams / usize::from(SHARDS) {
            match net.connect(server).await {
                Ok(stream) => streams.push(stream),
                Err(error) => outcome = Err(error.into()),
            }
        }
        meet(meeting).await?;
        let (direction, share) = (work.direction, work.share());
        let pass = |stream| tokio::spawn(pass(stream, direction, share));
        let tasks: Vec<_> = streams.into_iter().map(pass).collect();
        for task in tasks {
            if let Err(error) = task.await? {
                outcome = Err(error.into());
            }
        }
        meet(meeting).await?;
        net.shutdown().await;
        outcome
    })
}

/// Waits for the others while the driver works on.
async fn meet(meeting: &Arc<Barrier>) -> Result<(), Failure> {
    let meeting = Arc::clone(meeting);
    tokio::task::spawn_blocking(move || meeting.wait()).await?;
    Ok(())
}
