//! Scripts of strangers: reading them, and running them.

use handfast_sim::script::runner::{Options, run_text};
use handfast_sim::script::{Script, parse, parse_with};

/// Longest script that is run: enough for a connection's life, and short enough to be fast.
const RUN_LEN_MAX: usize = 4_096;

/// Any text is read or refused, with a place inside of it, and gives no more steps than it has
/// bytes; the same text gives the same script.
pub fn script_parser(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for defined in [&[][..], &["STANDARD"]] {
        let Some(script) = read(&text, defined) else {
            continue;
        };
        assert!(script.steps.len() + script.settings.len() <= text.len());
        let lines = line_count(&text);
        for step in &script.steps {
            assert!((1..=lines).contains(&step.line), "{step:?}");
        }
        assert_eq!(read(&text, defined).as_ref(), Some(&script));
    }
}

fn read(text: &str, defined: &[&str]) -> Option<Script> {
    match parse_with(text, defined) {
        Ok(script) => Some(script),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let lines = line_count(text) + 1;
            assert!((1..=lines).contains(&error.at.line), "{error} of {lines}");
            None
        }
    }
}

fn line_count(text: &str) -> u32 {
    u32::try_from(text.split('\n').count()).expect("scripts are short")
}

/// Any text that can be read can be run: the machine under test survives it and it comes to an
/// end.
pub fn script_runner(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(RUN_LEN_MAX)]);
    if parse(&text).is_ok() {
        let report = run_text(&text, &Options::default());
        assert!(!report.verdict.to_string().is_empty());
    }
}
