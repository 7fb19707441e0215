//! `poll` and `epoll`.

use super::*;

fn poll(fd: Fd, events: &[&str], millis: Option<u64>) -> Call {
    let events = events.iter().map(|name| constant(name).unwrap()).sum();
    Call::Poll {
        entries: vec![PollEntry {
            fd,
            events,
            revents: 0,
        }],
        timeout: millis.map(Duration::from_millis),
    }
}

#[track_caller]
fn holds(result: Result<Value, Errno>, names: &[&str]) {
    let Detail::Poll(entries) = result.unwrap().detail else {
        panic!("poll tells what holds");
    };
    let wanted: i64 = names.iter().map(|name| constant(name).unwrap()).sum();
    assert_eq!(entries[0].revents, wanted, "{names:?}");
}

const ALL: [&str; 4] = ["POLLIN", "POLLOUT", "POLLPRI", "POLLRDHUP"];

#[test]
fn poll_follows_a_connection_through_its_life() {
    let mut pair = Pair::new(Mode::V4);
    let fresh = pair.socket(0, false);
    holds(
        pair.call(0, poll(fresh, &ALL, Some(0))),
        &["POLLOUT", "POLLHUP"],
    );
    let (client, server) = pair.connected();
    holds(pair.call(0, poll(client, &ALL, None)), &["POLLOUT"]);
    let waiting = pair.block(0, poll(client, &["POLLIN"], None));
    pair.number(1, write(server, 3)).unwrap();
    let (result, took) = pair.finish(0, waiting);
    assert_eq!(took, LATENCY);
    holds(result, &["POLLIN"]);
    pair.number(1, Call::Close { fd: server }).unwrap();
    pair.round_trip();
    holds(
        pair.call(0, poll(client, &ALL, None)),
        &["POLLIN", "POLLOUT", "POLLRDHUP"],
    );
    pair.number(0, shutdown(client, "SHUT_WR")).unwrap();
    pair.round_trip();
    holds(
        pair.call(0, poll(client, &ALL, None)),
        &["POLLIN", "POLLOUT", "POLLRDHUP", "POLLHUP"],
    );
}

#[test]
fn poll_tells_errors_whether_asked_or_not() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, true);
    let remote = Some(pair.end(1, 80));
    let _ = pair.number(0, Call::Connect { fd, remote });
    let waiting = pair.block(0, poll(fd, &[], None));
    let (result, _) = pair.finish(0, waiting);
    holds(result, &["POLLERR", "POLLHUP"]);
    holds(pair.call(0, poll(99, &["POLLIN"], None)), &["POLLNVAL"]);
}

#[test]
fn poll_ends_with_its_time() {
    let mut pair = Pair::new(Mode::V4);
    let listener = pair.listener(false);
    let waiting = pair.block(1, poll(listener, &["POLLIN"], Some(250)));
    let (result, took) = pair.finish(1, waiting);
    assert_eq!(
        (result.unwrap().result, took),
        (0, Duration::from_millis(250))
    );
}

#[test]
fn a_listener_is_readable_when_somebody_can_be_accepted() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let listener = pair.listener(false);
        let waiting = pair.block(1, poll(listener, &["POLLIN", "POLLOUT"], None));
        let fd = pair.socket(0, true);
        let remote = Some(pair.end(1, 80));
        let _ = pair.number(0, Call::Connect { fd, remote });
        let (result, _) = pair.finish(1, waiting);
        holds(result, &["POLLIN"]);
    }
}

fn watch(epoll: Fd, fd: Fd, events: &[&str]) -> Call {
    Call::EpollControl {
        epoll,
        operation: 1,
        fd,
        events: events.iter().map(|name| constant(name).unwrap()).sum(),
        data: i64::from(fd) * 10,
    }
}

fn epoll_wait(epoll: Fd) -> Call {
    Call::EpollWait {
        epoll,
        most: 10,
        timeout: Some(Duration::ZERO),
    }
}

#[track_caller]
fn events(pair: &mut Pair, epoll: Fd) -> Vec<(i64, i64)> {
    let Detail::Epoll(events) = pair.call(0, epoll_wait(epoll)).unwrap().detail else {
        panic!("epoll_wait tells events");
    };
    events
        .into_iter()
        .map(|event| (event.events, event.data))
        .collect()
}

#[test]
fn epoll_tells_levels_edges_and_one_shots() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    for (mode, told) in [
        ("EPOLLIN", [1, 1, 1]),
        ("EPOLLET", [1, 0, 1]),
        ("EPOLLONESHOT", [1, 0, 0]),
    ] {
        let epoll = pair.number(0, Call::EpollCreate).unwrap();
        let epoll = i32::try_from(epoll).unwrap();
        let wanted: Vec<&str> = match mode {
            "EPOLLIN" => vec!["EPOLLIN"],
            mode => vec!["EPOLLIN", mode],
        };
        pair.number(0, watch(epoll, client, &wanted)).unwrap();
        let twice = pair.number(0, watch(epoll, client, &wanted));
        assert_eq!(twice, Err(Errno::EEXIST));
        assert_eq!(events(&mut pair, epoll), []);
        for (round, count) in told.into_iter().enumerate() {
            if round != 1 {
                pair.number(1, write(server, 3)).unwrap();
                // Nagle holds it until the delayed ACK of the last one has come.
                pair.pass(Duration::from_millis(100));
            }
            let event = (constants::POLLIN, i64::from(client) * 10);
            assert_eq!(
                events(&mut pair, epoll),
                vec![event; count],
                "{mode} {round}"
            );
        }
        pair.number(0, read(client, 100)).unwrap();
        pair.number(0, Call::Close { fd: epoll }).unwrap();
    }
}

#[test]
fn a_closed_descriptor_is_watched_no_more() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    let epoll = i32::try_from(pair.number(0, Call::EpollCreate).unwrap()).unwrap();
    pair.number(0, watch(epoll, fd, &["EPOLLOUT"])).unwrap();
    assert_eq!(events(&mut pair, epoll).len(), 1);
    pair.number(0, Call::Close { fd }).unwrap();
    assert_eq!(events(&mut pair, epoll), []);
    assert_eq!(pair.number(0, watch(epoll, fd, &[])), Err(Errno::EBADF));
}
