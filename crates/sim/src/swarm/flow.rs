//! The flows of a world: who connects, who accepts, and what all of them share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use handfast::{Connect, FastOpenListen, Host, Listen, TcpListener, TcpStream};

use super::app::{Part, Progress, Side, Sleeper};
use super::dice::mix;
use super::excuse;
use super::fate::{Failed, Fate, reading};
use super::plan::{End, FlowPlan, Plan, SidePlan};
use super::run::{Failure, FailureKind, address};
use super::statistics::Statistics;
use crate::World;
use crate::referee::{Received, Referee, Sent};

/// The port of the first flow.
pub(super) const PORT: u16 = 1_000;
const CLIENT: &str = "client";
const SERVER: &str = "server";
/// Pause of a client that found no port.
const NO_PORT: Duration = Duration::from_millis(100);

/// What all flows of a world share.
pub(super) struct Shared {
    pub(super) plan: Rc<Plan>,
    pub(super) referee: Referee,
    pub(super) statistics: RefCell<Statistics>,
    /// The first failure that no excuse is for.
    pub(super) failure: RefCell<Option<Failure>>,
    /// Conversations by flow and client.
    talks: RefCell<BTreeMap<(usize, SocketAddr), Talk>>,
    /// Clients of flows that are not done.
    clients: Cell<usize>,
    /// Conversations at servers.
    servers: Cell<usize>,
    /// No more conversations are accepted.
    stopped: Cell<bool>,
    acceptors: RefCell<Vec<Waker>>,
    /// What each side is doing, for reports.
    notes: RefCell<BTreeMap<u64, Note>>,
}

/// A conversation as its client began it.
struct Talk {
    key: u64,
    /// A server took it for its own.
    accepted: bool,
    /// The server's side may be that of the conversation before.
    unclear: bool,
    /// For the server; `None` once it has them.
    ledgers: Option<(Sent, Received)>,
    /// How many there were with these addresses, and how many the server is done with.
    begun: u32,
    finished: u32,
    fates: [Rc<Fate>; 2],
    void: Rc<Cell<bool>>,
}

/// What one side needs to know.
struct Begun {
    key: u64,
    ledgers: Option<(Sent, Received)>,
    fates: [Rc<Fate>; 2],
    void: Rc<Cell<bool>>,
    /// The server's, when it had accepted this client's conversation before.
    again: bool,
}

/// Somebody who is not done.
struct Note {
    flow: usize,
    who: &'static str,
    side: Rc<Progress>,
    stream: Rc<TcpStream>,
    /// What becomes of the peer.
    peer: Rc<Fate>,
    /// The server had accepted this client's conversation before.
    again: bool,
}

impl Note {
    /// The flow and the address of the client.
    fn client(&self) -> (usize, SocketAddr) {
        match self.who {
            CLIENT => (self.flow, self.stream.local_addr()),
            _ => (self.flow, self.stream.peer_addr()),
        }
    }
}

