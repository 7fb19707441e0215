//! The two queues of a listener, and who is told.

use super::*;

fn listeners(backlog: usize, half_open: usize, cookies: SynCookies) -> (Listeners, ListenerId) {
    let mut listeners = Listeners::new();
    let local = Endpoint {
        address: [192, 0, 2, 1].into(),
        port: 80,
    };
    let options = Listen {
        backlog,
        half_open,
        cookies,
        ..Listen::default()
    };
    let id = listeners
        .insert(local, &options, tcp::Config::default())
        .unwrap();
    (listeners, id)
}

fn connection(index: u32) -> Key {
    Key {
        index,
        generation: 0,
    }
}

/// What a SYN gets, in a word; a connection begins at once.
fn admit(listeners: &mut Listeners, id: ListenerId, cookie_fits: bool) -> &'static str {
    match listeners.admit(id, cookie_fits) {
        Admission::Connection(_) => {
            listeners.begin(id);
            "connection"
        }
        Admission::Cookie(_) => "cookie",
        Admission::Nothing => "nothing",
    }
}

#[test]
fn each_queue_has_its_own_bound() {
    let (mut listeners, id) = listeners(1, 2, SynCookies::Off);
    assert_eq!(admit(&mut listeners, id, true), "connection");
    assert_eq!(admit(&mut listeners, id, true), "connection");
    assert_eq!(
        admit(&mut listeners, id, true),
        "nothing",
        "two are opening"
    );
    listeners.give_up(id);
    assert_eq!(admit(&mut listeners, id, true), "connection");
    assert!(!listeners.is_full(id));
    listeners.complete(id, connection(1));
    assert!(listeners.is_full(id));
    assert_eq!(admit(&mut listeners, id, true), "nothing", "one waits");
    assert_eq!(listeners.accept(id), Some(connection(1)));
    assert_eq!(admit(&mut listeners, id, true), "connection");
}

/// RFC 4987 3.6: cookies stand behind the queue of those that are opening.
#[test]
fn cookies_are_given_when_they_help_and_fit() {
    use SynCookies::{Always, Off, OnOverflow};
    for (cookies, fits, crowded, answer) in [
        (Off, true, false, "connection"),
        (Off, true, true, "nothing"),
        (OnOverflow, true, false, "connection"),
        (OnOverflow, true, true, "cookie"),
        (OnOverflow, false, true, "nothing"),
        (Always, true, false, "cookie"),
        (Always, true, true, "cookie"),
        (Always, false, false, "connection"),
        (Always, false, true, "nothing"),
    ] {
        let (mut listeners, id) = listeners(1, 1, cookies);
        if crowded {
            listeners.begin(id);
        }
        let seen = admit(&mut listeners, id, fits);
        assert_eq!(seen, answer, "{cookies:?} {fits} {crowded}");
        if !crowded {
            listeners.begin(id);
        }
        listeners.complete(id, connection(1));
        assert_eq!(admit(&mut listeners, id, fits), "nothing", "nobody accepts");
    }
}

#[test]
fn a_cookie_is_expected_only_while_one_may_come() {
    let (mut listeners, id) = listeners(1, 1, SynCookies::Always);
    let at = Instant::from_secs;
    assert!(!listeners.expects_cookie(id, at(0)));
    listeners.note_cookie(id, at(180));
    assert!(listeners.expects_cookie(id, at(179)));
    assert!(!listeners.expects_cookie(id, at(180)));
}

#[test]
fn queues_of_0_still_let_one_in_and_huge_ones_are_cut() {
    for (wanted, most) in [(0, 1), (usize::MAX, BACKLOG_MAX)] {
        let (mut listeners, id) = listeners(wanted, wanted, SynCookies::Off);
        let opened = (0..BACKLOG_MAX + 10)
            .filter(|_| admit(&mut listeners, id, true) == "connection")
            .count();
        assert_eq!(opened, most);
        for _ in 0..most {
            assert!(!listeners.is_full(id));
            listeners.complete(id, connection(1));
        }
        assert!(listeners.is_full(id));
    }
}

#[test]
fn who_accepts_before_being_told_is_not_told() {
    let (mut listeners, id) = listeners(10, 10, SynCookies::Off);
    for index in 0..3 {
        listeners.begin(id);
        listeners.complete(id, connection(index));
    }
    assert_eq!(listeners.poll_event(), Some(id));
    assert_eq!(listeners.accept(id), Some(connection(0)));
    assert_eq!(listeners.accept(id), Some(connection(1)));
    assert_eq!(listeners.poll_event(), Some(id));
    assert_eq!(listeners.poll_event(), None);
    assert_eq!(listeners.accept(id), Some(connection(2)));
    assert_eq!(listeners.accept(id), None);
}

#[test]
fn a_removed_listener_says_nothing_more() {
    let (mut listeners, id) = listeners(10, 10, SynCookies::Off);
    listeners.begin(id);
    listeners.complete(id, connection(0));
    assert!(listeners.remove(id));
    assert!(!listeners.remove(id));
    assert_eq!(listeners.poll_event(), None);
    assert_eq!((listeners.accept(id), listeners.local(id)), (None, None));
    assert_eq!(admit(&mut listeners, id, true), "nothing");
    listeners.complete(id, connection(1));
    listeners.give_up(id);
}
