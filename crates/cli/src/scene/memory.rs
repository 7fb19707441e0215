//! The lab that works anywhere: two Handfast stacks joined in memory, in virtual time. The same
//! seed gives the same frames, bit for bit.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use handfast::{Cidr, ClaimTimings, Clock, Config, EthernetAddress, Host, Instant, Listen};
use handfast_device::{Device, Impair, ImpairSpec, MemoryDevice, Record};
use handfast_lab::{
    HANDFAST_V4, HANDFAST_V6, PREFIX_LEN_V4, PREFIX_LEN_V6, WEB_NAME, WEB_V4, WEB_V6,
};
use handfast_packet::buf::{Capabilities, Medium, PAYLOAD_MAX};
use handfast_sim::{Stalled, World, link};

use super::pages;
use crate::failure::{Failure, code};
use crate::fetch::Client;
use crate::live::{Live, OnInterrupt};
use crate::plan::{Plan, Report};
use crate::target::HostName;
use crate::told::{self, Told};
use crate::watch::{Subject, Watch};

/// The link when --impair does not say otherwise: round trips take 10 ms of virtual time.
const LINK: &str = "delay=5ms";
/// Virtual time after which a fetch without --max-time counts as stuck.
const WORLD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Virtual time that closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(120);

const CLIENT: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const SERVER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const PORT: u16 = 80;

/// Carries the plan out in memory.
pub(super) fn run(plan: &Rc<Plan>) -> Report {
    let mut report = Report::new(plan);
    match remotes(plan) {
        Ok(remotes) => fetch_all(plan, remotes, report),
        Err(failure) => {
            report.failure = Some(failure);
            report
        }
    }
}

fn fetch_all(plan: &Rc<Plan>, remotes: Vec<SocketAddr>, mut report: Report) -> Report {
    let mut world = World::new();
    let (near, far) = link(capabilities(), [CLIENT, SERVER]);
    let (device, told) = match watched(plan, near, &mut report) {
        Ok(watched) => watched,
        Err(failure) => {
            report.failure = Some(failure);
            return report;
        }
    };
    let config = |seed, journal| Config {
        seed,
        journal,
        claim: ClaimTimings::fast(),
        ..Config::default()
    };
    let client = world.add(device, config(plan.seed, told.journal()));
    let server = world.add(far, config((!plan.seed).max(1), 0));
    let sleeper = world.sleeper();
    let sleep = move |time: Duration| sleeper(time).boxed_local();
    let observed = told::observe(&client, told.observers);
    if let Err(error) = observed.and_then(|()| serve(&world, &server, sleep.clone())) {
        report.failure = Some(Failure::new(
            code::FAILED,
            format!("the memory lab: {error}"),
        ));
        return report;
    }
    let live = match plan.live(std::slice::from_ref(&client), OnInterrupt::End) {
        Ok(live) => live,
        Err(failure) => {
            report.failure = Some(failure);
            return report;
        }
    };
    // What the report holds so far survives a world that does not reach its end.
    let mut stalled = Report::new(plan);
    stalled.watch = report.watch.clone();
    let plan = Rc::clone(plan);
    let client = Client {
        host: client,
        sleep: Box::new(sleep),
    };
    let outcome = run_world(&mut world, live.as_ref(), async move {
        let since = client.host.now();
        match settle(&client.host, remotes[0].is_ipv6()).await {
            Ok(address) => {
                report.address = Some(address);
                report.next_hop = remotes.first().map(SocketAddr::ip);
                for mut part in plan.parts() {
                    plan.fetch_all(&client, &remotes, since, &mut part).await;
                    report.add(part);
                }
                client.idle(CLOSE_MAX).await;
            }
            Err(error) => {
                let message = format!("cannot claim an address in memory: {error}");
                report.failure = Some(Failure::new(code::CONNECT, message));
            }
        }
        report.add_shard(&client.host);
        report
    });
    drop(live);
    outcome.unwrap_or_else(|error| {
        let message = format!("the memory lab came to no end: {error}; --max-time sets a limit");
        stalled.failure = Some(Failure::new(code::TIMEOUT, message));
        stalled
    })
}

/// Lets the world run until the work is done. Where somebody looks, its time passes as ours does:
/// all would be over at once.
fn run_world(
    world: &mut World,
    live: Option<&Live>,
    work: impl Future<Output = Report> + 'static,
) -> Result<Report, Stalled> {
    let Some(live) = live else {
        return world.run_until(WORLD_MAX, work);
    };
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    world.spawn(async move {
        *slot.borrow_mut() = Some(work.await);
    });
    let clock = Clock::system();
    let began = clock.now();
    world.run_until_that(WORLD_MAX, |now| {
        let then = began + now.duration_since(Instant::ZERO);
        live.pace(then.duration_since(clock.now()));
        result.borrow_mut().take()
    })
}

