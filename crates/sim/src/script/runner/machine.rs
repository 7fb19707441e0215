//! The machine under test in virtual time: what it sent, what it was sent, and a call that blocks.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex};

use handfast_packet::Instant;
use handfast_packet::buf::{Chunk, Gso, Medium, RxChecksum, RxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_trace::{Ladder, LadderOptions};

use super::plan::Plan;
use super::wire::Sent;
use crate::script::sockets::{Call, Errno, Outcome, Place, Settings, Sockets, Value, Waiting};

/// Most packets of one script.
pub const FRAMES_MAX: usize = 100_000;
/// Most moments of one script at which anything happens.
pub const MOMENTS_MAX: u64 = 1_000_000;
/// When scripts begin: not at 0, so that nothing takes 0 for "never".
const START_SECONDS: u64 = 1_000;

/// The machine, its clock, and what passed.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) sockets: Sockets,
    pub(super) now: Instant,
    pub(super) start: Instant,
    /// What it sent and the script was not asked about yet.
    pub(super) sent: VecDeque<Sent>,
    /// The call that blocks.
    waiting: Option<Waiting>,
    /// What came of it, and when.
    finished: Option<(Instant, Finished)>,
    passed: Vec<Passed>,
    moments: u64,
    mtu: u16,
}

/// What came of a call.
pub(super) type Finished = Result<Result<Value, Errno>, String>;

/// One packet that passed, to or from the machine.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    at: Instant,
    direction: Direction,
    bytes: Vec<u8>,
    cause: Cause,
}

/// Shows packets to a recorder in the order in which they passed.
pub(super) fn replay(passed: &[Passed], recorder: &mut dyn Recorder) {
    for one in passed {
        recorder.record(&FrameRecord {
            at: one.at,
            direction: one.direction,
            bytes: &one.bytes,
            gso: None,
            cause: one.cause,
        });
    }
}

/// Scripts that go round in circles.
#[derive(Debug)]
pub(super) struct Circles;

impl Machine {
    pub(super) fn new(plan: &Plan, settings: Settings) -> Self {
        let place = Place {
            addresses: vec![plan.local],
            mtu: plan.mtu,
            max_gso: 0,
            seed: 1,
        };
        let start = Instant::from_secs(START_SECONDS);
        Self {
            sockets: Sockets::new(settings, &place),
            now: start,
            start,
            sent: VecDeque::new(),
            waiting: None,
            finished: None,
            passed: Vec::new(),
            moments: 0,
            mtu: plan.mtu,
        }
    }

    /// Begins a call. What comes of it is told by [`Self::take_finished`], perhaps at once.
    pub(super) fn call(&mut self, call: Call) -> Result<(), Circles> {
        let outcome = self.sockets.call(self.now, call);
        self.take_outcome(outcome);
        self.settle()
    }

    /// A packet arrives.
    pub(super) fn receive(&mut self, packet: Vec<u8>) -> Result<(), Circles> {
        self.pass(Direction::In, packet.clone(), Cause::Unstated)?;
        let frame = RxFrame {
            gso: self.pieces(packet.len()),
            data: Chunk::from(packet),
            received_at: self.now,
            checksum: RxChecksum::Unknown,
        };
        self.sockets.receive_frame(self.now, frame);
        self.settle()
    }

