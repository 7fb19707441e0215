//! What can go wrong when a device is opened, in words for people: what happened, why, what to do.

use std::fmt;
use std::io;

/// Why a device could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeviceError {
    /// The process lacks the privilege for this kind of device.
    NotPermitted {
        /// What was asked for, as in "a packet socket".
        what: &'static str,
        /// The capability that is missing, as in `CAP_NET_RAW`.
        capability: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No interface of this name in this network namespace.
    NoSuchInterface {
        /// The name that was asked for.
        interface: String,
    },
    /// The interface is administratively down.
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// The interface does not carry Ethernet frames.
    NotEthernet {
        /// Its name.
        interface: String,
        /// The kernel's number for what it carries (`ARPHRD_*`).
        kind: u16,
    },
    /// The name cannot be that of an interface.
    InvalidName {
        /// The name that was asked for.
        interface: String,
    },
    /// The interface exists and another process holds it, or it is of another kind.
    InUse {
        /// Its name.
        interface: String,
    },
    /// The kernel offers no TUN/TAP device.
    NoTun {
        /// The kernel's answer.
        source: io::Error,
    },
    /// Any other refusal of the kernel.
    Io {
        /// What was being done, as in "binding the packet socket".
        doing: &'static str,
        /// Name of the interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted {
                what,
                capability,
                source,
            } => write!(
                f,
                "no permission to open {what}: {source}. The process needs {capability}: run it as \
                 root, give the program the capability (`sudo setcap {}+ep PROGRAM`), or stay in \
                 the lab (`--lab`), which needs no privilege",
                capability.to_lowercase(),
            ),
            Self::NoSuchInterface { interface } => write!(
                f,
                "there is no interface `{interface}` in this network namespace. `ip link` lists \
                 those that exist",
            ),
            Self::InterfaceDown { interface } => write!(
                f,
                "the interface `{interface}` is down, so nothing can be sent or received on it. \
                 Bring it up with `sudo ip link set {interface} up`",
            ),
            Self::NotEthernet { interface, kind } => write!(
                f,
                "the interface `{interface}` does not carry Ethernet frames (link type {kind}), \
                 and a packet socket here needs that. Choose an Ethernet or Wi-Fi interface; \
                 `ip link` shows the type of each",
            ),
            Self::InvalidName { interface } => write!(
                f,
                "`{interface}` cannot be the name of an interface: names have 1 to 15 bytes, no \
                 `/` and no spaces. `ip link` lists those that exist",
            ),
            Self::InUse { interface } => write!(
                f,
                "the interface `{interface}` is held by another process or is not a TUN/TAP \
                 interface of the kind asked for. End that process or choose another name",
            ),
            Self::NoTun { source } => write!(
                f,
                "`/dev/net/tun` cannot be opened: {source}. The kernel has no TUN/TAP support \
                 loaded; load it with `sudo modprobe tun`, or use a packet socket instead",
            ),
            Self::Io {
                doing,
                interface,
                source,
            } => write!(
                f,
                "{doing} for the interface `{interface}` failed: {source}. Check with `ip -d link \
                 show {interface}` that it still exists and is an ordinary Ethernet interface",
            ),
        }
    }
}

impl std::error::Error for DeviceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotPermitted { source, .. }
            | Self::NoTun { source }
            | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<DeviceError> for io::Error {
    /// Keeps the words; the kind is the nearest that `std` has.
    fn from(error: DeviceError) -> Self {
        let kind = match &error {
            DeviceError::NotPermitted { .. } => io::ErrorKind::PermissionDenied,
            DeviceError::NoSuchInterface { .. } | DeviceError::NoTun { .. } => {
                io::ErrorKind::NotFound
            }
            DeviceError::InterfaceDown { .. } => io::ErrorKind::NetworkDown,
            DeviceError::NotEthernet { .. } => io::ErrorKind::Unsupported,
            DeviceError::InvalidName { .. } => io::ErrorKind::InvalidInput,
            DeviceError::InUse { .. } => io::ErrorKind::ResourceBusy,
            DeviceError::Io { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

/// The error of a device that was open and whose interface then went down or away.
#[cfg(target_os = "linux")]
pub(crate) fn interface_lost(interface: &str, source: &io::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::NetworkDown,
        format!(
            "the interface `{interface}` went down or away while it was in use ({source}). Check \
             it with `ip link show {interface}`, bring it up and start again"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_the_capability_and_the_interface() {
        let error = DeviceError::NotPermitted {
            what: "a packet socket",
            capability: "CAP_NET_RAW",
            source: io::Error::from_raw_os_error(1),
        };
        let text = error.to_string();
        assert!(
            text.contains("CAP_NET_RAW") && text.contains("setcap cap_net_raw+ep"),
            "{text}"
        );
        assert_eq!(
            io::Error::from(error).kind(),
            io::ErrorKind::PermissionDenied
        );
        let error = DeviceError::InterfaceDown {
            interface: "eth7".to_owned(),
        };
        assert!(error.to_string().contains("ip link set eth7 up"));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NetworkDown);
    }
}
