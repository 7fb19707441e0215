//! How much new data may go now: Nagle's algorithm (RFC 9293 3.7.4) and the sender's side of
//! silly-window avoidance (3.8.6.2.1), as one pure function.

/// Everything that the decision depends on; bytes throughout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// Never sent and waiting.
    pub(crate) queued: u64,
    /// What the peer's window still allows.
    pub(crate) window: u64,
    /// What the congestion window still allows.
    pub(crate) congestion: u64,
    /// A full segment.
    pub(crate) mss: u64,
    /// The largest window that the peer ever offered.
    pub(crate) window_max: u64,
    /// Nagle's algorithm is on and applies: a small segment is unacknowledged and no FIN follows.
    pub(crate) hold_small: bool,
    /// The override timer has fired (3.8.6.2.1, case 4).
    pub(crate) overdue: bool,
}

/// How many bytes may go: full segments, and the small rest where it may.
pub(crate) fn sendable(offer: &Offer) -> u64 {
    let allowed = offer.queued.min(offer.window).min(offer.congestion);
    let small = allowed % offer.mss;
    let full = allowed - small;
    if small == 0 {
        return full;
    }
    let small_may_go = if allowed == offer.queued {
        // All that is left fits: cases 2 and 4, held by Nagle.
        !offer.hold_small || offer.overdue
    } else if allowed == offer.window {
        // The window cuts a segment: case 3, or the timer.
        full == 0 && (small >= offer.window_max / 2 || offer.overdue)
    } else {
        // The congestion window will open by whole segments; wait for it.
        false
    };
    if small_may_go { allowed } else { full }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a segment of 1,000 bytes and a largest window of 60,000.
    fn bytes(queued: u64, window: u64, congestion: u64, held: &str) -> u64 {
        sendable(&Offer {
            queued,
            window,
            congestion,
            mss: 1_000,
            window_max: if held == "narrow" { 1_000 } else { 60_000 },
            hold_small: held.starts_with("nagle"),
            overdue: held.ends_with("overdue"),
        })
    }

    #[test]
    fn the_four_cases_of_silly_window_avoidance() {
        const OPEN: u64 = 60_000;
        for (queued, window, congestion, held, expected, why) in [
            (5_000, OPEN, OPEN, "", 5_000, "full segments go"),
            (
                5_300,
                OPEN,
                OPEN,
                "",
                5_300,
                "with a small rest when nothing holds it",
            ),
            (5_300, OPEN, OPEN, "nagle", 5_000, "Nagle holds the rest"),
            (300, OPEN, OPEN, "nagle", 0, "Nagle holds a small segment"),
            (300, OPEN, OPEN, "", 300, "a small segment alone goes"),
            (
                300,
                OPEN,
                OPEN,
                "nagle, overdue",
                300,
                "the override timer lets it go",
            ),
            (
                9_000,
                2_500,
                OPEN,
                "",
                2_000,
                "the window cuts: full segments go",
            ),
            (9_000, 500, OPEN, "", 0, "a silly window is not used"),
            (9_000, 500, OPEN, "overdue", 500, "but for the timer"),
            (
                9_000,
                500,
                OPEN,
                "narrow",
                500,
                "half the largest window is not silly",
            ),
            (9_000, OPEN, 2_500, "", 2_000, "cwnd: whole segments"),
            (9_000, OPEN, 500, "", 0, "cwnd: less than one"),
            (0, OPEN, OPEN, "", 0, "nothing is queued"),
        ] {
            assert_eq!(bytes(queued, window, congestion, held), expected, "{why}");
        }
    }
}
