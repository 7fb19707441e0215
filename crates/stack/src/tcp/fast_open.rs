//! Fast Open around the connection (RFC 7413): the cookies that we give as a server, and those
//! that we were given as a client.

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::FastOpen;
use handfast_tcp::{FastOpenNews, FastOpenOffer, FastOpenOutcome};

use super::demux::Flow;
use super::peer_cache::{Peer, PeerCache};
use crate::rng::{SeedRng, keyed_hash};

/// How long a key of ours makes cookies; for as long again those that it made are taken.
const KEY_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// How long a server that refused Fast Open is not asked again.
const REFUSAL_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long what is known of a server is kept.
const COOKIE_CACHE_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// After so many SYNs in a row were lost with text, they go without for a while; one may have
/// been chance.
const LOSSES: u8 = 2;
/// How long, doubled with each further loss.
const LOSS_PAUSE: Duration = Duration::from_secs(120);
/// Most doublings of the pause, which makes two days and more than a cookie is kept.
const LOSS_DOUBLINGS_MAX: u32 = 10;

/// Keys for the cookies that a server gives. Servers that share an address must share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenKeys {
    /// Makes cookies and knows its own.
    pub current: [u8; 16],
    /// Knows those that it made.
    pub previous: Option<[u8; 16]>,
}

/// Who a listener lets in before the handshake is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenListen {
    /// Most connections that are early, that is, open before their peers have proved that they
    /// receive what we send (RFC 7413 5.1); SYNs beyond that open in the usual way.
    pub pending: usize,
    /// Take text without a cookie too. Anybody may then make us work and answer in another's
    /// name: for closed networks only.
    pub cookieless: bool,
}

/// Whether a connection that we open tries Fast Open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FastOpenConnect {
    /// No.
    #[default]
    Off,
    /// The SYN leaves at once, with what was written by then.
    Now,
    /// When we have a cookie, the SYN waits for the first text.
    WithFirstWrite,
}

/// What the SYN-ACK says, and whether the connection is early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) cookie: Option<FastOpen>,
    pub(super) early: bool,
}

/// Makes and checks the cookies of a server.
#[derive(Debug)]
pub(super) struct CookieBaker {
    fixed: Option<FastOpenKeys>,
    master: [u8; 16],
}

/// What a client knows of servers.
#[derive(Debug)]
pub(super) struct CookieCache(PeerCache<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    mss: Option<u16>,
    cookie: Option<FastOpen>,
    /// SYNs lost in a row.
    losses: u8,
    /// Not before this time.
    pause_until: Option<Instant>,
}

impl CookieBaker {
    pub(super) fn new(fixed: Option<FastOpenKeys>, random: &mut SeedRng) -> Self {
        Self {
            fixed,
            master: random.key(),
        }
    }

    /// The cookie for the peer of `flow` (RFC 7413 4.1.2).
    pub(super) fn cookie(&self, now: Instant, flow: &Flow) -> FastOpen {
        bake(&self.keys(now).current, flow)
    }

    /// What a SYN with `option` and with or without text gets, when there is room for one more
    /// early connection.
    pub(super) fn answer(
        &self,
        now: Instant,
        flow: &Flow,
        (option, text): (Option<FastOpen>, bool),
        cookieless: bool,
    ) -> Answer {
        const NONE: Answer = Answer {
            cookie: None,
            early: false,
        };
        if cookieless && text {
            return Answer {
                early: true,
                ..NONE
            };
        }
        let Some(option) = option else {
            return NONE;
        };
        let keys = self.keys(now);
        let good = bake(&keys.current, flow);
        let shows = |key: &[u8; 16]| option.cookie() == bake(key, flow).cookie();
        let cookie = Some(good.with_experiment(option.experiment));
        if option.cookie() == good.cookie() {
            Answer {
                early: true,
                ..NONE
            }
        } else {
            // An old cookie is good for the last time, and a new one goes with the answer.
            let early = keys.previous.as_ref().is_some_and(shows);
            Answer { cookie, early }
        }
    }

    fn keys(&self, now: Instant) -> FastOpenKeys {
        self.fixed.unwrap_or_else(|| {
            let epoch = now.as_millis() / u64::try_from(KEY_LIFE.as_millis()).expect("hours");
            FastOpenKeys {
                current: self.key(epoch),
                previous: epoch.checked_sub(1).map(|epoch| self.key(epoch)),
            }
        })
    }

    fn key(&self, epoch: u64) -> [u8; 16] {
        let mut key = [0; 16];
        for (half, bytes) in (0_u64..).zip(key.chunks_exact_mut(8)) {
            let mut input = [0; 16];
            input[..8].copy_from_slice(&epoch.to_be_bytes());
            input[8..].copy_from_slice(&half.to_be_bytes());
            bytes.copy_from_slice(&keyed_hash(&self.master, &input).to_be_bytes());
        }
        key
    }
}

/// SipHash-2-4 over both addresses, as Linux does, so that a server may change its stack and keep
/// its key.
fn bake(key: &[u8; 16], flow: &Flow) -> FastOpen {
    let hash = match (flow.remote.address, flow.local.address) {
        (IpAddr::V4(remote), IpAddr::V4(local)) => {
            let mut bytes = [0; 8];
            bytes[..4].copy_from_slice(&remote.octets());
            bytes[4..].copy_from_slice(&local.octets());
            keyed_hash(key, &bytes)
        }
        _ => keyed_hash(key, flow.bytes().addresses()),
    };
    FastOpen::new(&hash.to_le_bytes()).expect("eight bytes are a cookie")
}

impl CookieCache {
    pub(super) fn new(random: &mut SeedRng) -> Self {
        Self(PeerCache::new(random.key(), COOKIE_CACHE_LIFE))
    }

    /// What the SYN to a server says. `cookieless` shows none and asks for none; the text of such
    /// a SYN may be as long as `mss` when nothing is known.
    pub(super) fn offer(
        &self,
        now: Instant,
        flow: &Flow,
        cookieless: bool,
        mss: u16,
    ) -> Option<FastOpenOffer> {
        let known = self.0.get(now, Peer::from(flow)).copied();
        let known = known.unwrap_or_default();
        if known.pause_until.is_some_and(|until| now < until) {
            return None;
        }
        let told = known.mss.unwrap_or(mss);
        Some(match known.cookie {
            _ if cookieless => FastOpenOffer::Text { mss: told },
            Some(cookie) => FastOpenOffer::Cookie { cookie, mss: told },
            None => FastOpenOffer::Request { experiment: false },
        })
    }

    /// Remembers what a connection has learnt (RFC 7413 4.1.3).
    pub(super) fn learn(&mut self, flow: &Flow, news: FastOpenNews) {
        let (now, peer) = (news.at, Peer::from(flow));
        let mut known = self.0.get(now, peer).copied().unwrap_or_default();
        match news.outcome {
            FastOpenOutcome::Answered {
                mss,
                cookie,
                refused,
                resent,
            } => {
                known.mss = mss.or(known.mss);
                known.cookie = cookie.or(known.cookie);
                if !resent {
                    known.losses = 0;
                    known.pause_until = refused.then_some(now + REFUSAL_LIFE);
                }
            }
            FastOpenOutcome::Lost => {
                known.losses = known.losses.saturating_add(1);
                if let Some(more) = known.losses.checked_sub(LOSSES) {
                    let doublings = u32::from(more).min(LOSS_DOUBLINGS_MAX);
                    known.pause_until = Some(now + LOSS_PAUSE * (1 << doublings));
                }
            }
        }
        self.0.set(now, peer, known);
    }
}

#[cfg(test)]
mod tests;