/// Whom the URL means: the memory lab has the lab's names and addresses.
fn remotes(plan: &Plan) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = match &plan.target.host {
        HostName::Address(address) => vec![*address],
        HostName::Name(name) if name.eq_ignore_ascii_case(WEB_NAME) => {
            vec![WEB_V4.into(), WEB_V6.into()]
        }
        HostName::Name(name) => {
            let message = format!("the memory lab does not know {name}: it knows {WEB_NAME} only");
            return Err(Failure::new(code::RESOLVE, message));
        }
    };
    let first = plan
        .family(addresses)
        .first()
        .copied()
        .ok_or_else(|| plan.no_family())?;
    Ok(vec![SocketAddr::new(first, plan.target.port)])
}

fn capabilities() -> Capabilities {
    let max_gso = u32::try_from(PAYLOAD_MAX).expect("a super-segment is below 64 KiB");
    Capabilities {
        medium: Medium::Ethernet,
        mtu: 1_500,
        max_gso,
        tx_checksum: true,
    }
}

/// The client's end of the link, with its delays and its watchers.
fn watched(
    plan: &Plan,
    device: MemoryDevice,
    report: &mut Report,
) -> Result<(Box<dyn Device>, Told), Failure> {
    let name = |address: IpAddr, name: &str| (address, name.to_owned());
    let subject = Subject {
        interface: "memory".to_owned(),
        hardware: CLIENT,
        names: vec![
            name(HANDFAST_V4.into(), "handfast"),
            name(HANDFAST_V6.into(), "handfast"),
            name(WEB_V4.into(), WEB_NAME),
            name(WEB_V6.into(), WEB_NAME),
        ],
        clock_offset: 0,
    };
    let (watch, mut told) = Watch::new(&plan.args.output, &subject, &plan.title())?;
    report.watch = watch;
    let spec: ImpairSpec = match &plan.args.network.impair {
        Some(spec) => spec.clone(),
        None => LINK.parse().expect("the default link is well-formed"),
    };
    let mut device = Impair::new(device, spec, plan.seed);
    if let Some(recorder) = &told.recorder {
        device.tell_losses(Box::new(recorder.clone()));
    }
    let device: Box<dyn Device> = match told.recorder.take() {
        Some(recorder) => Box::new(Record::new(device, Box::new(recorder))),
        None => Box::new(device),
    };
    Ok((device, told))
}

/// Gives the server its addresses and starts its tasks.
fn serve(
    world: &World,
    host: &Host,
    sleep: impl Fn(Duration) -> futures::future::LocalBoxFuture<'static, ()> + 'static,
) -> std::io::Result<()> {
    let sleep: pages::Sleep = Rc::new(sleep);
    for (address, prefix_len) in [
        (IpAddr::V4(WEB_V4), PREFIX_LEN_V4),
        (IpAddr::V6(WEB_V6), PREFIX_LEN_V6),
    ] {
        host.add_address(cidr(address, prefix_len))?;
        host.add_route(everything(address), None)?;
        let listener = host.listen(SocketAddr::new(address, PORT), Listen::default())?;
        world.spawn(pages::serve(listener, Rc::clone(&sleep)));
    }
    Ok(())
}

/// Claims the client's address. Everybody is on the link.
async fn settle(host: &Host, is_ipv6: bool) -> std::io::Result<IpAddr> {
    let (address, prefix_len): (IpAddr, u8) = if is_ipv6 {
        (HANDFAST_V6.into(), PREFIX_LEN_V6)
    } else {
        (HANDFAST_V4.into(), PREFIX_LEN_V4)
    };
    host.start_claim(cidr(address, prefix_len))?;
    poll_fn(|cx| host.poll_claim(cx, address)).await?;
    host.add_route(everything(address), None)?;
    Ok(address)
}

fn cidr(address: IpAddr, prefix_len: u8) -> Cidr {
    Cidr::new(address, prefix_len).expect("the lab's prefixes are in range")
}

/// All addresses of the family of `address`.
fn everything(address: IpAddr) -> Cidr {
    let zero = match address {
        IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
        IpAddr::V6(_) => IpAddr::from([0_u8; 16]),
    };
    cidr(zero, 0)
}
