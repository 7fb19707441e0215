//! What worlds did, added up: so that it shows when a hunt hunts nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use handfast_device::{ImpairStatistics, LinkStatistics};

use super::plan::Plan;
use super::word::Pairs;

/// Figures of one world or many.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Worlds.
    pub runs: u64,
    /// Their time.
    pub time: Duration,
    /// Frames and super-frames that hosts sent and received.
    pub frames: u64,
    /// Bytes that applications read.
    pub bytes: u64,
    /// Conversations begun.
    pub conversations: u64,
    /// Worlds in which somebody was pardoned for what the wire showed.
    pub lenient: u64,
    /// Worlds in which no side may fail but as its own applications want it.
    pub unforgiving: u64,
    /// How sides of conversations failed, where they may.
    pub failures: BTreeMap<ErrorKind, u64>,
    /// What links did to segments.
    pub faults: LinkStatistics,
    /// In how many plans each key stands.
    pub features: BTreeMap<String, u64>,
    /// The most that was used of the time allowed after the faults, in thousandths, and by which
    /// seed.
    pub tightest: (u64, u64),
}

impl Statistics {
    /// Adds those of another world or of many.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.time += other.time;
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.conversations += other.conversations;
        self.lenient += other.lenient;
        self.unforgiving += other.unforgiving;
        for (&kind, count) in &other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        for (feature, count) in &other.features {
            *self.features.entry(feature.clone()).or_default() += count;
        }
        self.add_link(&other.faults);
        self.tightest = self.tightest.max(other.tightest);
    }

    /// Adds what both directions of a link did.
    pub(super) fn add_links(&mut self, links: &ImpairStatistics) {
        self.add_link(&links.inbound);
        self.add_link(&links.outbound);
    }

    fn add_link(&mut self, link: &LinkStatistics) {
        let faults = &mut self.faults;
        faults.segments += link.segments;
        faults.data_segments += link.data_segments;
        faults.chosen += link.chosen;
        faults.lost += link.lost;
        faults.burst_lost += link.burst_lost;
        faults.overflowed += link.overflowed;
        faults.corrupted += link.corrupted;
        faults.duplicated += link.duplicated;
        faults.reordered += link.reordered;
        faults.delivered += link.delivered;
    }

    /// All faults that links made.
    pub fn faults(&self) -> u64 {
        let faults = &self.faults;
        faults.chosen
            + faults.lost
            + faults.burst_lost
            + faults.overflowed
            + faults.corrupted
            + faults.duplicated
            + faults.reordered
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = &self.faults;
        writeln!(
            f,
            "{} worlds, {} hours of their time, {} conversations, {} MB read, {} frames",
            self.runs,
            self.time.as_secs() / 3_600,
            self.conversations,
            self.bytes / 1_000_000,
            self.frames
        )?;
        writeln!(
            f,
            "faults: {} lost, {} in bursts, {} chosen, {} overflowed, {} corrupted, {} duplicated, \
             {} reordered, of {} segments on links",
            faults.lost,
            faults.burst_lost,
            faults.chosen,
            faults.overflowed,
            faults.corrupted,
            faults.duplicated,
            faults.reordered,
            faults.segments
        )?;
        write!(f, "sides that failed with an excuse:")?;
        for (kind, count) in &self.failures {
            write!(f, " {count} {kind:?}")?;
        }
        let share = |count: u64| count * 100 / self.runs.max(1);
        writeln!(
            f,
            "\nnobody pardoned on the wire: {} %, and no side may fail unasked: {} %",
            share(self.runs - self.lenient),
            share(self.unforgiving)
        )?;
        writeln!(
            f,
            "longest after the faults: {}.{} % of the time allowed, seed {}",
            self.tightest.0 / 10,
            self.tightest.0 % 10,
            self.tightest.1
        )
    }
}

impl Plan {
    /// The keys that are set to something special.
    pub fn features(&self) -> Vec<String> {
        let mut pairs = self.world.pairs("");
        for host in &self.hosts {
            pairs.extend(host.pairs(""));
            pairs.extend(host.tcp.pairs("tcp."));
            let parts = host.link.split(',').filter(|part| !part.is_empty());
            pairs.extend(parts.map(|part| {
                let part = part.trim_start_matches("in.").trim_start_matches("out.");
                format!("link.{part}")
            }));
        }
        for flow in &self.flows {
            pairs.extend(flow.pairs(""));
            pairs.extend(flow.client.pairs("client."));
            pairs.extend(flow.server.pairs("server."));
        }
        let key = |pair: String| pair.split('=').next().unwrap_or("").to_owned();
        let mut keys: Vec<String> = pairs.into_iter().map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
