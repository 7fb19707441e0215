//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use handfast_device::ImpairSpec;
use handfast_packet::ip::Cidr;
use handfast_packet::steer::SHARDS_MAX;
use handfast_trace::Language;

use crate::drill::DrillArgs;
use crate::live::WatchArgs;
use crate::report_capture::ReportArgs;
use crate::ss::SsArgs;

/// Most fetches of one command: the figures of each are kept.
pub(crate) const FETCHES_MAX: u32 = 1_000_000;
/// Most fetches at the same time.
pub(crate) const PARALLEL_MAX: u32 = 10_000;

/// A TCP/IP stack in user space, at work.
#[derive(Debug, Parser)]
#[command(name = "handfast", version, about)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a page over our own TCP, from an IP address claimed for it.
    ///
    /// Without a URL it fetches `http://web.lab/` in the lab: three network namespaces in this
    /// process with a web server on the kernel's TCP. With a URL and without --lab it uses the
    /// real network, which takes the privilege CAP_NET_RAW.
    #[command(after_help = EXIT_CODES)]
    Get(Box<GetArgs>),
    /// List the connections of this user's Handfast processes as `ss -tin` lists the kernel's.
    ///
    /// Listeners, connections and TIME-WAIT, by the words and in the units of `ss` from iproute2, and
    /// behind them what holds the sender back now.
    ///
    /// Exit codes: 0 somebody answered; 1 nobody did; 2 usage; 23 cannot write.
    Ss(SsArgs),
    /// Watch the connections of this user's Handfast processes while they live.
    ///
    /// On a terminal a picture of them: states, windows, round trips, and the last events in words;
    /// its keys are written below it, and `?` explains it. Elsewhere a line for each event. It goes on
    /// until q or Ctrl-C; with --pid it ends with that process.
    ///
    /// Exit codes: 0 it came to its end; 1 there is no such process; 2 usage; 23 cannot write;
    /// 130 Ctrl-C.
    Watch(WatchArgs),
    /// List the lessons, or run one.
    Lab(LabArgs),
    /// Run packetdrill scripts against our stack in virtual time.
    ///
    /// Exit codes: 0 every script passed, or just the listed ones did not; 1 something else;
    /// 2 usage.
    Drill(DrillArgs),
    /// Say what happened in a capture file, of ours or of anybody.
    ///
    /// Exit codes: 0 it was read, 2 usage, 23 cannot write, 26 cannot read.
    Report(ReportArgs),
}

const EXIT_CODES: &str = "\
Exit codes, as curl has them: 6 unknown name, 7 no connection, 18 body cut short, 22 HTTP error \
with -f, 23 cannot write, 26 cannot read, 28 time limit, 52 empty answer, 56 broken connection. \
Also: 1 lab or check failed, 2 usage, 130 Ctrl-C.";

#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// The lesson to run.
    pub(crate) name: Option<String>,
    /// Choose ports and sequence numbers by this number.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seed: u64,
    /// Break the lesson on purpose; the list says what that is for each.
    #[arg(long = "break", requires = "name")]
    pub(crate) breaks: bool,
    /// Answer the questions at the end, with the figures of this run.
    #[arg(long)]
    pub(crate) answers: bool,
    /// The language of the list, the lesson and its report.
    #[arg(long, value_name = "en|ru", default_value_t)]
    pub(crate) lang: Language,
    /// Print the lesson as a page in Markdown, with the answers.
    #[arg(long, requires = "name")]
    pub(crate) markdown: bool,
    /// Write all frames that the lesson draws to a capture file for Wireshark.
    #[arg(short = 'w', long, value_name = "FILE.pcapng", requires = "name")]
    pub(crate) write: Option<PathBuf>,
    /// Write a report of every connection of the lesson as one HTML file: what was found, plots, the
    /// ladder, states.
    #[arg(long, value_name = "FILE.html", requires = "name")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) crippled: CrippledArgs,
}

