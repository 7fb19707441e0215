//! What the command line asks for, and what came of it.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt, stream};
use handfast::{Counters, Host, Instant, Steering, StrayCounters};
use handfast_lab::WEB_NAME;

use crate::args::{GetArgs, OutputArgs, SceneKind};
use crate::events::is_stdout;
use crate::failure::{Failure, code};
use crate::fetch::{Client, Fetched, Job, Limits};
use crate::live::{Live, OnInterrupt, Subject};
use crate::output::{Destination, Sink};
use crate::request::Template;
use crate::target::Target;
use crate::watch::Watch;

/// The seed of scenes that nobody else can reach; there every run shall be like the last.
const LAB_SEED: u64 = 1;

/// The command line, understood.
pub(crate) struct Plan {
    pub(crate) args: GetArgs,
    pub(crate) scene: SceneKind,
    pub(crate) target: Target,
    pub(crate) template: Template,
    pub(crate) destination: Destination,
    /// Whether standard output is free for the summary.
    pub(crate) leaves_stdout: bool,
    pub(crate) seed: u64,
    /// Where to serve a control socket; `None` for none.
    pub(crate) control: Option<PathBuf>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    /// The address that we claimed.
    pub(crate) address: Option<IpAddr>,
    /// The neighbour to whom our packets go first.
    pub(crate) next_hop: Option<IpAddr>,
    /// Fetches that were asked for, and those that are complete.
    pub(crate) wanted: u32,
    pub(crate) complete: u32,
    /// Bytes of all bodies together.
    pub(crate) bytes: u64,
    pub(crate) uploaded: u64,
    /// The last one that is complete.
    pub(crate) last: Option<Fetched>,
    /// From the first connection to the last byte.
    pub(crate) elapsed: Duration,
    /// Connections that exist although everything is over.
    pub(crate) connections_left: usize,
    pub(crate) time_waits: usize,
    /// What each shard counted.
    pub(crate) shards: Vec<(Counters, StrayCounters)>,
    /// What the lab's server and its kernel counted.
    pub(crate) server: Option<handfast_lab::server::Totals>,
    pub(crate) failure: Option<Failure>,
    pub(crate) watch: Watch,
}

/// What one shard is to fetch, and what came of it.
#[derive(Default)]
pub(crate) struct Part {
    wanted: u32,
    /// So many of them at the same time.
    parallel: u32,
    complete: u32,
    bytes: u64,
    uploaded: u64,
    last: Option<Fetched>,
    elapsed: Duration,
    failure: Option<Failure>,
}

impl Plan {
    /// Understands the command line.
    pub(crate) fn new(args: GetArgs, folder: PathBuf) -> Result<Self, Failure> {
        let (scene, url) = args.scene_and_url().map_err(Failure::usage)?;
        let default = format!("http://{WEB_NAME}/");
        let target = Target::parse(url.unwrap_or(&default))?;
        let template = Template::new(&target, &args.request)?;
        let destination = Destination::new(&args, &target)?;
        let leaves_stdout = stdout_is_left(&args.output, destination.leaves_stdout())?;
        if scene != SceneKind::Real && args.network.dev.is_some() {
            return Err(Failure::usage(
                "--dev is for the real network; the lab has its own",
            ));
        }
        check_shards(&args, scene)?;
        let seed = match (args.network.seed, scene) {
            (Some(seed), _) => seed,
            (None, SceneKind::Lab | SceneKind::Memory) => LAB_SEED,
            (None, SceneKind::Real) => handfast::random_seed()
                .map_err(|error| Failure::new(code::FAILED, error.to_string()))?,
        };
        // Virtual time is over before anybody could ask.
        let is_served = scene != SceneKind::Memory && !args.output.no_control;
        Ok(Self {
            control: is_served.then_some(folder),
            args,
            scene,
            target,
            template,
            destination,
            leaves_stdout,
            seed,
        })
    }

    /// What is done, in a line.
    pub(crate) fn title(&self) -> String {
        format!("handfast get {}", self.target.url)
    }

    /// Those addresses that -4 and -6 allow.
    pub(crate) fn family(&self, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let network = &self.args.network;
        let is_wanted = |address: &IpAddr| match address {
            IpAddr::V4(_) => !network.ipv6,
            IpAddr::V6(_) => !network.ipv4,
        };
        addresses.into_iter().filter(is_wanted).collect()
    }

    /// [`Self::family`] left nothing.
    pub(crate) fn no_family(&self) -> Failure {
        let message = format!(
            "{} has no address of the family that -4 or -6 asks for; leave the option out",
            self.target.authority
        );
        Failure::new(code::RESOLVE, message)
    }

    /// The view of the command's own connections, where it is wanted.
    pub(crate) fn live(
        &self,
        hosts: &[Host],
        on_interrupt: OnInterrupt,
    ) -> Result<Option<Live>, Failure> {
        if !self.args.output.live {
            return Ok(None);
        }
        let authority = &self.target.authority;
        let subject = Subject {
            hosts,
            title: format!("handfast get {authority}"),
            on_interrupt,
        };
        Live::start(subject).map(Some)
    }

    /// How connections are shared out among the shards.
    pub(crate) fn steering(&self) -> Steering {
        Steering::new(self.args.network.shards, self.seed)
    }

