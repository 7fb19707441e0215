//! SYN cookies (RFC 4987 3.6): what a SYN said, kept by the peer instead of by us.
//!
//! Our sequence number is the cookie: 30 bits of a keyed hash over the 4-tuple, the peer's
//! sequence number, the minute, the MSS and what the timestamp tells, and 2 bits that say which MSS.
//! A peer with timestamps also keeps window scale, SACK and ECN for us, in the low bits of the
//! timestamp that it echoes.

use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::{Ace, SeqNumber, TcpOptions};

use super::demux::{FLOW_LEN, Flow};
use crate::rng::{SeedRng, keyed_hash};

/// Most minutes after which a cookie is still good. The minute is part of the hash, so what was
/// overheard or guessed is soon worthless.
pub const COOKIE_AGE_MAX: u64 = 2;

/// How long after the last cookie an ACK may still bring one back.
pub(super) const COOKIE_LIFE: Duration = Duration::from_secs((COOKIE_AGE_MAX + 1) * 60);

/// The MSS that a cookie can tell, for each family: those of common links, rounded down.
const MSS_V4: [u16; 4] = [536, 1_300, 1_440, 1_460];
const MSS_V6: [u16; 4] = [1_220, 1_420, 1_440, 8_940];

/// Bits of a timestamp that carry options: four for the window scale, one each for SACK and ECN.
const STAMP_BITS: u32 = 6;
const STAMP_MASK: u32 = (1 << STAMP_BITS) - 1;
const NO_SCALE: u32 = 0xf;
const SACK_BIT: u32 = 1 << 4;
const ECN_BIT: u32 = 1 << 5;

/// What the low bits of a timestamp tell of the options of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits(u32);

impl Bits {
    /// Where there are no timestamps.
    pub(super) const NONE: Self = Self(NO_SCALE);

    /// Those of `options`, as [`kept`] leaves them, and `ace`.
    pub(super) fn of(options: &TcpOptions, ace: Ace) -> Self {
        let mut bits = options.window_scale.map_or(NO_SCALE, u32::from);
        if options.sack_permitted {
            bits |= SACK_BIT;
        }
        if ace == Ace::CWR_ECE {
            bits |= ECN_BIT;
        }
        Self(bits)
    }

    /// Those in the timestamp that the peer echoes.
    pub(super) fn echoed(echo: u32) -> Self {
        Self(echo & STAMP_MASK)
    }

    /// How far a timestamp must be set back so that its low bits are these.
    pub(super) fn set_back(self, value: u32) -> u32 {
        value.wrapping_sub(self.0) & STAMP_MASK
    }
}

/// Makes and checks cookies.
#[derive(Debug)]
pub(super) struct CookieJar {
    key: [u8; 16],
}

impl CookieJar {
    pub(super) fn new(random: &mut SeedRng) -> Self {
        Self { key: random.key() }
    }

    /// The cookie for a SYN with the number `irs`, the options in `bits` and this MSS, rounded down
    /// to one that a cookie can tell; [`fits`] says whether there is one.
    pub(super) fn make(
        &self,
        now: Instant,
        flow: &Flow,
        (irs, bits): (SeqNumber, Bits),
        mss: u16,
    ) -> SeqNumber {
        let table = table(flow);
        let index = table.iter().rposition(|&known| known <= mss).unwrap_or(0);
        let index = u32::try_from(index).expect("four entries");
        SeqNumber(self.code(minute(now), flow, (irs, bits), index) | index)
    }

    /// The MSS that stands in a cookie; `None` when we did not make it, or too long ago, or when
    /// `bits` are of another timestamp than that of its SYN-ACK: options must not be read out of
    /// whatever the peer happens to echo.
    pub(super) fn check(
        &self,
        now: Instant,
        flow: &Flow,
        (irs, bits): (SeqNumber, Bits),
        cookie: SeqNumber,
    ) -> Option<u16> {
        let index = cookie.0 & 3;
        let present = minute(now);
        let good = |age| {
            let made = present.checked_sub(age);
            made.is_some_and(|made| self.code(made, flow, (irs, bits), index) | index == cookie.0)
        };
        let index = usize::try_from(index).expect("at most 3");
        (0..=COOKIE_AGE_MAX).any(good).then(|| table(flow)[index])
    }