/// The switches of the lesson slow-ack. With one of them it runs a single transfer to a receiver
/// that is crippled in just these ways.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lesson slow-ack: one transfer with weaknesses of your choice")]
pub(crate) struct CrippledArgs {
    /// The receiver spends so long on each packet, for example 24ms.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) per_packet: Option<Duration>,
    /// Its capture buffer has this size, for example 64KiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) capture_buffer: Option<usize>,
    /// It drops data out of order without a duplicate ACK.
    #[arg(long)]
    pub(crate) no_dupack: bool,
    /// The server's application gives up after so long without progress; 0s never.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) patience: Option<Duration>,
}

impl CrippledArgs {
    /// Whether any of the switches is given.
    pub(crate) fn is_any(&self) -> bool {
        self.per_packet.is_some()
            || self.capture_buffer.is_some()
            || self.no_dupack
            || self.patience.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to fetch; `http://` may be left out.
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// Where to fetch from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Stay in the lab, whatever the URL; `--lab memory` uses two Handfast stacks in memory and
    /// in virtual time, which works anywhere.
    #[arg(long, value_name = "memory", num_args = 0..=1, default_missing_value = "")]
    pub(crate) lab: Option<String>,
    /// Use this interface (real network).
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) dev: Option<String>,
    /// Claim this address; `auto` looks for a free one in the interface's network.
    #[arg(long, value_name = "auto|ADDRESS/PREFIX", value_parser = parse_ip)]
    pub(crate) ip: Option<IpChoice>,
    /// Use IPv4 only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Use IPv6 only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Make the link bad, for example `loss=1%,delay=10ms,rate=100mbit`.
    ///
    /// Parts are joined by commas and hold for both directions, with `in.` or `out.` before them
    /// for one: drop=5+9, down=2s..5s, loss=1%, burst=0.1%:4, mtu=1400@3s:icmp, corrupt=1%,
    /// duplicate=1%, rate=100mbit, queue=256KiB, red=30KB:90KB:10%:ecn, mark=30KB, delay=10ms,
    /// jitter=2ms, reorder=1%:1ms, until=30s. What each is: docs/impairments.md. With --shards each
    /// queue has such a link of its own.
    #[arg(long, value_name = "SPEC")]
    pub(crate) impair: Option<ImpairSpec>,
    /// Choose ports, sequence numbers and impairments by this number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seed: Option<u64>,
    /// Share the fetches out among so many stacks that are one host, each with a thread and a queue
    /// of the interface to itself. Takes --parallel N or more, so that none is idle.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(SHARDS_MAX)))]
    pub(crate) shards: u16,
}

/// What to ask for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Ask for the header only.
    #[arg(short = 'I', long)]
    pub(crate) head: bool,
    /// Add a header, `Name: value`.
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// Send this file by PUT.
    #[arg(short = 'T', long, value_name = "FILE", group = "upload")]
    pub(crate) upload_file: Option<PathBuf>,
    /// Send this by POST; `@FILE` sends a file.
    #[arg(short = 'd', long, value_name = "DATA", group = "upload")]
    pub(crate) data: Option<String>,
    /// Send so many bytes of verifiable content by PUT, as the lab's /upload wants it.
    #[arg(long, value_name = "N", group = "upload")]
    pub(crate) upload_bytes: Option<u64>,
    /// Fail with exit code 22 on an HTTP error.
    #[arg(short = 'f', long)]
    pub(crate) fail: bool,
    /// Give up after so many seconds in all.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) max_time: Option<Duration>,
    /// Give up when a connection takes longer than so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "30")]
    pub(crate) connect_timeout: Duration,
}

