//! A server in memory: what a connection costs it from the SYN to the last ACK, on one core.

use std::time::Duration;

use handfast_bench::{Failure, Figure, Solo, Wanted};
use handfast_packet::Instant;
use handfast_packet::buf::BATCH_MAX;
use handfast_packet::tcp::TcpFlags;
use handfast_stack::{Event, ListenerId, Stack};
use handfast_tcp as tcp;

use crate::crowd::Crowd;

/// As many as TIME-WAIT has entries, so that each client that comes again finds its own.
const CLIENTS: usize = 65_536;
/// Times that each client connects in a turn.
const ROUNDS: usize = 4;

const FIGURES: &[Figure] = &[Figure {
    unit: "thousand connections in a second",
    wanted: Some(Wanted::AtLeast(1_000.0)),
}];
const UNBOUND: &[Figure] = &[Figure {
    unit: "thousand connections in a second",
    wanted: None,
}];

/// Who closes first, and so has the TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closer {
    Client,
    Server,
}

pub(crate) fn solos() -> Vec<Solo<'static>> {
    [
        (
            "connections.memory",
            "handshake, 1 byte there and back, the client closes: the server alone",
            Closer::Client,
            FIGURES,
        ),
        (
            "connections.memory.reuse",
            "the same, the server closes, and finds 65,536 entries in TIME-WAIT that begin again",
            Closer::Server,
            UNBOUND,
        ),
    ]
    .into_iter()
    .map(|(name, what, closer, figures)| {
        let mut crowd = None;
        Solo {
            name,
            what: what.to_owned(),
            figures,
            turn: Box::new(move || {
                if crowd.is_none() {
                    crowd = Some(Crowd::new(CLIENTS)?);
                }
                turn(crowd.as_mut().expect("made just now"), closer)
            }),
        }
    })
    .collect()
}

fn turn(crowd: &mut Crowd, closer: Closer) -> Result<Vec<f64>, Failure> {
    crowd.spent = Duration::ZERO;
    let (before, waited) = (crowd.heard, crowd.stack.time_wait_count());
    for _ in 0..ROUNDS {
        for first in (0..CLIENTS).step_by(BATCH_MAX) {
            connections(crowd, first, closer);
        }
    }
    let count = ROUNDS * CLIENTS;
    let answered = usize::try_from(crowd.heard - before)?;
    let (left, resets) = (crowd.stack.tcp_count(), crowd.resets);
    if answered != count || left != 0 || resets != 0 {
        return Err(format!("{answered} of {count} answers, {left} open, {resets} resets").into());
    }
    let waits = crowd.stack.time_wait_count();
    let wanted = match closer {
        Closer::Client => 0,
        Closer::Server => CLIENTS,
    };
    if waits != wanted || (waited != wanted && waited != 0) {
        return Err(format!("{waits} of {wanted} entries in TIME-WAIT").into());
    }
    Ok(vec![count as f64 / crowd.spent.as_secs_f64() / 1e3])
}

/// A batch of clients, from `first` on, one connection each.
fn connections(crowd: &mut Crowd, first: usize, closer: Closer) {
    let listener = crowd.listener;
    let mut application =
        |stack: &mut Stack, now, event| serve(stack, now, event, listener, closer);
    let speak = |crowd: &mut Crowd, flags, text: &[u8]| {
        for index in first..first + BATCH_MAX {
            crowd.say(index, flags, text);
        }
    };
    for index in first..first + BATCH_MAX {
        crowd.forget(index);
    }
    speak(crowd, TcpFlags::SYN, b"");
    crowd.turn(&mut application);
    speak(crowd, TcpFlags::ACK | TcpFlags::PSH, b"x");
    crowd.turn(&mut application);
    speak(crowd, TcpFlags::ACK | TcpFlags::FIN, b"");
    crowd.turn(&mut application);
    if closer == Closer::Client {
        speak(crowd, TcpFlags::ACK, b"");
        crowd.turn(&mut application);
    }
}

/// The application of the server.
fn serve(stack: &mut Stack, now: Instant, event: Event, listener: ListenerId, closer: Closer) {
    match event {
        Event::Accept(_) => {
            stack.accept(listener).expect("it was announced");
        }
        Event::Tcp(id, tcp::Event::Readable) => {
            let Some(mut socket) = stack.tcp(now, id) else {
                return;
            };
            let mut text = [0; 16];
            let read = socket.read(&mut text).unwrap_or(0);
            if read > 0 {
                socket
                    .write(&text[..read])
                    .expect("there is room for a byte");
            }
            if read == 0 || closer == Closer::Server {
                socket.shutdown();
                drop(socket);
                stack.release_tcp(now, id);
            }
        }
        _ => {}
    }
}
