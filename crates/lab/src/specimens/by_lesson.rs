//! Captures that lessons make, with labels: each receiver of `slow-ack`, crippled on purpose, and the
//! kernel that resets what it never asked for.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;

use handfast_trace::analysis::Side;
use handfast_trace::findings::FindingKind as Kind;
use handfast_trace::{PcapngOptions, PcapngWriter, Shared, Tee};

use super::Label;
use crate::lesson::{
    CAPTURE_BUFFER, Crippled, Lesson, LessonError, LessonOptions, PER_PACKET, run_crippled,
};

/// One capture to make.
#[derive(Clone, Copy, Debug)]
pub struct ByLesson {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// What makes it.
    pub made: Made,
    /// What is wrong in it.
    pub label: Label,
}

/// What makes a capture.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// A transfer of the lesson `slow-ack` to such a receiver, with a server that waits so long for
    /// room, or for ever.
    Crippled(Crippled, Option<Duration>),
    /// The whole lesson of this name.
    Lesson(&'static str),
}

/// A capture buffer that loses nothing, in bytes.
const ROOMY_BUFFER: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(2);
/// As the article's program was.
const ARTICLE: Crippled = Crippled {
    per_packet: PER_PACKET,
    capture_buffer: CAPTURE_BUFFER,
    no_dupack: true,
};

const fn crippled(
    name: &'static str,
    crippled: Crippled,
    patience: Option<Duration>,
    label: Label,
) -> ByLesson {
    ByLesson {
        name,
        made: Made::Crippled(crippled, patience),
        label,
    }
}

/// All of them.
pub const BY_LESSON: &[ByLesson] = &[
    ByLesson {
        name: "kernel-reset",
        made: Made::Lesson("kernel-reset"),
        label: Label::of(Kind::KernelReset, Side::A),
    },
    crippled(
        "article",
        ARTICLE,
        Some(PATIENCE),
        Label::of(Kind::GaveUp, Side::B).and(&[
            Kind::ReceiverDrops,
            Kind::SlowReceiver,
            Kind::NoDuplicateAcks,
        ]),
    ),
    crippled(
        "article-patient-server",
        ARTICLE,
        None,
        Label::of(Kind::SlowReceiver, Side::A).and(&[Kind::ReceiverDrops, Kind::NoDuplicateAcks]),
    ),
    crippled(
        "article-quick",
        // With the article's buffer it loses as much as the machine is busy.
        Crippled {
            per_packet: Duration::ZERO,
            capture_buffer: ROOMY_BUFFER,
            ..ARTICLE
        },
        Some(PATIENCE),
        Label::of(Kind::Healthy, Side::B),
    ),
    crippled(
        "article-roomy-buffer",
        Crippled {
            capture_buffer: ROOMY_BUFFER,
            ..ARTICLE
        },
        Some(PATIENCE),
        Label::of(Kind::SlowReceiver, Side::A),
    ),
    crippled(
        "article-duplicate-acks",
        Crippled {
            no_dupack: false,
            ..ARTICLE
        },
        None,
        Label::of(Kind::SlowReceiver, Side::A).and(&[Kind::ReceiverDrops]),
    ),
    crippled(
        "article-only-slow",
        Crippled {
            capture_buffer: ROOMY_BUFFER,
            no_dupack: false,
            ..ARTICLE
        },
        Some(PATIENCE),
        Label::of(Kind::SlowReceiver, Side::A),
    ),
];

impl ByLesson {
    /// Makes the capture, as pcapng. Call [`enter`](crate::enter) first.
    ///
    /// # Errors
    /// When there is no lab, when the file cannot be written, or when the lesson fails.
    pub fn record(&self, file: &Path) -> Result<(), LessonError> {
        let failed = |error: io::Error| LessonError::Output(error);
        let writer = BufWriter::new(File::create(file).map_err(failed)?);
        let writer = PcapngWriter::new(writer, &PcapngOptions::default()).map_err(failed)?;
        let writer = Shared::new(writer);
        let options = LessonOptions {
            recorder: Some(Shared::new(Tee::new(vec![Box::new(writer.clone())]))),
            ..LessonOptions::default()
        };
        let told = match self.made {
            Made::Crippled(crippled, patience) => {
                run_crippled(&mut io::sink(), options, crippled, patience)
            }
            Made::Lesson(name) => Lesson::find(name)
                .expect("a lesson of this list")
                .run(&mut io::sink(), options),
        };
        writer.lock().finish().map_err(failed)?;
        told.map(drop)
    }
}
