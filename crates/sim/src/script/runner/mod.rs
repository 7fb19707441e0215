//! Runs a script against one machine in virtual time.
//!
//! The machine is `sockets`; what the script sends goes in, what the machine sends is compared,
//! calls are made when their time has come. The order of things is that of the script: nothing
//! else moves the clock.

mod call;
mod command;
mod compare;
mod expect;
mod flow;
mod info;
mod machine;
mod options;
mod plan;
mod python;
mod relaxed;
mod steps;
mod text;
mod wire;

use handfast_packet::Instant;
use handfast_packet::record::Recorder;
use std::collections::BTreeMap;
use std::fmt;

use handfast_stack::Counters;

pub use machine::{FRAMES_MAX, MOMENTS_MAX};
pub use plan::{End, IpVersion, Mode, Options, TOLERANCE};
pub use python::CODE_DEPTH_MAX;

use self::call::Descriptors;
use self::flow::Flow;
use self::machine::{Machine, Passed};
use self::plan::Plan;
use super::ast::{Action, Script, Step};
use super::parse_with;
use super::sockets::{Fd, SettingError, Settings};
use command::Order;

/// What came of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as the script says.
    Pass,
    /// Something was not.
    Fail {
        /// The line of the step.
        line: u32,
        /// What the script expects.
        expected: String,
        /// What was there instead.
        found: String,
    },
    /// The script says something that is not known here, or asks for what we have not got.
    Unsupported {
        /// The line of the step.
        line: u32,
        /// What it is.
        reason: String,
    },
}

impl Verdict {
    /// The line of the step at which the script ended; `None` when it passed.
    pub const fn line(&self) -> Option<u32> {
        match self {
            Self::Pass => None,
            Self::Fail { line, .. } | Self::Unsupported { line, .. } => Some(*line),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("PASS"),
            Self::Fail {
                line,
                expected,
                found,
            } => {
                let (expected, found) = (text::printable(expected), text::printable(found));
                write!(
                    f,
                    "FAIL line {line}\n  expected  {expected}\n  found     {found}"
                )
            }
            Self::Unsupported { line, reason } => {
                let reason = text::printable(reason);
                write!(f, "UNSUPPORTED line {line}: {reason}")
            }
        }
    }
}

/// What came of a script, and what can be told about it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What came of it.
    pub verdict: Verdict,
    /// What was passed over, and why that does no harm.
    pub notes: Vec<String>,
    /// Every segment that passed, in words.
    pub ladder: String,
    passed: Vec<Passed>,
}

/// Runs the text of a script.
///
/// Where it asks by `#ifdef` which system it runs on, it passes when the steps for the standard
/// pass, or those for FreeBSD, or those for neither.
pub fn run_text(text: &str, options: &Options) -> Report {
    let systems: &[&[&str]] = if text.contains("#ifdef") || text.contains("#ifndef") {
        &[&["STANDARD"], &["FreeBSD"], &[]]
    } else {
        &[&[]]
    };
    let mut best: Option<Report> = None;
    for system in systems {
        let report = match parse_with(text, system) {
            Ok(script) => run(&script, options),
            Err(error) => {
                let line = error.at.line;
                let reason = error.to_string();
                Report::bare(Verdict::Unsupported { line, reason })
            }
        };
        if report.verdict == Verdict::Pass {
            return report;
        }
        // The one that came furthest tells most.
        let line = report.verdict.line();
        if best.as_ref().is_none_or(|best| best.verdict.line() < line) {
            best = Some(report);
        }
    }
    best.expect("there is at least one system")
}

/// Runs a script.
pub fn run(script: &Script, options: &Options) -> Report {
    for step in &script.steps {
        if let Action::Unsupported { what } = &step.action {
            return Report::bare(Verdict::Unsupported {
                line: step.line,
                reason: what.clone(),
            });
        }
    }
    let judges = |step: &Step| !matches!(step.action, Action::Command(_));
    if !script.steps.iter().any(judges) {
        return Report::bare(Verdict::Unsupported {
            line: 1,
            reason: "no step that could fail: nothing is judged".to_owned(),
        });
    }
    let plan = match Plan::new(script, options) {
        Ok(plan) => plan,
        Err(stop) => return Report::bare(stop.into()),
    };
    let mut runner = match Runner::new(script, plan) {
        Ok(runner) => runner,
        Err(stop) => return Report::bare(stop.into()),
    };
    let verdict = match runner.run(script) {
        Ok(()) => Verdict::Pass,
        Err(stop) => stop.into(),
    };
    let mut notes = runner.notes;
    notes.extend(runner.machine.sockets.settings().notes().iter().cloned());
    let notes = notes.iter().map(|note| text::printable(note)).collect();
    Report {
        verdict,
        notes,
        ladder: runner.machine.ladder(),
        passed: runner.machine.into_passed(),
    }
}

impl Report {
    fn bare(verdict: Verdict) -> Self {
        Self {
            verdict,
            notes: Vec::new(),
            ladder: String::new(),
            passed: Vec::new(),
        }
    }

