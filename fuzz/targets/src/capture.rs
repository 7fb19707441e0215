//! Capture files of anybody.

use handfast_trace::analysis::{Analysis, JsonOptions};
use handfast_trace::capture::Capture;

/// Any bytes are read to their end or refused, frame by frame in order, and what was read can be
/// analysed and shown; nothing is believed about lengths.
pub fn capture_file(data: &[u8]) {
    let Ok(mut capture) = Capture::new(data) else {
        assert!(Analysis::of(data).is_err(), "both read the same");
        return;
    };
    let mut frames = 0;
    while let Ok(Some(frame)) = capture.next_frame() {
        frames += 1;
        assert_eq!(frame.number, frames);
        assert!(frame.bytes.len() <= data.len(), "more than there was");
    }
    if let Ok(analysis) = Analysis::of(data) {
        assert_eq!(analysis.frames, frames);
        let shown = analysis.to_json(JsonOptions { segments: true });
        assert!(shown.is_object());
    }
}