/// What to show and to write.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write the body to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with = "remote_name")]
    pub(crate) output: Option<PathBuf>,
    /// Write the body to a file named as in the URL.
    #[arg(short = 'O', long)]
    pub(crate) remote_name: bool,
    /// Tell what happens, and show the headers.
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Say nothing but failures.
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
    /// Write all frames to a capture file for Wireshark.
    #[arg(short = 'w', long, value_name = "FILE.pcapng")]
    pub(crate) write: Option<PathBuf>,
    /// Write what the connections do and why, as it happens, a JSON object in each line; `-` is
    /// standard output, where the body does not go there. What the lines say: docs/events.md.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) events: Option<PathBuf>,
    /// Write the same as qlog, for its tools; `-` as above.
    #[arg(long, value_name = "FILE.sqlog")]
    pub(crate) qlog: Option<PathBuf>,
    /// Write a report of every connection as one HTML file, for any browser and without a network:
    /// what was found, time-sequence, windows, round trips, the ladder, states.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// The language of the report.
    #[arg(long, value_name = "en|ru", default_value_t, requires = "report")]
    pub(crate) lang: Language,
    /// Draw every segment as it passes. Without this, small transfers are drawn at their end on a
    /// terminal.
    #[arg(long, overrides_with = "no_ladder")]
    pub(crate) ladder: bool,
    /// Draw no segments.
    #[arg(long)]
    pub(crate) no_ladder: bool,
    /// Draw every segment, and explain each new kind of event once, in a sentence below it; with
    /// --no-ladder the sentences alone.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show the connections while the command runs, as `handfast watch` does, on the terminal of
    /// standard error; elsewhere write a line there for each event. The last picture stays. A body
    /// that would go to the same terminal is thrown away. In the memory lab time then passes as
    /// outside. With --shards all shards are in one picture.
    #[arg(long, conflicts_with_all = ["ladder", "explain", "verbose"])]
    pub(crate) live: bool,
    /// Print the summary as JSON in one line: to standard output when the body goes to a file,
    /// else to standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Open no control socket: `handfast ss` does not see this process then.
    #[arg(long)]
    pub(crate) no_control: bool,
}

/// How often, and what to check.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measurement")]
pub(crate) struct MeasureArgs {
    /// Fetch so many times, each over a connection of its own; the bodies are thrown away.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(FETCHES_MAX)))]
    pub(crate) repeat: Option<u32>,
    /// Fetch so many at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PARALLEL_MAX)))]
    pub(crate) parallel: Option<u32>,
    /// Check that the body is the lab's verifiable content (/bytes/N).
    #[arg(long)]
    pub(crate) verify: bool,
}

/// Which address to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpChoice {
    /// One that is free.
    Auto,
    /// This one, in the network of this prefix.
    Fixed(Cidr),
}

/// Which network to fetch from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SceneKind {
    /// Namespaces in this process.
    Lab,
    /// Two stacks in memory.
    Memory,
    /// The machine's own interfaces.
    Real,
}

impl GetArgs {
    /// The network that is meant, and the URL. `--lab` may have swallowed the URL that follows it.
    pub(crate) fn scene_and_url(&self) -> Result<(SceneKind, Option<&str>), String> {
        let url = self.url.as_deref();
        match (self.network.lab.as_deref(), url) {
            (None, None) | (Some(""), _) => Ok((SceneKind::Lab, url)),
            (None, Some(_)) => Ok((SceneKind::Real, url)),
            (Some("memory"), _) => Ok((SceneKind::Memory, url)),
            (Some(swallowed), None) => Ok((SceneKind::Lab, Some(swallowed))),
            (Some(first), Some(second)) => Err(format!(
                "two URLs, {first} and {second}; fetch one after the other"
            )),
        }
    }
}

impl OutputArgs {
    /// Whether somebody is told what connections do and why.
    pub(crate) fn wants_facts(&self) -> bool {
        self.explain || self.events.is_some() || self.qlog.is_some() || self.report.is_some()
    }

    /// Whether something is written to standard error as it happens.
    pub(crate) fn is_live(&self) -> bool {
        self.ladder || self.explain || self.live
    }
}

impl MeasureArgs {
    /// How many fetches in all, and how many at the same time.
    pub(crate) fn plan(&self) -> (u32, u32) {
        let repeat = self.repeat.or(self.parallel).unwrap_or(1);
        (repeat, self.parallel.unwrap_or(1).min(repeat))
    }
}

