//! What can go wrong while the lab is built, in words that say what to do. Failures of a lesson
//! are in `lesson`; failures of a transfer are in `kernel_client`.

use std::fmt;
use std::io;

/// Why there is no lab.
#[derive(Debug)]
#[non_exhaustive]
pub enum LabError {
    /// The system does not let this user make a user or network namespace.
    NotPermitted {
        /// The step that was refused.
        step: &'static str,
        /// The setting that forbids it and how to change it.
        remedy: Remedy,
        /// What the kernel said.
        source: io::Error,
    },
    /// `enter` was called when the process had more than one thread already.
    ManyThreads,
    /// A step of the set-up failed although namespaces work.
    Setup {
        /// What was being done.
        step: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl LabError {
    /// A failed step of the set-up.
    pub(crate) fn setup(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Setup {
            step: step.into(),
            source: source.into(),
        }
    }

    /// Whether this machine forbids the lab altogether (as opposed to a lab that broke).
    pub fn is_not_permitted(&self) -> bool {
        matches!(self, Self::NotPermitted { .. })
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted {
                step,
                remedy,
                source,
            } => write!(
                f,
                "cannot build the lab: {step} was refused ({source}). {remedy} \
                 Without namespaces, use `--lab memory`: two Handfast stacks over a memory device."
            ),
            Self::ManyThreads => f.write_str(
                "cannot build the lab: a user namespace must be entered while the process has one \
                 thread. Call `handfast_lab::enter()` first thing in `main`, before any runtime.",
            ),
            Self::Setup { step, source } => write!(f, "cannot build the lab: {step}: {source}"),
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotPermitted { source, .. } | Self::Setup { source, .. } => Some(source),
            Self::ManyThreads => None,
        }
    }
}

/// The setting that forbids namespaces here, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Ubuntu 23.10 and later: AppArmor strips capabilities from unprivileged user namespaces.
    AppArmor,
    /// `user.max_user_namespaces` or `user.max_net_namespaces` is zero or used up.
    NamespaceLimit,
    /// Debian's old switch `kernel.unprivileged_userns_clone` is 0.
    UnprivilegedClone,
    /// The TUN device is for root only, or its module is missing.
    Tun,
    /// None of the known switches is off: most often the seccomp profile of a container.
    Unknown,
}

impl Remedy {
    /// Reads the settings to find the one that refused with `error`.
    pub(crate) fn find(error: &io::Error) -> Self {
        let setting = |path: &str| std::fs::read_to_string(path).ok();
        let is = |path: &str, value: &str| setting(path).is_some_and(|text| text.trim() == value);
        if error.raw_os_error() == Some(libc::ENOSPC)
            || is("/proc/sys/user/max_user_namespaces", "0")
            || is("/proc/sys/user/max_net_namespaces", "0")
        {
            Self::NamespaceLimit
        } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
            Self::UnprivilegedClone
        } else if is(
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
        ) {
            Self::AppArmor
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppArmor => {
                "The setting kernel.apparmor_restrict_unprivileged_userns=1 forbids it: \
                 an administrator may run \
                 `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
            }
            Self::NamespaceLimit => {
                "The limit user.max_user_namespaces (or user.max_net_namespaces) is reached: \
                 an administrator may run `sysctl -w user.max_user_namespaces=1000`."
            }
            Self::UnprivilegedClone => {
                "The setting kernel.unprivileged_userns_clone=0 forbids it: \
                 an administrator may run `sysctl -w kernel.unprivileged_userns_clone=1`."
            }
            Self::Tun => {
                "TUN interfaces are for root only here: run as root, or let an administrator run \
                 `chmod 0666 /dev/net/tun`, as most systems have it."
            }
            Self::Unknown => {
                "No known setting forbids it, so it is most likely the seccomp profile of a \
                 container: start the container with CAP_SYS_ADMIN and CAP_NET_ADMIN or with \
                 an unconfined seccomp profile."
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_and_the_way_out() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let error = LabError::NotPermitted {
            step: "unshare",
            remedy: Remedy::AppArmor,
            source,
        };
        let text = error.to_string();
        assert!(
            text.contains("kernel.apparmor_restrict_unprivileged_userns"),
            "{text}"
        );
        assert!(text.contains("--lab memory"), "{text}");
        assert!(error.is_not_permitted());
    }

    #[test]
    fn a_full_table_is_a_limit_whatever_the_other_settings_say() {
        let error = io::Error::from_raw_os_error(libc::ENOSPC);
        assert_eq!(Remedy::find(&error), Remedy::NamespaceLimit);
    }
}
