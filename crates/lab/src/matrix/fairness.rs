//! Two flows through one bottleneck, ours and the kernel's: what each gets of it. Single flows are
//! in `run`.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::cell::Cell;
use super::run::{DRAIN, accept, connect, listen};
use super::scene::{FAR, Scene, Who, socket};
use super::stream::{End, Figures, Timing, receive, send};

/// Port for our flow, and for the kernel's.
const PORTS: [u16; 2] = [5001, 5002];

/// What came of two flows.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Goodput of our flow, in bits per second.
    pub ours: f64,
    /// Of the kernel's.
    pub kernel: f64,
    /// What our TCP says, and the kernel's.
    pub figures: [Figures; 2],
    /// Whether all arrived as it was sent.
    pub equal: bool,
}

impl Shares {
    /// Jain's index: 1 when both get the same, 1/2 when one gets all.
    pub fn jain(&self) -> f64 {
        let sum = self.ours + self.kernel;
        sum * sum / (2.0 * (self.ours * self.ours + self.kernel * self.kernel))
    }
}

/// Both send to the far kernel at the same time, through the same queue.
///
/// # Errors
/// When the scene cannot be built, or a connection fails.
pub fn fairness(cell: &Cell, span: Duration, seed: u64) -> io::Result<Shares> {
    let both = [Who::Ours, Who::Kernel];
    let scene = Scene::build(cell, &both, seed, None).map_err(io::Error::other)?;
    let name = cell.controller_name();
    let timing = Arc::new(Timing::new(span, DRAIN));
    let receiver = |listener: TcpListener| {
        let timing = Arc::clone(&timing);
        scene
            .far
            .spawn(move || receive(accept(&listener)?, &timing))
    };
    let far = [
        receiver(listen(&scene.far, socket(FAR, PORTS[0]), name)?)?,
        receiver(listen(&scene.far, socket(FAR, PORTS[1]), name)?)?,
    ];
    let net = scene.net.as_ref().expect("we are on our side");
    let near = scene.near.as_ref().expect("the kernel is there too");
    let sent = thread::scope(|scope| {
        let ours = scope.spawn(|| send(End::Ours(net.connect(socket(FAR, PORTS[0]))?), &timing));
        let kernel = near.run(|| {
            let stream = connect(socket(FAR, PORTS[1]), name)?;
            send(End::Kernel(stream), &timing)
        });
        [ours.join().expect("a sender does not panic"), kernel]
    });
    let [ours, kernel] = sent;
    let (sent, mut rates, mut equal) = ([ours?, kernel?], [0.0; 2], true);
    for ((far, sent), rate) in far.into_iter().zip(&sent).zip(&mut rates) {
        let received = far.join().expect("a receiver does not panic")?;
        equal &= received.ended && received.hash == sent.hash;
        *rate = received.in_time as f64 * 8.0 / span.as_secs_f64();
    }
    scene.stop();
    Ok(Shares {
        ours: rates[0],
        kernel: rates[1],
        figures: sent.map(|sent| sent.figures),
        equal,
    })
}
