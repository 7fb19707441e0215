//! User and network namespaces inside one process: entering them, running code in them. What is
//! built inside (links, addresses, routes) is in `topology`.
//!
//! A network namespace belongs to a thread, not to the process. A [`Namespace`] here is only the
//! file descriptor that keeps one alive; work is done in it by threads that move into it. So
//! nothing is left behind when the descriptor and the sockets made there are closed: no child
//! process, no name under `/run/netns`.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::error::{LabError, Remedy};
use crate::sys;

/// Moves the process into its own user and network namespace, where it is root over the network
/// and over nothing else.
///
/// Call it first thing in `main`: the kernel lets only a process with a single thread change its
/// user namespace. A privileged process on a system without user namespaces goes on with a network
/// namespace alone.
///
/// # Errors
/// [`LabError::NotPermitted`] names the setting that forbids it; [`LabError::ManyThreads`].
pub fn enter() -> Result<(), LabError> {
    if thread_count() > 1 {
        return Err(LabError::ManyThreads);
    }
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    match sys::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) {
        Ok(()) => map_ids(user, group).map_err(|source| refused("writing the uid map", source)),
        Err(_) if user == 0 => sys::unshare(UnshareFlags::NEWNET)
            .map_err(|source| refused("making a network namespace", source)),
        Err(source) => Err(refused("making a user namespace", source)),
    }
}

/// One network namespace. It lives as long as this value, or a socket or thread in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: OwnedFd,
}

impl Namespace {
    /// Makes an empty namespace; `name` is for messages and thread names only.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] when the process may not make network namespaces.
    pub fn create(name: &str) -> Result<Self, LabError> {
        let make = || -> io::Result<OwnedFd> {
            sys::unshare(UnshareFlags::NEWNET)?;
            let path = format!("/proc/self/task/{}/ns/net", rustix::thread::gettid());
            Ok(OwnedFd::from(fs::File::open(path)?))
        };
        let handle = thread::scope(|scope| scope.spawn(make).join())
            .expect("making a namespace does not panic")
            .map_err(|source| refused("making a network namespace", source))?;
        Ok(Self {
            name: name.to_owned(),
            handle,
        })
    }

    /// The name it was created with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the calling thread into this namespace for good: sockets it opens and children it
    /// starts from now on belong there.
    ///
    /// # Errors
    /// The kernel's answer to `setns`; it can only fail for a process that gave up its privileges.
    pub fn enter_thread(&self) -> io::Result<()> {
        move_into_link_name_space(self.handle.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }

    /// Runs `work` in this namespace on a thread of its own and waits for its result.
    ///
    /// # Panics
    /// When `work` panics, with its message.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let enter_and_work = || {
            self.enter_thread()
                .expect("a namespace that this process made can be entered");
            work()
        };
        let outcome = thread::scope(|scope| {
            thread::Builder::new()
                .name(self.name.clone())
                .spawn_scoped(scope, enter_and_work)
                .expect("the system has room for one more thread")
                .join()
        });
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs the future that `work` makes on a single-threaded tokio runtime in this namespace.
    ///
    /// # Panics
    /// When the future panics, with its message.
    pub fn block_on<T: Send, F: Future<Output = T>>(&self, work: impl FnOnce() -> F + Send) -> T {
        self.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the system has descriptors for one more runtime");
            runtime.block_on(work())
        })
    }

    /// Starts a thread in this namespace that goes on by itself.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<thread::JoinHandle<T>> {
        let handle = self.handle.try_clone()?;
        thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("a namespace that this process made can be entered");
                drop(handle);
                work()
            })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// Maps the user and group that we were to root inside the new user namespace.
fn map_ids(user: u32, group: u32) -> io::Result<()> {
    // An unprivileged process may map its group only after it gave up setgroups.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

fn refused(step: &'static str, source: io::Error) -> LabError {
    LabError::NotPermitted {
        step,
        remedy: Remedy::find(&source),
        source,
    }
}
