//! How connections begin, and what is said when they do not.

use super::*;

#[test]
fn a_blocking_connect_returns_when_the_handshake_is_done() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let listener = pair.listener(false);
        let accepting = pair.block(1, accept(listener));
        let fd = pair.socket(0, false);
        let remote = Some(pair.end(1, 80));
        let waiting = pair.block(0, Call::Connect { fd, remote });
        let (result, took) = pair.finish(0, waiting);
        assert_eq!((result, took), (Ok(0.into()), 2 * LATENCY), "{mode:?}");
        let (result, took) = pair.finish(1, accepting);
        assert_eq!(took, LATENCY);
        let Detail::Peer(peer) = result.unwrap().detail else {
            panic!("accept tells the peer");
        };
        assert_eq!(peer.ip(), pair.end(0, 0).ip(), "{mode:?}");
        let connected = Call::Connect { fd, remote };
        assert_eq!(pair.number(0, connected), Err(Errno::EISCONN));
    }
}

#[test]
fn a_connect_that_may_not_block_is_in_progress_then_already_then_done() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        pair.listener(false);
        let fd = pair.socket(0, true);
        let remote = Some(pair.end(1, 80));
        let connect = || Call::Connect { fd, remote };
        assert_eq!(pair.number(0, connect()), Err(Errno::EINPROGRESS));
        assert_eq!(pair.number(0, connect()), Err(Errno::EALREADY));
        assert_eq!(pair.number(0, write(fd, 10)), Err(Errno::EAGAIN));
        pair.round_trip();
        assert_eq!(pair.get(0, fd, "SO_ERROR"), 0);
        assert_eq!(pair.number(0, connect()), Ok(0), "Linux says so once");
        assert_eq!(pair.number(0, connect()), Err(Errno::EISCONN));
    }
}

#[test]
fn freebsd_says_that_it_is_connected_at_once() {
    let mut pair = Pair::with(Mode::V4, Settings::freebsd);
    pair.listener(false);
    let fd = pair.socket(0, true);
    let remote = Some(pair.end(1, 80));
    let connect = || Call::Connect { fd, remote };
    assert_eq!(pair.number(0, connect()), Err(Errno::EINPROGRESS));
    pair.round_trip();
    assert_eq!(pair.number(0, connect()), Err(Errno::EISCONN));
}

#[test]
fn a_closed_port_refuses_and_the_socket_is_as_new() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let fd = pair.socket(0, false);
        let remote = Some(pair.end(1, 80));
        let connect = || Call::Connect { fd, remote };
        let waiting = pair.block(0, connect());
        let (result, took) = pair.finish(0, waiting);
        assert_eq!(result, Err(Errno::ECONNREFUSED), "{mode:?}");
        assert_eq!(took, 2 * LATENCY);
        pair.listener(false);
        let waiting = pair.block(0, connect());
        assert_eq!(pair.finish(0, waiting).0, Ok(0.into()));
    }
}

#[test]
fn a_refusal_waits_in_so_error_and_is_told_once() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, true);
    let remote = Some(pair.end(1, 80));
    let connect = || Call::Connect { fd, remote };
    assert_eq!(pair.number(0, connect()), Err(Errno::EINPROGRESS));
    pair.round_trip();
    assert_eq!(pair.get(0, fd, "SO_ERROR"), 111);
    assert_eq!(pair.get(0, fd, "SO_ERROR"), 0);
    assert_eq!(pair.number(0, read(fd, 10)), Ok(0));
    assert_eq!(pair.number(0, write(fd, 10)), Err(Errno::EPIPE));
    assert_eq!(pair.number(0, connect()), Err(Errno::ECONNABORTED));
    assert_eq!(pair.number(0, connect()), Err(Errno::EINPROGRESS));
}

