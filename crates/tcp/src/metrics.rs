//! What one connection can teach the next one to the same host (RFC 9040). Who keeps it, and for
//! how long, is not decided here.

use core::time::Duration;

use crate::connection::Connection;

/// What is worth remembering about a path. Windows and thresholds are not: they tell how many
/// shared a queue at some time, which may be long past, and a threshold that is too low costs every
/// later connection its slow start (Linux has stopped to keep it for this reason).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// SRTT.
    pub srtt: Duration,
    /// RTTVAR.
    pub rtt_variation: Duration,
}

impl Connection {
    /// What this connection has learnt of its path; `None` before the first RTT sample.
    pub fn metrics(&self) -> Option<Metrics> {
        Some(Metrics {
            srtt: self.rtt.srtt()?,
            rtt_variation: self.rtt.variation(),
        })
    }

    /// Starts from what an earlier connection has learnt; to be called before anything is sent.
    ///
    /// A first RTT sample below the old average moves it instead of replacing it. Until there is
    /// one, the RTO remains the initial one: the path may have changed, and a SYN that is sent
    /// again too early helps nobody (RFC 6298 2.1).
    pub fn seed(&mut self, metrics: &Metrics) {
        self.rtt.seed(metrics.srtt, metrics.rtt_variation);
    }
}
