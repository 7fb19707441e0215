//! One cell of the matrix: what the path does, what the ends agree on, and what follows from both:
//! the link, the settings of our TCP, the longest silence that is no fault. The list of cells is in
//! `cover`.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use handfast::tcp;
use handfast::tcp::{Algorithm, EcnMode};
use handfast_device::{ImpairSpec, LinkSpec, Probability, Reorder};

/// Loss of segments in each direction, in parts of a million.
pub const LOSSES: [u32; 5] = [0, 1_000, 10_000, 30_000, 100_000];
/// Round-trip times of the empty path, in milliseconds.
pub const ROUND_TRIPS: [u64; 4] = [1, 20, 100, 300];
/// How much is reordered.
pub const REORDERINGS: [Reordering; 3] = [Reordering::No, Reordering::Mild, Reordering::Heavy];
/// Rates of the bottleneck in Mbit/s.
pub const RATES: [u64; 2] = [100, 1_000];
/// Congestion controllers, the same at both ends.
pub const CONTROLLERS: [Algorithm; 2] = [Algorithm::Cubic, Algorithm::Bbr];

/// Largest buffers of a connection in bytes, for sending and for receiving: what Linux 6.18 has by
/// default, and what our TCP gets for sending to be compared with it.
pub const BUFFER_MAX: usize = 32 << 20;
/// Our largest buffer for receiving. Linux counts the memory that segments take, so that of its 32
/// MiB it never announces more than about this to a sender of full segments; ours counts text.
pub const WINDOW_MAX: usize = 20 << 20;
/// Least bytes before the bottleneck: one super-segment of the kernel.
const QUEUE_MIN: u64 = 64 << 10;
/// First retransmission timeout without a measured round trip (RFC 6298 2.1).
const RTO_FIRST: Duration = Duration::from_secs(1);
/// Least retransmission timeout of both stacks beyond the round trip.
const RTO_MIN: Duration = Duration::from_millis(200);
/// A silence is a fault when it was less likely than one in so many.
const UNLIKELY: f64 = 1e5;

/// Held-back segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reordering {
    /// None.
    No,
    /// One in a hundred, by a sixteenth of the round trip.
    Mild,
    /// Five in a hundred, by a quarter of the round trip.
    Heavy,
}

/// The parameters of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Loss in each direction, in parts of a million.
    pub loss_ppm: u32,
    /// Round-trip time of the empty path in milliseconds.
    pub round_trip_ms: u64,
    /// Reordering in each direction.
    pub reordering: Reordering,
    /// Selective acknowledgments at both ends.
    pub sack: bool,
    /// Timestamps at both ends.
    pub timestamps: bool,
    /// Classic ECN (RFC 3168), asked for by whoever connects.
    pub ecn: bool,
    /// The controller of both senders.
    pub controller: Algorithm,
    /// The bottleneck of each direction in Mbit/s; 0 for none.
    pub rate_mbit: u64,
}

impl Cell {
    /// The round-trip time of the empty path.
    pub fn round_trip(&self) -> Duration {
        Duration::from_millis(self.round_trip_ms)
    }

    /// Bytes that may wait before the bottleneck: as many as the empty path holds.
    pub fn queue(&self) -> u64 {
        (self.rate_mbit * 125 * self.round_trip_ms).max(QUEUE_MIN)
    }

    /// The link, the same in both directions.
    pub fn link(&self) -> ImpairSpec {
        let held = |percent, part| {
            Some(Reorder {
                probability: Probability::from_percent(percent).expect("a few per cent"),
                hold: self.round_trip() / part,
            })
        };
        let link = LinkSpec {
            loss: Probability::from_ppm(self.loss_ppm).expect("at most a million"),
            rate: NonZeroU64::new(self.rate_mbit * 1_000_000),
            queue: Some(self.queue()),
            delay: self.round_trip() / 2,
            reorder: match self.reordering {
                Reordering::No => None,
                Reordering::Mild => held(1, 16),
                Reordering::Heavy => held(5, 4),
            },
            ..LinkSpec::default()
        };
        ImpairSpec {
            inbound: link.clone(),
            outbound: link,
        }
    }