fn parse_ip(text: &str) -> Result<IpChoice, String> {
    if text == "auto" {
        return Ok(IpChoice::Auto);
    }
    let wanted = "write `auto` or an address with its prefix, as in 192.168.0.129/24";
    text.parse()
        .map(IpChoice::Fixed)
        .map_err(|_| wanted.to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "write seconds, as in 2.5".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("a limit is more than 0 seconds".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wanted = "write a time with its unit, as in 24ms or 2s".to_owned();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').ok_or_else(|| wanted.clone())?, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| wanted.clone())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wanted)
}

fn parse_size(text: &str) -> Result<usize, String> {
    let wanted = "write a size in bytes, KiB or MiB, as in 64KiB".to_owned();
    let (number, unit) = match (text.strip_suffix("KiB"), text.strip_suffix("MiB")) {
        (Some(number), _) => (number, 1 << 10),
        (_, Some(number)) => (number, 1 << 20),
        (None, None) => (text, 1),
    };
    let number: usize = number.parse().map_err(|_| wanted.clone())?;
    number
        .checked_mul(unit)
        .filter(|&size| size > 0)
        .ok_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(line: &str) -> Result<GetArgs, clap::Error> {
        let words = ["handfast", "get"]
            .into_iter()
            .chain(line.split_whitespace());
        match CommandLine::try_parse_from(words)?.command {
            Command::Get(args) => Ok(*args),
            Command::Ss(_)
            | Command::Watch(_)
            | Command::Lab(_)
            | Command::Drill(_)
            | Command::Report(_) => {
                panic!("the line begins with get")
            }
        }
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn lab_takes_a_url_before_it_behind_it_or_none() {
        for (line, scene, url) in [
            ("", SceneKind::Lab, None),
            ("--lab", SceneKind::Lab, None),
            ("--lab http://a/", SceneKind::Lab, Some("http://a/")),
            ("http://a/ --lab", SceneKind::Lab, Some("http://a/")),
            ("--lab memory", SceneKind::Memory, None),
            (
                "--lab memory http://a/",
                SceneKind::Memory,
                Some("http://a/"),
            ),
            (
                "http://a/ --lab memory -v",
                SceneKind::Memory,
                Some("http://a/"),
            ),
            ("http://a/", SceneKind::Real, Some("http://a/")),
        ] {
            let args = get(line).unwrap();
            assert_eq!(args.scene_and_url(), Ok((scene, url)), "{line}");
        }
        assert!(
            get("--lab http://a/ http://b/")
                .unwrap()
                .scene_and_url()
                .is_err()
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--max-time 0",
            "--max-time soon",
            "--ip 192.168.0.300/24",
            "--ip 192.168.0.1",
            "-4 -6",
            "-o a -O",
            "--live --explain",
            "--live -v",
            "-T a -d b",
            "--repeat 0",
            "--seed 0",
            "--shards 0",
            "--shards 65",
            "--impair loss=lots",
            "--unknown",
        ] {
            assert!(get(line).is_err(), "{line}");
        }
    }

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(parse_time("24ms"), Ok(Duration::from_millis(24)));
        assert_eq!(parse_time("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(
            (parse_size("4MiB"), parse_size("100")),
            (Ok(4 << 20), Ok(100))
        );
        for text in ["", "24", "ms", "-1s"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        for text in ["", "KiB", "0", "64kb", "99999999999999999999"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn repeat_and_parallel_make_a_plan() {
        for (line, plan) in [
            ("", (1, 1)),
            ("--repeat 7", (7, 1)),
            ("--parallel 3", (3, 3)),
            ("--repeat 9 --parallel 3", (9, 3)),
            ("--repeat 2 --parallel 5", (2, 2)),
        ] {
            assert_eq!(get(line).unwrap().measure.plan(), plan, "{line}");
        }
    }
}
