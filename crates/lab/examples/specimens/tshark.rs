//! What tshark says about each frame of a capture.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// The flags of its analysis that are compared, by the ends of their names.
pub(crate) const FLAGS: [&str; 14] = [
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "lost_segment",
    "ack_lost_segment",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_update",
    "window_full",
    "keep_alive",
    "keep_alive_ack",
];

/// One TCP frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) stream: usize,
    /// The flags that are set, as indices into [`FLAGS`].
    pub(crate) flags: Vec<usize>,
    /// The time since what it acknowledges was sent, in seconds.
    pub(crate) rtt: Option<f64>,
    pub(crate) initial_rtt: Option<f64>,
}

impl Frame {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|&index| FLAGS[index] == flag)
    }
}

/// The TCP frames of a capture by their numbers.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<u32, Frame>, Box<dyn Error>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path);
    command.args(["-Y", "tcp", "-T", "fields"]);
    let leading = ["frame.number", "tcp.stream"].map(str::to_owned);
    let flags = FLAGS.map(|flag| format!("tcp.analysis.{flag}"));
    let times = ["ack_rtt", "initial_rtt"].map(|name| format!("tcp.analysis.{name}"));
    for field in leading.iter().chain(&flags).chain(&times) {
        command.args(["-e", field]);
    }
    let output = command.output();
    let output = output.map_err(|error| format!("tshark (apt-get install tshark): {error}"))?;
    let text = String::from_utf8(output.stdout)?;
    let mut frames = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [number, stream, rest @ ..] = fields.as_slice() else {
            return Err(format!("tshark printed {line:?}").into());
        };
        let set = (0..FLAGS.len()).filter(|&index| !rest[index].is_empty());
        let frame = Frame {
            stream: stream.parse()?,
            flags: set.collect(),
            rtt: rest[FLAGS.len()].parse().ok(),
            initial_rtt: rest[FLAGS.len() + 1].parse().ok(),
        };
        frames.insert(number.parse()?, frame);
    }
    Ok(frames)
}
