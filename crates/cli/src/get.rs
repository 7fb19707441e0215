//! `handfast get`: the plan, the network that it runs on, and the report.

use std::path::PathBuf;
use std::rc::Rc;

use crate::args::GetArgs;
use crate::failure::{Failure, code};
use crate::plan::Plan;
use crate::{report, scene};

/// Runs the command, with its control socket in `folder`; gives its exit code.
pub(crate) fn run(args: GetArgs, folder: PathBuf) -> u8 {
    let plan = match Plan::new(args, folder) {
        Ok(plan) => Rc::new(plan),
        Err(failure) => {
            eprintln!("handfast: {failure}");
            return failure.code;
        }
    };
    let mut report = scene::run(&plan);
    if let Err(failure) = report.watch.finish() {
        report.failure.get_or_insert(failure);
    }
    report.explain();
    if report.connections_left > 0 && report.failure.is_none() {
        let message = format!(
            "{} connections are still there after all is over: the peer did not close them in time",
            report.connections_left
        );
        report.failure = Some(Failure::new(code::FAILED, message));
    }
    report::print(&plan, &report)
}
