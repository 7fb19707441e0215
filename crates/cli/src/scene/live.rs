//! A fetch over a device in real time, on tokio: claim an address, fetch, close, let go.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures::future::{Either, select};
use handfast::tokio::Net;
use handfast::{AddressEvent, Cidr, Clock, Host};
use handfast_device::Device;
use handfast_lab::{Lab, LabOptions};
use tokio::runtime::Runtime;

use super::setting::Setting;
use super::shards::{self, Crew, Errand};
use super::{lab, nanos_since_1970, real};
use crate::args::SceneKind;
use crate::failure::{Failure, code};
use crate::live::OnInterrupt;
use crate::plan::{Plan, Report};
use crate::watch::{Subject, Watch};

/// How long connections may take to close after Ctrl-C.
const INTERRUPTED_MAX: Duration = Duration::from_secs(1);
/// How long the lab's server may take to notice the end of a connection.
const SERVER_MAX: Duration = Duration::from_secs(1);
/// How long the first shard may take to tell of the loss of an address after another knows of it.
const LOST_MAX: Duration = Duration::from_secs(1);
/// How long connections may take to close in the end.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Carries the plan out in the lab or on the real network.
pub(super) fn run(plan: &Plan) -> Report {
    let mut report = Report::new(plan);
    if let Err(failure) = fetch_all(plan, &mut report) {
        // What fails when all is over already is its consequence.
        report.failure = Some(failure);
    }
    report
}

fn fetch_all(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    // Dropped last: the lab outlives the runtime and the device.
    let lab = match plan.scene {
        SceneKind::Lab => {
            let started = Lab::start(LabOptions::default());
            Some(started.map_err(|error| Failure::new(code::FAILED, error.to_string()))?)
        }
        SceneKind::Real | SceneKind::Memory => None,
    };
    let runtime = shards::runtime()?;
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let settling = async {
        match &lab {
            Some(lab) => lab::setting(plan, lab),
            None => real::setting(plan).await,
        }
    };
    let setting = runtime.block_on(async {
        match select(pin!(settling), interrupted.as_mut()).await {
            Either::Left((setting, _)) => setting,
            Either::Right(_) => Err(interruption()),
        }
    });
    let outcome =
        setting.and_then(|setting| on_network(plan, setting, report, &runtime, interrupted));
    if let Some(lab) = &lab {
        // Its reports come from the kernel when a connection ends there.
        lab.server()
            .wait_for_end(report.complete.into(), SERVER_MAX);
        report.server = Some(lab.server().totals());
    }
    outcome
}

/// Has everything fetched on threads of the shards, while this one looks after them.
fn on_network(
    plan: &Plan,
    mut setting: Setting,
    report: &mut Report,
    runtime: &Runtime,
    interrupted: impl Future + Unpin,
) -> Result<(), Failure> {
    refuse_kernels(&setting)?;
    let subject = Subject {
        interface: setting.interface.clone(),
        hardware: setting.queues[0].hardware_address(),
        names: setting.names.clone(),
        clock_offset: wall_clock_offset(),
    };
    let (watch, told) = Watch::new(&plan.args.output, &subject, &plan.title())?;
    report.watch = watch;
    let shards = shards::start(plan, &mut setting, told)?;
    let hosts: Vec<_> = shards
        .iter()
        .map(|shard| shard.net().host().clone())
        .collect();
    serve_control(plan, &hosts, runtime);
    let live = plan.live(&hosts, OnInterrupt::Leave)?;
    drop(hosts);
    let place = Place {
        net: shards[0].net().clone(),
        setting: &setting,
    };
    let errand = Errand {
        plan,
        remotes: &setting.remotes,
        since: place.net.host().now(),
    };
    thread::scope(|scope| {
        let mut crew = Crew::muster(scope, shards, errand)?;
        let outcome = runtime.block_on(async {
            let work = pin!(work(plan, &place, &mut crew, report));
            match select(work, interrupted).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => Err(interruption()),
            }
        });
        let is_interrupted = outcome.as_ref().is_err_and(|f| f.code == code::INTERRUPTED);
        let limit = if is_interrupted {
            INTERRUPTED_MAX
        } else {
            CLOSE_MAX
        };
        runtime.block_on(crew.close(limit, report));
        for cidr in &setting.candidates {
            place.net.host().release(cidr.address);
        }
        drop(live);
        outcome
    })
}

