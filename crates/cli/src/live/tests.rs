//! Pictures of the view at several sizes, held against text in `tests/live/`, and what looks and keys
//! make of it. After a change that is meant, `RENEW=1 cargo test -p handfast-cli live::` writes the
//! pictures anew; look at them before you commit.

use std::path::Path;

use handfast::control::{Answer, Facts, Told};
use handfast::tcp::{Limit, State, TcpInfo};
use handfast::{Instant, TcpFigures, TcpRow};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::keys::{Key, Wish};
use super::look::Look;
use super::plain::Plain;
use super::render::{render, still};
use super::theme::Theme;
use super::view::{EVENTS_MAX, GONE_MAX, View};

const START: Instant = Instant::from_secs(100);

fn row(state: State, ends: [&str; 2], info: Option<TcpInfo>) -> TcpRow {
    let [local, remote] = ends.map(|end| end.parse().unwrap());
    TcpRow {
        state,
        local,
        remote,
        receive_queue: 0,
        send_queue: 0,
        figures: info.map(|info| TcpFigures {
            controller: "cubic".into(),
            info,
        }),
    }
}

/// A sender that has been at it for so many looks.
fn sender(looks: u64) -> TcpInfo {
    TcpInfo {
        ca_state: 3,
        rto: 214_000,
        rtt: 10_000 + looks % 7 * 1_500,
        min_rtt: 9_800,
        snd_mss: 1_448,
        snd_cwnd: 40,
        snd_ssthresh: 40,
        unacked: 32,
        sacked: 5,
        lost: 2,
        retrans: 1,
        bytes_sent: 1_000_000 + looks * 90_000,
        bytes_retrans: 28_960,
        bytes_acked: 1_000_000 + looks * 88_000,
        bytes_received: 120,
        rcv_space: 131_072,
        rcv_wnd: 98_304,
        snd_wnd: 4_194_304,
        total_rto: 1,
        limited_by: Limit::CongestionWindow,
        ..TcpInfo::default()
    }
}

fn told(millis: u64, words: &str, rule: &str) -> Told {
    Told {
        at: START + std::time::Duration::from_millis(millis),
        local: "192.0.2.2:49152".parse().unwrap(),
        remote: "203.0.113.29:80".parse().unwrap(),
        name: "fact".to_owned(),
        words: words.to_owned(),
        rule: rule.to_owned(),
        state: None,
        is_routine: false,
        is_trouble: false,
    }
}

fn in_state(told: Told, state: State) -> Told {
    Told {
        state: Some(state),
        ..told
    }
}

fn trouble(told: Told) -> Told {
    Told {
        is_trouble: true,
        ..told
    }
}

fn answer(sockets: Vec<TcpRow>, told: Vec<Told>) -> Answer {
    Answer {
        pid: 4_711,
        program: "handfast".to_owned(),
        sockets,
        more: 0,
        facts: Some(Facts {
            told,
            next: 1,
            lost: 0,
        }),
    }
}

fn look(sockets: Vec<TcpRow>, told: Vec<Told>) -> Look {
    Look {
        answers: vec![answer(sockets, told)],
        silent: Vec::new(),
    }
}

fn at(looks: u64) -> Instant {
    START + std::time::Duration::from_millis(100 * looks)
}

const ENDS: [&str; 2] = ["192.0.2.2:49152", "203.0.113.29:80"];
const OTHERS: [&str; 2] = ["[2001:db8:1234:5678::2]:49153", "[2001:db8::29]:80"];

/// A view of three sockets after a while.
fn view() -> View {
    let mut view = View::new("handfast watch".to_owned(), START);
    let opened = told(1, "the connection begins in SYN-SENT", "");
    let opened = Told {
        name: "opened".to_owned(),
        ..in_state(opened, State::SynSent)
    };
    let state = told(11, "from SYN-SENT to ESTABLISHED", "RFC 9293 3.3.2");
    let words = "1,448 bytes taken for lost: three behind it arrived";
    let facts = vec![
        opened,
        in_state(state, State::Established),
        trouble(told(812, words, "RFC 6675 4")),
        trouble(told(812, "fast recovery begins", "RFC 5681 3.2")),
        trouble(told(
            813,
            "received 1,448 bytes, out of order: kept aside",
            "RFC 5681 4.2",
        )),
        trouble(told(
            813,
            "received 1,448 bytes, out of order: kept aside",
            "RFC 5681 4.2",
        )),
        Told {
            is_routine: true,
            ..told(814, "retransmission timer stopped", "RFC 6298 5")
        },
    ];
    view.take(
        &look(vec![row(State::Established, ENDS, Some(sender(0)))], facts),
        at(0),
    );
    for looks in 1..40 {
        let sockets = vec![
            row(State::Listen, ["0.0.0.0:8080", "0.0.0.0:0"], None),
            row(State::Established, ENDS, Some(sender(looks))),
            row(State::CloseWait, OTHERS, Some(TcpInfo::default())),
        ];
        view.take(&look(sockets, Vec::new()), at(looks));
    }
    let key = view
        .connections
        .keys()
        .find(|key| key.local.port() == 49_152);
    view.chosen = key.copied();
    view
}

