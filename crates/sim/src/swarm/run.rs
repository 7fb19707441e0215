//! One world from its plan: made, let loose, judged.

use std::fmt;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::Initial;
use handfast::{Capabilities, Cidr, Config, EthernetAddress, Host, Instant};
use handfast_device::{Device, Record};
use handfast_packet::record::Recorder;
use handfast_packet::tcp::SeqNumber;
use handfast_trace::Tee;

use super::bound;
use super::edge::{Edge, Tally};
use super::excuse;
use super::flow::{self, Shared};
use super::pardon;
use super::plan::{Family, HostPlan, Plan};
use super::statistics::Statistics;
use crate::referee::Referee;
use crate::{Stalled, World, link, switch};

/// What became of a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A hash over all frames.
    pub digest: u64,
    /// Figures.
    pub statistics: Statistics,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// What went wrong in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of which kind it is.
    pub kind: FailureKind,
    /// What happened, for people.
    pub text: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// A referee saw a rule broken: the one of this name.
    Violation(&'static str),
    /// A side failed in a way that its plan does not excuse.
    Unexcused(ErrorKind),
    /// Not everything ended in time.
    Stall,
    /// Not every connection was released in time after its application was done.
    Leak,
    /// Endless work without time passing.
    Circles,
    /// Something panicked.
    Panic,
    /// The same plan gave other frames the second time.
    Digest,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// Runs the world of `plan`.
///
/// # Panics
/// As the code under test does; and when the plan is none that [`Plan::check`] accepts.
pub fn run(plan: &Plan) -> Outcome {
    run_watched(plan, |_| None)
}

/// [`run`], with recorders for some of the hosts, by their numbers, beside the referees.
///
/// # Panics
/// As [`run`] does.
pub fn run_watched(plan: &Plan, watch: impl Fn(usize) -> Option<Box<dyn Recorder>>) -> Outcome {
    run_between(plan, watch, |_, port| port)
}

/// [`run_watched`], with something between the links of hosts and their wire: for proofs that the
/// referees see what they should.
///
/// # Panics
/// As [`run`] does.
pub fn run_between(
    plan: &Plan,
    watch: impl Fn(usize) -> Option<Box<dyn Recorder>>,
    between: impl Fn(usize, Box<dyn Device>) -> Box<dyn Device>,
) -> Outcome {
    let plan = Rc::new(plan.clone());
    let referee = Referee::pardoning(pardon::pardon(&plan));
    let tally = Tally::default();
    let mut world = World::new();
    world.set_step(plan.world.step);
    let wire = |host| match watch(host) {
        Some(recorder) => Box::new(Tee::new(vec![referee.wire(host), recorder])),
        None => referee.wire(host),
    };
    let ports = ports(&plan).into_iter().enumerate();
    let ports = ports.map(|(host, port)| between(host, port));
    let edges = plan.hosts.iter().zip(ports).enumerate();
    let edges =
        edges.map(|(index, (host, port))| Edge::new(port, host, link_seed(&plan, index), &tally));
    let hosts = hosts(&plan, &mut world, wire, edges);
    let shared = Rc::new(Shared::new(Rc::clone(&plan), referee.clone()));
    flow::start(&world, &hosts, &shared);
    let failure = phases(&plan, &mut world, &hosts, &shared);
    let mut statistics = shared.statistics.take();
    statistics.lenient = u64::from(referee.pardoned() > 0);
    statistics.unforgiving = u64::from(!excuse::is_lenient(&plan));
    statistics.runs = 1;
    statistics.time = world.now().duration_since(Instant::ZERO);
    statistics.frames = referee.frames();
    statistics.tightest.1 = plan.world.seed;
    for feature in plan.features() {
        statistics.features.insert(feature, 1);
    }
    drop((world, hosts));
    for links in tally.borrow().iter() {
        statistics.add_links(links);
    }
    Outcome {
        digest: referee.digest(),
        statistics,
        failure,
    }
}

/// Safety and liveness, then the end; the first failure.
fn phases(plan: &Plan, world: &mut World, hosts: &[Host], shared: &Shared) -> Option<Failure> {
    let referee = &shared.referee;
    let look = |now: Instant| {
        for (index, host) in hosts.iter().enumerate() {
            referee.inspect(index, host, now);
        }
        referee.is_broken() || shared.failure.borrow().is_some()
    };
    let allowed = bound::bound(plan);
    let limit = plan.world.faults + allowed;
    let done = |now| (look(now) || shared.is_done()).then_some(());
    let mut ended = world.run_until_that(limit, done);
    let used = world
        .now()
        .duration_since(Instant::ZERO + plan.world.faults);
    if ended.is_ok() {
        shared.statistics.borrow_mut().tightest.0 = thousandths(used, allowed);
    }
    for _ in 0..shared.conversations() {
        if ended.is_ok() || !shared.is_forsaken(hosts) {
            break;
        }
        shared.forsake();
        ended = world.run_until_that(allowed, done);
    }
    let failure = judge(world, shared, ended, FailureKind::Stall);
    if failure.is_some() {
        return failure;
    }
    shared.stop();
    let none_left = |host: &Host| host.tcp_count() == 0;
    let ended = world.run_until_that(bound::closing(plan), |now| {
        (look(now) || hosts.iter().all(none_left)).then_some(())
    });
    let failure = judge(world, shared, ended, FailureKind::Leak);
    if failure.is_some() {
        return failure;
    }
    // What is under way arrives, and what waits for a neighbour is given up (three times a second).
    let quiet = 2 * bound::round_trip(plan) + Duration::from_secs(5);
    let _ = world.run_until_that(quiet, |now| look(now).then_some(()));
    for (index, host) in hosts.iter().enumerate() {
        referee.inspect_idle(index, host, world.now());
    }
    judge(world, shared, Ok(()), FailureKind::Leak)
}

fn thousandths(part: Duration, whole: Duration) -> u64 {
    let share = part.as_micros() * 1_000 / whole.as_micros().max(1);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// What a phase that ended so has failed in; standing still is failing in `late`.
fn judge(
    world: &World,
    shared: &Shared,
    ended: Result<(), Stalled>,
    late: FailureKind,
) -> Option<Failure> {
    if let Some(violation) = shared.referee.violation() {
        return Some(Failure {
            kind: FailureKind::Violation(violation.rule),
            text: violation.to_string(),
        });
    }
    if let Some(failure) = shared.failure.borrow_mut().take() {
        return Some(failure);
    }
    let stalled = ended.err()?;
    let kind = match stalled {
        Stalled::Circles { .. } => FailureKind::Circles,
        _ => late,
    };
    let text = format!("{stalled}; {world:?}: {}", shared.unfinished());
    Some(Failure { kind, text })
}

/// The hosts of a plan with their addresses.
fn hosts(
    plan: &Plan,
    world: &mut World,
    wire: impl Fn(usize) -> Box<dyn Recorder>,
    edges: impl Iterator<Item = Edge>,
) -> Vec<Host> {
    let hosts = plan.hosts.iter().zip(edges).enumerate();
    hosts
        .map(|(index, (host, edge))| {
            let seed = link_seed(plan, index);
            let device = Record::new(edge, wire(index));
            let made = world.add(device, config(host, seed));
            let prefix = match plan.world.family {
                Family::V4 => 24,
                Family::V6 => 64,
            };
            let cidr = Cidr::new(address(plan.world.family, index), prefix);
            made.add_address(cidr.expect("a good prefix"))
                .expect("the first address of a host");
            made
        })
        .collect()
}

/// What a host and its link draw from.
fn link_seed(plan: &Plan, index: usize) -> u64 {
    plan.world.seed.wrapping_mul(16).wrapping_add(index as u64)
}

impl Plan {
    /// The address of the host with this number.
    ///
    /// # Panics
    /// For a number that no host of a plan can have.
    pub fn address(&self, host: usize) -> IpAddr {
        address(self.world.family, host)
    }
}

/// The address of a host.
pub(super) fn address(family: Family, index: usize) -> IpAddr {
    let last = u8::try_from(index + 1).expect("few hosts");
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, last).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into(),
    }
}