#[test]
fn nobody_answers_so_it_times_out() {
    let mut pair = Pair::new(Mode::V4);
    pair.cut = true;
    let fd = pair.socket(0, false);
    for (name, value) in [("tcp_syn_retries", "2"), ("tcp_syn_linear_timeouts", "0")] {
        pair.machines[0].settings_mut().set(name, value).unwrap();
    }
    let remote = Some(pair.end(1, 80));
    let waiting = pair.block(0, Call::Connect { fd, remote });
    let (result, took) = pair.finish(0, waiting);
    assert_eq!(result, Err(Errno::ETIMEDOUT));
    assert_eq!(took.as_secs(), 7, "one second, then two, then four");
    assert_eq!(pair.sent, 3);
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    let local = "198.51.100.7:80".parse().unwrap();
    assert_eq!(
        pair.number(0, Call::Bind { fd, local }),
        Err(Errno::EADDRNOTAVAIL)
    );
    let v6 = "[2001:db8::2]:80".parse().unwrap();
    assert_eq!(
        pair.number(0, Call::Bind { fd, local: v6 }),
        Err(Errno::EAFNOSUPPORT)
    );
    let remote = Some(v6);
    assert_eq!(
        pair.number(0, Call::Connect { fd, remote }),
        Err(Errno::EAFNOSUPPORT)
    );
    let remote = Some("224.0.0.1:80".parse().unwrap());
    assert_eq!(
        pair.number(0, Call::Connect { fd, remote }),
        Err(Errno::ENETUNREACH)
    );
    let local = pair.end(0, 80);
    assert_eq!(pair.number(0, Call::Bind { fd, local }), Ok(0));
    assert_eq!(pair.number(0, Call::Bind { fd, local }), Err(Errno::EINVAL));
}

#[test]
fn two_sockets_share_a_port_only_when_both_reuse_it_and_neither_listens() {
    let mut pair = Pair::new(Mode::V4);
    let local = pair.end(0, 80);
    let sockets = [(); 3].map(|()| pair.socket(0, false));
    let bind = |fd| Call::Bind { fd, local };
    pair.set(0, sockets[0], "SO_REUSEADDR", 1).unwrap();
    assert_eq!(pair.number(0, bind(sockets[0])), Ok(0));
    assert_eq!(pair.number(0, bind(sockets[1])), Err(Errno::EADDRINUSE));
    pair.set(0, sockets[1], "SO_REUSEADDR", 1).unwrap();
    assert_eq!(pair.number(0, bind(sockets[1])), Ok(0));
    let listen = |fd| Call::Listen { fd, backlog: 1 };
    assert_eq!(pair.number(0, listen(sockets[0])), Ok(0));
    assert_eq!(pair.number(0, listen(sockets[1])), Err(Errno::EADDRINUSE));
    pair.set(0, sockets[2], "SO_REUSEADDR", 1).unwrap();
    assert_eq!(pair.number(0, bind(sockets[2])), Err(Errno::EADDRINUSE));
}

#[test]
fn only_listeners_accept_and_an_empty_queue_says_so() {
    let mut pair = Pair::new(Mode::V4);
    let listener = pair.listener(true);
    assert_eq!(pair.number(1, accept(listener)), Err(Errno::EAGAIN));
    let fd = pair.socket(1, false);
    assert_eq!(pair.number(1, accept(fd)), Err(Errno::EINVAL));
    assert_eq!(pair.number(1, accept(99)), Err(Errno::EBADF));
    let epoll = pair.number(1, Call::EpollCreate).unwrap();
    let epoll = i32::try_from(epoll).unwrap();
    assert_eq!(pair.number(1, accept(epoll)), Err(Errno::ENOTSOCK));
}

#[test]
fn a_v6_listener_on_all_addresses_takes_both_families_unless_told_not_to() {
    for (only, met) in [(0, Ok(())), (1, Err(Errno::ECONNREFUSED))] {
        let mut pair = Pair::new(Mode::V6);
        let fd = pair.socket(1, false);
        pair.set(1, fd, "IPV6_V6ONLY", only).unwrap();
        let local = "[::]:80".parse().unwrap();
        pair.number(1, Call::Bind { fd, local }).unwrap();
        pair.number(1, Call::Listen { fd, backlog: 1 }).unwrap();
        pair.mode = Mode::V4;
        let client = pair.socket(0, false);
        let remote = Some(pair.end(1, 80));
        let waiting = pair.block(0, Call::Connect { fd: client, remote });
        assert_eq!(pair.finish(0, waiting).0.map(|_| ()), met, "only {only}");
        if met.is_ok() {
            pair.round_trip();
            let Detail::Peer(peer) = pair.call(1, accept(fd)).unwrap().detail else {
                panic!("accept tells the peer");
            };
            assert_eq!(peer.ip().to_string(), "::ffff:192.0.2.1");
        }
    }
}

#[test]
fn connecting_to_no_family_dissolves_a_connection() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    let dissolve = Call::Connect {
        fd: client,
        remote: None,
    };
    assert_eq!(pair.number(0, dissolve), Ok(0));
    pair.round_trip();
    assert_eq!(pair.number(1, read(server, 1)), Err(Errno::ECONNRESET));
    let remote = Some(pair.end(1, 80));
    let waiting = pair.block(0, Call::Connect { fd: client, remote });
    assert_eq!(pair.finish(0, waiting).0, Ok(0.into()));
}