fn picture(view: &View, theme: Theme, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(view, theme, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = (0..height).map(|y| {
        let cells: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("{}\n", cells.trim_end())
    });
    rows.collect()
}

fn hold(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/live/{name}.txt"));
    if std::env::var_os("RENEW").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{name}: see the head of this file; it is now:\n{text}"
    );
}

#[test]
fn pictures_are_as_they_were() {
    let color = Theme::new(true, true);
    hold("80x24", &picture(&view(), color, 80, 24));
    hold("120x40", &picture(&view(), color, 120, 40));
    hold("ascii", &picture(&view(), Theme::new(false, false), 80, 24));
    hold("narrow", &picture(&view(), color, 50, 20));
    let mut detailed = view();
    detailed.press(Key::Enter);
    hold("details", &picture(&detailed, color, 80, 24));
    let mut help = view();
    help.press(Key::Char('?'));
    hold("help", &picture(&help, color, 80, 24));
    hold("still", &still(&view(), color, 80));
}

#[test]
fn no_size_is_too_small() {
    for mode in [
        None,
        Some(Key::Enter),
        Some(Key::Char('?')),
        Some(Key::Char('e')),
    ] {
        let mut view = view();
        mode.map(|key| view.press(key));
        for (width, height) in (1..90)
            .step_by(4)
            .flat_map(|width| (1..30).map(move |h| (width, h)))
        {
            picture(&view, Theme::new(true, true), width, height);
        }
        picture(&view, Theme::new(true, true), 1, 1);
        let empty = View::new(String::new(), START);
        picture(&empty, Theme::new(false, false), 3, 30);
    }
}

#[test]
fn every_key_is_listed_at_eighty_columns_and_without_colour_nothing_is_coloured() {
    let text = picture(&view(), Theme::new(true, true), 80, 24);
    let last = text.lines().last().unwrap();
    for word in [
        "select", "details", "sort", "filter", "pause", "events", "help", "quit",
    ] {
        assert!(last.contains(word), "{word}: {last}");
    }
    for has_color in [false, true] {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let theme = Theme::new(has_color, true);
        let view = view();
        terminal.draw(|frame| render(&view, theme, frame)).unwrap();
        let mut cells = terminal.backend().buffer().content().iter();
        let plain = ratatui::style::Color::Reset;
        let is_plain = cells.all(|cell| cell.fg == plain && cell.bg == plain);
        assert_eq!(is_plain, !has_color);
    }
}

#[test]
fn the_ascii_picture_is_ascii() {
    for (width, height) in [(80, 24), (120, 40), (50, 20)] {
        assert!(picture(&view(), Theme::new(true, false), width, height).is_ascii());
    }
}

#[test]
fn keys_choose_sort_filter_and_pause() {
    let mut view = view();
    let chosen = |view: &View| view.chosen.unwrap().local.port();
    assert_eq!(chosen(&view), 49_152);
    view.press(Key::Home);
    assert_eq!(chosen(&view), 8_080);
    view.press(Key::Char('j'));
    view.press(Key::Down);
    view.press(Key::Down);
    assert_eq!(chosen(&view), 49_153, "the list has an end");
    view.press(Key::Char('s'));
    let first = |view: &View| view.listed()[0].0.local.port();
    assert_eq!(first(&view), 49_152, "by state, open ones first");
    assert_eq!(chosen(&view), 49_153, "who was chosen stays so");

    for char in "/CLOSE-w".chars() {
        view.press(Key::Char(char));
    }
    assert_eq!(view.listed().len(), 1);
    assert_eq!(view.press(Key::Char('q')), Wish::Stay, "that is text, too");
    assert_eq!(view.listed().len(), 0);
    view.press(Key::Escape);
    assert_eq!(view.listed().len(), 3);
    view.press(Key::Char('p'));
    assert!(view.is_paused());
    assert_eq!(view.press(Key::Interrupt), Wish::Interrupt);
    assert_eq!(view.press(Key::Char('q')), Wish::Quit);
}

