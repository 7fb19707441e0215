//! An allocator that counts what its thread asks for while that thread wants to know, and remembers
//! who asked first. Each test runs on a thread of its own, and so do the stacks of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};

/// The system's allocator, and a look at who calls it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static FIRST: RefCell<Option<(usize, Backtrace)>> = const { RefCell::new(None) };
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) allocations: u64,
    /// The size of the first of them in bytes, and where in the program it was asked for.
    pub(crate) first: Option<(usize, Backtrace)>,
}

/// How often `work` asks for memory, or for more of it.
pub(crate) fn count(work: impl FnOnce()) -> Counted {
    FIRST.take();
    COUNT.set(0);
    COUNTS.set(true);
    work();
    COUNTS.set(false);
    Counted {
        allocations: COUNT.get(),
        first: FIRST.take(),
    }
}

fn note(size: usize) {
    if !COUNTS.get() {
        return;
    }
    COUNT.set(COUNT.get() + 1);
    if COUNT.get() == 1 {
        // The backtrace itself allocates.
        COUNTS.set(false);
        FIRST.set(Some((size, Backtrace::force_capture())));
        COUNTS.set(true);
    }
}

// SAFETY: each call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(old, layout) }
    }
}
