//! Connections in each of the eleven states, as a peer by hand brings them about.

use handfast_packet::tcp::{TcpHeader, TcpOptions};
use handfast_stack::TcpId;
use handfast_tcp::State;

use crate::peer::{ACK, FIN, FIN_ACK, Family, Peer, SYN};

/// Where an attacked connection stands. LISTEN is no state of a connection here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Closed,
    Listen,
    In(State),
}

/// The eleven states of RFC 9293 3.3.2.
pub(crate) const PLACES: [Place; 11] = [
    Place::Closed,
    Place::Listen,
    Place::In(State::SynSent),
    Place::In(State::SynReceived),
    Place::In(State::Established),
    Place::In(State::FinWait1),
    Place::In(State::FinWait2),
    Place::In(State::CloseWait),
    Place::In(State::Closing),
    Place::In(State::LastAck),
    Place::In(State::TimeWait),
];

/// The states in which both SYNs are acknowledged and a connection still has buffers.
pub(crate) const SYNCHRONISED: [State; 6] = [
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
];

/// A stack with one connection, or none, in a certain state.
pub(crate) struct Scene {
    pub(crate) peer: Peer,
    /// While the application holds it.
    pub(crate) id: Option<TcpId>,
    /// A listener is all that there was before.
    pub(crate) listens: bool,
    /// RCV.NXT, counted from the peer's SYN.
    pub(crate) next: u32,
    /// SND.NXT, counted from the stack's SYN.
    pub(crate) sent: u32,
}

impl Scene {
    /// The peer offered a full MSS and nothing else.
    pub(crate) fn new(family: Family, place: Place) -> Self {
        Self::with(family, place, TcpOptions::default())
    }

    pub(crate) fn with(family: Family, place: Place, options: TcpOptions) -> Self {
        let mut scene = match place {
            Place::Closed => Self::empty(Peer::new(family)),
            Place::Listen => {
                let mut peer = Peer::new(family);
                peer.listen();
                Self {
                    listens: true,
                    ..Self::empty(peer)
                }
            }
            Place::In(State::SynSent) => {
                let mut peer = Peer::new(family);
                let id = peer.connect();
                Self {
                    id: Some(id),
                    sent: 1,
                    ..Self::empty(peer)
                }
            }
            Place::In(State::SynReceived) => {
                let mut peer = Peer::new(family);
                peer.listen();
                peer.send_with(SYN, (0, 0), b"", |header| header.options = options);
                Self {
                    listens: true,
                    next: 1,
                    sent: 1,
                    ..Self::empty(peer)
                }
            }
            Place::In(state) => Self::synchronised(family, state, options),
        };
        scene.peer.inbox.clear();
        assert_eq!(scene.place(), place, "the scene is set");
        scene
    }

    fn empty(peer: Peer) -> Self {
        Self {
            peer,
            id: None,
            listens: false,
            next: 0,
            sent: 0,
        }
    }

    fn synchronised(family: Family, state: State, options: TcpOptions) -> Self {
        let mut peer = Peer::new(family);
        let id = peer.open(options);
        let stamp = |header: &mut TcpHeader| header.options.timestamps = options.timestamps;
        let (mut next, mut acked, mut sent) = (1, 1, 1);
        let theirs_first = matches!(state, State::CloseWait | State::LastAck);
        if theirs_first {
            peer.send_with(FIN_ACK, (1, 1), b"", stamp);
            next = 2;
        }
        if !matches!(state, State::Established | State::CloseWait) {
            peer.tcp(id).shutdown();
            peer.turn();
            assert!(peer.inbox.iter().any(|sent| sent.has(FIN)));
            sent = 2;
        }
        if matches!(state, State::FinWait2 | State::TimeWait) {
            peer.send_with(ACK, (1, 2), b"", stamp);
            acked = 2;
        }
        if matches!(state, State::Closing | State::TimeWait) {
            peer.send_with(FIN_ACK, (1, acked), b"", stamp);
            next = 2;
        }
        Self {
            peer,
            id: Some(id),
            listens: false,
            next,
            sent,
        }
    }

    /// Where the connection stands now. One that is over is closed, and LISTEN again when nothing
    /// had come of it.
    pub(crate) fn place(&self) -> Place {
        let stack = &self.peer.stack;
        let known = PLACES.into_iter().find(|place| match place {
            Place::In(state) => stack.tcp_count_in(*state) > 0,
            Place::Closed | Place::Listen => false,
        });
        let nothing = if self.listens {
            Place::Listen
        } else {
            Place::Closed
        };
        known.unwrap_or(nothing)
    }
}