#[test]
fn events_are_notable_all_or_none() {
    let mut view = view();
    let count = |view: &View| view.shown_events().count();
    let notable = count(&view);
    assert_eq!(notable, 5, "two alike are one");
    view.press(Key::Char('e'));
    assert_eq!(count(&view), notable + 1);
    view.press(Key::Char('e'));
    assert_eq!(count(&view), 0);
}

#[test]
fn what_is_over_stays_a_while_and_what_comes_again_begins_anew() {
    let mut view = View::new(String::new(), START);
    let ends = |port: u16| format!("192.0.2.2:{port}");
    let many = 30;
    let open = |port| {
        let local = ends(port);
        row(
            State::Established,
            [&local, "203.0.113.29:80"],
            Some(sender(1)),
        )
    };
    view.take(
        &look((0..many).map(|n| open(1_000 + n)).collect(), Vec::new()),
        at(0),
    );
    view.take(&look(vec![open(1_000)], Vec::new()), at(1));
    assert_eq!(view.connections.len(), 1 + GONE_MAX);
    let over = view
        .listed()
        .iter()
        .filter(|(_, found)| found.is_gone)
        .count();
    assert_eq!(over, GONE_MAX);
    let closed = view.listed().last().unwrap().0.local.port();
    view.take(&look(vec![open(1_000), open(closed)], Vec::new()), at(2));
    let again = view
        .connections
        .iter()
        .find(|(key, _)| key.local.port() == closed);
    let again = again.unwrap().1;
    assert!(!again.is_gone && again.round_trips.len() == 1 && !again.has_been(State::Closed));
}

#[test]
fn a_process_that_is_silent_keeps_its_connections() {
    let mut view = view();
    let silent = Look {
        answers: Vec::new(),
        silent: vec![(4_711, "it sleeps".to_owned())],
    };
    view.take(&silent, at(50));
    assert!(view.connections.values().all(|found| !found.is_gone));
    view.take(&Look::default(), at(51));
    assert!(view.connections.values().all(|found| found.is_gone));
}

#[test]
fn facts_tell_of_connections_that_no_look_has_seen() {
    let mut view = View::new(String::new(), START);
    let opened = Told {
        name: "opened".to_owned(),
        ..in_state(told(1, "begins", ""), State::SynSent)
    };
    let established = in_state(told(2, "opens", ""), State::Established);
    let closed = in_state(told(3, "closed", ""), State::Closed);
    view.take(&look(Vec::new(), vec![opened, established]), at(0));
    let state = |view: &View| view.chosen().unwrap().1.row.state;
    assert_eq!(state(&view), State::Established);
    assert!(view.chosen().unwrap().1.has_been(State::SynSent));
    view.take(&look(Vec::new(), vec![closed]), at(1));
    assert_eq!(state(&view), State::Closed);
}

#[test]
fn events_are_bounded_and_losses_are_counted() {
    let mut view = View::new(String::new(), START);
    let count = u64::try_from(EVENTS_MAX).unwrap() + 7;
    let facts = (0..count).map(|n| told(n, &format!("event {n}"), ""));
    let mut full = look(Vec::new(), facts.collect());
    full.answers[0].facts.as_mut().unwrap().lost = 3;
    view.take(&full, at(0));
    full.answers[0].facts.as_mut().unwrap().told.clear();
    view.take(&full, at(1));
    assert_eq!((view.events.len(), view.lost), (EVENTS_MAX, 3));
}

#[test]
fn lines_tell_time_connection_and_rule() {
    let mut out = Vec::new();
    let mut plain = Plain::new(&mut out, START, true);
    let state = told(11, "from SYN-SENT to ESTABLISHED", "RFC 9293 3.3.2");
    let routine = Told {
        is_routine: true,
        ..state.clone()
    };
    plain
        .take(&look(Vec::new(), vec![routine, state]), at(0))
        .unwrap();
    // A program that tells no facts.
    for state in [State::SynSent, State::Established] {
        let mut old = look(vec![row(state, ENDS, None)], Vec::new());
        old.answers[0].facts = None;
        plain.take(&old, at(1)).unwrap();
        plain.take(&old, at(2)).unwrap();
    }
    let mut old = look(Vec::new(), Vec::new());
    old.answers[0].facts = None;
    plain.take(&old, at(3)).unwrap();
    let ends = "process 4711  192.0.2.2:49152 > 203.0.113.29:80";
    let expected = format!(
        "     0.011  {ends}  from SYN-SENT to ESTABLISHED (RFC 9293 3.3.2)\n     \
         0.100  {ends}  to SYN-SENT\n     \
         0.100  {ends}  from SYN-SENT to ESTABLISHED\n     \
         0.300  {ends}  is gone\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
