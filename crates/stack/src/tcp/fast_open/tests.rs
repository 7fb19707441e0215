//! Cookies of servers and what clients remember of them.

use super::super::demux::Endpoint;
use super::*;

const START: Instant = Instant::from_secs(100_000);

fn flow(v6: bool, remote: u8) -> Flow {
    let end = |last| Endpoint {
        address: if v6 {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)].into()
        } else {
            [192, 0, 2, last].into()
        },
        port: u16::from(last),
    };
    Flow {
        local: end(1),
        remote: end(remote),
    }
}

fn baker(fixed: Option<FastOpenKeys>) -> CookieBaker {
    CookieBaker::new(fixed, &mut SeedRng::new(1))
}

fn answer(baker: &CookieBaker, at: Instant, option: Option<FastOpen>, text: bool) -> Answer {
    baker.answer(at, &flow(false, 2), (option, text), false)
}

/// RFC 7413 4.1.2: bound to the address of the peer, not to its port.
#[test]
fn a_cookie_belongs_to_an_address() {
    for v6 in [false, true] {
        let baker = baker(None);
        let cookie = baker.cookie(START, &flow(v6, 2));
        assert_eq!(cookie.cookie().len(), 8);
        let mut other_port = flow(v6, 2);
        other_port.remote.port = 99;
        assert_eq!(cookie, baker.cookie(START, &other_port));
        assert_ne!(cookie, baker.cookie(START, &flow(v6, 3)));
    }
}

#[test]
fn each_option_gets_its_answer() {
    let baker = baker(None);
    let good = baker.cookie(START, &flow(false, 2));
    let bad = baker.cookie(START, &flow(false, 3));
    let short = FastOpen::new(&good.cookie()[..4]);
    for (option, text, cookie, early) in [
        (None, false, None, false),
        (None, true, None, false),
        (Some(FastOpen::REQUEST), false, Some(good), false),
        (Some(FastOpen::REQUEST), true, Some(good), false),
        (Some(good), true, None, true),
        (Some(good), false, None, true),
        (Some(bad), true, Some(good), false),
        (short, true, Some(good), false),
    ] {
        let expected = Answer { cookie, early };
        assert_eq!(answer(&baker, START, option, text), expected, "{option:?}");
    }
}

/// RFC 7413 section 9: the answer comes under the kind of the question, and one cookie serves
/// both.
#[test]
fn the_experiment_is_answered_by_the_experiment() {
    let baker = baker(None);
    let request = FastOpen::REQUEST.with_experiment(true);
    let cookie = answer(&baker, START, Some(request), false).cookie.unwrap();
    assert!(cookie.experiment);
    assert!(answer(&baker, START, Some(cookie.with_experiment(false)), true).early);
    assert!(answer(&baker, START, Some(cookie), true).early);
}

#[test]
fn without_cookies_text_is_enough() {
    let baker = baker(None);
    let any = |option, text| baker.answer(START, &flow(false, 2), (option, text), true);
    assert!(any(None, true).early);
    assert!(!any(None, false).early);
    assert!(any(Some(FastOpen::REQUEST), false).cookie.is_some());
}

/// RFC 7413 4.1.2: keys change, and the old one is good for a while.
#[test]
fn an_old_cookie_is_good_once_more_and_then_not() {
    let baker = baker(None);
    let cookie = baker.cookie(START, &flow(false, 2));
    let later = |lives| START + KEY_LIFE * lives;
    let new = baker.cookie(later(1), &flow(false, 2));
    assert_ne!(cookie, new);
    let old = answer(&baker, later(1), Some(cookie), true);
    assert_eq!((old.early, old.cookie), (true, Some(new)));
    let older = answer(&baker, later(2), Some(cookie), true);
    assert!(!older.early && older.cookie.is_some());
    answer(&baker, Instant::ZERO, Some(cookie), true);
}

#[test]
fn keys_that_are_given_stay() {
    let (one, two) = ([1; 16], [2; 16]);
    let baker_of = |current, previous| baker(Some(FastOpenKeys { current, previous }));
    let old = baker_of(one, None);
    let cookie = old.cookie(START, &flow(true, 2));
    assert_eq!(cookie, old.cookie(START + KEY_LIFE * 9, &flow(true, 2)));
    let both = baker_of(two, Some(one));
    let seen = both.answer(START, &flow(true, 2), (Some(cookie), true), false);
    assert!(seen.early && seen.cookie == Some(both.cookie(START, &flow(true, 2))));
}

/// The default of a client that knows nothing is to ask.
#[test]
fn a_client_learns_and_forgets() {
    let mut cache = CookieCache::new(&mut SeedRng::new(1));
    let flow = flow(false, 2);
    let request = Some(FastOpenOffer::Request { experiment: false });
    assert_eq!(cache.offer(START, &flow, false, 1_460), request);
    let cookie = FastOpen::new(&[7; 8]).unwrap();
    let answered = |at, cookie, refused| FastOpenNews {
        at,
        outcome: FastOpenOutcome::Answered {
            mss: Some(900),
            cookie,
            refused,
            resent: false,
        },
    };
    cache.learn(&flow, answered(START, Some(cookie), false));
    let shown = Some(FastOpenOffer::Cookie { cookie, mss: 900 });
    assert_eq!(cache.offer(START, &flow, false, 1_460), shown);
    let text = Some(FastOpenOffer::Text { mss: 900 });
    assert_eq!(cache.offer(START, &flow, true, 1_460), text);
    // RFC 7413 4.1.3.1: no is an answer, for some time.
    cache.learn(&flow, answered(START, None, true));
    assert_eq!(cache.offer(START, &flow, false, 1_460), None);
    let later = START + REFUSAL_LIFE;
    assert_eq!(cache.offer(later, &flow, false, 1_460), shown);
    assert_eq!(
        cache.offer(START + COOKIE_CACHE_LIFE, &flow, false, 1_460),
        request
    );
}

/// One loss may be chance; after more of them text waits longer and longer.
#[test]
fn a_path_that_loses_text_gets_none() {
    let mut cache = CookieCache::new(&mut SeedRng::new(1));
    let flow = flow(true, 2);
    let mut now = START;
    let lost = |at| FastOpenNews {
        at,
        outcome: FastOpenOutcome::Lost,
    };
    cache.learn(&flow, lost(now));
    assert!(cache.offer(now, &flow, false, 1_440).is_some());
    for seconds in [120, 240, 480] {
        cache.learn(&flow, lost(now));
        let offer = |secs| cache.offer(now + Duration::from_secs(secs), &flow, false, 1_440);
        assert_eq!(offer(seconds - 1), None);
        assert!(offer(seconds).is_some());
        now += Duration::from_secs(seconds);
    }
    // What a resent SYN brought says nothing about text.
    let answered = |at, resent| FastOpenNews {
        at,
        outcome: FastOpenOutcome::Answered {
            mss: None,
            cookie: None,
            refused: false,
            resent,
        },
    };
    cache.learn(&flow, lost(now));
    cache.learn(&flow, answered(now, true));
    assert_eq!(cache.offer(now, &flow, false, 1_440), None);
    cache.learn(&flow, answered(now, false));
    assert!(cache.offer(now, &flow, false, 1_440).is_some());
    for _ in 0..300 {
        cache.learn(&flow, lost(now));
    }
}
