//! Runs each lesson of the lab in this process, whole and broken on purpose, one after the other;
//! each fails by itself when its phenomenon does not happen. What was told must be what stands in
//! `docs/learn`, in both languages, but for what was measured. Without an argument all of them run;
//! with `RENEW=1` the pages are written instead of compared.

mod common;
mod pictures;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handfast::Observer;
use handfast::tcp::Entry;
use handfast_lab::lesson::{
    Crippled, LESSONS, Lesson, LessonError, LessonOptions, Run, SharedObserver, Telling, index,
    page, run_crippled, shape,
};
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_trace::{Language, Shared, Tee};

/// Seed of the stacks in the lessons.
const SEED: u64 = 7;

fn main() -> ExitCode {
    if let Err(error) = handfast_lab::enter() {
        return common::no_lab(&error);
    }
    let lessons = LESSONS.iter().map(|lesson| {
        let run: Case = Box::new(move || whole_and_broken(lesson));
        (lesson.name, run)
    });
    let crippled: Case = Box::new(a_roomy_buffer_saves_a_crippled_receiver);
    let watched: Case = Box::new(a_watched_lesson_shows_frames_losses_and_facts);
    let index: Case = Box::new(the_first_page_lists_all_lessons);
    common::run_named(lessons.chain([
        ("crippled-receiver", crippled),
        ("watched", watched),
        ("index", index),
    ]))
}

/// Largest picture, in bytes.
const PICTURE_LEN_MAX: usize = 40_000;

type Case = Box<dyn Fn()>;

/// What a lesson tells is on its page, and its pictures show what passed.
fn whole_and_broken(lesson: &Lesson) {
    let run = |is_broken| {
        let keeper = pictures::Keeper::new();
        let options = LessonOptions {
            seed: SEED,
            is_broken,
            answers: true,
            recorder: Some(keeper.recorder()),
            ..LessonOptions::default()
        };
        let telling = tell(|story| lesson.run(story, options.clone()));
        (telling, keeper.finish())
    };
    let seen = [false, true].map(|is_broken| (run(is_broken), is_broken));
    let pictures = [false, true].map(|is_broken| {
        let all = pictures::of(lesson, is_broken);
        all.map(|one| (one.title, one.file)).collect::<Vec<_>>()
    });
    let pages = seen.iter().zip(&pictures);
    let runs: Vec<Run<'_>> = pages
        .map(|(((telling, _), is_broken), pictures)| Run {
            telling,
            is_broken: *is_broken,
            pictures,
        })
        .collect();
    for ((_, run), is_broken) in &seen {
        for (picture, language) in pictures::of(lesson, *is_broken)
            .flat_map(|one| Language::ALL.map(|language| (one, language)))
        {
            let svg = picture.draw(run, language);
            assert!(svg.len() <= PICTURE_LEN_MAX, "{} is large", picture.file);
            let file = format!("pictures/{}.svg", picture.file);
            compare(&file, language, &svg, |svg| picture.shape(svg));
        }
    }
    for language in Language::ALL {
        let page = page(lesson, &runs, language);
        // A text that names a figure which was not measured still has its braces.
        assert!(!shape(&page).contains('{'), "{page}");
        compare(&format!("{}.md", lesson.name), language, &page, shape);
    }
}

/// Prints what a lesson says, and fails when the lesson did or when it left something behind.
fn tell(lesson: impl FnOnce(&mut Vec<u8>) -> Result<Telling, LessonError>) -> Telling {
    // The first runtime of a process leaves descriptors behind that belong to the process (those
    // of tokio's signal handling, if any crate of the build asks for it).
    drop(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
    );
    let before = open_descriptors();
    let mut story = Vec::new();
    let outcome = lesson(&mut story);
    println!("{}", String::from_utf8_lossy(&story));
    let telling = outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(!telling.figures.is_empty(), "a lesson measures something");
    assert_eq!(
        open_descriptors(),
        before,
        "namespaces live as long as descriptors"
    );
    telling
}

/// The switches of the crippled receiver are for the reader too.
fn a_roomy_buffer_saves_a_crippled_receiver() {
    let crippled = Crippled {
        per_packet: Duration::from_millis(1),
        capture_buffer: 4 << 20,
        no_dupack: true,
    };
    let patience = Some(Duration::from_secs(2));
    let telling = tell(|story| run_crippled(story, LessonOptions::default(), crippled, patience));
    assert_eq!(telling.value("resets"), Some("0"));
}

/// Counts what a watcher gets to see.
#[derive(Clone, Default)]
struct Counts {
    frames: Arc<AtomicUsize>,
    losses: Arc<AtomicUsize>,
    facts: Arc<AtomicUsize>,
}

impl Recorder for Counts {
    fn record(&mut self, _: &FrameRecord<'_>) {
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    fn record_loss(&mut self, _: &LossRecord<'_>) {
        self.losses.fetch_add(1, Ordering::Relaxed);
    }
}

impl Observer for Counts {
    fn observe(&mut self, facts: &[Entry], _: u64) {
        self.facts.fetch_add(facts.len(), Ordering::Relaxed);
    }
}

/// A report of a lesson has all that is drawn, what the link lost, and what the stacks told.
fn a_watched_lesson_shows_frames_losses_and_facts() {
    let counts = Counts::default();
    let options = LessonOptions {
        recorder: Some(Shared::new(Tee::new(vec![Box::new(counts.clone())]))),
        observer: Some(SharedObserver::new(counts.clone())),
        ..LessonOptions::default()
    };
    let lesson = Lesson::find("fast-retransmit").expect("it is a lesson");
    tell(|story| lesson.run(story, options));
    let [frames, losses, facts] =
        [counts.frames, counts.losses, counts.facts].map(|count| count.load(Ordering::Relaxed));
    // Two uploads that lose two segments each.
    assert_eq!(losses, 4);
    assert!(
        frames > 40 && facts > frames,
        "{frames} frames, {facts} facts"
    );
}

fn the_first_page_lists_all_lessons() {
    for language in Language::ALL {
        compare("README.md", language, &index(language), shape);
    }
}

/// Fails unless the stored file has the same shape; with `RENEW=1` stores it.
fn compare(file: &str, language: Language, page: &str, shape: impl Fn(&str) -> String) {
    let learn = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/learn");
    let folder = language.of(learn.clone(), learn.join("ru"));
    let path = folder.join(file);
    if std::env::var_os("RENEW").is_some_and(|value| value == "1") {
        let parent = path.parent().expect("the folder of the language");
        fs::create_dir_all(parent).expect("docs can be written");
        fs::write(&path, page).expect("docs can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let told = shape(page);
    assert!(
        shape(&stored) == told,
        "{} is not what the lesson says now; RENEW=1 cargo test -p handfast-lab --test lessons \
         writes it:\n{}",
        path.display(),
        first_difference(&shape(&stored), &told)
    );
}

fn first_difference(stored: &str, told: &str) -> String {
    let pairs = stored.lines().zip(told.lines());
    let first = pairs.clone().find(|(stored, told)| stored != told);
    match first {
        Some((stored, told)) => format!("stored: {stored}\ntold:   {told}"),
        None => "one of them is longer".to_owned(),
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("every process has a table of descriptors")
        .count()
}