/// Claims an address and has everything fetched.
async fn work(
    plan: &Plan,
    place: &Place<'_>,
    crew: &mut Crew,
    report: &mut Report,
) -> Result<(), Failure> {
    let setting = place.setting;
    let own = place.settle(plan).await?;
    report.address = Some(own.address);
    let remote = setting.remotes.first().map(SocketAddr::ip);
    report.next_hop = remote.map(|remote| match setting.gateway {
        Some(gateway) if !own.contains(remote) => gateway,
        _ => remote,
    });
    // The loss of the address is asked for first: fetches that fail are its consequence.
    if let Either::Left((failure, _)) = select(pin!(place.lost()), pin!(crew.fetch(report))).await {
        return Err(failure);
    }
    if report.failure.is_none() || crew.has_address(own.address) {
        return Ok(());
    }
    // Another shard knows of the loss already, and the first is about to tell of it.
    let told = tokio::time::timeout(LOST_MAX, place.lost()).await;
    told.map_or(Ok(()), Err)
}

/// Lets `handfast ss` see the fetches, which do not depend on it.
fn serve_control(plan: &Plan, hosts: &[Host], runtime: &Runtime) {
    let Some(folder) = &plan.control else {
        return;
    };
    let _context = runtime.enter();
    match handfast::control::serve_in(folder, hosts) {
        Ok(serving) => {
            tokio::spawn(serving);
        }
        Err(error) if plan.args.output.verbose => eprintln!("* no control socket: {error}"),
        Err(_) => {}
    }
}

/// An address of this machine's own cannot be claimed: its kernel does not hear what a packet
/// socket sends, so it would not object, but it would reset our connections.
fn refuse_kernels(setting: &Setting) -> Result<(), Failure> {
    let is_kernels = |cidr: &&Cidr| setting.kernels.contains(&cidr.address);
    let Some(cidr) = setting.candidates.iter().find(is_kernels) else {
        return Ok(());
    };
    let message = format!(
        "{} is in use by this machine's own kernel, which would reset our connections (see the \
         lesson kernel-reset); name another address with --ip",
        cidr.address
    );
    Err(Failure::new(code::CONNECT, message))
}

/// Where we are on the network.
struct Place<'a> {
    /// Of the first shard, which claims for all.
    net: Net,
    setting: &'a Setting,
}

impl Place<'_> {
    /// Claims the first free address and sets the routes.
    async fn settle(&self, plan: &Plan) -> Result<Cidr, Failure> {
        let Setting {
            candidates,
            interface,
            says_claim,
            ..
        } = self.setting;
        let mut last = Failure::new(code::CONNECT, "there is no address to claim");
        for &cidr in candidates {
            let output = &plan.args.output;
            if (*says_claim && !output.silent && !output.live) || output.verbose {
                eprintln!("* claiming {cidr} on {interface} (RFC 5227)");
            }
            match self.net.claim(cidr).await {
                Ok(()) => {
                    self.add_default_route(cidr.address)?;
                    return Ok(cidr);
                }
                Err(error) => {
                    let advice = "name another one with --ip, or --ip auto";
                    let message = format!("cannot claim {cidr}: {error} ({advice})");
                    last = Failure::new(code::CONNECT, message);
                }
            }
        }
        if candidates.len() > 1 {
            last.message = format!(
                "no free address on {interface}: {} were tried; {}",
                candidates.len(),
                last.message
            );
        }
        Err(last)
    }

    fn add_default_route(&self, own: IpAddr) -> Result<(), Failure> {
        let Some(gateway) = self.setting.gateway else {
            return Ok(());
        };
        let everything = match own {
            IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
            IpAddr::V6(_) => IpAddr::from([0_u8; 16]),
        };
        let everything = Cidr::new(everything, 0).expect("zero is a prefix length");
        self.net
            .host()
            .add_route(everything, Some(gateway))
            .map_err(|error| {
                Failure::new(
                    code::CONNECT,
                    format!("no route through {gateway}: {error}"),
                )
            })
    }

    /// Waits until somebody takes our address away.
    async fn lost(&self) -> Failure {
        loop {
            match poll_fn(|cx| self.net.host().poll_address_event(cx)).await {
                AddressEvent::Lost { address, by } => {
                    let message = format!(
                        "lost the address {address}: {by} insists on it, so we gave way \
                         (RFC 5227 2.4); choose another one with --ip"
                    );
                    return Failure::new(code::RECEIVE, message);
                }
                AddressEvent::Claimed(_)
                | AddressEvent::Taken { .. }
                | AddressEvent::Defended { .. } => {}
            }
        }
    }
}

fn interruption() -> Failure {
    Failure::new(
        code::INTERRUPTED,
        "interrupted; the claimed address is released",
    )
}

/// What the monotonic clock shows plus this is nanoseconds since 1970.
fn wall_clock_offset() -> u64 {
    nanos_since_1970().saturating_sub(Clock::system().now().as_nanos())
}
