//! The shards of our host: each has a thread, a runtime, a stack and its part of the fetches. One is
//! as many.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::thread::{self, Scope};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{join_all, select};
use handfast::tokio::Net;
use handfast::{Clock, Config, Instant};
use handfast_device::{Device, Impair, Record};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::setting::Setting;
use crate::failure::{Failure, code};
use crate::fetch::Client;
use crate::plan::{Part, Plan, Report};
use crate::told::{self, Told};

/// How long the stacks may take to end when no connection is left to wait for.
const END_MAX: Duration = Duration::from_secs(1);

/// One stack of ours, on a runtime that has not been given its thread yet.
pub(super) struct Shard {
    net: Net,
    runtime: Runtime,
}

/// What all shards are to fetch their parts of.
#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) remotes: &'a [SocketAddr],
    /// When the time began that the user allows.
    pub(super) since: Instant,
}

/// How far the command is.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Claiming,
    Fetching,
    Closing,
}

/// All shards at work, seen from outside. Their threads end when it is dropped.
pub(super) struct Crew {
    clients: Vec<Client>,
    stage: watch::Sender<Stage>,
    parts: mpsc::Receiver<Part>,
}

/// Starts a stack on each queue of the setting, with what the plan puts between them.
pub(super) fn start(plan: &Plan, setting: &mut Setting, told: Told) -> Result<Vec<Shard>, Failure> {
    let sockets = (0..).zip(setting.queues.drain(..));
    let queues = sockets.map(|(index, socket)| {
        let mut queue: Box<dyn Device + Send> = Box::new(socket);
        if let Some(spec) = &plan.args.network.impair {
            let seed = plan.seed.wrapping_add(index);
            let mut impaired = Impair::new(queue, spec.clone(), seed);
            if let Some(recorder) = &told.recorder {
                impaired.tell_losses(Box::new(recorder.clone()));
            }
            queue = Box::new(impaired);
        }
        if let Some(recorder) = &told.recorder {
            queue = Box::new(Record::new(queue, Box::new(recorder.clone())));
        }
        queue
    });
    let config = Config {
        seed: plan.seed,
        claim: setting.claim,
        tcp: setting.tcp,
        journal: told.journal(),
        ..Config::default()
    };
    let shards = handfast::shards(queues.collect(), plan.steering(), config, &Clock::system());
    let shards = shards.map_err(|error| cannot_start(&error))?.into_iter();
    let mut observers = Some(told.observers);
    let started = shards.map(|(host, driver)| {
        // Of one stack, which is the only one where facts are wanted.
        if let Some(observers) = observers.take() {
            told::observe(&host, observers).map_err(|error| cannot_start(&error))?;
        }
        let runtime = runtime()?;
        let context = runtime.enter();
        let net = Net::drive(host, driver).map_err(|error| cannot_start(&error))?;
        drop(context);
        Ok(Shard { net, runtime })
    });
    started.collect()
}

/// A runtime of one thread, which is the one that uses it.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(|error| {
        let message = format!("the system refuses a runtime: {error}");
        Failure::new(code::FAILED, message)
    })
}

impl Shard {
    pub(super) fn net(&self) -> &Net {
        &self.net
    }

    /// Fetches its part when the time for it has come, and drives the stack as long as there is a
    /// crew. It lets go of what is not complete when the others close.
    fn run(
        self,
        errand: Errand<'_>,
        mut part: Part,
        mut stage: watch::Receiver<Stage>,
        parts: mpsc::Sender<Part>,
    ) {
        let Errand {
            plan,
            remotes,
            since,
        } = errand;
        let client = client(&self.net);
        self.runtime.block_on(async {
            reach(&mut stage, Stage::Fetching).await;
            // Asked first: nothing begins where all is closed before the address is ours.
            let closing = reach(&mut stage, Stage::Closing);
            let fetching = plan.fetch_all(&client, remotes, since, &mut part);
            select(pin!(closing), pin!(fetching)).await;
            // There is room for all parts; only a crew that has gone takes none.
            let _ = parts.send(part).await;
            drop(parts);
            while stage.changed().await.is_ok() {}
        });
    }
}

impl Crew {
    /// Gives each shard its thread and its part. They wait for [`Crew::fetch`].
    pub(super) fn muster<'scope>(
        scope: &'scope Scope<'scope, '_>,
        shards: Vec<Shard>,
        errand: Errand<'scope>,
    ) -> Result<Self, Failure> {
        let (stage, stages) = watch::channel(Stage::Claiming);
        let (sender, parts) = mpsc::channel(shards.len());
        let clients = shards.iter().map(|shard| client(&shard.net)).collect();
        for ((index, shard), part) in (0..).zip(shards).zip(errand.plan.parts()) {
            let (stages, sender) = (stages.clone(), sender.clone());
            let thread = thread::Builder::new().name(format!("shard {index}"));
            let started =
                thread.spawn_scoped(scope, move || shard.run(errand, part, stages, sender));
            started.map_err(|error| {
                let message = format!(
                    "the system refuses the thread of shard {index}: {error}; take fewer --shards"
                );
                Failure::new(code::FAILED, message)
            })?;
        }
        Ok(Self {
            clients,
            stage,
            parts,
        })
    }

    /// Has the parts fetched; ends with the first failure.
    pub(super) async fn fetch(&mut self, report: &mut Report) {
        self.stage.send_replace(Stage::Fetching);
        while report.failure.is_none()
            && let Some(part) = self.parts.recv().await
        {
            report.add(part);
        }
    }

    /// Whether the address is still that of all shards.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        let mut clients = self.clients.iter();
        clients.all(|client| client.host.is_local(address))
    }

    /// Ends fetches that go on, waits until no connection is left, but not longer than `limit`, and
    /// ends the stacks.
    pub(super) async fn close(&mut self, limit: Duration, report: &mut Report) {
        self.stage.send_replace(Stage::Closing);
        while let Some(part) = self.parts.recv().await {
            report.add(part);
        }
        join_all(self.clients.iter().map(|client| client.idle(limit))).await;
        for client in &self.clients {
            report.add_shard(&client.host);
        }
        let ends = self.clients.iter().map(|client| {
            let end = poll_fn(|cx| client.host.poll_shutdown(cx));
            client.within(Some(END_MAX), end)
        });
        join_all(ends).await;
    }
}

/// Waits until the command is as far as that, or over.
async fn reach(stage: &mut watch::Receiver<Stage>, goal: Stage) {
    let _ = stage.wait_for(|stage| *stage >= goal).await;
}

fn client(net: &Net) -> Client {
    Client {
        host: net.host().clone(),
        sleep: Box::new(|time| tokio::time::sleep(time).boxed_local()),
    }
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(code::CONNECT, format!("the stack cannot start: {error}"))
}