    /// Shows every packet that passed, which begins with its IP header, to a recorder.
    pub fn replay(&self, recorder: &mut dyn Recorder) {
        machine::replay(&self.passed, recorder);
    }
}

/// Why a script ends before its end.
#[derive(Clone, Debug)]
enum Stop {
    Fail {
        line: u32,
        expected: String,
        found: String,
    },
    Unsupported {
        line: u32,
        reason: String,
    },
}

impl Stop {
    const fn unsupported(line: u32, reason: String) -> Self {
        Self::Unsupported { line, reason }
    }

    fn fail(line: u32, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Fail {
            line,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The script, or the machine, goes round in circles.
    fn circles(line: u32) -> Self {
        Self::fail(
            line,
            "an end",
            "more packets or moments than any script has",
        )
    }
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fail {
                line,
                expected,
                found,
            } => Self::Fail {
                line,
                expected,
                found,
            },
            Stop::Unsupported { line, reason } => Self::Unsupported { line, reason },
        }
    }
}

/// A run of one script.
struct Runner {
    plan: Plan,
    machine: Machine,
    flows: Vec<Flow>,
    /// The flow that the script is about now.
    current: usize,
    /// The script's port of the next connection that it begins.
    next_port: u16,
    descriptors: Descriptors,
    /// The socket that assertions ask about.
    asked: Option<Fd>,
    /// A call that blocks.
    pending: Option<steps::Pending>,
    variables: BTreeMap<String, i64>,
    cookies: BTreeMap<String, Vec<u8>>,
    /// Nothing but commands follows: settings are put back, which matters to nobody here.
    cleans_up: bool,
    /// When the script last sent or expected a packet, or closed a socket.
    acted_at: Option<Instant>,
    /// Counters as they were when the script last put them to zero.
    counted: Counters,
    notes: Vec<String>,
}

impl Runner {
    /// A machine with the settings that stand before the first timed step.
    fn new(script: &Script, mut plan: Plan) -> Result<Self, Stop> {
        let mut settings = if plan::speaks_freebsd(script) {
            Settings::freebsd()
        } else {
            Settings::packetdrill()
        };
        let mut notes = Vec::new();
        for step in &script.steps {
            let Action::Command(text) = &step.action else {
                break;
            };
            for order in command::orders(text) {
                match order {
                    Order::Defaults => settings = Settings::packetdrill(),
                    Order::Set { name, value } => {
                        let result = settings.set(&name, &value).map(drop);
                        notes.extend(settle(step.line, plan.mode, result)?);
                    }
                    Order::Mtu(mtu) => plan.mtu = plan::check_mtu(step.line, mtu)?,
                    _ => {}
                }
            }
        }
        let cookies = named_cookies(&plan.definitions);
        Ok(Self {
            machine: Machine::new(&plan, settings),
            plan,
            flows: vec![Flow::default()],
            current: 0,
            next_port: 40_000,
            descriptors: Descriptors::default(),
            asked: None,
            pending: None,
            variables: BTreeMap::new(),
            cookies,
            cleans_up: false,
            acted_at: None,
            counted: Counters::default(),
            notes,
        })
    }

    fn run(&mut self, script: &Script) -> Result<(), Stop> {
        let is_command = |step: &Step| matches!(step.action, Action::Command(_));
        let acts = script.steps.iter().rposition(|step| !is_command(step));
        let mut last = 0;
        for (at, step) in script.steps.iter().enumerate() {
            last = step.line;
            self.cleans_up = acts < Some(at);
            self.step(step)?;
            if calls_for_answers(&step.action) {
                self.acted_at = Some(self.machine.now);
            }
        }
        self.finish_pending()?;
        self.expect_nothing_more(last)
    }
}

/// Whether the machine may have something to say to a step.
fn calls_for_answers(action: &Action) -> bool {
    match action {
        Action::Packet(_) => true,
        Action::Call(call) => matches!(call.name.as_str(), "close" | "shutdown"),
        _ => false,
    }
}

/// What becomes of a setting that could not be made. In relaxed mode one of which we know the
/// name but have another value is only noted: where it matters, a packet will differ.
fn settle(line: u32, mode: Mode, result: Result<(), SettingError>) -> Result<Option<String>, Stop> {
    match result {
        Ok(()) => Ok(None),
        Err(error @ SettingError::Value { .. }) if mode == Mode::Relaxed => {
            Ok(Some(format!("line {line}: {error}")))
        }
        Err(error) => Err(Stop::unsupported(line, error.to_string())),
    }
}

/// Definitions that are hexadecimal digits can be cookies.
fn named_cookies(definitions: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    let bytes = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.is_empty() || !digits.is_ascii() || !digits.len().is_multiple_of(2) {
            return None;
        }
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()
    };
    let named = definitions.iter();
    named
        .filter_map(|(name, text)| Some((name.clone(), bytes(text)?)))
        .collect()
}

#[cfg(test)]
mod tests;
