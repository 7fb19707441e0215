//! How connections and listeners begin: choosing addresses and ports, and refusing what cannot
//! work.

use core::net::{IpAddr, SocketAddr};

use handfast_packet::Instant;
use handfast_packet::buf::PAYLOAD_MAX;
use handfast_tcp::{self as tcp, Connection, Cx, Path};

use super::demux::{Endpoint, Flow};
use super::fast_open::FastOpenConnect;
use super::listener::{LISTENERS_MAX, Listen};
use super::peer_cache::Peer;
use super::{ListenerId, Owner, Tcp, TcpId};
use crate::error::{ConnectError, ListenError};
use crate::ip::is_host;
use crate::network::Network;

/// Choices for one connection that we open. The default leaves everything to the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// Our address; `None` chooses by RFC 6724.
    pub local: Option<IpAddr>,
    /// Our port; `None` and 0 choose by RFC 6056 from [`crate::Config::ephemeral_ports`].
    pub local_port: Option<u16>,
    /// Try Fast Open (RFC 7413): text in the SYN, for servers that gave us a cookie. The text may
    /// be delivered twice when the network duplicates the SYN, so it must be something that may be
    /// done twice. Default off.
    pub fast_open: FastOpenConnect,
    /// With Fast Open, send text without a cookie: for servers that are known to take it.
    pub fast_open_cookieless: bool,
    /// `None` takes [`crate::Config::tcp`].
    pub tcp: Option<tcp::Config>,
}

