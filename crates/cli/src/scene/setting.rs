//! Where a fetch takes place: the queues of a device and what is known of the network around it.

use std::net::{IpAddr, SocketAddr};

use handfast::{Cidr, ClaimTimings};
use handfast_device::PacketSocket;

/// A place on a network.
pub(super) struct Setting {
    /// One for each shard, in their order.
    pub(super) queues: Vec<PacketSocket>,
    pub(super) interface: String,
    /// Addresses to claim: the first one that is free.
    pub(super) candidates: Vec<Cidr>,
    pub(super) gateway: Option<IpAddr>,
    /// Addresses of this machine's kernel, which does not hear our probes.
    pub(super) kernels: Vec<IpAddr>,
    /// Whom to connect to; all of the family of the candidates.
    pub(super) remotes: Vec<SocketAddr>,
    pub(super) names: Vec<(IpAddr, String)>,
    pub(super) claim: ClaimTimings,
    /// What connections start with.
    pub(super) tcp: handfast::tcp::Config,
    /// Claiming takes so long that people want to know what happens.
    pub(super) says_claim: bool,
}