    /// The upper 30 bits.
    fn code(&self, minute: u64, flow: &Flow, syn: (SeqNumber, Bits), index: u32) -> u32 {
        let (SeqNumber(irs), Bits(bits)) = syn;
        let mut bytes = [0; 8 + 4 + 4 + FLOW_LEN];
        bytes[..8].copy_from_slice(&minute.to_be_bytes());
        bytes[8..12].copy_from_slice(&irs.to_be_bytes());
        // An index has two bits, and the options six.
        bytes[12..16].copy_from_slice(&(bits << 2 | index).to_be_bytes());
        let flow = flow.bytes();
        let end = 16 + flow.all().len();
        bytes[16..end].copy_from_slice(flow.all());
        let hash = keyed_hash(&self.key, &bytes[..end]);
        u32::try_from(hash >> 32).expect("the high half of a u64") & !3
    }
}

/// Whether a cookie can tell an MSS that does not promise more than this.
pub(super) fn fits(flow: &Flow, mss: u16) -> bool {
    table(flow)[0] <= mss
}

/// What of a SYN's options a cookie keeps: without timestamps only the MSS.
pub(super) fn kept(options: &TcpOptions, timestamps: bool) -> TcpOptions {
    let plain = TcpOptions {
        mss: options.mss,
        ..TcpOptions::default()
    };
    if !timestamps || options.timestamps.is_none() {
        return plain;
    }
    TcpOptions {
        window_scale: options.window_scale.map(|shift| shift.min(14)),
        sack_permitted: options.sack_permitted,
        timestamps: options.timestamps,
        ..plain
    }
}

/// The options and the ECN bits of the SYN to which the SYN-ACK with the timestamp `echo` was the
/// answer.
pub(super) fn restored(echo: u32, options: &TcpOptions) -> (TcpOptions, Ace) {
    let shift = u8::try_from(echo & 0xf).expect("four bits");
    let ace = if echo & ECN_BIT == 0 {
        Ace::ZERO
    } else {
        Ace::CWR_ECE
    };
    let options = TcpOptions {
        window_scale: (echo & 0xf != NO_SCALE).then_some(shift),
        sack_permitted: echo & SACK_BIT != 0,
        timestamps: options.timestamps,
        ..TcpOptions::default()
    };
    (options, ace)
}

fn table(flow: &Flow) -> &'static [u16; 4] {
    match flow.remote.address {
        IpAddr::V4(_) => &MSS_V4,
        IpAddr::V6(_) => &MSS_V6,
    }
}

fn minute(now: Instant) -> u64 {
    now.as_millis() / 60_000
}

#[cfg(test)]
mod tests {
    use handfast_packet::tcp::Timestamps;
    use proptest::prelude::*;

    use super::super::demux::Endpoint;
    use super::*;

    const IRS: SeqNumber = SeqNumber(77);
    const SYN: (SeqNumber, Bits) = (IRS, Bits::NONE);
    const START: Instant = Instant::from_secs(1_000);

    fn flow(v6: bool, port: u16) -> Flow {
        let address: IpAddr = if v6 {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()
        } else {
            [192, 0, 2, 1].into()
        };
        let end = |port| Endpoint { address, port };
        Flow {
            local: end(80),
            remote: end(port),
        }
    }

    fn jar(seed: u64) -> CookieJar {
        CookieJar::new(&mut SeedRng::new(seed))
    }

    #[test]
    fn the_mss_is_rounded_down_to_one_of_four() {
        for (v6, mss, told) in [
            (false, 9_000, 1_460),
            (false, 1_460, 1_460),
            (false, 1_459, 1_440),
            (false, 1_300, 1_300),
            (false, 536, 536),
            (true, 8_940, 8_940),
            (true, 1_440, 1_440),
            (true, 1_300, 1_220),
        ] {
            let (jar, flow) = (jar(1), flow(v6, 9));
            let cookie = jar.make(START, &flow, SYN, mss);
            assert_eq!(jar.check(START, &flow, SYN, cookie), Some(told), "{mss}");
            assert!(fits(&flow, mss));
        }
        assert!(!fits(&flow(false, 9), 535) && !fits(&flow(true, 9), 1_219));
    }

