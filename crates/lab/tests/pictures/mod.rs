//! The pictures of the lessons' pages: which connection of which lesson is drawn, from which side,
//! and what must be in it. They are drawn from the frames of the very run that the page tells of.

use handfast_lab::lesson::{Lesson, Words};
use handfast_packet::buf::Medium;
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_trace::analysis::{Connection, Side};
use handfast_trace::picture::{Kind, Panel, Picture, shape};
use handfast_trace::report::{LiveRun, Run};
use handfast_trace::{Language, Shared, Tee};

/// A picture on a page.
pub(crate) struct Pictured {
    /// The name of its file, which begins with that of the lesson.
    pub(crate) file: &'static str,
    lesson: &'static str,
    is_broken: bool,
    /// Our port, which follows from the seed: it names the connection in each run.
    port: u16,
    /// Whether the segments are ours or the peer's.
    from: From,
    pub(crate) title: Words,
    panel: Option<Panel>,
    /// What the lesson is about, which no run lacks.
    matter: &'static [Kind],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Us,
    Peer,
}

const fn words(english: &'static str, russian: &'static str) -> Words {
    Words { english, russian }
}

/// All of them, in the order of the pages.
pub(crate) const PICTURES: &[Pictured] = &[
    Pictured {
        file: "kernel-reset",
        lesson: "kernel-reset",
        is_broken: false,
        port: 20_001,
        from: From::Us,
        title: words(
            "The host's kernel resets our connection before we ask for anything",
            "Ядро хоста сбрасывает наше соединение раньше, чем мы о чём-то спросили",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Syn, Kind::Reset],
    },
    Pictured {
        file: "close",
        lesson: "close",
        is_broken: false,
        port: 53_207,
        from: From::Peer,
        title: words(
            "The server closes first, and our direction stays open a little longer",
            "Первым закрывает сервер, а наше направление ещё немного открыто",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Syn, Kind::Fin],
    },
    Pictured {
        file: "slow-ack",
        lesson: "slow-ack",
        is_broken: false,
        port: 20_001,
        from: From::Peer,
        title: words(
            "ACKs creep behind, then stop at a hole, and the server loses patience",
            "Подтверждения ползут следом, замирают у дыры, и сервер теряет терпение",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Reset],
    },
    Pictured {
        file: "slow-ack-break",
        lesson: "slow-ack",
        is_broken: true,
        port: 20_001,
        from: From::Peer,
        title: words(
            "The same receiver with a buffer that holds everything",
            "Тот же получатель с буфером, в который помещается всё",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack],
    },
    Pictured {
        file: "lost-segment",
        lesson: "lost-segment",
        is_broken: false,
        port: 60_355,
        from: From::Us,
        title: words(
            "Two of our segments are lost, and both are sent again",
            "Два наших сегмента потеряны, и оба передаются повторно",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Sack],
    },
    Pictured {
        file: "lost-segment-break",
        lesson: "lost-segment",
        is_broken: true,
        port: 61_762,
        from: From::Us,
        title: words(
            "Every copy is lost: the timer doubles until the sender gives up",
            "Теряется каждая копия: таймер удваивается, пока отправитель не сдастся",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Timeout, Kind::Lost],
    },
    Pictured {
        file: "fast-retransmit",
        lesson: "fast-retransmit",
        is_broken: false,
        port: 61_762,
        from: From::Us,
        title: words(
            "With SACK both holes are known and filled after one round trip",
            "С SACK известны обе дыры, и обе закрыты за один круг",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Sack, Kind::Fast],
    },
    Pictured {
        file: "fast-retransmit-no-sack",
        lesson: "fast-retransmit",
        is_broken: false,
        port: 63_333,
        from: From::Us,
        title: words(
            "Without SACK duplicate ACKs show one hole at a time",
            "Без SACK повторные подтверждения показывают дыры по одной",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Fast],
    },
    Pictured {
        file: "fast-retransmit-break",
        lesson: "fast-retransmit",
        is_broken: true,
        port: 61_762,
        from: From::Us,
        title: words(
            "Too little follows the hole: only the timer repairs it",
            "За дырой почти ничего нет: её закрывает только таймер",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Timeout],
    },
    Pictured {
        file: "rto-and-tail-loss-probe",
        lesson: "rto-and-tail-loss-probe",
        is_broken: false,
        port: 59_701,
        from: From::Us,
        title: words(
            "The last segment is lost, and a probe asks early",
            "Потерян последний сегмент, и проба спрашивает о нём рано",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Probe],
    },
    Pictured {
        file: "rto-and-tail-loss-probe-lost",
        lesson: "rto-and-tail-loss-probe",
        is_broken: false,
        port: 63_300,
        from: From::Us,
        title: words(
            "The probe is lost too: only the timer is left, and it doubles",
            "Потеряна и проба: остаётся только таймер, и он удваивается",
        ),
        panel: None,
        matter: &[
            Kind::Sent,
            Kind::Ack,
            Kind::Lost,
            Kind::Probe,
            Kind::Timeout,
        ],
    },
    Pictured {
        file: "rto-and-tail-loss-probe-break",
        lesson: "rto-and-tail-loss-probe",
        is_broken: true,
        port: 59_701,
        from: From::Us,
        title: words(
            "Without a probe the loss at the end costs a whole timeout",
            "Без пробы потеря в конце стоит целого тайм-аута",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Lost, Kind::Timeout],
    },
    Pictured {
        file: "slow-start",
        lesson: "slow-start",
        is_broken: false,
        port: 61_762,
        from: From::Us,
        title: words(
            "Slow start: ten segments first, then twice as many in each round trip",
            "Медленный старт: сначала десять сегментов, затем в каждом круге вдвое больше",
        ),
        panel: Some(Panel::InFlight),
        matter: &[Kind::Sent, Kind::Ack, Kind::InFlight],
    },
    Pictured {
        file: "slow-start-break",
        lesson: "slow-start",
        is_broken: true,
        port: 61_762,
        from: From::Us,
        title: words(
            "Slow start from one segment: the same bytes take more round trips",
            "Медленный старт с одного сегмента: те же байты требуют больше кругов",
        ),
        panel: Some(Panel::InFlight),
        matter: &[Kind::Sent, Kind::Ack, Kind::InFlight],
    },
    Pictured {
        file: "bufferbloat-cubic",
        lesson: "bufferbloat",
        is_broken: false,
        port: 61_762,
        from: From::Us,
        title: words(
            "CUBIC fills the queue, and the round trip grows with it",
            "CUBIC заполняет очередь, и с ней растёт время оборота",
        ),
        panel: Some(Panel::RoundTrip),
        matter: &[Kind::Sent, Kind::Ack, Kind::RoundTrip],
    },
    Pictured {
        file: "bufferbloat-bbr",
        lesson: "bufferbloat",
        is_broken: false,
        port: 63_333,
        from: From::Us,
        title: words(
            "BBR keeps the queue short at the same rate",
            "BBR при той же скорости держит очередь короткой",
        ),
        panel: Some(Panel::RoundTrip),
        matter: &[Kind::Sent, Kind::Ack, Kind::RoundTrip],
    },
    Pictured {
        file: "bufferbloat-break",
        lesson: "bufferbloat",
        is_broken: true,
        port: 61_762,
        from: From::Us,
        title: words(
            "CUBIC with a short queue: it still fills it, but there is little",
            "CUBIC с короткой очередью: заполняет и её, но в ней мало места",
        ),
        panel: Some(Panel::RoundTrip),
        matter: &[Kind::Sent, Kind::Ack, Kind::RoundTrip],
    },
    Pictured {
        file: "zero-window",
        lesson: "zero-window",
        is_broken: false,
        port: 59_701,
        from: From::Us,
        title: words(
            "The window shuts, probes ask, and it opens again",
            "Окно закрывается, пробы спрашивают, и оно открывается снова",
        ),
        panel: None,
        matter: &[
            Kind::Sent,
            Kind::Ack,
            Kind::Window,
            Kind::WindowProbe,
            Kind::ZeroWindow,
        ],
    },
    Pictured {
        file: "zero-window-break",
        lesson: "zero-window",
        is_broken: true,
        port: 59_701,
        from: From::Us,
        title: words(
            "Nobody reads: each probe waits twice as long as the one before",
            "Никто не читает: каждая проба ждёт вдвое дольше прежней",
        ),
        panel: None,
        matter: &[
            Kind::Sent,
            Kind::Ack,
            Kind::Window,
            Kind::WindowProbe,
            Kind::ZeroWindow,
            Kind::Reset,
        ],
    },
    Pictured {
        file: "nagle-and-delayed-ack",
        lesson: "nagle-and-delayed-ack",
        is_broken: false,
        port: 59_701,
        from: From::Us,
        title: words(
            "Each second write waits for an ACK that the receiver delays",
            "Каждая вторая запись ждёт подтверждения, с которым медлит получатель",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack],
    },
    Pictured {
        file: "nagle-and-delayed-ack-break",
        lesson: "nagle-and-delayed-ack",
        is_broken: true,
        port: 59_701,
        from: From::Us,
        title: words(
            "Without Nagle's algorithm nothing waits",
            "Без алгоритма Нейгла ничто не ждёт",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack],
    },
    Pictured {
        file: "black-hole-mtu",
        lesson: "black-hole-mtu",
        is_broken: false,
        port: 61_762,
        from: From::Us,
        title: words(
            "Full segments vanish until smaller ones are tried",
            "Полные сегменты пропадают, пока не испробованы меньшие",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Ack, Kind::Timeout],
    },
    Pictured {
        file: "black-hole-mtu-break",
        lesson: "black-hole-mtu",
        is_broken: true,
        port: 61_762,
        from: From::Us,
        title: words(
            "Nobody tries smaller ones: the timer resends what cannot pass",
            "Меньшие никто не пробует: таймер повторяет то, что не может пройти",
        ),
        panel: None,
        matter: &[Kind::Sent, Kind::Timeout],
    },
];

