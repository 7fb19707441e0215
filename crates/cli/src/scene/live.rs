//! A fetch over a device in real time, on tokio: claim an address, fetch, close, let go.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use handfast::tokio::Net;
use handfast::{AddressEvent, Cidr, ClaimTimings, Clock, Config};
use handfast_device::{Device, Impair, Record};
use handfast_lab::{Lab, LabOptions};

use super::setting::Setting;
use super::{lab, real};
use crate::args::SceneKind;
use crate::failure::{Failure, code};
use crate::fetch::Client;
use crate::plan::{Plan, Report};
use crate::watch::{Subject, Told, Watch};

/// How long connections may take to close after Ctrl-C.
const INTERRUPTED_MAX: Duration = Duration::from_secs(1);
/// How long the lab's server may take to notice the end of a connection.
const SERVER_MAX: Duration = Duration::from_secs(1);
/// How long connections may take to close in the end.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Carries the plan out in the lab or on the real network.
pub(super) fn run(plan: &Plan) -> Report {
    let mut report = Report::new(plan);
    if let Err(failure) = fetch_all(plan, &mut report) {
        report.failure.get_or_insert(failure);
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::new(
            code::FAILED,
            format!("the system refuses a runtime: {error}"),
        )
    })?;
    let outcome = runtime.block_on(async {
        let interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        let settling = std::pin::pin!(async {
            match &lab {
                Some(lab) => lab::setting(plan, lab),
                None => real::setting(plan).await,
            }
        });
        let setting = match select(settling, interrupted).await {
            Either::Left((setting, _)) => setting?,
            Either::Right(_) => return Err(interruption()),
        };
        on_network(plan, setting, report).await
    });
    if let Some(lab) = &lab {
        // Its reports come from the kernel when a connection ends there.
        lab.server()
            .wait_for_end(report.complete.into(), SERVER_MAX);
        report.server = Some(lab.server().totals());
    }
    outcome
}

async fn on_network(plan: &Plan, setting: Setting, report: &mut Report) -> Result<(), Failure> {
    refuse_kernels(&setting)?;
    let subject = Subject {
        interface: setting.interface.clone(),
        hardware: setting.device.hardware_address(),
        names: setting.names.clone(),
        clock_offset: wall_clock_offset(),
    };
    let (watch, told) = Watch::new(&plan.args.output, &subject)?;
    report.watch = watch;
    let net = start(plan, setting.device, told, (setting.claim, setting.tcp))?;
    let place = Place {
        net: net.clone(),
        interface: &setting.interface,
        gateway: setting.gateway,
        says_claim: setting.says_claim,
    };
    let client = Client {
        host: net.host().clone(),
        sleep: Box::new(|time| tokio::time::sleep(time).boxed_local()),
    };
    let started = client.host.now();
    let work = async {
        let own = place.settle(plan, &setting.candidates).await?;
        report.address = Some(own.address);
        let remote = setting.remotes.first().map(SocketAddr::ip);
        report.next_hop = remote.map(|remote| match setting.gateway {
            Some(gateway) if !own.contains(remote) => gateway,
            _ => remote,
        });
        let fetching = std::pin::pin!(plan.fetch_all(&client, &setting.remotes, started, report));
        match select(fetching, std::pin::pin!(place.lost())).await {
            Either::Left(((), _)) => Ok(()),
            Either::Right((failure, _)) => Err(failure),
        }
    };
    let outcome = {
        let interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        match select(std::pin::pin!(work), interrupted).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(interruption()),
        }
    };
    let is_interrupted = outcome.as_ref().is_err_and(|f| f.code == code::INTERRUPTED);
    report.connections_left = client
        .idle(if is_interrupted {
            INTERRUPTED_MAX
        } else {
            CLOSE_MAX
        })
        .await;
    report.time_waits = client.host.time_wait_count();
    let _ = client.within(Some(INTERRUPTED_MAX), net.shutdown()).await;
    for cidr in &setting.candidates {
        net.host().release(cidr.address);
    }
    outcome
}

/// Starts a stack on the device, with what the plan puts between them.
fn start(
    plan: &Plan,
    mut device: Box<dyn Device + Send>,
    told: Told,
    (claim, tcp): (ClaimTimings, handfast::tcp::Config),
) -> Result<Net, Failure> {
    if let Some(spec) = &plan.args.network.impair {
        device = Box::new(Impair::new(device, spec.clone(), plan.seed));
    }
    let journal = told.journal();
    if let Some(recorder) = told.recorder {
        device = Box::new(Record::new(device, recorder));
    }
    let config = Config {
        seed: plan.seed,
        claim,
        tcp,
        journal,
        ..Config::default()
    };
    let start = || {
        let net = Net::start(device, config)?;
        if let Some(observer) = told.observer {
            net.host().observe(observer)?;
        }
        Ok(net)
    };
    start().map_err(|error: io::Error| {
        Failure::new(code::CONNECT, format!("the stack cannot start: {error}"))
    })
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
    net: Net,
    interface: &'a str,
    gateway: Option<IpAddr>,
    says_claim: bool,
}

impl Place<'_> {
    /// Claims the first free address and sets the routes.
    async fn settle(&self, plan: &Plan, candidates: &[Cidr]) -> Result<Cidr, Failure> {
        let mut last = Failure::new(code::CONNECT, "there is no address to claim");
        for &cidr in candidates {
            if (self.says_claim && !plan.args.output.silent) || plan.args.output.verbose {
                eprintln!("* claiming {cidr} on {} (RFC 5227)", self.interface);
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
                "no free address on {}: {} were tried; {}",
                self.interface,
                candidates.len(),
                last.message
            );
        }
        Err(last)
    }

    fn add_default_route(&self, own: IpAddr) -> Result<(), Failure> {
        let Some(gateway) = self.gateway else {
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
    #[expect(
        clippy::disallowed_methods,
        reason = "a capture file tells people when it was made; nothing is decided by it"
    )]
    let wall = std::time::SystemTime::now();
    let since_1970 = wall
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX);
    nanos.saturating_sub(Clock::system().now().as_nanos())
}