    /// The part of each shard, in their order. They are as equal as they can be, and fixed, so that
    /// the same command gives each the same work.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> {
        let (repeat, parallel) = self.args.measure.plan();
        let shards = u32::from(self.args.network.shards);
        let share = move |whole: u32, index| whole / shards + u32::from(index < whole % shards);
        (0..shards).map(move |index| Part {
            wanted: share(repeat, index),
            parallel: share(parallel, index),
            ..Part::default()
        })
    }

    /// Fetches as often as the part says; ends with the first failure.
    pub(crate) async fn fetch_all(
        &self,
        client: &Client,
        remotes: &[SocketAddr],
        since: Instant,
        part: &mut Part,
    ) {
        let request = &self.args.request;
        let (in_all, _) = self.args.measure.plan();
        let job = Job {
            client,
            remotes,
            template: &self.template,
            limits: Limits {
                connect: request.connect_timeout,
                total: request.max_time,
                since,
            },
            fail: request.fail,
            verbose: self.args.output.verbose,
            show_progress: in_all == 1 && !self.args.output.silent && !self.args.output.is_live(),
        };
        let started = client.host.now();
        let job = &job;
        let fetches = stream::iter(0..part.wanted).map(|_| async move {
            let mut sink = Sink::new(&self.destination, self.args.measure.verify);
            job.fetch(&mut sink).await
        });
        let parallel = usize::try_from(part.parallel).expect("a small number");
        let mut fetches = std::pin::pin!(fetches.buffer_unordered(parallel));
        while let Some(outcome) = fetches.next().await {
            match outcome {
                Ok(fetched) => {
                    part.complete += 1;
                    part.bytes += fetched.len;
                    part.uploaded += fetched.uploaded;
                    part.last = Some(fetched);
                }
                Err(failure) => {
                    part.failure = Some(failure);
                    break;
                }
            }
        }
        part.elapsed = client.host.now().duration_since(started);
    }
}

/// Whether standard output is still free when events have what they want of it; `is_free` without
/// them.
fn stdout_is_left(output: &OutputArgs, is_free: bool) -> Result<bool, Failure> {
    let files = [(&output.events, "--events"), (&output.qlog, "--qlog")];
    let wants = |path: &Option<_>| path.as_deref().is_some_and(is_stdout);
    let mut wanting = files.into_iter().filter(|(path, _)| wants(path));
    match (wanting.next(), wanting.next()) {
        (None, _) => Ok(is_free),
        (Some((_, option)), None) if !is_free => Err(Failure::usage(format!(
            "{option} -: the body goes to standard output already; send it to a file with -o FILE"
        ))),
        (Some((_, option)), None) if output.live && io::stdout().is_terminal() => {
            Err(Failure::usage(format!(
                "{option} -: --live draws on the terminal to which it would be written; send it to a \
                 file or a pipe"
            )))
        }
        (Some(_), None) => Ok(false),
        (Some(_), Some(_)) => Err(Failure::usage(
            "--events - and --qlog -: standard output takes one of them; write the other to a file",
        )),
    }
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (wanted, _) = plan.args.measure.plan();
        Self {
            wanted,
            seed: plan.seed,
            ..Self::default()
        }
    }

    /// Adds what one shard has fetched. The first failure is the one that is told.
    pub(crate) fn add(&mut self, part: Part) {
        self.complete += part.complete;
        self.bytes += part.bytes;
        self.uploaded += part.uploaded;
        self.last = part.last.or(self.last.take());
        // All began together.
        self.elapsed = self.elapsed.max(part.elapsed);
        self.failure = self.failure.take().or(part.failure);
    }

    /// Takes down what is left on a shard at the end, and what it has counted.
    pub(crate) fn add_shard(&mut self, host: &Host) {
        self.connections_left += host.tcp_count();
        self.time_waits += host.time_wait_count();
        self.shards.push((host.counters(), host.stray_counters()));
    }

    /// Adds to a connection that did not come about what the frames tell about it.
    pub(crate) fn explain(&mut self) {
        let Some(failure) = &mut self.failure else {
            return;
        };
        if !matches!(failure.code, code::CONNECT | code::TIMEOUT) {
            return;
        }
        if let Some(router) = self.watch.unreachable_by() {
            failure.message.push_str(&format!(
                "; {router} reported by ICMP that it cannot be reached: see that host's routes and \
                 whether the destination is up"
            ));
        } else if let Some(next_hop) = self.next_hop.filter(|_| self.watch.is_unresolved()) {
            failure.message.push_str(&format!(
                "; {next_hop}, the next hop, does not answer ARP or neighbour discovery: is it up, \
                 and on this link?"
            ));
        }
    }
}

fn check_shards(args: &GetArgs, scene: SceneKind) -> Result<(), Failure> {
    let shards = args.network.shards;
    let (_, parallel) = args.measure.plan();
    if shards > 1 && scene == SceneKind::Memory {
        return Err(Failure::usage(
            "--shards: each shard has a thread, and the virtual time of the memory lab goes on in one \
             only; take --lab, or leave --shards out",
        ));
    }
    if shards > 1 && args.output.wants_facts() {
        return Err(Failure::usage(
            "--shards: each shard writes down for itself what its connections do, and --events, --qlog, \
             --report and --explain are about one stack; leave one or the other out",
        ));
    }
    if u32::from(shards) > parallel {
        return Err(Failure::usage(format!(
            "--shards {shards}: some would be idle, as only {parallel} is fetched at the same time; \
             --parallel, and --repeat where it is given, are to be {shards} or more"
        )));
    }
    Ok(())
}
