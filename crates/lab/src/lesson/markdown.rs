//! A lesson as a page for people who read instead of run, and what of such a page is the same in
//! each run. `docs/learn` is made of these pages.

use std::fmt::Write as _;

use handfast_trace::Language;

use super::telling::{Piece, Telling};
use super::words::{Words, words};
use super::{LESSONS, Lesson};

const RUN_IT: Words = words("Run it", "Запустить");
const MEASURED: Words = words("Measured", "Измерено");
const FIGURE: Words = words("Figure", "Величина");
const VALUE: Words = words("Value", "Значение");
const QUESTIONS: Words = words("Questions", "Вопросы");
const ANSWER: Words = words("Answer", "Ответ");
const BROKEN: Words = words("Broken on purpose", "Если сломать нарочно");
const OTHER: Words = words("По-русски", "In English");
const ALL: Words = words("All lessons", "Все уроки");
const LESSON: Words = words("Lesson", "Урок");
const SHOWS: Words = words("What it shows", "Что он показывает");
const BREAKS: Words = words("What `--break` breaks", "Что ломает `--break`");
const TITLE: Words = words("Learn TCP by watching it", "Как устроен TCP: смотрим сами");
const INTRODUCTION: Words = words(
    "Each lesson makes one phenomenon of TCP really happen: in three network namespaces of your own \
     machine, between Handfast and the kernel's TCP, without root. It draws every segment, \
     measures, and fails if the phenomenon did not happen. These pages were written, and their \
     pictures drawn, by the lessons themselves; what is **bold** was measured, and times differ from \
     run to run.\n\n\
     \x20   handfast lab                        # lists the lessons\n\
     \x20   handfast lab slow-start             # runs one\n\
     \x20   handfast lab slow-start --break     # breaks it on purpose\n\
     \x20   handfast lab slow-start --answers   # with the answers to its questions\n\
     \x20   handfast lab slow-start --lang ru   # in Russian\n\
     \x20   handfast lab slow-start -w FILE.pcapng   # and its frames for Wireshark",
    "Каждый урок вызывает одно явление TCP на самом деле: в трёх сетевых пространствах имён на вашей \
     машине, между Handfast и TCP ядра, без прав root. Он рисует каждый сегмент, измеряет и \
     завершается ошибкой, если явления не было. Эти страницы написали и нарисовали сами уроки; \
     **жирным** выделено измеренное, а времена от запуска к запуску разные.\n\n\
     \x20   handfast lab --lang ru                        # список уроков\n\
     \x20   handfast lab slow-start --lang ru             # запустить урок\n\
     \x20   handfast lab slow-start --lang ru --break     # нарочно сломать\n\
     \x20   handfast lab slow-start --lang ru --answers   # с ответами на вопросы\n\
     \x20   handfast lab slow-start                       # по-английски\n\
     \x20   handfast lab slow-start -w FILE.pcapng        # и кадры для Wireshark",
);
/// Between the columns of a table of one-line texts.
const BAR: &str = " | ";

/// One run of a lesson.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was told.
    pub telling: &'a Telling,
    /// Whether it was broken on purpose.
    pub is_broken: bool,
    /// Pictures of it: their headlines, and the names of their files in the folder `pictures` beside
    /// the page.
    pub pictures: &'a [(Words, &'static str)],
}