impl Tcp {
    /// Active OPEN (RFC 9293 3.10.1).
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        network: &Network,
        remote: SocketAddr,
        options: &Connect,
    ) -> Result<TcpId, ConnectError> {
        check_remote(network, remote)?;
        let local = local_address(network, remote.ip(), options.local)?;
        if self.slots.len() >= self.connections_max {
            return Err(ConnectError::TooMany(self.connections_max));
        }
        let flow = self.choose_flow(local, remote, options.local_port)?;
        let config = options.tcp.unwrap_or(self.config);
        let path = self.path(network, flow.remote.address);
        let initial = self.secrets.initial(now, &flow, None);
        let cx = &mut Cx::new(now, &mut self.pool);
        let mut connection = Connection::connect(cx, config, path, initial);
        if options.fast_open != FastOpenConnect::Off
            && let Some(offer) =
                self.cookie_cache
                    .offer(now, &flow, options.fast_open_cookieless, path.send_mss)
        {
            let waits = options.fast_open == FastOpenConnect::WithFirstWrite;
            connection.offer_fast_open(offer, waits);
        }
        self.seed(now, &flow, &mut connection);
        self.counters.active_opens += 1;
        Ok(TcpId(self.insert(flow, connection, Owner::Application)))
    }

    /// Passive OPEN. Port 0 chooses a free ephemeral port.
    pub(crate) fn listen(
        &mut self,
        network: &Network,
        local: SocketAddr,
        options: &Listen,
    ) -> Result<ListenerId, ListenError> {
        let address = local.ip().to_canonical();
        if !address.is_unspecified() && !network.is_local(address) {
            return Err(ListenError::NotLocal(address));
        }
        if self.listeners.len() >= LISTENERS_MAX {
            return Err(ListenError::TooMany(LISTENERS_MAX));
        }
        let port = match local.port() {
            0 => {
                let nobody = Endpoint { address, port: 0 };
                let listeners = &self.listeners;
                let busy = |port| listeners.is_taken(Endpoint { address, port });
                self.ports
                    .choose(address, nobody, busy)
                    .ok_or(ListenError::NoPort(address))?
            }
            port => port,
        };
        let config = options.tcp.unwrap_or(self.config);
        let local = Endpoint { address, port };
        let id = self.listeners.insert(local, options, config);
        id.ok_or(ListenError::InUse(local.into()))
    }

    /// The address and port of a listener.
    pub(crate) fn listener_local(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.local(id).map(SocketAddr::from)
    }

    /// Hands on what earlier connections have learnt of the peer (RFC 9040).
    pub(super) fn seed(&mut self, now: Instant, flow: &Flow, connection: &mut Connection) {
        self.now = now;
        let metrics = self.metrics.as_ref();
        if let Some(metrics) = metrics.and_then(|cache| cache.get(now, Peer::from(flow))) {
            connection.seed(metrics);
        }
    }

    /// What the way to `remote` allows, by what is known now.
    pub(super) fn path(&self, network: &Network, remote: IpAddr) -> Path {
        let default_mss = match remote {
            IpAddr::V4(_) => 536,
            IpAddr::V6(_) => 1_220,
        };
        let headers = headers(remote);
        let max_payload = u32::try_from(PAYLOAD_MAX).expect("PAYLOAD_MAX is below 64 KiB");
        Path {
            receive_mss: network.link_mtu(remote).saturating_sub(headers),
            send_mss: network.mtu_for(remote).saturating_sub(headers),
            default_mss,
            max_gso: self.capabilities.max_gso.min(max_payload),
        }
    }

    /// The 4-tuple of a new connection: one that neither exists nor is in TIME-WAIT.
    fn choose_flow(
        &mut self,
        local: IpAddr,
        remote: SocketAddr,
        port: Option<u16>,
    ) -> Result<Flow, ConnectError> {
        let to = Endpoint {
            address: remote.ip().to_canonical(),
            port: remote.port(),
        };
        let flow = |port| Flow {
            local: Endpoint {
                address: local,
                port,
            },
            remote: to,
        };
        let (demux, slots) = (&self.demux, &self.slots);
        let time_waits = &self.time_waits;
        let share = self.share;
        let busy = |port| {
            let flow = flow(port);
            demux.get(&flow, slots).is_some() || time_waits.contains(&flow)
        };
        let is_ours = |port| share.is_none_or(|share| flow(port).is_of(&share));
        match port {
            None | Some(0) => {
                // Answers are to come home.
                let unfit = |port| !is_ours(port) || busy(port);
                let port = self.ports.choose(local, to, unfit);
                port.map(flow).ok_or(ConnectError::NoPort(remote))
            }
            Some(port) if !is_ours(port) => Err(ConnectError::OtherShard {
                local: flow(port).local.into(),
                remote,
            }),
            Some(port) if busy(port) => Err(ConnectError::InUse {
                local: flow(port).local.into(),
                remote,
            }),
            Some(port) => Ok(flow(port)),
        }
    }
}

/// Bytes of the fixed headers of IP and TCP to `remote`.
pub(super) fn headers(remote: IpAddr) -> u16 {
    match remote {
        IpAddr::V4(_) => 20 + 20,
        IpAddr::V6(_) => 40 + 20,
    }
}

/// RFC 9293 MUST-46: no connection to what is not one host.
fn check_remote(network: &Network, remote: SocketAddr) -> Result<(), ConnectError> {
    let address = remote.ip().to_canonical();
    if address.is_loopback() || network.is_local(address) {
        return Err(ConnectError::Loopback(address));
    }
    if remote.port() == 0 || !is_host(address) || network.is_broadcast(address) {
        return Err(ConnectError::InvalidRemote(remote));
    }
    Ok(())
}

/// Our end of a new connection: the one that was asked for, or the best.
fn local_address(
    network: &Network,
    remote: IpAddr,
    wanted: Option<IpAddr>,
) -> Result<IpAddr, ConnectError> {
    let remote = remote.to_canonical();
    let Some(local) = wanted.map(|address| address.to_canonical()) else {
        return network
            .source_for(remote)
            .ok_or(ConnectError::NoSource(remote));
    };
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(ConnectError::MixedFamilies { local, remote });
    }
    if !network.is_local(local) {
        return Err(ConnectError::NotLocal(local));
    }
    Ok(local)
}