    #[test]
    fn a_cookie_is_good_for_two_to_three_minutes() {
        let (jar, flow) = (jar(1), flow(false, 9));
        let cookie = jar.make(START, &flow, SYN, 1_460);
        let good = |secs| {
            let later = START + Duration::from_secs(secs);
            jar.check(later, &flow, SYN, cookie).is_some()
        };
        assert!(good(0) && good(120));
        assert!(!good(180) && !good(100_000));
        assert!(START + COOKIE_LIFE >= START + Duration::from_secs(180));
        assert_eq!(
            jar.check(Instant::ZERO, &flow, SYN, cookie),
            None,
            "not before it was made"
        );
    }

    #[test]
    fn a_cookie_of_somebody_else_is_worth_nothing() {
        let cookie = jar(1).make(START, &flow(false, 9), SYN, 1_460);
        let check = |seed, port, syn| jar(seed).check(START, &flow(false, port), syn, cookie);
        assert_eq!(check(1, 9, SYN), Some(1_460));
        assert_eq!(check(2, 9, SYN), None);
        assert_eq!(check(1, 10, SYN), None);
        assert_eq!(check(1, 9, (SeqNumber(78), Bits::NONE)), None);
    }

    /// RFC 4987 3.6: an echo of any other segment tells nothing of the SYN.
    #[test]
    fn a_cookie_is_good_only_with_the_options_that_it_was_made_for() {
        let (jar, flow) = (jar(1), flow(false, 9));
        for made in 0..=STAMP_MASK {
            let cookie = jar.make(START, &flow, (IRS, Bits(made)), 1_460);
            for echo in 0..=STAMP_MASK {
                let told = jar.check(START, &flow, (IRS, Bits::echoed(echo + 64)), cookie);
                assert_eq!(told.is_some(), echo == made, "{made} {echo}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_timestamp_carries_the_options(
            value: u32,
            scale in prop::option::of(0_u8..20),
            sack_permitted: bool,
            ecn: bool,
        ) {
            let timestamps = Some(Timestamps { value: 5, echo: 0 });
            let syn = TcpOptions {
                mss: Some(1_460), window_scale: scale, sack_permitted, timestamps,
                ..TcpOptions::default()
            };
            let ace = if ecn { Ace::CWR_ECE } else { Ace::ZERO };
            let kept = kept(&syn, true);
            let bits = Bits::of(&kept, ace);
            let back = bits.set_back(value);
            prop_assert!(back < 64);
            prop_assert_eq!(Bits::echoed(value.wrapping_sub(back)), bits);
            let (options, restored_ace) = restored(value.wrapping_sub(back), &syn);
            prop_assert_eq!(options, TcpOptions { mss: None, ..kept });
            prop_assert_eq!(restored_ace, ace);
        }

        #[test]
        fn a_guess_is_no_cookie(guess: u32) {
            // One in 2^30 would be by chance, and the seed of this test has none of them.
            prop_assert_eq!(jar(3).check(START, &flow(true, 5), SYN, SeqNumber(guess)), None);
        }
    }

    /// RFC 4987 3.6: without timestamps nothing but the MSS can be kept.
    #[test]
    fn without_timestamps_only_the_mss_is_kept() {
        let syn = TcpOptions {
            mss: Some(1_000),
            window_scale: Some(7),
            sack_permitted: true,
            ..TcpOptions::default()
        };
        let only_mss = TcpOptions {
            mss: Some(1_000),
            ..TcpOptions::default()
        };
        assert_eq!(kept(&syn, true), only_mss);
        let stamped = TcpOptions {
            timestamps: Some(Timestamps { value: 1, echo: 0 }),
            ..syn
        };
        assert_eq!(kept(&stamped, true), stamped);
        assert_eq!(
            kept(&stamped, false),
            only_mss,
            "when we do not want timestamps"
        );
    }
}