impl Shared {
    pub(super) fn new(plan: Rc<Plan>, referee: Referee) -> Self {
        Self {
            clients: Cell::new(plan.flows.len()),
            plan,
            referee,
            statistics: RefCell::default(),
            failure: RefCell::default(),
            talks: RefCell::default(),
            servers: Cell::new(0),
            stopped: Cell::new(false),
            acceptors: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    /// Whether every conversation is over.
    pub(super) fn is_done(&self) -> bool {
        self.clients.get() == 0 && self.servers.get() == 0
    }

    /// Closes all listeners.
    pub(super) fn stop(&self) {
        self.stopped.set(true);
        self.acceptors.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// Whether everybody who is not done waits for a peer that has given up, and has nothing on its
    /// way to it: RSTs can be lost, and who only listens never learns of it (RFC 9293 3.5.1). With
    /// keep-alive it would. Or is estranged from its peer, or haunts it, or sends it what it cannot take.
    pub(super) fn is_forsaken(&self, hosts: &[Host]) -> bool {
        let notes = self.notes.borrow();
        let estranged: Vec<_> = notes
            .values()
            .filter_map(|note| self.estranged(note))
            .collect();
        let haunted: BTreeMap<_, _> = notes
            .values()
            .filter(|note| self.haunts(note, hosts))
            .map(|note| ((note.flow, note.stream.peer_addr()), note))
            .collect();
        self.clients.get() + self.servers.get() == notes.len()
            && notes.values().all(|note| {
                let flow = &self.plan.flows[note.flow];
                let (host, client) = match note.who {
                    CLIENT => (flow.from, note.stream.local_addr()),
                    _ => (flow.to, note.stream.peer_addr()),
                };
                let idle = note.stream.info().in_flight == 0;
                let unwatched = self.plan.hosts[host].tcp.keep_alive.is_none();
                let by = haunted.get(&(note.flow, client));
                let stuck = by.is_some_and(|by| is_behind_a_gap(note, by));
                let waits = idle && (unwatched || by.is_some());
                match estranged.contains(&(note.flow, client)) {
                    true => !idle || unwatched,
                    false => note.peer.is_gone() && (waits || stuck),
                }
            })
    }

    /// Whether a server's end may be one that a late ACK of a cookie opened once more after the end
    /// before was aborted, or reset by text that came after its close, so that it lacks text which
    /// that one had acknowledged (RFC 4987 3.6). The client has nothing of it any more, its later text
    /// goes again and again behind the gap, and it answers keep-alive until its user timeout, if it has
    /// one; and has its own keep-alive answered.
    fn haunts(&self, note: &Note, hosts: &[Host]) -> bool {
        let flow = &self.plan.flows[note.flow];
        note.again && excuse::sends_cookies(flow) && hosts[flow.from].tcp_count() > 0
    }

    /// The flow and the address of a client to which nothing ever came, where the server's end may be
    /// that of the conversation before: the ACK of a cookie that comes late is as good as ever
    /// (RFC 4987 3.6). The two are at different numbers, and each answers the other with an ACK of
    /// where it is, until a user timeout or keep-alive ends it.
    fn estranged(&self, note: &Note) -> Option<(usize, SocketAddr)> {
        let client = (note.flow, note.stream.local_addr());
        let unclear = self.talks.borrow().get(&client)?.unclear;
        let info = note.stream.info();
        (unclear
            && note.who == CLIENT
            && excuse::sends_cookies(&self.plan.flows[note.flow])
            && info.bytes_acked + info.bytes_received == 0)
            .then_some(client)
    }

    /// Ends what is forsaken, as people at a keyboard would.
    pub(super) fn forsake(&self) {
        for note in self.notes.borrow().values() {
            note.stream.abort();
        }
    }

    /// How many conversations there are in all.
    pub(super) fn conversations(&self) -> u32 {
        let flows = self.plan.flows.iter();
        flows.map(|flow| u32::from(flow.repeat)).sum()
    }

    /// Who is not done, and how far each is.
    pub(super) fn unfinished(&self) -> String {
        let mut text = format!(
            "{} flows and {} servers are not done",
            self.clients.get(),
            self.servers.get()
        );
        for note in self.notes.borrow().values() {
            let info = note.stream.info();
            text += &format!(
                "\n  flow {} {}: {} -> {}, {:?}, wrote {}, read {}, ended {}; {info:?}",
                note.flow,
                note.who,
                note.stream.local_addr(),
                note.stream.peer_addr(),
                note.stream.state(),
                note.side.written.get(),
                note.side.read.get(),
                note.side.ended.get(),
            );
        }
        text
    }

    /// A side of `flow` failed: an excuse is found, or the world has.
    fn failed(&self, flow: usize, who: &str, error: &io::Error) {
        if !self.counted(flow, who, error.kind()) {
            self.fail(flow, who, error);
        }
    }

    /// The side of this note failed: the plan excuses it, or what happened does.
    fn side_failed(&self, (flow, who): (usize, &str), id: u64, error: &io::Error) {
        let excused = self.counted(flow, who, error.kind());
        let notes = self.notes.borrow();
        let note = &notes[&id];
        let had_to =
            self.had_to_fail(note, error.kind()) || self.met_the_end_before(note, error.kind());
        if !excused && !had_to {
            self.fail(flow, who, error);
        }
    }

    fn had_to_fail(&self, note: &Note, kind: io::ErrorKind) -> bool {
        let flow = &self.plan.flows[note.flow];
        let [from, to] = [flow.from, flow.to].map(|host| &self.plan.hosts[host]);
        let (host, peers_host, side) = match note.who {
            CLIENT => (from, to, &flow.client),
            _ => (to, from, &flow.server),
        };
        let failed = Failed {
            host,
            info: note.stream.info(),
            heard_all: note.side.ended.get(),
            peer: &note.peer,
            peers_host,
            unread: self.is_unread(note),
            reading: reading(
                side,
                note.stream.info().bytes_received,
                self.plan.world.step,
            ),
        };
        failed.is_excused(&self.plan, kind)
    }

    /// Whether text of this side waits for the peer's application, or for one to accept it.
    fn is_unread(&self, note: &Note) -> bool {
        let notes = self.notes.borrow();
        let client = note.client();
        let late = |peer: &Note| peer.stream.info().bytes_received > peer.side.read.get();
        let mut peers = notes
            .values()
            .filter(|other| other.who != note.who && other.client() == client);
        let talks = self.talks.borrow();
        let waits = || talks.get(&client).is_some_and(|talk| !talk.accepted);
        peers.any(late) || (note.who == CLIENT && waits())
    }

    /// A client may have met the server's end of the conversation before, when its addresses were in use
    /// before and something came, but nothing that opens a connection.
    fn met_the_end_before(&self, note: &Note, kind: io::ErrorKind) -> bool {
        let talks = self.talks.borrow();
        let begun = talks.get(&note.client()).map_or(0, |talk| talk.begun);
        let info = note.stream.info();
        note.who == CLIENT
            && kind == io::ErrorKind::TimedOut
            && begun > 1
            && info.segments_received > 0
            && info.bytes_acked + info.bytes_received == 0
            && excuse::has_one_syn(&self.plan, &self.plan.flows[note.flow])
    }

    /// Counts a failure, and tells whether the plan excuses it.
    fn counted(&self, flow: usize, who: &str, kind: io::ErrorKind) -> bool {
        let mut statistics = self.statistics.borrow_mut();
        *statistics.failures.entry(kind).or_default() += 1;
        excuse::is_excused(&self.plan, &self.plan.flows[flow], who == SERVER, kind)
    }

    fn fail(&self, flow: usize, who: &str, error: &io::Error) {
        self.failure.borrow_mut().get_or_insert_with(|| Failure {
            kind: FailureKind::Unexcused(error.kind()),
            text: format!("the {who} of flow {flow}: {error}"),
        });
    }

    /// Ledgers for a new conversation of `client`; `None` when the one before with the same
    /// addresses is not known to be over, so that the server's side could be either.
    fn begin(&self, flow: usize, client: SocketAddr) -> Begun {
        let mut talks = self.talks.borrow_mut();
        let before = talks.get(&(flow, client));
        let key = mix(mix(flow as u64 + 1) ^ u64::from(client.port()));
        // Text of a SYN and the ACK of a cookie are as good a second time.
        let plan = &self.plan.flows[flow];
        let twice = plan.fast_open != handfast::FastOpenConnect::Off || excuse::sends_cookies(plan);
        let unclear = before.is_some_and(|talk| talk.begun != talk.finished || twice);
        let (up, down) = (self.referee.stream(key), self.referee.stream(!key));
        let (for_client, for_server) = ((up.0, down.1), (down.0, up.1));
        let fates = <[Rc<Fate>; 2]>::default();
        let void = Rc::<Cell<bool>>::default();
        let talk = Talk {
            fates: fates.clone(),
            void: Rc::clone(&void),
            key,
            accepted: false,
            unclear,
            ledgers: (!unclear).then_some(for_server),
            begun: before.map_or(0, |talk| talk.begun) + 1,
            finished: before.map_or(0, |talk| talk.finished),
        };
        talks.insert((flow, client), talk);
        Begun {
            key,
            ledgers: (!unclear).then_some(for_client),
            fates,
            void,
            again: false,
        }
    }

    /// The ledgers of a conversation that a server accepted.
    fn accepted(&self, flow: usize, client: SocketAddr) -> Begun {
        let mut talks = self.talks.borrow_mut();
        match talks.get_mut(&(flow, client)) {
            Some(talk) => {
                // The text of a SYN may come twice, to two connections (RFC 7413 2.1).
                let again = talk.accepted;
                talk.accepted = true;
                talk.void.set(talk.void.get() || again);
                let [client, server] = &talk.fates;
                let nobody = Fate::nobody();
                Begun {
                    key: talk.key,
                    ledgers: talk.ledgers.take(),
                    // The client knows of one of them only, or is no longer the one that asked.
                    fates: match (again, talk.unclear) {
                        (false, false) => [Rc::clone(client), Rc::clone(server)],
                        (_, true) => [nobody, Rc::clone(server)],
                        (true, false) => [nobody, Rc::default()],
                    },
                    void: Rc::clone(&talk.void),
                    again,
                }
            }
            None => Begun {
                again: false,
                void: Rc::default(),
                key: 0,
                ledgers: None,
                fates: [Fate::nobody(), Rc::default()],
            },
        }
    }

    fn over(&self, flow: usize, client: SocketAddr) {
        if let Some(talk) = self.talks.borrow_mut().get_mut(&(flow, client)) {
            talk.finished += 1;
        }
    }

    fn note(
        &self,
        (flow, who): (usize, &'static str),
        stream: &Rc<TcpStream>,
        peer: &Rc<Fate>,
        again: bool,
    ) -> (u64, Rc<Progress>) {
        let mut notes = self.notes.borrow_mut();
        let id = notes.last_key_value().map_or(0, |(id, _)| id + 1);
        let side = Rc::new(Progress::default());
        let note = Note {
            flow,
            who,
            side: Rc::clone(&side),
            stream: Rc::clone(stream),
            peer: Rc::clone(peer),
            again,
        };
        notes.insert(id, note);
        (id, side)
    }

    /// Forgets a side and lets its stream go.
    fn forget(&self, id: u64) {
        let note = self.notes.borrow_mut().remove(&id);
        if let Some(note) = &note {
            self.statistics.borrow_mut().bytes += note.side.read.get();
        }
        drop(note);
    }
}

/// Whether what this client sends can never be taken in order by the end that haunts it: text before
/// it was acknowledged by the end before, so that the client has it no more. Each resend is answered
/// by an ACK of what is no news to the client (RFC 9293 3.10.7.4), until the client's user timeout, if
/// it has one.
fn is_behind_a_gap(client: &Note, by: &Note) -> bool {
    let (client_info, by_info) = (client.stream.info(), by.stream.info());
    client.who == CLIENT && by_info.bytes_received < client_info.bytes_acked
}

/// Starts all flows.
pub(super) fn start(world: &World, hosts: &[Host], shared: &Rc<Shared>) {
    for (index, flow) in shared.plan.flows.iter().enumerate() {
        if flow.open {
            let listener = hosts[flow.to]
                .listen(server(shared, index), listen(flow))
                .expect("the first listener of its port");
            world.spawn(serve(
                Rc::clone(shared),
                index,
                listener,
                world.spawner(),
                world.sleeper(),
            ));
        }
        let client = hosts[flow.from].clone();
        world.spawn(call(Rc::clone(shared), index, client, world.sleeper()));
    }
}

fn server(shared: &Shared, flow: usize) -> SocketAddr {
    let port = PORT + u16::try_from(flow).expect("few flows");
    let to = shared.plan.flows[flow].to;
    SocketAddr::new(address(shared.plan.world.family, to), port)
}

fn listen(flow: &FlowPlan) -> Listen {
    Listen {
        backlog: flow.backlog,
        half_open: flow.half_open,
        overflow: flow.overflow,
        cookies: flow.cookies,
        defer: flow.defer,
        fast_open: flow.early.map(|pending| FastOpenListen {
            pending,
            cookieless: flow.cookieless,
        }),
        tcp: None,
    }
}

/// The client of a flow: its conversations one after the other.
async fn call(shared: Rc<Shared>, index: usize, host: Host, sleep: impl Sleeper) {
    let flow = &shared.plan.flows[index];
    sleep(flow.start).await;
    for _ in 0..flow.repeat {
        shared.statistics.borrow_mut().conversations += 1;
        // Without a port there is no conversation.
        if let Err(error) = talk(&shared, index, &host, sleep.clone()).await {
            if error.kind() == io::ErrorKind::AddrNotAvailable {
                sleep(NO_PORT).await;
            }
            shared.failed(index, CLIENT, &error);
        }
        if !flow.rest.is_zero() {
            sleep(flow.rest).await;
        }
    }
    shared.clients.set(shared.clients.get() - 1);
}

/// One conversation, by the client. An error is one of the call that began it.
async fn talk(shared: &Shared, index: usize, host: &Host, sleep: impl Sleeper) -> io::Result<()> {
    let flow = &shared.plan.flows[index];
    let options = Connect {
        fast_open: flow.fast_open,
        fast_open_cookieless: flow.cookieless,
        ..Connect::default()
    };
    let stream = Rc::new(host.connect(server(shared, index), options)?);
    let Begun {
        key,
        ledgers,
        fates: [fate, peer],
        void,
        again,
    } = shared.begin(index, stream.local_addr());
    let (id, progress) = shared.note((index, CLIENT), &stream, &peer, again);
    let side = Side {
        stream: &stream,
        plan: &flow.client,
        part: Part::of_client(flow),
        key,
        ledgers,
        void: &void,
        sleep,
        progress: &progress,
    };
    let connected = match flow.fast_open {
        // Text may go before the handshake is complete.
        handfast::FastOpenConnect::Off => poll_fn(|cx| stream.poll_connected(cx)).await,
        _ => Ok(()),
    };
    let outcome = match connected {
        Ok(()) => side.converse().await,
        Err(error) => {
            side.gone(&error);
            Err(error)
        }
    };
    let well = matches!(outcome, Ok(true));
    fate.end(well, excuse::is_impatient(&shared.plan, flow));
    if let Err(error) = &outcome {
        shared.side_failed((index, CLIENT), id, error);
    }
    shared.forget(id);
    Ok(())
}

/// The server of a flow.
async fn serve(
    shared: Rc<Shared>,
    index: usize,
    listener: TcpListener,
    spawner: crate::Spawner,
    sleep: impl Sleeper,
) {
    let delay = shared.plan.flows[index].accept;
    loop {
        let next = poll_fn(|cx| {
            if shared.stopped.get() {
                return Poll::Ready(None);
            }
            let accepted = listener.poll_accept(cx).map(|result| result.ok());
            if accepted.is_pending() {
                shared.acceptors.borrow_mut().push(cx.waker().clone());
            }
            accepted
        });
        let Some((stream, peer)) = next.await else {
            return;
        };
        shared.servers.set(shared.servers.get() + 1);
        let (shared, sleep) = (Rc::clone(&shared), sleep.clone());
        let nap = sleep(delay);
        spawner.spawn(async move {
            answer(&shared, index, stream, sleep).await;
            shared.over(index, peer);
            shared.servers.set(shared.servers.get() - 1);
        });
        if !delay.is_zero() {
            nap.await;
        }
    }
}

/// One conversation, by the server.
async fn answer(shared: &Shared, index: usize, stream: TcpStream, sleep: impl Sleeper) {
    let flow = &shared.plan.flows[index];
    let mut plan: SidePlan = flow.server.clone();
    if flow.client.end == End::Late && plan.end == End::Late {
        plan.end = End::Shutdown;
    }
    let stream = Rc::new(stream);
    let Begun {
        key,
        ledgers,
        fates: [peer, fate],
        void,
        again,
    } = shared.accepted(index, stream.peer_addr());
    let (id, progress) = shared.note((index, SERVER), &stream, &peer, again);
    let side = Side {
        stream: &stream,
        plan: &plan,
        part: Part::of_server(flow),
        key: !key,
        ledgers,
        void: &void,
        sleep,
        progress: &progress,
    };
    let outcome = side.converse().await;
    let well = matches!(outcome, Ok(true));
    fate.end(well, excuse::is_impatient(&shared.plan, flow));
    if let Err(error) = &outcome {
        shared.side_failed((index, SERVER), id, error);
    }
    shared.forget(id);
}
