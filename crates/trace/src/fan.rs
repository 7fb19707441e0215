//! One frame, several recorders: [`Tee`] hands it on, [`Shared`] lets two owners see one recorder.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handfast_packet::record::{FrameRecord, LossRecord, Recorder};

/// Most recorders behind one [`Tee`]: each is called for every frame on the packet path.
pub const TEE_MAX: usize = 8;

/// Several recorders in a row.
#[derive(Default)]
pub struct Tee(Vec<Box<dyn Recorder>>);

impl Tee {
    /// Recorders that are told of each frame in this order.
    ///
    /// # Panics
    /// When there are more than [`TEE_MAX`].
    pub fn new(recorders: Vec<Box<dyn Recorder>>) -> Self {
        assert!(
            recorders.len() <= TEE_MAX,
            "at most {TEE_MAX} recorders watch one device"
        );
        Self(recorders)
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Recorder for Tee {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        for recorder in &mut self.0 {
            recorder.record(frame);
        }
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        for recorder in &mut self.0 {
            recorder.record_loss(loss);
        }
    }
}

/// A recorder that its maker can still ask while the device holds it. Clones are the same recorder.
#[derive(Debug, Default)]
pub struct Shared<R>(Arc<Mutex<R>>);

impl<R> Shared<R> {
    /// Makes `recorder` shareable.
    pub fn new(recorder: R) -> Self {
        Self(Arc::new(Mutex::new(recorder)))
    }

    /// The recorder itself; frames wait as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, R> {
        // A recorder that panicked holds a picture that is incomplete, not one that is unsafe.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Recorder> Recorder for Shared<R> {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        self.lock().record(frame);
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        self.lock().record_loss(loss);
    }
}
