//! Links, addresses and routes through netlink: a thin layer of verbs over rtnetlink, all acting
//! on the namespace of the calling thread. Which links and addresses there are is in `topology`.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt, TryStreamExt};
use handfast_packet::ip::Cidr;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage, State};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMetric};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RulePortRange};
use rtnetlink::packet_route::{RouteNetlinkMessage, link::LinkFlags};
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, MulticastGroup, RouteMessageBuilder,
};

/// How long a link may take to come up. It takes microseconds; the limit turns a hang into an error.
const LINK_UP_MAX: Duration = Duration::from_secs(5);

type Messages = UnboundedReceiver<(
    NetlinkMessage<RouteNetlinkMessage>,
    rtnetlink::sys::SocketAddr,
)>;

/// A netlink connection into the namespace of the thread that made it. Needs a tokio runtime.
pub(crate) struct Links {
    handle: Handle,
    changes: Messages,
}

impl Links {
    /// Connects, subscribed to changes of links.
    pub(crate) fn open() -> io::Result<Self> {
        let (connection, handle, changes) =
            rtnetlink::new_multicast_connection(&[MulticastGroup::Link])?;
        tokio::spawn(connection);
        Ok(Self { handle, changes })
    }

    /// Makes a pair of interfaces: `name` here, `peer_name` in the namespace `peer`.
    pub(crate) async fn add_pair(
        &self,
        name: &str,
        peer: BorrowedFd<'_>,
        peer_name: &str,
    ) -> io::Result<()> {
        let far_end = LinkMessageBuilder::<LinkUnspec>::new()
            .name(peer_name)
            .setns_by_fd(peer.as_raw_fd())
            .build();
        let message = LinkVeth::new(name, peer_name)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(far_end)))
            .build();
        self.handle
            .link()
            .add(message)
            .execute()
            .await
            .map_err(to_io)
    }

    /// Sets an interface up, without waiting for its far end.
    pub(crate) async fn set_up(&self, name: &str) -> io::Result<()> {
        self.set(LinkUnspec::new_with_name(name).up()).await
    }

    /// Makes the kernel's TCP send each segment as a frame of its own on this interface, as a
    /// network card without segmentation offload would. Connections made later obey.
    pub(crate) async fn forbid_super_segments(&self, name: &str) -> io::Result<()> {
        let link = LinkUnspec::new_with_name(name);
        self.set(link.append_extra_attribute(LinkAttribute::GsoMaxSegs(1)))
            .await
    }

    /// Sets the largest IP packet of one wire segment in bytes.
    pub(crate) async fn set_mtu(&self, name: &str, mtu: u32) -> io::Result<()> {
        self.set(LinkUnspec::new_with_name(name).mtu(mtu)).await
    }

    /// Sets how many frames may wait for whoever reads them from a TUN interface.
    pub(crate) async fn set_queue(&self, name: &str, frames: u32) -> io::Result<()> {
        let link = LinkUnspec::new_with_name(name);
        self.set(link.append_extra_attribute(LinkAttribute::TxQueueLen(frames)))
            .await
    }

    async fn set(&self, link: LinkMessageBuilder<LinkUnspec>) -> io::Result<()> {
        self.handle
            .link()
            .set(link.build())
            .execute()
            .await
            .map_err(to_io)
    }

    /// Waits until the kernel says that an interface passes frames.
    pub(crate) async fn wait_until_up(&mut self, name: &str) -> io::Result<()> {
        let index = self.find(name).await?.header.index;
        let up = async {
            while !is_operational(&self.find(name).await?) {
                // The question comes after the subscription, so no change can slip between them.
                self.next_change_of(index).await?;
            }
            Ok(())
        };
        tokio::time::timeout(LINK_UP_MAX, up).await.map_err(|_| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{name} did not come up in time"),
            )
        })?
    }

    /// Gives an interface an address at once (IPv6: without duplicate address detection).
    pub(crate) async fn add_address(&self, name: &str, cidr: Cidr) -> io::Result<()> {
        let index = self.find(name).await?.header.index;
        let mut request = self
            .handle
            .address()
            .add(index, cidr.address, cidr.prefix_len);
        if cidr.address.is_ipv6() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await.map_err(to_io)
    }

    /// Adds a route through `gateway`; the kernel's TCP uses `congestion` on it when given.
    pub(crate) async fn add_route(
        &self,
        destination: Cidr,
        gateway: IpAddr,
        congestion: Option<&str>,
    ) -> io::Result<()> {
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(destination.address, destination.prefix_len)
            .and_then(|builder| builder.gateway(gateway))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?
            .build();
        if let Some(name) = congestion {
            let metric = RouteMetric::CcAlgo(name.to_owned());
            message
                .attributes
                .push(RouteAttribute::Metrics(vec![metric]));
        }
        self.handle
            .route()
            .add(message)
            .execute()
            .await
            .map_err(to_io)
    }

    /// Makes the kernel throw away the TCP segments that it would send from this address and port:
    /// a routing rule without a route, where others would call for a firewall. What packet sockets
    /// send is not routed and so is not touched.
    pub(crate) async fn silence_port(&self, address: Ipv4Addr, port: u16) -> io::Result<()> {
        let rule = self.handle.rule().add().v4().source_prefix(address, 32);
        let mut rule = rule.action(RuleAction::Blackhole);
        let range = RulePortRange {
            start: port,
            end: port,
        };
        rule.message_mut().attributes.extend([
            RuleAttribute::IpProtocol(IpProtocol::Tcp),
            RuleAttribute::SourcePortRange(range),
        ]);
        rule.execute().await.map_err(to_io)
    }

    async fn find(&self, name: &str) -> io::Result<LinkMessage> {
        let mut answers = self
            .handle
            .link()
            .get()
            .match_name(name.to_owned())
            .execute();
        let link = answers.try_next().await.map_err(to_io)?;
        link.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {name}")))
    }

    async fn next_change_of(&mut self, index: u32) -> io::Result<()> {
        while let Some((message, _)) = self.changes.next().await {
            if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) =
                message.payload
                && link.header.index == index
            {
                return Ok(());
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the netlink connection ended",
        ))
    }
}

fn is_operational(link: &LinkMessage) -> bool {
    let up = |attribute: &LinkAttribute| {
        // The loopback device never reports more than "unknown".
        matches!(
            attribute,
            LinkAttribute::OperState(State::Up | State::Unknown)
        )
    };
    link.header.flags.contains(LinkFlags::Up) && link.attributes.iter().any(up)
}

fn to_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}