/// The page of a lesson, made of one run or of both.
pub fn page(lesson: &Lesson, runs: &[Run<'_>], language: Language) -> String {
    let name = lesson.name;
    let other = language.of(format!("ru/{name}.md"), format!("../{name}.md"));
    let mut page = format!(
        "# `{name}`: {}\n\n[{}](README.md) · [{}]({other})\n",
        lesson.summary.of(language),
        ALL.of(language),
        OTHER.of(language),
    );
    for run in runs {
        if run.is_broken {
            let (title, breaks) = (BROKEN.of(language), lesson.breaks.of(language));
            push(&mut page, &format!("\n## {title}: {breaks}\n"));
        }
        let switch = if run.is_broken { " --break" } else { "" };
        let russian = language.of("", " --lang ru");
        let run_it = RUN_IT.of(language);
        push(
            &mut page,
            &format!("\n{run_it}: `handfast lab {name}{switch}{russian}`\n"),
        );
        tell(&mut page, run, language);
    }
    page
}

/// The list of all lessons, as the first page.
pub fn index(language: Language) -> String {
    let other = language.of("ru/README.md", "../README.md");
    let mut page = format!(
        "# {}\n\n[{}]({other})\n\n{}\n\n| {}{BAR}{}{BAR}{} |\n|---|---|---|\n",
        TITLE.of(language),
        OTHER.of(language),
        INTRODUCTION.of(language),
        LESSON.of(language),
        SHOWS.of(language),
        BREAKS.of(language),
    );
    for lesson in LESSONS {
        let (name, summary) = (lesson.name, lesson.summary.of(language));
        let breaks = lesson.breaks.of(language);
        push(
            &mut page,
            &format!("| [{name}]({name}.md){BAR}{summary}{BAR}{breaks} |\n"),
        );
    }
    page
}

/// What is the same in each run: all of a page but what was measured. That is the insides of ladders,
/// values between pairs of asterisks, and the column of values; of a ladder it stays that there is
/// one.
pub fn shape(page: &str) -> String {
    let mut shape = String::new();
    let mut in_ladder = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_ladder = !in_ladder;
        } else if in_ladder {
            continue;
        }
        let line = match line.rsplit_once(BAR) {
            Some((before, value)) if value.starts_with("**") => before.to_owned(),
            _ => {
                let parts = line.split("**").enumerate();
                let stays = parts.map(|(index, part)| if index % 2 == 0 { part } else { "…" });
                stays.collect::<Vec<_>>().join("**")
            }
        };
        push(&mut shape, &format!("{line}\n"));
    }
    shape
}

fn tell(page: &mut String, run: &Run<'_>, language: Language) {
    let telling = run.telling;
    for piece in &telling.pieces {
        let text = match piece {
            Piece::Said(said) => format!("\n{}\n", said.of(language)),
            Piece::Shown(said) => format!("\n```text\n{}\n```\n", said.of(language).trim_end()),
        };
        push(page, &text);
    }
    for (headline, file) in run.pictures {
        let headline = headline.of(language);
        push(page, &format!("\n![{headline}](pictures/{file}.svg)\n"));
    }
    let (measured, figure, value) = (MEASURED, FIGURE, VALUE);
    let heading = [measured, figure, value].map(|words| words.of(language));
    let [measured, figure, value] = heading;
    push(
        page,
        &format!("\n### {measured}\n\n| {figure}{BAR}{value} |\n|---|---|\n"),
    );
    for figure in &telling.figures {
        let (name, value) = (figure.name.of(language), figure.value.of(language));
        push(page, &format!("| {name}{BAR}**{}** |\n", value.trim()));
    }
    if telling.questions.is_empty() {
        return;
    }
    push(page, &format!("\n### {}\n", QUESTIONS.of(language)));
    for (number, (ask, answer)) in (1..).zip(&telling.questions) {
        let (ask, answer) = (ask.of(language), answer.of(language));
        let summary = ANSWER.of(language);
        push(
            page,
            &format!(
                "\n{number}. {ask}\n\n   <details><summary>{summary}</summary>\n\n   {answer}\n\n   </details>\n"
            ),
        );
    }
}

fn push(page: &mut String, text: &str) {
    page.write_str(text).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_holds_words_and_names_and_not_what_was_measured() {
        let page = |value: &str, ladder: &str| {
            format!(
                "It took **{value}** here.\n\n```text\n{ladder}\n```\n\n| wait | **{value}** |\n"
            )
        };
        let one = shape(&page("1 ms", "0.1 → SYN"));
        assert_eq!(one, shape(&page("2.5 ms", "0.2 → SYN\n0.3 ← SYN ACK")));
        assert_eq!(one, "It took **…** here.\n\n```text\n```\n\n| wait\n");
        assert_ne!(one, shape(&page("1 ms", "").replace("wait", "time")));
        assert_ne!(one, shape(&page("1 ms", "").replace("took", "lasted")));
    }
}