    /// Lets time pass until `until`.
    pub(super) fn advance(&mut self, until: Instant) -> Result<(), Circles> {
        self.settle()?;
        while let Some(at) = self.next_moment().filter(|at| *at <= until) {
            self.step_to(at)?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Lets time pass until there is something that the machine sent, at most until `until`.
    pub(super) fn advance_until_sent(&mut self, until: Instant) -> Result<(), Circles> {
        self.settle()?;
        while self.sent.is_empty() {
            let Some(at) = self.next_moment().filter(|at| *at <= until) else {
                return Ok(());
            };
            self.step_to(at)?;
        }
        Ok(())
    }

    /// Lets time pass until the call that blocks returns, at most until `until`.
    pub(super) fn advance_until_finished(&mut self, until: Instant) -> Result<(), Circles> {
        self.settle()?;
        while self.waiting.is_some() {
            let Some(at) = self.next_moment().filter(|at| *at <= until) else {
                return Ok(());
            };
            self.step_to(at)?;
        }
        Ok(())
    }

    /// What came of the last call, once.
    pub(super) fn take_finished(&mut self) -> Option<(Instant, Finished)> {
        self.finished.take()
    }

    /// Everything that passed, as a ladder.
    pub(super) fn ladder(&self) -> String {
        let text = Arc::new(Mutex::new(Vec::new()));
        let options = LadderOptions {
            medium: Medium::Ip,
            width: 120,
            ..LadderOptions::default()
        };
        let mut ladder = Ladder::new(Box::new(Shared(Arc::clone(&text))), options);
        replay(&self.passed, &mut ladder);
        drop(ladder);
        let text = text.lock().expect("nobody panics while holding it");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Everything that passed.
    pub(super) fn into_passed(self) -> Vec<Passed> {
        self.passed
    }

    /// A packet that no link could carry stands for several.
    fn pieces(&self, len: usize) -> Option<Gso> {
        const HEADERS: u16 = 40;
        let most = usize::from(self.mtu);
        let segment = self.mtu.saturating_sub(HEADERS);
        (len > most).then(|| Gso::for_payload(len - usize::from(HEADERS), segment))?
    }

    fn next_moment(&self) -> Option<Instant> {
        let deadline = self.waiting.as_ref().and_then(Waiting::deadline);
        let next = [self.sockets.next_timeout(), deadline];
        next.into_iter().flatten().min()
    }

    fn step_to(&mut self, at: Instant) -> Result<(), Circles> {
        self.moments += 1;
        if self.moments > MOMENTS_MAX {
            return Err(Circles);
        }
        self.now = self.now.max(at);
        self.sockets.on_timeout(self.now);
        self.settle()
    }

    /// Takes in what the machine sends at this moment, and tries the call that blocks again.
    fn settle(&mut self) -> Result<(), Circles> {
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.writes_at_once()) {
            let outcome = self.sockets.resume(self.now, waiting);
            self.take_outcome(outcome);
        }
        loop {
            while let Some(frame) = self.sockets.poll_transmit(self.now) {
                let at = frame.depart_at.unwrap_or(self.now).max(self.now);
                let bytes = frame.to_vec();
                self.sent.push_back(Sent::new(at, frame.cause, &bytes));
                self.pass(Direction::Out, bytes, frame.cause)?;
            }
            let Some(waiting) = self.waiting.take() else {
                return Ok(());
            };
            let outcome = self.sockets.resume(self.now, waiting);
            self.take_outcome(outcome);
            if self.waiting.is_some() {
                // It may have moved something and still wait for more.
                if let Some(frame) = self.sockets.poll_transmit(self.now) {
                    let bytes = frame.to_vec();
                    self.sent
                        .push_back(Sent::new(self.now, frame.cause, &bytes));
                    self.pass(Direction::Out, bytes, frame.cause)?;
                    continue;
                }
                return Ok(());
            }
        }
    }

    fn take_outcome(&mut self, outcome: Outcome) {
        let finished = match outcome {
            Outcome::WouldBlock(waiting) => {
                self.waiting = Some(waiting);
                return;
            }
            Outcome::Done(result) => Ok(result),
            Outcome::Unsupported(why) => Err(why),
        };
        self.finished = Some((self.now, finished));
    }

    fn pass(&mut self, direction: Direction, bytes: Vec<u8>, cause: Cause) -> Result<(), Circles> {
        if self.passed.len() == FRAMES_MAX {
            return Err(Circles);
        }
        self.passed.push(Passed {
            at: self.now,
            direction,
            bytes,
            cause,
        });
        Ok(())
    }
}

/// Text that a ladder writes and we read.
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut text = self.0.lock().expect("nobody panics while holding it");
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
