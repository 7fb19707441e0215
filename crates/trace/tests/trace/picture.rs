//! Pictures of a made connection: what is in them, that they are whole files, and what their shape
//! notices.

use handfast_packet::buf::Medium;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, LossRecord};
use handfast_trace::Language;
use handfast_trace::analysis::{Analysis, Side};
use handfast_trace::picture::{Kind, Panel, Picture, THINGS_MAX, shape};
use handfast_trace::report::{LiveRun, Run};

use crate::common::{CLIENT, SERVER, Script, back, out, packet};
use handfast_packet::build::Ipv4;

/// What the made connection is about.
const MATTER: &[Kind] = &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Probe, Kind::Fin];

/// One segment is lost and sent again as a probe, or not; everything `late` micros later.
fn run(is_repaired: bool, late: u64) -> Run {
    let mut live = LiveRun::new(Medium::Ethernet, Language::English);
    let text = [0; 100];
    let mut script = Script::new(&mut live);
    script.handshake();
    script
        .at_micros(1_000 + late)
        .sends(Cause::NewData, out(1, 1), &text);
    let lost = packet(Ipv4::new(CLIENT, SERVER), out(101, 1), &text).to_vec();
    script.frame(Direction::Out, &lost, Cause::NewData);
    let at = script.now;
    script.recorder.record_loss(&LossRecord {
        at,
        direction: Direction::Out,
        bytes: &lost,
        wire_len: lost.len(),
    });
    script.at_micros(2_000 + late).gets(back(1, 101), b"");
    if is_repaired {
        script
            .at_micros(300_000 + late)
            .sends(Cause::NewData, out(101, 1), &text)
            .at_micros(301_000 + late)
            .gets(back(1, 201), b"");
    }
    script
        .at_micros(302_000 + late)
        .sends(Cause::NewData, out(201, 1).fin(), b"");
    live.finish("made".to_owned(), 0)
}

fn picture(run: &Run, language: Language) -> String {
    let picture = Picture {
        connection: &run.analysis.connections[0],
        side: Side::A,
        losses: &run.losses,
        title: language.of("One <loss> & its repair", "Одна <потеря> и её исправление"),
        panel: Some(Panel::InFlight),
        language,
    };
    picture.to_svg()
}

#[test]
fn a_picture_shows_what_happened_in_both_languages() {
    let run = run(true, 0);
    for language in Language::ALL {
        let svg = picture(&run, language);
        for &kind in MATTER {
            assert!(svg.contains(kind.words(language)), "{kind:?}: {svg}");
            assert_ne!(shape(&svg, &[kind]), shape(&svg, &[]), "{kind:?}");
        }
        let title = language.of("One &lt;loss&gt; &amp; its", "Одна &lt;потеря&gt; и её");
        assert_eq!(svg.matches(title).count(), 2, "once to see, once to hear");
        for never in ["<script", "NaN", "inf", "href", "url("] {
            assert!(!svg.contains(never), "{never}");
        }
        // Each element is closed where it stands, but for those that hold others.
        let opened = svg.matches('<').count() - svg.matches("</").count();
        let closed = svg.matches("</").count() + svg.matches("/>").count();
        assert_eq!(opened, closed, "{svg}");
        assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("role=\"img\""));
    }
}

#[test]
fn a_shape_forgives_other_times_and_nothing_else() {
    let svg = picture(&run(true, 0), Language::English);
    let stored = shape(&svg, MATTER);
    assert_eq!(
        stored,
        shape(&picture(&run(true, 77_000), Language::English), MATTER)
    );
    let unrepaired = picture(&run(false, 0), Language::English);
    assert_ne!(stored, shape(&unrepaired, MATTER), "a retransmission less");
    let others = [Kind::Sent, Kind::Ack, Kind::Lost, Kind::Fin];
    assert_eq!(
        shape(&svg, &others),
        shape(&unrepaired, &others),
        "who does not ask for it does not miss it"
    );
    for (word, other) in [
        ("One", "Two"),
        ("acknowledged", "confirmed"),
        ("in flight", "out"),
        ("sequence number", "number"),
        ("time from", "time since"),
        ("segments from", "frames from"),
    ] {
        let changed = svg.replace(word, other);
        assert_ne!(stored, shape(&changed, MATTER), "{word}");
    }
    assert_ne!(
        stored,
        shape(&picture(&run(true, 0), Language::Russian), MATTER)
    );
    assert_ne!(stored, shape("", MATTER));
}

#[test]
fn pictures_of_whatever_was_captured_are_small() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let mut drawn = 0;
    for file in std::fs::read_dir(data).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let analysis = Analysis::of(&bytes[..]).unwrap();
        for connection in &analysis.connections {
            for (side, panel) in Side::BOTH
                .into_iter()
                .zip([Panel::RoundTrip, Panel::InFlight])
            {
                let picture = Picture {
                    connection,
                    side,
                    losses: &[],
                    title: "captured",
                    panel: Some(panel),
                    language: Language::Russian,
                };
                let svg = picture.to_svg();
                assert!(svg.len() < 60_000, "{}", svg.len());
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                drawn += 1;
            }
        }
    }
    assert!(drawn >= 12, "{drawn}");
}

#[test]
fn a_long_connection_is_thinned_and_keeps_its_losses() {
    let mut live = LiveRun::new(Medium::Ethernet, Language::English);
    let mut script = Script::new(&mut live);
    script.handshake();
    for index in 0..20_000_u32 {
        let at = 1_000 + u64::from(index) * 50;
        let seq = 1 + index * 100;
        script
            .at_micros(at)
            .sends(Cause::NewData, out(seq, 1), &[0; 100])
            .at_micros(at + 20)
            .gets(back(1, seq + 100), b"");
    }
    script.sends(Cause::NewData, out(1, 1), &[0; 100]);
    let run = live.finish("long".to_owned(), 0);
    let svg = picture(&run, Language::English);
    let path = |class: &str| {
        let start = format!("<path class=\"{class}\" d=\"");
        let mut paths = svg.lines().filter(|line| line.starts_with(&start));
        paths
            .next_back()
            .map_or(0, |path| path.matches(['M', 'V']).count())
    };
    assert!(
        (100..=2 * THINGS_MAX).contains(&path("sent")),
        "{}",
        path("sent")
    );
    assert!(
        (100..=2 * THINGS_MAX).contains(&path("ack")),
        "{}",
        path("ack")
    );
    assert!(path("resent") + path("timeout") + path("fast") > 0, "{svg}");
    assert!(svg.len() < 40_000, "{}", svg.len());
}
