//! Reading and writing.

use super::*;

fn receive(fd: Fd, len: usize, flag: &str) -> Call {
    let flags = constant(flag).unwrap();
    Call::Receive { fd, len, flags }
}

#[test]
fn text_arrives_and_reading_takes_what_is_there() {
    for mode in MODES {
        let mut pair = Pair::new(mode);
        let (client, server) = pair.connected();
        assert_eq!(pair.number(0, write(client, 5_000)), Ok(5_000));
        pair.round_trip();
        let waiting = ioctl(server, "SIOCINQ");
        assert_eq!(pair.call(1, waiting).unwrap().detail, Detail::Number(5_000));
        assert_eq!(pair.number(1, receive(server, 100, "MSG_PEEK")), Ok(100));
        assert_eq!(pair.number(1, read(server, 3_000)), Ok(3_000), "{mode:?}");
        assert_eq!(pair.number(1, read(server, 3_000)), Ok(2_000));
        pair.number(1, nonblocking(server)).unwrap();
        assert_eq!(pair.number(1, read(server, 1)), Err(Errno::EAGAIN));
        assert_eq!(pair.number(1, read(server, 0)), Ok(0));
    }
}

#[test]
fn a_blocking_read_waits_for_text_or_its_time() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    let waiting = pair.block(1, read(server, 10));
    pair.number(0, write(client, 4)).unwrap();
    let (result, took) = pair.finish(1, waiting);
    assert_eq!((result.unwrap().result, took), (4, LATENCY));
    let limit = OptionValue::Time(Duration::from_millis(300));
    pair.number(1, set_option(server, "SO_RCVTIMEO", limit))
        .unwrap();
    let waiting = pair.block(1, read(server, 10));
    let (result, took) = pair.finish(1, waiting);
    assert_eq!(
        (result, took),
        (Err(Errno::EAGAIN), Duration::from_millis(300))
    );
}

#[test]
fn a_low_water_mark_and_waitall_hold_a_read_back() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    pair.set(1, server, "SO_RCVLOWAT", 100).unwrap();
    let waiting = pair.block(1, read(server, 1_000));
    pair.number(0, write(client, 60)).unwrap();
    pair.round_trip();
    pair.number(0, write(client, 60)).unwrap();
    let (result, _) = pair.finish(1, waiting);
    assert_eq!(result.unwrap().result, 120);
    let waiting = pair.block(1, receive(server, 200, "MSG_WAITALL"));
    pair.number(0, write(client, 150)).unwrap();
    pair.round_trip();
    pair.number(0, shutdown(client, "SHUT_WR")).unwrap();
    let (result, _) = pair.finish(1, waiting);
    assert_eq!(
        result.unwrap().result,
        150,
        "the end of the stream ends the wait"
    );
}

#[test]
fn a_blocking_write_takes_as_long_as_the_reader() {
    let mut pair = Pair::new(Mode::V4);
    let (client, server) = pair.connected();
    pair.set(0, client, "SO_SNDBUF", 10_000).unwrap();
    let most = 40_000_000;
    let waiting = pair.block(0, write(client, most));
    let mut got = 0;
    let mut last = None;
    let mut waiting = Some(waiting);
    while got < most {
        match waiting
            .take()
            .map(|waiting| pair.machines[0].resume(pair.now, waiting))
        {
            Some(Outcome::WouldBlock(again)) => waiting = Some(again),
            Some(Outcome::Done(result)) => last = Some(result.unwrap().result),
            Some(Outcome::Unsupported(why)) => panic!("{why}"),
            None => {}
        }
        pair.flush();
        pair.round_trip();
        let here = pair.call(1, ioctl(server, "FIONREAD")).unwrap().detail;
        if here != Detail::Number(0) {
            let count = pair.number(1, read(server, most)).unwrap();
            got += usize::try_from(count).unwrap();
        }
    }
    assert_eq!((got, last), (most, Some(most as i64)));
}

#[test]
fn a_write_that_may_not_block_takes_what_fits() {
    let mut pair = Pair::new(Mode::V4);
    let (client, _) = pair.connected();
    pair.number(0, nonblocking(client)).unwrap();
    let mut taken = 0;
    let refused = loop {
        match pair.number(0, write(client, 10_000_000)) {
            Ok(count) => taken += count,
            Err(errno) => break errno,
        }
    };
    assert_eq!(refused, Errno::EAGAIN);
    let queued = pair.call(0, ioctl(client, "SIOCOUTQ")).unwrap().detail;
    assert_eq!(queued, Detail::Number(taken));
    let Detail::Number(unsent) = pair.call(0, ioctl(client, "SIOCOUTQNSD")).unwrap().detail else {
        panic!("a number");
    };
    assert!(unsent > 0 && unsent < taken, "{unsent} of {taken}");
}

#[test]
fn a_socket_that_is_not_connected_neither_reads_nor_writes() {
    let mut pair = Pair::new(Mode::V4);
    let fd = pair.socket(0, false);
    assert_eq!(pair.number(0, read(fd, 1)), Err(Errno::ENOTCONN));
    assert_eq!(pair.number(0, write(fd, 1)), Err(Errno::EPIPE));
    assert_eq!(
        pair.number(0, shutdown(fd, "SHUT_WR")),
        Err(Errno::ENOTCONN)
    );
    let mut pair = Pair::with(Mode::V4, Settings::freebsd);
    let fd = pair.socket(0, false);
    assert_eq!(pair.number(0, write(fd, 1)), Err(Errno::ENOTCONN));
}
