//! Descriptors, names of ends, flags and options.

use super::*;

#[test]
fn descriptors_are_the_lowest_free_numbers_and_dup_shares_the_file() {
    let mut pair = Pair::new(Mode::V4);
    let [a, b] = [(); 2].map(|()| pair.socket(0, false));
    assert_eq!((a, b), (3, 4));
    assert_eq!(pair.number(0, Call::Duplicate { fd: a }), Ok(5));
    assert_eq!(pair.number(0, Call::Close { fd: a }), Ok(0));
    assert_eq!(pair.number(0, Call::Close { fd: a }), Err(Errno::EBADF));
    assert_eq!(pair.number(0, nonblocking(5)), Ok(0));
    assert_eq!(pair.socket(0, false), 3);
    assert_eq!(pair.number(0, Call::GetFlags { fd: 5 }), Ok(0o4002));
    assert_eq!(pair.number(0, Call::GetFlags { fd: 3 }), Ok(2));
}

#[test]
fn a_duplicate_keeps_the_connection_open() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    let copy = pair.number(0, Call::Duplicate { fd: client }).unwrap();
    pair.number(0, Call::Close { fd: client }).unwrap();
    pair.round_trip();
    assert_eq!(pair.state(1, server), State::Established);
    let fd = i32::try_from(copy).unwrap();
    pair.number(0, Call::Close { fd }).unwrap();
    pair.round_trip();
    assert_eq!(pair.state(1, server), State::CloseWait);
}

#[test]
fn both_ends_have_names_in_the_form_of_the_family() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let fresh = pair.socket(0, false);
        let name = |fd, peer| Call::Name { fd, peer };
        assert_eq!(pair.call(0, name(fresh, true)), Err(Errno::ENOTCONN));
        let (client, server) = pair.connected();
        let mut tell = |host, fd, peer| match pair.call(host, name(fd, peer)).unwrap().detail {
            Detail::Peer(address) => address,
            other => panic!("a name is an address, not {other:?}"),
        };
        let here = tell(0, client, false);
        assert_eq!(tell(1, server, true), here);
        assert_eq!(tell(0, client, true), tell(1, server, false));
        assert_eq!(tell(1, server, false), pair.end(1, 80));
        assert_eq!(here.ip(), pair.end(0, 0).ip(), "{mode:?}");
    }
}

#[test]
fn linux_gives_back_twice_the_buffer_and_freebsd_rounds_it_to_segments() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    assert_eq!(pair.get(0, fd, "SO_RCVBUF"), 540_000);
    pair.set(0, fd, "SO_RCVBUF", 20_000).unwrap();
    assert_eq!(pair.get(0, fd, "SO_RCVBUF"), 40_000);
    pair.set(0, fd, "SO_SNDBUF", 1).unwrap();
    assert_eq!(pair.get(0, fd, "SO_SNDBUF"), 4_608);

    for (mode, rounded) in [(Mode::V4, 65_700), (Mode::V6, 66_240)] {
        let mut pair = Pair::with(mode, Settings::freebsd);
        let fresh = pair.socket(0, false);
        assert_eq!(pair.get(0, fresh, "SO_RCVBUF"), 65_536);
        let (client, _) = pair.connected();
        assert_eq!(pair.get(0, client, "SO_RCVBUF"), rounded);
    }
}

#[test]
fn options_are_given_back_as_they_were_set() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    for (name, number) in [
        ("SO_REUSEADDR", 1),
        ("SO_KEEPALIVE", 1),
        ("SO_PRIORITY", 5),
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", 11),
        ("TCP_KEEPINTVL", 12),
        ("TCP_KEEPCNT", 13),
        ("TCP_USER_TIMEOUT", 14_000),
    ] {
        assert_eq!(pair.set(0, fd, name, number), Ok(0), "{name}");
        assert_eq!(pair.get(0, fd, name), number, "{name}");
    }
    assert_eq!(pair.set(0, fd, "TCP_KEEPIDLE", 0), Err(Errno::EINVAL));
    assert_eq!(pair.set(0, fd, "SO_ERROR", 0), Err(Errno::ENOPROTOOPT));
    let linger = OptionValue::Linger {
        on: true,
        seconds: 3,
    };
    assert_eq!(pair.number(0, set_option(fd, "SO_LINGER", linger)), Ok(0));
}

#[test]
fn what_is_not_known_is_unsupported_and_never_a_false_success() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    for name in ["SO_TIMESTAMPING", "TCP_NONSENSE", "IP_NONSENSE"] {
        let call = set_option(fd, name, OptionValue::Number(1));
        assert!(pair.unsupported(0, call).contains(name));
    }
    assert!(
        pair.unsupported(0, ioctl(fd, "SIOCNONSENSE"))
            .contains("SIOCNONSENSE")
    );
}

#[test]
fn an_accepted_socket_inherits_options_and_on_freebsd_the_flag_too() {
    for (settings, flags) in [
        (Settings::packetdrill as fn() -> Settings, 2),
        (Settings::freebsd as fn() -> Settings, 0o4002),
    ] {
        let mut pair = Pair::with(Mode::V4, settings);
        let listener = pair.listener(true);
        pair.set(1, listener, "TCP_NODELAY", 1).unwrap();
        let fd = pair.socket(0, true);
        let remote = Some(pair.end(1, 80));
        let _ = pair.number(0, Call::Connect { fd, remote });
        pair.round_trip();
        let accepted = i32::try_from(pair.number(1, accept(listener)).unwrap()).unwrap();
        assert_eq!(pair.get(1, accepted, "TCP_NODELAY"), 1);
        assert_eq!(pair.number(1, Call::GetFlags { fd: accepted }), Ok(flags));
    }
}