/// One end of the wire for each host.
fn ports(plan: &Plan) -> Vec<Box<dyn Device>> {
    let capabilities = Capabilities {
        medium: plan.world.medium,
        mtu: plan
            .hosts
            .iter()
            .map(|host| host.mtu)
            .max()
            .unwrap_or(1_500),
        max_gso: 65_535,
        tx_checksum: true,
    };
    let address = |index| EthernetAddress([2, 0, 0, 0, 0, index]);
    if plan.hosts.len() == 2 {
        let (a, b) = link(capabilities, [1, 2].map(address));
        return vec![Box::new(a), Box::new(b)];
    }
    let last = u8::try_from(plan.hosts.len()).expect("few hosts");
    let addresses: Vec<EthernetAddress> = (1..=last).map(address).collect();
    let ports = switch(capabilities, &addresses).into_iter();
    ports
        .map(|port| Box::new(port) as Box<dyn Device>)
        .collect()
}

fn config(host: &HostPlan, seed: u64) -> Config {
    let known = Initial {
        seq: SeqNumber(host.isn.unwrap_or(7)),
        timestamp_offset: host.timestamp.unwrap_or(7),
    };
    let last = u16::MAX;
    Config {
        seed,
        tcp: host.tcp,
        ephemeral_ports: last - (host.ports - 1)..=last,
        time_wait_max: host.time_wait_max,
        share_metrics: host.share_metrics,
        known_initial: (host.isn.is_some() || host.timestamp.is_some()).then_some(known),
        ..Config::default()
    }
}
