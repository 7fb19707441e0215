//! `handfast lab`: lists the lessons, or runs one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use handfast_lab::lesson::{
    Crippled, LESSONS, Lesson, LessonError, LessonOptions, Run, SharedObserver, Telling, page,
    run_crippled,
};
use handfast_lab::{GATEWAY_V4, HANDFAST_V4, HOME_HOST_V4, HOME_INTERFACE, WEB_NAME, WEB_V4};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::record::Recorder;
use handfast_trace::{Language, PcapngOptions, PcapngWriter, Shared, Tee};

use crate::args::LabArgs;
use crate::failure::{Failure, code};
use crate::report_file::ReportFile;
use crate::scene::nanos_since_1970;
use crate::watch::Subject;

/// The lesson whose receiver can be crippled.
const SLOW_ACK: &str = "slow-ack";
/// A capture buffer that loses nothing, in bytes.
const ROOMY_BUFFER: usize = 4 << 20;
/// How long the server's application waits in vain, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the command; gives its exit code.
pub(crate) fn run(args: &LabArgs) -> u8 {
    let language = args.lang;
    let Some(name) = &args.name else {
        println!("{}", list(language));
        return 0;
    };
    let Some(lesson) = Lesson::find(name) else {
        eprintln!("handfast: there is no lesson {name}\n\n{}", list(language));
        return code::USAGE;
    };
    match run_lesson(lesson, args) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("handfast: {failure}");
            failure.code
        }
    }
}

fn run_lesson(lesson: &Lesson, args: &LabArgs) -> Result<(), Failure> {
    let switches = &args.crippled;
    if switches.is_any() && (lesson.name != SLOW_ACK || args.breaks) {
        return Err(Failure::usage(format!(
            "these switches are for the lesson {SLOW_ACK} without --break"
        )));
    }
    let files = Files::begin(lesson, args)?;
    let options = LessonOptions {
        seed: args.seed,
        language: args.lang,
        is_broken: args.breaks,
        answers: args.answers,
        recorder: files.recorder(),
        observer: files.report.clone().map(SharedObserver::new),
    };
    let mut stdout = io::stdout().lock();
    let mut nowhere = io::sink();
    let out: &mut dyn Write = match args.markdown {
        true => &mut nowhere,
        false => &mut stdout,
    };
    let outcome = if switches.is_any() {
        let crippled = Crippled {
            per_packet: switches.per_packet.unwrap_or_default(),
            capture_buffer: switches.capture_buffer.unwrap_or(ROOMY_BUFFER),
            no_dupack: switches.no_dupack,
        };
        let patience = switches.patience.unwrap_or(PATIENCE);
        run_crippled(
            out,
            options,
            crippled,
            (!patience.is_zero()).then_some(patience),
        )
    } else {
        lesson.run(out, options)
    };
    // What was recorded of a lesson that failed is what one wants to look at.
    files.finish()?;
    let telling = outcome.map_err(|error| failure(&error, args.lang))?;
    match args.markdown {
        true => print_page(&mut stdout, lesson, &telling, args),
        false => Ok(()),
    }
}

fn print_page(
    out: &mut impl Write,
    lesson: &Lesson,
    telling: &Telling,
    args: &LabArgs,
) -> Result<(), Failure> {
    let run = Run {
        pictures: &[],
        telling,
        is_broken: args.breaks,
    };
    let page = page(lesson, &[run], args.lang);
    out.write_all(page.as_bytes())
        .map_err(|error| failure(&LessonError::Output(error), args.lang))
}

fn failure(error: &LessonError, language: Language) -> Failure {
    let code = match error {
        LessonError::Output(_) => code::WRITE,
        _ => code::FAILED,
    };
    Failure::new(code, error.say(language))
}

/// The files that are written beside the lesson.
struct Files {
    capture: Option<(PathBuf, Shared<PcapngWriter<BufWriter<File>>>)>,
    report: Option<ReportFile>,
}

impl Files {
    fn begin(lesson: &Lesson, args: &LabArgs) -> Result<Self, Failure> {
        let names = [
            (HANDFAST_V4, "handfast"),
            (HOME_HOST_V4, "the host"),
            (GATEWAY_V4, "router"),
            (WEB_V4, WEB_NAME),
        ];
        let subject = Subject {
            interface: HOME_INTERFACE.to_owned(),
            // Each lab of a lesson has another.
            hardware: EthernetAddress([0; 6]),
            names: names
                .map(|(address, name)| (address.into(), name.to_owned()))
                .to_vec(),
            // The lesson's times count from its beginning, which is now.
            clock_offset: nanos_since_1970(),
        };
        let capture = |path: &PathBuf| {
            let options = PcapngOptions {
                interface: subject.interface.clone(),
                names: subject.names.clone(),
                clock_offset: subject.clock_offset,
                ..PcapngOptions::default()
            };
            let file = File::create(path);
            let writer = file.and_then(|file| PcapngWriter::new(BufWriter::new(file), &options));
            let writer = writer.map_err(|error| not_written(path, &error))?;
            Ok((path.clone(), Shared::new(writer)))
        };
        let (summary, broken) = (lesson.summary.of(args.lang), lesson.breaks.of(args.lang));
        let title = match args.breaks {
            true => format!("{} --break: {broken}", lesson.name),
            false => format!("{}: {summary}", lesson.name),
        };
        let report = |path: &PathBuf| ReportFile::begin(path, &title, args.lang, &subject);
        Ok(Self {
            capture: args.write.as_ref().map(capture).transpose()?,
            report: args.report.as_ref().map(report).transpose()?,
        })
    }

    fn recorder(&self) -> Option<Shared<Tee>> {
        let capture = self.capture.clone();
        let capture = capture.map(|(_, writer)| Box::new(writer) as Box<dyn Recorder>);
        let report = self.report.clone();
        let report = report.map(|report| Box::new(report) as Box<dyn Recorder>);
        let all: Vec<_> = capture.into_iter().chain(report).collect();
        (!all.is_empty()).then(|| Shared::new(Tee::new(all)))
    }

    fn finish(&self) -> Result<(), Failure> {
        if let Some((path, writer)) = &self.capture {
            let finished = writer.lock().finish();
            finished.map_err(|error| not_written(path, &error))?;
        }
        self.report.as_ref().map_or(Ok(()), ReportFile::finish)
    }
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write {}: {error}; check -w", path.display());
    Failure::new(code::WRITE, message)
}

fn list(language: Language) -> String {
    let mut list = language
        .of(
            "Lessons, each run by `handfast lab NAME`, and what breaks with `--break`:",
            "Уроки (запуск: `handfast lab ИМЯ --lang ru`) и что в них ломает `--break`:",
        )
        .to_owned();
    for lesson in LESSONS {
        let (summary, breaks) = (lesson.summary.of(language), lesson.breaks.of(language));
        write!(
            list,
            "\n\n  {}\n      {summary}\n      --break: {breaks}",
            lesson.name
        )
        .expect("a String takes any text");
    }
    list
}
