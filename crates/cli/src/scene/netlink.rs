//! What the kernel knows about the way to a host: interface, gateway, addresses. Only questions
//! are asked here; nothing of the host's is changed.

use std::net::IpAddr;

use futures::TryStreamExt;
use handfast::Cidr;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::{Handle, RouteMessageBuilder};

use crate::failure::{Failure, code};

/// Most addresses of an interface that are read.
const ADDRESSES_MAX: usize = 256;

/// The way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) interface: String,
    /// `None` when the host is on the link itself.
    pub(super) gateway: Option<IpAddr>,
    /// The kernel's own addresses on the interface.
    pub(super) addresses: Vec<Cidr>,
}

/// Asks the kernel how it would reach `remote`, through `dev` if that is given.
pub(super) async fn way_to(remote: IpAddr, dev: Option<&str>) -> Result<Way, Failure> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(|error| {
        failed(&format!(
            "cannot ask the kernel for routes: {error}; is netlink forbidden here?"
        ))
    })?;
    let serving = tokio::spawn(connection);
    let way = ask(&handle, remote, dev).await;
    serving.abort();
    way
}

async fn ask(handle: &Handle, remote: IpAddr, dev: Option<&str>) -> Result<Way, Failure> {
    let wanted = match dev {
        Some(name) => Some(link_named(handle, name).await?),
        None => None,
    };
    let prefix_len = if remote.is_ipv4() { 32 } else { 128 };
    let message = RouteMessageBuilder::<IpAddr>::new().destination_prefix(remote, prefix_len);
    let message = message.map_err(|error| failed(&format!("no route to {remote}: {error}")))?;
    let mut message = message.build();
    if let Some(index) = wanted {
        message.attributes.push(RouteAttribute::Oif(index));
    }
    let route = handle.route().get(message).execute().try_next().await;
    let no_route = |why: &str| {
        failed(&format!(
            "this machine has no route to {remote}{why}; see `ip route get {remote}`, or choose \
             the interface with --dev"
        ))
    };
    let route = route.map_err(|error| no_route(&format!(" ({error})")))?;
    let route = route.ok_or_else(|| no_route(""))?;
    if route.header.kind == RouteType::Local {
        return Err(failed(&format!(
            "{remote} is an address of this machine itself: its kernel does not hear what a \
             packet socket sends; fetch from another machine, or use --lab"
        )));
    }
    let (index, gateway) = parts(&route);
    let index = wanted
        .or(index)
        .ok_or_else(|| no_route(": the route names no interface"))?;
    Ok(Way {
        interface: link_name(handle, index).await?,
        gateway,
        addresses: addresses(handle, index).await?,
    })
}

/// The interface and the gateway of a route.
fn parts(route: &RouteMessage) -> (Option<u32>, Option<IpAddr>) {
    let (mut index, mut gateway) = (None, None);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(value) => index = Some(*value),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                gateway = Some(IpAddr::V4(*address));
            }
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => {
                gateway = Some(IpAddr::V6(*address));
            }
            _ => {}
        }
    }
    (index, gateway)
}

/// The number of an interface that is there and up.
async fn link_named(handle: &Handle, name: &str) -> Result<u32, Failure> {
    let link = handle
        .link()
        .get()
        .match_name(name.to_owned())
        .execute()
        .try_next()
        .await;
    let Ok(Some(link)) = link else {
        return Err(failed(&format!(
            "there is no interface {name}; `ip link` lists what there is"
        )));
    };
    if !link.header.flags.contains(LinkFlags::Up) {
        return Err(failed(&format!(
            "the interface {name} is down; `ip link set {name} up` starts it"
        )));
    }
    Ok(link.header.index)
}

async fn link_name(handle: &Handle, index: u32) -> Result<String, Failure> {
    let link = handle
        .link()
        .get()
        .match_index(index)
        .execute()
        .try_next()
        .await;
    let name = link.ok().flatten().and_then(|link: LinkMessage| {
        link.attributes
            .into_iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            })
    });
    name.ok_or_else(|| failed("the interface of the route is gone; try again"))
}

async fn addresses(handle: &Handle, index: u32) -> Result<Vec<Cidr>, Failure> {
    let mut messages = handle
        .address()
        .get()
        .set_link_index_filter(index)
        .execute();
    let mut found = Vec::new();
    while let Some(message) = messages
        .try_next()
        .await
        .map_err(|error| failed(&format!("cannot read the interface's addresses: {error}")))?
    {
        let address = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Local(address) => Some(*address),
                _ => None,
            });
        let address = address.or_else(|| {
            message
                .attributes
                .iter()
                .find_map(|attribute| match attribute {
                    AddressAttribute::Address(address) => Some(*address),
                    _ => None,
                })
        });
        let cidr = address.and_then(|address| Cidr::new(address, message.header.prefix_len));
        if found.len() < ADDRESSES_MAX {
            found.extend(cidr);
        }
    }
    Ok(found)
}

fn failed(message: &str) -> Failure {
    Failure::new(code::CONNECT, message)
}
