//! How connections and listeners begin: choosing addresses and ports, and refusing what cannot
//! work.

use core::net::{IpAddr, SocketAddr};

use handfast_packet::Instant;
use handfast_packet::buf::PAYLOAD_MAX;
use handfast_tcp::{self as tcp, Connection, Cx, Path, Segment};

use super::demux::{Endpoint, Flow};
use super::listener::LISTENERS_MAX;
use super::{ListenerId, Owner, Tcp, TcpId};
use crate::error::{ConnectError, ListenError};
use crate::ip::is_host;
use crate::network::Network;

/// Default of [`Listen::backlog`].
pub const BACKLOG: usize = 1_024;

/// Choices for one connection that we open. The default leaves everything to the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// Our address; `None` chooses by RFC 6724.
    pub local: Option<IpAddr>,
    /// Our port; `None` and 0 choose by RFC 6056 from [`crate::Config::ephemeral_ports`].
    pub local_port: Option<u16>,
    /// `None` takes [`crate::Config::tcp`].
    pub tcp: Option<tcp::Config>,
}

/// Choices for one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Most connections that are opening or wait to be accepted, 1 to
    /// [`BACKLOG_MAX`](crate::BACKLOG_MAX); SYNs beyond that are dropped, so that the peers try
    /// again. Default [`BACKLOG`].
    pub backlog: usize,
    /// For the accepted connections; `None` takes [`crate::Config::tcp`].
    pub tcp: Option<tcp::Config>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            tcp: None,
        }
    }
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
        let cx = &mut Cx {
            now,
            pool: &mut self.pool,
        };
        let connection = Connection::connect(cx, config, path, initial);
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
        let id = self.listeners.insert(local, options.backlog, config);
        id.ok_or(ListenError::InUse(local.into()))
    }

    /// Hands out the oldest connection that a listener has opened. It may be over already, when
    /// the peer did not wait; reading tells how.
    pub(crate) fn accept(&mut self, id: ListenerId) -> Option<TcpId> {
        let key = self.listeners.accept(id)?;
        let slot = self
            .slots
            .get_mut(key)
            .expect("connections that wait to be accepted stay");
        slot.owner = Owner::Application;
        self.file_event(key);
        Some(TcpId(key))
    }

    /// Ends a listener. Connections that nobody accepted are reset; accepted ones live on.
    pub(crate) fn close_listener(&mut self, now: Instant, id: ListenerId) {
        if !self.listeners.remove(id) {
            return;
        }
        let owners = [Owner::Opening(id), Owner::Waiting(id)];
        for key in self.keys_where(|slot| owners.contains(&slot.owner)) {
            self.let_go(now, key, Connection::abort);
        }
    }

    /// The address and port of a listener.
    pub(crate) fn listener_local(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.local(id).map(SocketAddr::from)
    }

    /// A listener met a SYN. It may cut short the TIME-WAIT of an earlier incarnation.
    pub(super) fn accept_syn(
        &mut self,
        now: Instant,
        network: &Network,
        (listener, flow): (ListenerId, Flow),
        syn: &Segment,
    ) {
        if self.slots.len() >= self.connections_max {
            self.counters.connections_refused += 1;
            return;
        }
        let Some(config) = self.listeners.open(listener) else {
            self.counters.backlog_overflows += 1;
            return;
        };
        let path = self.path(network, flow.remote.address);
        let after = self.time_waits.remove(&flow).map(|entry| entry.next_seq());
        let initial = self.secrets.initial(now, &flow, after);
        let cx = &mut Cx {
            now,
            pool: &mut self.pool,
        };
        let connection = Connection::accept(cx, config, path, initial, syn);
        self.counters.passive_opens += 1;
        self.insert(flow, connection, Owner::Opening(listener));
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
        let (demux, time_waits) = (&self.demux, &self.time_waits);
        let busy = |port| {
            let flow = flow(port);
            demux.get(&flow).is_some() || time_waits.contains(&flow)
        };
        match port {
            None | Some(0) => {
                let port = self.ports.choose(local, to, busy);
                port.map(flow).ok_or(ConnectError::NoPort(remote))
            }
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