/// The pictures of one run of a lesson.
pub(crate) fn of(lesson: &Lesson, is_broken: bool) -> impl Iterator<Item = &'static Pictured> {
    let name = lesson.name;
    let all = PICTURES.iter();
    all.filter(move |one| one.lesson == name && one.is_broken == is_broken)
}

impl Pictured {
    /// Draws it.
    pub(crate) fn draw(&self, run: &Run, language: Language) -> String {
        let mut connections = run.analysis.connections.iter();
        let is_meant = |one: &&Connection| one.ends.iter().any(|end| end.port() == self.port);
        let connection = connections.find(is_meant);
        let connection = connection
            .unwrap_or_else(|| panic!("{}: no connection has port {}", self.file, self.port));
        let ours = match connection.ends[0].port() == self.port {
            true => Side::A,
            false => Side::B,
        };
        let picture = Picture {
            connection,
            side: if self.from == From::Us {
                ours
            } else {
                ours.other()
            },
            losses: &run.losses,
            title: self.title.of(language),
            panel: self.panel,
            language,
        };
        picture.to_svg()
    }

    /// What of it is the same in each run; fails when something is not there that it is about.
    pub(crate) fn shape(&self, svg: &str) -> String {
        for kind in self.matter {
            let alone = shape(svg, &[*kind]);
            assert!(alone != shape(svg, &[]), "{} shows no {kind:?}", self.file);
        }
        shape(svg, self.matter)
    }
}

/// Keeps what passes in a run.
#[derive(Clone)]
pub(crate) struct Keeper(Shared<Option<LiveRun>>);

impl Keeper {
    pub(crate) fn new() -> Self {
        let run = LiveRun::new(Medium::Ethernet, Language::English);
        Self(Shared::new(Some(run)))
    }

    /// Who tells it.
    pub(crate) fn recorder(&self) -> Shared<Tee> {
        Shared::new(Tee::new(vec![Box::new(self.clone())]))
    }

    /// What it has kept.
    pub(crate) fn finish(&self) -> Run {
        let run = self.0.lock().take();
        run.expect("a run ends once").finish(String::new(), 0)
    }
}

impl Recorder for Keeper {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        if let Some(run) = &mut *self.0.lock() {
            run.record(frame);
        }
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        if let Some(run) = &mut *self.0.lock() {
            run.record_loss(loss);
        }
    }
}
