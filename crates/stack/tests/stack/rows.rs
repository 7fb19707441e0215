//! Lists of sockets: each is there once, with its queues, in each of the three tables.

use handfast_stack::{BACKLOG, Stack, TcpRow, TcpTable};
use handfast_tcp::{Limit, State};

use crate::wire::{FAMILIES, PLAIN, Wire, pattern};

fn rows(wire: &Wire, host: usize) -> Vec<TcpRow> {
    let stack: &Stack = &wire.stacks[host];
    let of = |table| {
        let places = 0..stack.tcp_places(table);
        places.filter_map(move |place| stack.tcp_row(wire.now, table, place))
    };
    let rows: Vec<_> = TcpTable::ALL.into_iter().flat_map(of).collect();
    assert_eq!(rows.len(), stack.tcp_sockets());
    rows
}

#[test]
fn a_socket_is_listed_once_with_its_queues_from_listen_to_time_wait() {
    for family in FAMILIES {
        let mut wire = Wire::new(PLAIN);
        assert_eq!(rows(&wire, 1), []);
        let (client, server) = wire.establish(family);
        let mut socket = wire.stacks[0].tcp(wire.now, client).unwrap();
        let ours = socket.local();
        socket.write(&pattern(100)).unwrap();
        drop(socket);
        let [sent] = &rows(&wire, 0)[..] else {
            panic!("one connection");
        };
        assert_eq!((sent.state, sent.local), (State::Established, ours));
        assert_eq!((sent.receive_queue, sent.send_queue), (0, 100));
        wire.settle();
        // One more that nobody accepts.
        wire.connect(0, family.end(1, 80));
        wire.settle();
        let [listener, received, waiting] = &rows(&wire, 1)[..] else {
            panic!("a listener and two connections");
        };
        assert_eq!(listener.state, State::Listen);
        assert_eq!(listener.local, family.end(1, 80));
        assert_eq!(
            (listener.receive_queue, listener.send_queue),
            (1, u64::try_from(BACKLOG).unwrap()),
        );
        assert_eq!((listener.remote.port(), &listener.figures), (0, &None));
        assert!(listener.remote.ip().is_unspecified());
        assert_eq!((received.remote, received.receive_queue), (ours, 100));
        assert_eq!(waiting.state, State::Established);
        let figures = received.figures.as_ref().unwrap();
        assert_eq!(figures.controller, "cubic");
        assert_eq!(figures.info.bytes_received, 100);
        assert_eq!(figures.info.limited_by, Limit::Application);

        wire.stacks[0].release_tcp(wire.now, client);
        wire.settle();
        wire.read(1, server);
        wire.stacks[1].release_tcp(wire.now, server);
        wire.settle();
        let [_, over] = &rows(&wire, 0)[..] else {
            panic!("the other connection and an entry in TIME-WAIT");
        };
        assert_eq!((over.state, over.local), (State::TimeWait, ours));
        assert_eq!(over.figures, None);
    }
}
