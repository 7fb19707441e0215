//! The kernel's counters of one namespace, and what happened between two looks at them. Figures of
//! one connection are in `tcp_info`.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use crate::namespace::Namespace;

/// Files with the counters. The path goes through the thread, whose namespace is the one meant.
const FILES: [&str; 2] = [
    "/proc/thread-self/net/snmp",
    "/proc/thread-self/net/netstat",
];
/// Counters of IPv6, in another format.
const FILE_V6: &str = "/proc/thread-self/net/snmp6";

/// A look at all counters of a namespace: `Tcp.RetransSegs`, `TcpExt.TCPTimeouts`, `Ip6InReceives`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, i64>);

impl Counters {
    /// Reads the counters of `namespace`.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn of(namespace: &Namespace) -> io::Result<Self> {
        namespace.run(|| {
            let mut counters = Self::default();
            for file in FILES {
                counters.take_pairs_of_lines(&fs::read_to_string(file)?);
            }
            // Missing on a kernel without IPv6.
            if let Ok(text) = fs::read_to_string(FILE_V6) {
                counters.take_lines(&text);
            }
            Ok(counters)
        })
    }

    /// The value of one counter; 0 for one that this kernel does not have.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What was added to each counter since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value - earlier.get(name)));
        Self(grown.filter(|&(_, growth)| growth != 0).collect())
    }

    /// All counters in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, &value)| (name.as_str(), value))
    }

    /// `Tcp: A B` followed by `Tcp: 1 2`.
    fn take_pairs_of_lines(&mut self, text: &str) {
        let mut lines = text.lines();
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            let (Some((group, names)), Some((_, values))) =
                (names.split_once(": "), values.split_once(": "))
            else {
                continue;
            };
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                if let Ok(value) = value.parse() {
                    self.0.insert(format!("{group}.{name}"), value);
                }
            }
        }
    }

    /// `Ip6InReceives  12`.
    fn take_lines(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(value)) = (words.next(), words.next())
                && let Ok(value) = value.parse()
            {
                self.0.insert(name.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read_and_compared() {
        let mut before = Counters::default();
        before.take_pairs_of_lines("Tcp: MaxConn RetransSegs\nTcp: -1 5\n");
        before.take_lines("Ip6InReceives                   \t12\n");
        let mut after = before.clone();
        after.take_pairs_of_lines("Tcp: MaxConn RetransSegs\nTcp: -1 9\n");

        assert_eq!(before.get("Tcp.MaxConn"), -1);
        assert_eq!(before.get("Ip6InReceives"), 12);
        let growth: Vec<_> = after.since(&before).0.into_iter().collect();
        assert_eq!(growth, [("Tcp.RetransSegs".to_owned(), 4)]);
    }
}
