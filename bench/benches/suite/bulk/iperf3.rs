//! The kernel at both ends, by `iperf3`: it sends one stream from the near end, with our pieces.

use handfast_bench::{Failure, Sample, iperf3, measure_told};
use handfast_lab::{Cable, FAR_V4};

use super::{PIECE, Work};
use crate::process::Process;

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    let cable = Cable::lay(&work.cable, true)?;
    let serve = || Process::start("iperf3", &["-s", "-1", "--forceflush"]);
    let mut server = cable.far.run(serve)?;
    server.hear("Server listening")?;
    let [far, text, piece] = [FAR_V4.to_string(), work.text.to_string(), PIECE.to_string()];
    let what = ["-c", &far, "-n", &text, "-l", &piece, "-C", "cubic"];
    let words = [&what[..], &["-i", "0", "--json"]].concat();
    measure_told(|| {
        let client = cable.near.run(|| Process::start("iperf3", &words))?;
        let told = iperf3(&client.finish()?)?;
        server.finish()?;
        Ok(told)
    })
}
