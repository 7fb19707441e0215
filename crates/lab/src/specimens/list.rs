//! Which specimens there are: each kind of trouble, seen from the sender and from the receiver, with
//! and without the options that help against it.

use std::time::Duration;

use super::{Specimen, Story};

const PLAIN: Specimen = Specimen {
    name: "",
    link: "delay=5ms",
    sack: true,
    timestamps: true,
    super_segments: false,
    story: Story::Upload(400_000),
};

const fn up(name: &'static str, link: &'static str) -> Specimen {
    Specimen {
        name,
        link,
        ..PLAIN
    }
}

const fn down(name: &'static str, link: &'static str) -> Specimen {
    Specimen {
        name,
        link,
        story: Story::Download(400_000),
        ..PLAIN
    }
}

const fn told(name: &'static str, link: &'static str, story: Story) -> Specimen {
    Specimen {
        name,
        link,
        story,
        ..PLAIN
    }
}

const fn no_sack(specimen: Specimen) -> Specimen {
    Specimen {
        sack: false,
        ..specimen
    }
}

const fn no_timestamps(specimen: Specimen) -> Specimen {
    Specimen {
        timestamps: false,
        ..specimen
    }
}

const fn no_options(specimen: Specimen) -> Specimen {
    no_sack(no_timestamps(specimen))
}

const fn super_segments(specimen: Specimen) -> Specimen {
    Specimen {
        super_segments: true,
        ..specimen
    }
}

const SECOND: Duration = Duration::from_millis(1_200);

/// All of them.
pub const SPECIMENS: &[Specimen] = &[
    up("clean-up", "delay=5ms"),
    down("clean-down", "delay=5ms"),
    super_segments(up("clean-super", "delay=5ms")),
    no_options(up("clean-no-options", "delay=5ms")),
    up("loss-up", "out.loss=3%,delay=5ms"),
    down("loss-down", "in.loss=3%,delay=5ms"),
    no_sack(up("loss-up-no-sack", "out.loss=3%,delay=5ms")),
    no_sack(down("loss-down-no-sack", "in.loss=3%,delay=5ms")),
    no_timestamps(up("loss-up-no-timestamps", "out.loss=3%,delay=5ms")),
    no_timestamps(down("loss-down-no-timestamps", "in.loss=3%,delay=5ms")),
    no_options(up("loss-up-no-options", "out.loss=3%,delay=5ms")),
    no_options(down("loss-down-no-options", "in.loss=3%,delay=5ms")),
    super_segments(up("loss-super", "out.loss=3%,delay=5ms")),
    up("loss-heavy-up", "loss=10%,delay=10ms"),
    down("loss-heavy-down", "loss=10%,delay=10ms"),
    no_options(up("loss-heavy-no-options", "loss=10%,delay=10ms")),
    up("ack-loss-up", "in.loss=20%,delay=5ms"),
    up("burst-up", "out.burst=0.5%:8,delay=20ms"),
    down("burst-down", "in.burst=0.5%:8,delay=20ms"),
    up("reorder-up", "out.reorder=3%:3ms,delay=10ms,rate=50mbit"),
    down("reorder-down", "in.reorder=3%:3ms,delay=10ms,rate=50mbit"),
    no_timestamps(down(
        "reorder-down-no-timestamps",
        "in.reorder=3%:3ms,delay=10ms,rate=50mbit",
    )),
    no_options(down(
        "reorder-down-no-options",
        "in.reorder=3%:3ms,delay=10ms,rate=50mbit",
    )),
    no_sack(up(
        "reorder-up-no-sack",
        "out.reorder=3%:3ms,delay=10ms,rate=50mbit",
    )),
    down(
        "reorder-far-down",
        "in.reorder=2%:30ms,delay=10ms,rate=50mbit",
    ),
    down(
        "reorder-and-loss-down",
        "in.reorder=2%:3ms,in.loss=1%,delay=10ms,rate=50mbit",
    ),
    up(
        "reorder-and-loss-up",
        "out.reorder=2%:3ms,out.loss=1%,delay=10ms,rate=50mbit",
    ),
    up("duplicate-up", "duplicate=3%,delay=5ms"),
    down("duplicate-down", "duplicate=3%,delay=5ms"),
    no_options(down("duplicate-down-no-options", "duplicate=3%,delay=5ms")),
    down("corrupt-down", "in.corrupt=2%,delay=5ms"),
    up("queue-up", "rate=20mbit,queue=30KB,delay=10ms"),
    down("queue-down", "rate=20mbit,queue=30KB,delay=10ms"),
    up("jitter-up", "delay=20ms,jitter=8ms"),
    up("tail-up", "out.drop=276+277,delay=10ms"),
    up("first-lost-up", "out.drop=1+2+3,delay=10ms"),
    up("cut-up", "down=100ms..900ms,delay=10ms"),
    down("cut-down", "down=100ms..900ms,delay=10ms"),
    no_options(up("cut-no-options", "down=100ms..900ms,delay=10ms")),
    told(
        "small-window",
        "delay=5ms",
        Story::SmallWindow {
            bytes: 200_000,
            buffer: 4_096,
        },
    ),
    told(
        "small-window-loss",
        "out.loss=3%,delay=5ms",
        Story::SmallWindow {
            bytes: 200_000,
            buffer: 8_192,
        },
    ),
    told(
        "rests-up",
        "delay=5ms",
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
    ),
    told(
        "rests-down",
        "delay=5ms",
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: true,
        },
    ),
    no_options(told(
        "rests-no-options",
        "delay=5ms",
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
    )),
    told(
        "rests-loss",
        "loss=3%,delay=5ms",
        Story::Rests {
            bytes: 600_000,
            rest: SECOND,
            download: false,
        },
    ),
    told(
        "exchange",
        "delay=5ms",
        Story::Exchange {
            count: 30,
            answer: 3_000,
        },
    ),
    told(
        "exchange-loss",
        "loss=5%,delay=5ms",
        Story::Exchange {
            count: 30,
            answer: 3_000,
        },
    ),
    told("both-ways", "delay=5ms", Story::BothWays(200_000)),
    told(
        "both-ways-loss",
        "loss=3%,delay=5ms",
        Story::BothWays(200_000),
    ),
    told("abort", "delay=5ms", Story::Abort(100_000)),
    told("unread", "delay=5ms", Story::Unread(200_000)),
    told("refused", "delay=5ms", Story::Refused),
    told(
        "parallel",
        "delay=5ms",
        Story::Parallel {
            connections: 6,
            bytes: 80_000,
        },
    ),
    told(
        "parallel-loss",
        "loss=3%,delay=5ms",
        Story::Parallel {
            connections: 6,
            bytes: 80_000,
        },
    ),
    told("keep-alive", "delay=5ms", Story::KeepAlive),
    told("ports-reused", "delay=5ms", Story::PortsReused(3)),
    told("half-closed", "delay=5ms", Story::HalfClosed(50_000)),
    told(
        "half-closed-loss",
        "loss=5%,delay=5ms",
        Story::HalfClosed(100_000),
    ),
];
