//! Parts of a connection that are there only while there is something in them: an idle connection has
//! none, so that a million of them fit into memory, and busy ones pass them on through the pool.

use alloc::boxed::Box;

use crate::pool::{Pool, Spare, Spares};

/// What can be lent.
pub(crate) trait Lend: Default + Spare + 'static {
    /// What a part that is not there looks like.
    const NOTHING: &'static Self;

    /// Whether it can go: it says no more than [`Self::NOTHING`].
    fn is_nothing(&self) -> bool;

    /// Makes it say no more than that, and keeps its memory.
    fn clear(&mut self);

    /// Where those wait that nobody needs.
    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>>;
}

/// A part that may be there.
#[derive(Debug)]
pub(crate) struct Lent<T>(Option<Box<T>>);

impl<T> Default for Lent<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Lend> Lent<T> {
    pub(crate) fn get(&self) -> &T {
        self.0.as_deref().unwrap_or(T::NOTHING)
    }

    /// The part, to change what is in it; `None` when it is not there.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// The part, to put something into it.
    pub(crate) fn put(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// The same; who says where parts wait spares an allocation.
    pub(crate) fn put_from(&mut self, pool: &mut Pool) -> &mut T {
        self.prepare(pool);
        self.put()
    }

    /// Something may be put into it soon.
    pub(crate) fn prepare(&mut self, pool: &mut Pool) {
        if self.0.is_none() {
            self.0 = T::spares(pool).take();
        }
    }

    /// Lets it go, with whatever is in it.
    pub(crate) fn recycle(&mut self, pool: &mut Pool) {
        if let Some(mut part) = self.0.take() {
            part.clear();
            T::spares(pool).give(part);
        }
    }

    /// Lets it go if there is nothing in it.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        if let Some(mut part) = self.0.take_if(|part| part.is_nothing()) {
            part.clear();
            T::spares(pool).give(part);
        }
    }
}
