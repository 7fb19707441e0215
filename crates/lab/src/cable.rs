//! One cable and nobody between: the shortest way from a stack to a kernel, for measurements. The
//! scene with a router is in `topology`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;

use handfast_device::{DeviceError, Tap, TapOptions};
use handfast_packet::ip::Cidr;

use crate::error::{LabError, Remedy};
use crate::namespace::Namespace;
use crate::sys;
use crate::veth::Links;

/// The kernel at the far end.
pub const FAR_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
/// The kernel at the near end, where it has an address.
pub const NEAR_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
/// What Handfast takes at the near end.
pub const OURS_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 3);
/// Length of the prefix of all of them.
pub const CABLE_PREFIX_LEN: u8 = 24;
/// The interface at each end.
pub const CABLE_INTERFACE: &str = "eth0";

/// What a cable carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableOptions {
    /// Largest IP packet of one wire segment in bytes.
    pub mtu: u16,
    /// Whether frames may stand for many segments and leave their checksums to whoever wants them.
    /// Without, the kernels send and receive each segment as a whole frame.
    pub offloads: bool,
}

/// A pair of interfaces, each in a namespace of its own.
#[derive(Debug)]
pub struct Cable {
    /// Where the measured side is.
    pub near: Namespace,
    /// Where [`FAR_V4`] is.
    pub far: Namespace,
}

impl Cable {
    /// Lays it. With `near_kernel` the kernel of the near end has [`NEAR_V4`]; without, it has no
    /// address and takes no part.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] or the step of the set-up that failed.
    pub fn lay(options: &CableOptions, near_kernel: bool) -> Result<Self, LabError> {
        let [near, far] = ["near", "far"].map(quiet_namespace);
        let (near, far) = (near?, far?);
        let laid = near.block_on(async || {
            let links = Links::open()?;
            links
                .add_pair(CABLE_INTERFACE, far.as_fd(), CABLE_INTERFACE)
                .await
        });
        laid.map_err(|error| failed(&near, error))?;
        let ends = [
            (&near, near_kernel.then_some(NEAR_V4)),
            (&far, Some(FAR_V4)),
        ];
        for (namespace, address) in ends {
            let set_up = namespace.block_on(|| set_up(options, address));
            set_up.map_err(|error| failed(namespace, error))?;
        }
        let up = near.block_on(async || Links::open()?.wait_until_up(CABLE_INTERFACE).await);
        up.map_err(|error| failed(&near, error))?;
        Ok(Self { near, far })
    }

    /// A cable of which only the far end is an interface of a kernel: the near one is ours.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] or the step of the set-up that failed.
    pub fn tap(options: &CableOptions) -> Result<(Namespace, Tap), LabError> {
        Self::tap_by(options, |options| Tap::open(CABLE_INTERFACE, options))
    }

    /// The same with several queues.
    ///
    /// # Errors
    /// Those of [`Cable::tap`].
    pub fn tap_queues(
        options: &CableOptions,
        count: u16,
    ) -> Result<(Namespace, Vec<Tap>), LabError> {
        Self::tap_by(options, |options| {
            Tap::open_queues(CABLE_INTERFACE, options, count)
        })
    }

    fn tap_by<T: Send>(
        options: &CableOptions,
        open: impl FnOnce(&TapOptions) -> Result<T, DeviceError> + Send,
    ) -> Result<(Namespace, T), LabError> {
        let far = quiet_namespace("far")?;
        let tap_options = TapOptions {
            super_segments: options.offloads,
            checksums: options.offloads,
            mtu: Some(options.mtu),
            ..TapOptions::default()
        };
        let tap = far.run(|| open(&tap_options));
        let tap = tap.map_err(|error| match error {
            DeviceError::NotPermitted { source, .. } => LabError::NotPermitted {
                step: "opening /dev/net/tun",
                remedy: Remedy::Tun,
                source,
            },
            other => LabError::setup("opening a TAP interface", io::Error::other(other)),
        })?;
        let set_up = far.block_on(|| set_up(options, Some(FAR_V4)));
        set_up.map_err(|error| failed(&far, error))?;
        Ok((far, tap))
    }
}

/// A namespace whose kernel says nothing by itself and remembers nothing of connections before.
fn quiet_namespace(name: &str) -> Result<Namespace, LabError> {
    let namespace = Namespace::create(name)?;
    let write = || -> io::Result<()> {
        let set = |name: &str, value: &str| fs::write(format!("/proc/sys/net/{name}"), value);
        set("ipv4/ip_forward", "0")?;
        set("ipv4/tcp_no_metrics_save", "1")?;
        for scope in ["all", "default"] {
            set(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
            // Missing on a kernel without IPv6.
            let _ = set(&format!("ipv6/conf/{scope}/disable_ipv6"), "1");
        }
        Ok(())
    };
    namespace
        .run(write)
        .map_err(|error| failed(&namespace, error))?;
    Ok(namespace)
}

/// Sets up the end in the namespace of this thread.
async fn set_up(options: &CableOptions, address: Option<Ipv4Addr>) -> io::Result<()> {
    let links = Links::open()?;
    links.set_up("lo").await?;
    links
        .set_mtu(CABLE_INTERFACE, u32::from(options.mtu))
        .await?;
    if !options.offloads {
        sys::forbid_offloads(CABLE_INTERFACE)?;
    }
    if let Some(address) = address {
        let cidr = Cidr::new(IpAddr::V4(address), CABLE_PREFIX_LEN);
        let cidr = cidr.expect("24 bits fit into an IPv4 address");
        links.add_address(CABLE_INTERFACE, cidr).await?;
    }
    links.set_up(CABLE_INTERFACE).await
}

fn failed(namespace: &Namespace, error: io::Error) -> LabError {
    let step = format!("laying a cable in namespace {}", namespace.name());
    LabError::setup(step, error)
}
