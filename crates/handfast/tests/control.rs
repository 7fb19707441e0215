//! The control socket: whom it answers, what it answers, and how it comes to its end.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use common::{address, capabilities, config, devices, server};
use handfast::control::{
    self, Answer, CLIENT_TIME_MAX, CLIENTS_MAX, Facts, Lookout, REQUEST_MAX, ROWS_MAX,
};
use handfast::tokio::Net;
use handfast::{Clock, Connect, Host};
use handfast_tcp::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// A folder of this test's own, and the socket that will be in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("handfast-control-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn socket(&self) -> PathBuf {
        self.0.join(format!("{}.sock", std::process::id()))
    }

    /// What the socket answers to these bytes until it closes.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        // It may have heard enough before the end.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        heard(stream).await
    }

    /// Asks as another process would, which may block.
    async fn ask(&self) -> Answer {
        self.ask_by(control::ask).await
    }

    /// What happened since the fact with this number.
    async fn facts(&self, after: u64) -> Facts {
        let asking = move |process: &_| control::ask_with_facts(process, after);
        self.ask_by(asking).await.facts.unwrap()
    }

    async fn ask_by(
        &self,
        asking_it: impl Fn(&control::Process) -> std::io::Result<Option<Answer>> + Send + 'static,
    ) -> Answer {
        let folder = self.0.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let found = control::processes(&folder).unwrap();
            let [process] = &found[..] else {
                panic!("one process: {found:?}");
            };
            asking_it(process).unwrap().unwrap()
        });
        asking.await.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn heard(mut stream: UnixStream) -> String {
    let mut text = Vec::new();
    // The kernel says so when it closed with something unread.
    if let Err(error) = stream.read_to_end(&mut text).await {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    String::from_utf8(text).unwrap()
}

fn idle_host() -> Host {
    Host::new(config(1), capabilities(), Clock::system())
}

fn serve(place: &Place, hosts: &[Host]) -> JoinHandle<()> {
    tokio::spawn(control::serve_in(&place.0, hosts).unwrap())
}

fn nets() -> (Net, Net) {
    let (a, b) = devices();
    let nets = (
        Net::start(a, config(1)).unwrap(),
        Net::start(b, config(2)).unwrap(),
    );
    nets.0.host().add_address(address(1)).unwrap();
    nets.1.host().add_address(address(2)).unwrap();
    nets
}

#[tokio::test]
async fn sockets_of_all_hosts_are_told_with_their_figures() {
    let place = Place::new("told");
    let (client, peer) = nets();
    let listener = peer.bind(server()).await.unwrap();
    let mut ours = client.connect(server()).await.unwrap();
    let (mut theirs, _) = listener.accept().await.unwrap();
    serve(&place, &[client.host().clone(), peer.host().clone()]);
    ours.write_all(b"hello").await.unwrap();
    while theirs.tcp_info().bytes_received < 5 {
        tokio::task::yield_now().await;
    }
    let answer = place.ask().await;
    assert_eq!((answer.pid, answer.more), (std::process::id(), 0));
    assert!(answer.program.starts_with("control"), "{}", answer.program);
    let states: Vec<_> = answer.sockets.iter().map(|row| row.state).collect();
    assert_eq!(
        states,
        [State::Listen, State::Established, State::Established]
    );
    let [_, first, second] = &answer.sockets[..] else {
        panic!("three sockets");
    };
    assert_eq!(
        (first.local, first.remote),
        (ours.local_addr().unwrap(), server())
    );
    assert_eq!((second.remote, second.receive_queue), (first.local, 5));
    let figures = second.figures.as_ref().unwrap();
    assert_eq!(
        (figures.info.bytes_received, &*figures.controller),
        (5, "cubic")
    );
    let mut text = [0; 5];
    theirs.read_exact(&mut text).await.unwrap();
    assert_eq!(place.ask().await.sockets[2].receive_queue, 0);
}

#[tokio::test]
async fn what_happens_is_told_in_words_once_somebody_listens() {
    let place = Place::new("facts");
    let (client, peer) = nets();
    let listener = peer.bind(server()).await.unwrap();
    serve(&place, &[client.host().clone(), peer.host().clone()]);
    let unheard = client.connect(server()).await.unwrap();
    assert_eq!(place.ask().await.facts, None);
    let first = place.facts(0).await;
    assert_eq!(first, Facts::default(), "it begins to listen now");

    let heard = client.connect(server()).await.unwrap();
    let _both = (
        listener.accept().await.unwrap(),
        listener.accept().await.unwrap(),
    );
    let ends = (heard.local_addr().unwrap(), server());
    assert_ne!(unheard.local_addr().unwrap(), ends.0);
    let facts = place.facts(first.next).await;
    let told = |local| facts.told.iter().filter(move |told| told.local == local);
    let words: Vec<_> = told(ends.0).map(|told| told.words.as_str()).collect();
    for expected in [
        "the connection begins in SYN-SENT",
        "sent SYN (open)",
        "from SYN-SENT to ESTABLISHED",
    ] {
        assert!(words.contains(&expected), "{expected}: {words:?}");
    }
    let state = told(ends.0).find(|told| told.name == "state").unwrap();
    assert_eq!(
        (state.remote, state.state, state.rule.as_str()),
        (ends.1, Some(State::Established), "RFC 9293 3.3.2")
    );
    assert!(
        told(ends.1).count() > 0,
        "the other host is listened to, too"
    );
    assert!(facts.told.iter().is_sorted_by_key(|told| told.at));

    let again = place.facts(facts.next).await;
    assert!(again.told.iter().all(|told| !facts.told.contains(told)));
    assert_eq!(again.lost, 0);
}

#[tokio::test]
async fn a_program_looks_at_itself_and_observers_need_a_journal_of_their_own() {
    let (client, peer) = nets();
    let lookout = Lookout::new(&[client.host().clone()]);
    assert_eq!(lookout.look(0).facts, Some(Facts::default()));
    let listener = peer.bind(server()).await.unwrap();
    let ours = client.connect(server()).await.unwrap();
    let (_theirs, _) = listener.accept().await.unwrap();
    let answer = lookout.look(0);
    let facts = answer.facts.unwrap();
    assert!(
        facts
            .told
            .iter()
            .any(|told| told.state == Some(State::Established))
    );
    let [row] = &answer.sockets[..] else {
        panic!("one socket: {:?}", answer.sockets);
    };
    assert_eq!(row.local, ours.local_addr().unwrap());

    struct Deaf;
    impl handfast::Observer for Deaf {
        fn observe(&mut self, _: &[handfast_tcp::Entry], _: u64) {}
    }
    let observed = || {
        client
            .host()
            .observe(Box::new(Deaf))
            .map_err(|error| error.kind())
    };
    assert_eq!(observed(), Err(ErrorKind::InvalidInput));
    drop(lookout);
    assert_eq!(observed(), Err(ErrorKind::InvalidInput));
}

#[tokio::test]
async fn only_the_owner_gets_to_it() {
    let place = Place::new("rights");
    let host = idle_host();
    let _task = serve(&place, std::slice::from_ref(&host));
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(place.0.clone()), mode(place.socket())),
        (0o700, 0o600)
    );
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused() {
    let place = Place::new("open");
    std::fs::create_dir(&place.0).unwrap();
    std::fs::set_permissions(&place.0, PermissionsExt::from_mode(0o755)).unwrap();
    let error = control::serve_in(&place.0, &[idle_host()]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("mode 0700"), "{error}");
    let error = control::processes(&place.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn one_process_has_one_socket() {
    let place = Place::new("one");
    let host = idle_host();
    let task = serve(&place, std::slice::from_ref(&host));
    let error = control::serve_in(&place.0, std::slice::from_ref(&host)).err();
    assert_eq!(error.unwrap().kind(), ErrorKind::AddrInUse);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(!place.socket().exists(), "it goes with the task");
    serve(&place, &[host]);
    assert_eq!(place.ask().await.sockets, []);
}

#[tokio::test]
async fn it_ends_with_its_hosts_and_keeps_none_alive() {
    let place = Place::new("end");
    let (client, peer) = nets();
    let task = serve(&place, &[client.host().clone(), peer.host().clone()]);
    client.shutdown().await;
    assert_eq!(place.ask().await.sockets, [], "the other one is there");
    // The last handle: nobody shuts this one down.
    drop(peer);
    task.await.unwrap();
    assert!(!place.socket().exists());
}

#[tokio::test]
async fn what_is_left_behind_is_removed() {
    let place = Place::new("stale");
    assert_eq!(
        control::processes(&place.0).unwrap(),
        [],
        "no folder, nobody"
    );
    let task = serve(&place, &[idle_host()]);
    task.abort();
    task.await.unwrap_err();
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    // One of a process that is dead, one of this process, and what is none.
    let dead = place.0.join(format!("{}.sock", child.id()));
    for path in [&dead, &place.socket()] {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    }
    std::fs::write(place.0.join("notes.txt"), "").unwrap();
    let found = control::processes(&place.0).unwrap();
    assert_eq!(found.len(), 2);
    for process in &found {
        assert_eq!(control::ask(process).unwrap(), None);
    }
    assert!(!dead.exists());
    assert!(
        place.socket().exists(),
        "its process may be about to listen"
    );
    let host = idle_host();
    serve(&place, std::slice::from_ref(&host));
    assert_eq!(
        place.ask().await.sockets,
        [],
        "who has the number now takes over"
    );
}

#[tokio::test]
async fn garbage_is_answered_in_words_and_long_requests_are_cut() {
    let place = Place::new("garbage");
    let host = idle_host();
    serve(&place, std::slice::from_ref(&host));
    let long = [&vec![b' '; 2 * REQUEST_MAX][..], b"\n"].concat();
    for (bytes, words) in [
        (&b""[..], "no JSON"),
        (b"\n", "no JSON"),
        (b"\xff\0\x80\n", "no JSON"),
        (b"{\"ask\":\"secrets\"}\n", "no answer to that"),
        (b"{\"tell\":1}\n", "asks for nothing"),
        (&long, "too long"),
    ] {
        let answer = place.say(bytes).await;
        assert!(answer.contains(words), "{bytes:?}: {answer}");
        assert!(
            answer.starts_with('{') && answer.ends_with("}\n"),
            "{answer}"
        );
    }
    let answer = place.say(b"{\"ask\":\"connections\"}").await;
    assert!(answer.contains("\"sockets\":[],\"more\":0"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_cut_off_and_others_are_answered_then() {
    let place = Place::new("slow");
    let host = idle_host();
    serve(&place, std::slice::from_ref(&host));
    let mut silent = Vec::new();
    for _ in 0..CLIENTS_MAX {
        silent.push(UnixStream::connect(place.socket()).await.unwrap());
    }
    let before = tokio::time::Instant::now();
    let answer = place.say(b"{\"ask\":\"connections\"}\n").await;
    assert!(answer.contains("\"sockets\""), "{answer}");
    // The time of a test moves on when everybody waits.
    let waited = before.elapsed();
    assert!(
        waited >= CLIENT_TIME_MAX && waited < 2 * CLIENT_TIME_MAX,
        "{waited:?}"
    );
    for stream in silent {
        assert_eq!(heard(stream).await, "");
    }
}

#[tokio::test]
async fn of_very_many_sockets_some_are_told_and_the_others_counted() {
    let place = Place::new("many");
    let host = idle_host();
    host.add_address(address(1)).unwrap();
    let extra = 7;
    let connect = |_| host.connect(server(), Connect::default()).unwrap();
    let streams: Vec<_> = (0..ROWS_MAX + extra).map(connect).collect();
    serve(&place, std::slice::from_ref(&host));
    let answer = place.ask().await;
    assert_eq!((answer.sockets.len(), answer.more), (ROWS_MAX, 7));
    let ports: std::collections::BTreeSet<_> =
        answer.sockets.iter().map(|row| row.local.port()).collect();
    assert_eq!(ports.len(), ROWS_MAX, "each is told once");
    assert!(answer.sockets.iter().all(|row| row.state == State::SynSent));
    drop(streams);
}

#[tokio::test]
async fn the_driver_works_while_a_long_answer_is_written() {
    let place = Place::new("meanwhile");
    let (client, peer) = nets();
    let listener = peer.bind(server()).await.unwrap();
    let mut ours = client.connect(server()).await.unwrap();
    let (mut theirs, _) = listener.accept().await.unwrap();
    // Connections that nobody answers, enough for many pieces.
    let dead = "192.0.2.77:80".parse().unwrap();
    let connect = |_| client.host().connect(dead, Connect::default()).unwrap();
    let _streams: Vec<_> = (0..3_000).map(connect).collect();
    serve(&place, &[client.host().clone()]);
    let mut slow = UnixStream::connect(place.socket()).await.unwrap();
    slow.write_all(b"{\"ask\":\"connections\"}\n")
        .await
        .unwrap();
    slow.readable().await.unwrap();
    let mut word = [0; 5];
    for _ in 0..100 {
        ours.write_all(b"hello").await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(10), theirs.read_exact(&mut word));
        read.await.unwrap().unwrap();
    }
    let answer = heard(slow).await;
    assert!(answer.ends_with("\"more\":0}\n"));
}