    /// What our TCP is told.
    pub fn ours(&self) -> tcp::Config {
        tcp::Config {
            sack: self.sack,
            timestamps: self.timestamps,
            ecn: if self.ecn {
                EcnMode::Classic
            } else {
                EcnMode::Off
            },
            congestion: self.controller,
            send_buffer_max: BUFFER_MAX,
            receive_buffer_max: WINDOW_MAX,
            ..tcp::Config::default()
        }
    }

    /// The kernel's name of the controller.
    pub fn controller_name(&self) -> &'static str {
        match self.controller {
            Algorithm::Reno => "reno",
            Algorithm::Cubic => "cubic",
            Algorithm::Bbr => "bbr",
        }
    }

    /// About what a stream should reach, in Mbit/s: the link, or what a window that is cut at each
    /// loss allows (Mathis and others, 1997). For the order of the day only, not for a verdict.
    pub fn expected_mbit(&self) -> f64 {
        let link = match self.rate_mbit {
            0 => f64::INFINITY,
            rate => rate as f64,
        };
        if self.loss_ppm == 0 || (self.controller == Algorithm::Bbr && self.sack) {
            return link;
        }
        let loss = f64::from(self.loss_ppm) / 1e6;
        let round_trip = self.round_trip().as_secs_f64();
        link.min(1.3 * 1_448.0 * 8.0 / (round_trip * loss.sqrt()) / 1e6)
    }

    /// The longest time without progress that the retransmission timer may explain: timeouts that
    /// double (RFC 6298 5.5) for as many lost retransmissions in a row, or lost answers to them, as
    /// are less likely than one in a hundred thousand. Without timestamps what was sent again measures
    /// no round trip (RFC 6298 3), and the first of them may still be doubled since the last time.
    pub fn silence_max(&self) -> Duration {
        let drain = match self.rate_mbit {
            // Nothing waits where there is no bottleneck.
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(self.queue() as f64 * 8e-6 / rate as f64),
        };
        let slowest = self.round_trip() * 2 + drain * 2;
        let doubled = if self.timestamps { 1 } else { 2 };
        let timeout = RTO_FIRST.max(slowest * 2 + RTO_MIN) * doubled;
        let arrives = (1.0 - f64::from(self.loss_ppm) / 1e6).powi(2);
        let (mut chance, mut total, mut step) = (1.0 - arrives, timeout, timeout);
        while chance * UNLIKELY > 1.0 {
            chance *= 1.0 - arrives;
            step *= 2;
            total += step;
        }
        total + slowest
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |yes, name: &'static str| if yes { name } else { "-" };
        let reordering = match self.reordering {
            Reordering::No => "no",
            Reordering::Mild => "mild",
            Reordering::Heavy => "heavy",
        };
        write!(
            f,
            "{} | {} | {} % | {} ms | {} | {} {} {}",
            self.controller_name(),
            self.rate_mbit,
            f64::from(self.loss_ppm) / 1e4,
            self.round_trip_ms,
            reordering,
            on(self.sack, "sack"),
            on(self.timestamps, "ts"),
            on(self.ecn, "ecn"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: Cell = Cell {
        loss_ppm: 0,
        round_trip_ms: 20,
        reordering: Reordering::No,
        sack: true,
        timestamps: true,
        ecn: false,
        controller: Algorithm::Cubic,
        rate_mbit: 100,
    };

    #[test]
    fn the_queue_holds_what_the_path_holds() {
        assert_eq!(CELL.queue(), 250_000);
        let short = Cell {
            round_trip_ms: 1,
            ..CELL
        };
        assert_eq!(short.queue(), QUEUE_MIN);
        assert_eq!(
            CELL.link().to_string(),
            "loss=0%,rate=100mbit,queue=250KB,delay=10ms".replace("loss=0%,", "")
        );
    }

    #[test]
    fn silence_grows_with_loss_as_timeouts_double() {
        let of = |loss_ppm| Cell { loss_ppm, ..CELL }.silence_max();
        assert!(of(0) < Duration::from_secs(2), "{:?}", of(0));
        assert!(of(1_000) < Duration::from_secs(8), "{:?}", of(1_000));
        assert!(LOSSES.is_sorted_by_key(|&loss| of(loss)));
        let [timed, untimed] =
            [true, false].map(|timestamps| Cell { timestamps, ..CELL }.silence_max());
        assert!(timed < untimed, "the back-off lasts: {timed:?} {untimed:?}");
    }
}
