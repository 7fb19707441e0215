//! Which specimens there are: each kind of trouble, seen from the sender and from the receiver, with
//! and without the options that help against it; and what is wrong in each.

use std::time::Duration;

use handfast_trace::analysis::Side;
use handfast_trace::findings::FindingKind as Kind;

use super::{Label, Specimen, Story};

const PLAIN: Specimen = Specimen {
    name: "",
    link: CLEAN,
    sack: true,
    timestamps: true,
    super_segments: false,
    settings: &[],
    story: Story::Upload(400_000),
    seed: 1,
    label: Label::of(Kind::Healthy, Side::A),
};
const CLEAN: &str = "delay=5ms";

const fn up(name: &'static str, link: &'static str, wrong: Kind) -> Specimen {
    Specimen {
        name,
        link,
        label: Label::of(wrong, Side::A),
        ..PLAIN
    }
}

const fn down(name: &'static str, link: &'static str, wrong: Kind) -> Specimen {
    Specimen {
        story: Story::Download(400_000),
        label: Label::of(wrong, Side::B),
        ..up(name, link, wrong)
    }
}

const fn told(name: &'static str, link: &'static str, story: Story, label: Label) -> Specimen {
    Specimen {
        name,
        link,
        story,
        label,
        ..PLAIN
    }
}

impl Specimen {
    const fn no_sack(self) -> Self {
        Self {
            sack: false,
            ..self
        }
    }

    const fn no_timestamps(self) -> Self {
        Self {
            timestamps: false,
            ..self
        }
    }

    const fn no_options(self) -> Self {
        self.no_sack().no_timestamps()
    }

    const fn super_segments(self) -> Self {
        Self {
            super_segments: true,
            ..self
        }
    }

