//! How fast the peer gets our data, as the connection asks for it; how that is measured is
//! `congestion::delivery_rate`'s.

use super::{Delivery, Recovery};
use crate::congestion::RateSample;

/// The last good measure of how fast the peer gets our data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastRate {
    /// Bytes per second; 0 before the first.
    pub(crate) rate: u64,
    pub(crate) app_limited: bool,
}

impl Recovery {
    /// How fast the peer gets our data, by the ACK that was booked last, as `delivery`.
    pub(crate) fn rate_sample(&mut self, delivery: &Delivery) -> Option<RateSample> {
        let sample = self.rate.sample(&delivery.arrived, self.least.get());
        if let Some(sample) = sample.filter(|sample| sample.rate > 0) {
            // What the application held back says less than what it did not.
            if !sample.app_limited || sample.rate >= self.last_rate.rate {
                self.last_rate = LastRate {
                    rate: sample.rate,
                    app_limited: sample.app_limited,
                };
            }
        }
        sample
    }

    /// The last good measure of it.
    pub(crate) fn last_rate(&self) -> LastRate {
        self.last_rate
    }

    /// The application has nothing more to send and the window would allow more.
    pub(crate) fn mark_app_limited(&mut self, mss: u64) {
        let in_flight = self.in_flight(mss);
        self.rate.mark_app_limited(in_flight);
    }

    /// Whether what leaves now leaves an idle or half-used path.
    pub(crate) fn is_app_limited(&self) -> bool {
        self.rate.is_app_limited()
    }
}
