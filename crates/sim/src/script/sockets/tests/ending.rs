//! How connections end: in good order, by reset, lingering, and when nobody answers.

use super::*;

fn linger(seconds: i64) -> OptionValue {
    OptionValue::Linger { on: true, seconds }
}

#[test]
fn a_half_close_lets_the_other_direction_go_on() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let (client, server) = pair.connected();
        pair.number(0, shutdown(client, "SHUT_WR")).unwrap();
        assert_eq!(pair.number(0, write(client, 1)), Err(Errno::EPIPE));
        pair.round_trip();
        assert_eq!(pair.number(1, read(server, 1)), Ok(0));
        assert_eq!(pair.number(1, write(server, 7)), Ok(7));
        pair.round_trip();
        assert_eq!(pair.number(0, read(client, 9)), Ok(7));
        assert_eq!(pair.state(0, client), State::FinWait2, "{mode:?}");
        pair.number(1, Call::Close { fd: server }).unwrap();
        pair.round_trip();
        assert_eq!(pair.number(0, read(client, 9)), Ok(0));
        assert_eq!(pair.state(0, client), State::TimeWait);
    }
}

#[test]
fn a_reset_is_told_once_then_reading_ends_and_the_pipe_is_broken() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    pair.number(1, write(server, 5)).unwrap();
    pair.round_trip();
    pair.number(1, set_option(server, "SO_LINGER", linger(0)))
        .unwrap();
    pair.number(1, Call::Close { fd: server }).unwrap();
    pair.round_trip();
    assert_eq!(pair.state(0, client), State::Closed);
    assert_eq!(pair.number(0, write(client, 1)), Err(Errno::ECONNRESET));
    assert_eq!(pair.number(0, write(client, 1)), Err(Errno::EPIPE));
    assert_eq!(pair.number(0, read(client, 9)), Ok(5), "what had arrived");
    assert_eq!(pair.number(0, read(client, 9)), Ok(0));
    assert_eq!(
        pair.number(0, shutdown(client, "SHUT_WR")),
        Err(Errno::ENOTCONN)
    );
}

#[test]
fn a_reset_after_the_peers_fin_breaks_only_the_pipe_on_linux() {
    for (settings, told) in [
        (Settings::packetdrill as fn() -> Settings, Errno::EPIPE),
        (Settings::freebsd as fn() -> Settings, Errno::ECONNRESET),
    ] {
        let mut pair = Pair::with(Mode::V4, settings);
        let (client, server) = pair.connected();
        pair.number(1, shutdown(server, "SHUT_WR")).unwrap();
        pair.round_trip();
        pair.number(0, write(client, 5)).unwrap();
        pair.round_trip();
        pair.number(1, Call::Close { fd: server }).unwrap();
        pair.round_trip();
        assert_eq!(pair.get(0, client, "SO_ERROR"), i64::from(told.number()));
    }
}

#[test]
fn a_close_that_lingers_waits_for_the_peer_but_not_for_ever() {
    let mut pair = Pair::new(Mode::V4);
    let (client, _) = pair.connected();
    pair.number(0, set_option(client, "SO_LINGER", linger(5)))
        .unwrap();
    pair.number(0, write(client, 1_000)).unwrap();
    let waiting = pair.block(0, Call::Close { fd: client });
    let (result, took) = pair.finish(0, waiting);
    assert_eq!(result, Ok(0.into()));
    assert!(
        took >= 2 * LATENCY && took < Duration::from_millis(100),
        "{took:?}"
    );

    let (client, _) = {
        pair = Pair::new(Mode::V4);
        pair.connected()
    };
    pair.number(0, set_option(client, "SO_LINGER", linger(5)))
        .unwrap();
    pair.cut = true;
    pair.number(0, write(client, 1_000)).unwrap();
    let waiting = pair.block(0, Call::Close { fd: client });
    let (result, took) = pair.finish(0, waiting);
    assert_eq!((result, took), (Ok(0.into()), Duration::from_secs(5)));
    assert_eq!(pair.number(0, read(client, 1)), Err(Errno::EBADF));
}

#[test]
fn keep_alive_finds_that_the_peer_is_gone() {
    let mut pair = Pair::new(Mode::V4);
    let listener = pair.listener(false);
    let fd = pair.socket(0, false);
    for (name, number) in [
        ("SO_KEEPALIVE", 1),
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 2),
        ("TCP_KEEPCNT", 3),
    ] {
        pair.set(0, fd, name, number).unwrap();
    }
    let remote = Some(pair.end(1, 80));
    let waiting = pair.block(0, Call::Connect { fd, remote });
    assert!(pair.finish(0, waiting).0.is_ok());
    pair.round_trip();
    assert_eq!(listener, 3);
    pair.cut = true;
    let waiting = pair.block(0, read(fd, 1));
    let (result, took) = pair.finish(0, waiting);
    assert_eq!(result, Err(Errno::ETIMEDOUT));
    assert_eq!(took.as_secs(), 15, "ten seconds and three probes");
}

#[test]
fn a_listener_that_is_closed_resets_those_that_wait() {
    let mut pair = Pair::new(Mode::V4);
    let listener = pair.listener(false);
    let fd = pair.socket(0, true);
    let remote = Some(pair.end(1, 80));
    let _ = pair.number(0, Call::Connect { fd, remote });
    pair.round_trip();
    pair.number(1, Call::Close { fd: listener }).unwrap();
    pair.round_trip();
    assert_eq!(pair.get(0, fd, "SO_ERROR"), 104);
}

#[test]
fn shutting_down_while_connecting_gives_up() {
    let mut pair = Pair::new(Mode::V4);
    pair.cut = true;
    let fd = pair.socket(0, true);
    let remote = Some(pair.end(1, 80));
    let _ = pair.number(0, Call::Connect { fd, remote });
    assert_eq!(pair.number(0, shutdown(fd, "SHUT_RDWR")), Ok(0));
    assert_eq!(pair.state(0, fd), State::Closed);
    assert_eq!(pair.number(0, Call::Close { fd }), Ok(0));
}

#[test]
fn reading_that_was_shut_down_ends_at_once() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    pair.number(1, write(server, 3)).unwrap();
    pair.round_trip();
    pair.number(0, shutdown(client, "SHUT_RD")).unwrap();
    assert_eq!(pair.number(0, read(client, 9)), Ok(3));
    assert_eq!(pair.number(0, read(client, 9)), Ok(0));
    assert_eq!(pair.number(0, write(client, 9)), Ok(9));
}
