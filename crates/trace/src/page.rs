//! Text in memory that one writes and another takes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// What was written and not taken yet. Clones are the same page.
#[derive(Clone, Debug, Default)]
pub struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// All that was written since the last time.
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
