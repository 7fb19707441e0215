//! The devices against this machine's kernel, in a user and network namespace of their own: packet
//! sockets at the two ends of a virtual cable, TAP and TUN, and the errors that people meet.
//!
//! Not the usual harness, because the tests run in a second process, which `unshare` starts in the
//! namespaces. Where the system allows none the tests are skipped and say so; with `CI=true` that
//! is a failure.

#[cfg(target_os = "linux")]
mod frames;
#[cfg(target_os = "linux")]
mod packet;
#[cfg(target_os = "linux")]
mod queues;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(all(target_os = "linux", feature = "xdp"))]
mod xdp;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    runner::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: packet sockets and TAP are devices of Linux");
}