    const fn set(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    const fn sends(self, story: Story) -> Self {
        Self { story, ..self }
    }

    const fn labelled(self, label: Label) -> Self {
        Self { label, ..self }
    }
}

const SECOND: Duration = Duration::from_millis(1_200);
const A: Side = Side::A;
const B: Side = Side::B;

/// A path that is full, and whose queue holds what Linux puts into it.
const RATE: &str = "rate=20mbit,queue=1MB,delay=30ms";
const THOUGHT: Duration = Duration::from_millis(150);
/// The near kernel looks for a smaller size after its first timeouts (RFC 4821).
const MTU_PROBING: &[(&str, &str)] = &[("ipv4/tcp_mtu_probing", "1"), ("ipv4/tcp_retries1", "1")];

/// All of them.
pub const SPECIMENS: &[Specimen] = &[
    up("clean-up", "delay=5ms", Kind::Healthy),
    down("clean-down", "delay=5ms", Kind::Healthy),
    up("clean-super", "delay=5ms", Kind::Healthy).super_segments(),
    up("clean-no-options", "delay=5ms", Kind::Healthy).no_options(),
    up("loss-up", "out.loss=3%,delay=5ms", Kind::Loss),
    down("loss-down", "in.loss=3%,delay=5ms", Kind::Loss),
    up("loss-up-no-sack", "out.loss=3%,delay=5ms", Kind::Loss).no_sack(),
    down("loss-down-no-sack", "in.loss=3%,delay=5ms", Kind::Loss).no_sack(),
    up("loss-up-no-timestamps", "out.loss=3%,delay=5ms", Kind::Loss).no_timestamps(),
    down(
        "loss-down-no-timestamps",
        "in.loss=3%,delay=5ms",
        Kind::Loss,
    )
    .no_timestamps(),
    up("loss-up-no-options", "out.loss=3%,delay=5ms", Kind::Loss).no_options(),
    down("loss-down-no-options", "in.loss=3%,delay=5ms", Kind::Loss).no_options(),
    up("loss-super", "out.loss=3%,delay=5ms", Kind::Loss).super_segments(),
    up("loss-heavy-up", "loss=10%,delay=10ms", Kind::Loss),
    down("loss-heavy-down", "loss=10%,delay=10ms", Kind::Loss),
    up("loss-heavy-no-options", "loss=10%,delay=10ms", Kind::Loss).no_options(),
    up("ack-loss-up", "in.loss=20%,delay=5ms", Kind::AckLoss).labelled(Label::of(Kind::AckLoss, B)),
    up("burst-up", "out.burst=1.5%:8,delay=20ms", Kind::BurstLoss),
    down("burst-down", "in.burst=0.5%:8,delay=20ms", Kind::BurstLoss),
    up(
        "reorder-up",
        "out.reorder=3%:3ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    ),
    down(
        "reorder-down",
        "in.reorder=3%:3ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    ),
    down(
        "reorder-down-no-timestamps",
        "in.reorder=3%:3ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    )
    .no_timestamps(),
    down(
        "reorder-down-no-options",
        "in.reorder=3%:3ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    )
    .no_options(),
    up(
        "reorder-up-no-sack",
        "out.reorder=3%:3ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    )
    .no_sack(),
    down(
        "reorder-far-down",
        "in.reorder=2%:30ms,delay=10ms,rate=50mbit",
        Kind::Reordering,
    ),
    down(
        "reorder-and-loss-down",
        "in.reorder=2%:3ms,in.loss=1%,delay=10ms,rate=50mbit",
        Kind::Loss,
    )
    .labelled(Label::of(Kind::Loss, B).or(Kind::Reordering)),
    up(
        "reorder-and-loss-up",
        "out.reorder=2%:3ms,out.loss=1%,delay=10ms,rate=50mbit",
        Kind::Loss,
    )
    .labelled(Label::of(Kind::Loss, A).or(Kind::Reordering)),
    up("duplicate-up", "duplicate=3%,delay=5ms", Kind::Duplication),
    down(
        "duplicate-down",
        "duplicate=3%,delay=5ms",
        Kind::Duplication,
    ),
    down(
        "duplicate-down-no-options",
        "duplicate=3%,delay=5ms",
        Kind::Duplication,
    )
    .no_options(),
    down("corrupt-down", "in.corrupt=2%,delay=5ms", Kind::Corruption),
    up(
        "queue-up",
        "rate=20mbit,queue=30KB,delay=10ms",
        Kind::QueueOverflow,
    ),
    down(
        "queue-down",
        "rate=20mbit,queue=30KB,delay=10ms",
        Kind::QueueOverflow,
    ),
    up(
        "red-up",
        "out.rate=20mbit,out.red=20KB:60KB:10%,delay=10ms",
        Kind::QueueOverflow,
    )
    .sends(Story::Upload(2_000_000)),
    up("rate-up", RATE, Kind::PathRate)
        .sends(Story::Upload(4_000_000))
        .labelled(Label::of(Kind::PathRate, A).or(Kind::Bufferbloat)),
    down("rate-down", RATE, Kind::PathRate)
        .sends(Story::Download(4_000_000))
        .labelled(Label::of(Kind::PathRate, B).or(Kind::Bufferbloat)),
    up(
        "marks-up",
        "out.rate=20mbit,out.queue=1MB,out.mark=30KB,delay=20ms",
        Kind::PathRate,
    )
    .sends(Story::Upload(5_000_000))
    .set(&[("ipv4/tcp_ecn", "1")])
    .labelled(
        Label::of(Kind::PathRate, A)
            .or(Kind::Bufferbloat)
            .and(&[Kind::CongestionMarks]),
    ),
    up(
        "bloat-up",
        "rate=8mbit,queue=2MB,delay=10ms",
        Kind::Bufferbloat,
    )
    .sends(Story::Upload(1_500_000))
    .set(&[("ipv4/tcp_congestion_control", "reno")]),
    up("jitter-up", "delay=20ms,jitter=12ms", Kind::Jitter),
    up("tail-up", "out.drop=276+277,delay=10ms", Kind::TailLoss),
    up(
        "first-lost-up",
        "out.drop=1+2+3,delay=10ms",
        Kind::BurstLoss,
    ),
    up("cut-up", "down=100ms..900ms,delay=10ms", Kind::Outage),
    down("cut-down", "down=100ms..900ms,delay=10ms", Kind::Outage),
    up(
        "cut-no-options",
        "down=100ms..900ms,delay=10ms",
        Kind::Outage,
    )
    .no_options(),
    up("black-hole-up", "out.mtu=1200,delay=5ms", Kind::BlackHole).set(MTU_PROBING),
    down(
        "black-hole-down",
        "in.mtu=1200@40ms,delay=5ms",
        Kind::BlackHole,
    )
    .set(MTU_PROBING)
    .sends(Story::Download(2_000_000)),
    up(
        "black-hole-later-up",
        "out.mtu=1200@40ms,delay=5ms",
        Kind::BlackHole,
    )
    .set(MTU_PROBING)
    .sends(Story::Upload(2_000_000)),
    up("mtu-told", "out.mtu=1200:icmp,delay=5ms", Kind::PathMtu),
    told(
        "far-up",
        "delay=40ms",
        Story::SmallBuffer {
            bytes: 500_000,
            buffer: 8_192,
        },
        Label::of(Kind::CongestionWindow, A),
    ),
    told(
        "small-window",
        CLEAN,
        Story::SmallWindow {
            bytes: 200_000,
            buffer: 4_096,
        },
        Label::of(Kind::ReceiveWindow, B),
    ),
    told(
        "small-window-loss",
        "out.loss=3%,delay=5ms",
        Story::SmallWindow {
            bytes: 200_000,
            buffer: 8_192,
        },
        Label::of(Kind::ReceiveWindow, B)
            .or(Kind::Loss)
            .and(&[Kind::Loss, Kind::ReceiveWindow]),
    ),
    up("unscaled-up", "delay=20ms", Kind::NoWindowScaling)
        .sends(Story::Upload(3_000_000))
        .set(&[("ipv4/tcp_window_scaling", "0")])
        .labelled(Label::of(Kind::NoWindowScaling, B)),
    told(
        "rests-up",
        CLEAN,
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
        Label::of(Kind::ZeroWindow, B),
    ),
    told(
        "rests-down",
        CLEAN,
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: true,
        },
        Label::of(Kind::ZeroWindow, A),
    ),
    told(
        "rests-no-options",
        CLEAN,
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
        Label::of(Kind::ZeroWindow, B),
    )
    .no_options(),
    told(
        "rests-loss",
        "loss=3%,delay=5ms",
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
        Label::of(Kind::ZeroWindow, B).and(&[Kind::Loss]),
    ),
    told(
        "exchange",
        CLEAN,
        Story::Exchange {
            count: 30,
            answer: 3_000,
        },
        Label::of(Kind::Healthy, B),
    ),
    told(
        "exchange-loss",
        "loss=5%,delay=5ms",
        Story::Exchange {
            count: 30,
            answer: 3_000,
        },
        Label::of(Kind::TailLoss, A).or(Kind::Loss),
    ),
    told(
        "both-ways",
        CLEAN,
        Story::BothWays(200_000),
        Label::of(Kind::Healthy, A),
    ),
    told(
        "both-ways-loss",
        "loss=3%,delay=5ms",
        Story::BothWays(200_000),
        Label::of(Kind::Loss, A),
    ),
    told(
        "thinks",
        CLEAN,
        Story::Thinks {
            count: 5,
            pause: THOUGHT,
        },
        Label::of(Kind::Application, B),
    ),
    told(
        "in-pieces",
        CLEAN,
        Story::InPieces(30),
        Label::of(Kind::NagleDelayedAck, A),
    ),
    told(
        "trickle",
        CLEAN,
        Story::Trickle(300),
        Label::of(Kind::SmallSegments, A),
    ),
    told(
        "abort",
        CLEAN,
        Story::Abort(100_000),
        Label::of(Kind::Aborted, A),
    ),
    told(
        "unread",
        CLEAN,
        Story::Unread(200_000),
        Label::of(Kind::ResetByReceiver, A),
    ),
    told(
        "too-late",
        CLEAN,
        Story::TooLate,
        Label::of(Kind::ResetAfterClose, A),
    ),
    told(
        "impatient",
        "rate=50mbit,delay=5ms,down=150ms..60s",
        Story::Impatient(20_000_000),
        Label::of(Kind::GaveUp, A).and(&[Kind::Outage]),
    ),
    told(
        "refused",
        CLEAN,
        Story::Refused,
        Label::of(Kind::Refused, B),
    ),
    told(
        "unanswered",
        "down=0s..60s",
        Story::Unanswered,
        Label::of(Kind::NoAnswer, A),
    ),
    told(
        "slow-answer",
        "delay=5ms,in.reorder=100%:400ms,until=100ms",
        Story::Exchange {
            count: 20,
            answer: 3_000,
        },
        Label::of(Kind::HandshakeSlow, B),
    ),
    told(
        "first-syn-lost",
        "delay=5ms,down=0s..200ms",
        Story::Exchange {
            count: 20,
            answer: 3_000,
        },
        Label::of(Kind::SynLost, A),
    ),
    told(
        "parallel",
        CLEAN,
        Story::Parallel {
            connections: 6,
            bytes: 80_000,
        },
        Label::of(Kind::Healthy, A),
    ),
    told(
        "parallel-loss",
        "loss=3%,delay=5ms",
        Story::Parallel {
            connections: 6,
            bytes: 80_000,
        },
        Label::of(Kind::Loss, A),
    ),
    told(
        "keep-alive",
        CLEAN,
        Story::KeepAlive,
        Label::of(Kind::Application, A).and(&[Kind::KeepAlives]),
    ),
    told(
        "dead-peer",
        "delay=5ms,down=500ms..60s",
        Story::DeadPeer,
        Label::of(Kind::KeepAliveTimeout, A),
    ),
    told(
        "ports-reused",
        CLEAN,
        Story::PortsReused(3),
        Label::of(Kind::ResetToClose, A),
    ),
    told(
        "half-closed",
        CLEAN,
        Story::HalfClosed(50_000),
        Label::of(Kind::Healthy, B),
    ),
    told(
        "half-closed-loss",
        "loss=5%,delay=5ms",
        Story::HalfClosed(100_000),
        Label::of(Kind::Loss, B),
    ),
];
