//! The lab as a place to fetch from: Handfast in `home`, the server behind the router.

use std::net::{IpAddr, SocketAddr};

use handfast::{Cidr, ClaimTimings};
use handfast_device::{PacketOptions, PacketSocket};
use handfast_lab::guest;
use handfast_lab::{
    GATEWAY_V4, GATEWAY_V6, HANDFAST_V4, HANDFAST_V6, HOME_HOST_V4, HOME_HOST_V6, HOME_INTERFACE,
    Lab, PREFIX_LEN_V4, PREFIX_LEN_V6, WEB_NAME, WEB_V4, WEB_V6,
};

use super::setting::Setting;
use crate::args::IpChoice;
use crate::failure::{Failure, code};
use crate::plan::Plan;
use crate::target::HostName;

/// Handfast's place in the lab, for what the plan wants to fetch.
pub(super) fn setting(plan: &Plan, lab: &Lab) -> Result<Setting, Failure> {
    let addresses = match &plan.target.host {
        HostName::Address(address) => vec![*address],
        HostName::Name(name) => lab.resolve(name),
    };
    let addresses = plan.family(addresses);
    let Some(&first) = addresses.first() else {
        let HostName::Name(name) = &plan.target.host else {
            return Err(plan.no_family());
        };
        let message = format!(
            "the lab does not know the name {name}: it knows {WEB_NAME} only; leave --lab out for \
             the real network"
        );
        return Err(Failure::new(code::RESOLVE, message));
    };
    let same_family = addresses
        .iter()
        .filter(|address| address.is_ipv4() == first.is_ipv4());
    let remotes = same_family
        .map(|&address| SocketAddr::new(address, plan.target.port))
        .collect();
    let (address, prefix_len, gateway): (IpAddr, u8, IpAddr) = if first.is_ipv4() {
        (HANDFAST_V4.into(), PREFIX_LEN_V4, GATEWAY_V4.into())
    } else {
        (HANDFAST_V6.into(), PREFIX_LEN_V6, GATEWAY_V6.into())
    };
    let own = Cidr::new(address, prefix_len).expect("the lab's prefixes are in range");
    let candidates = match plan.args.network.ip {
        Some(IpChoice::Fixed(cidr)) => vec![cidr],
        Some(IpChoice::Auto) | None => vec![own],
    };
    let options = PacketOptions::default();
    let queues = lab
        .home()
        .run(|| PacketSocket::open_queues(HOME_INTERFACE, &options, plan.steering()));
    let queues = queues.map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
    let tcp = handfast::tcp::Config::default();
    // All have the same capture buffer.
    let window = guest::window_for(&queues[0], &tcp);
    let name = |address: IpAddr, name: &str| (address, name.to_owned());
    Ok(Setting {
        queues,
        interface: HOME_INTERFACE.to_owned(),
        candidates,
        gateway: Some(gateway),
        kernels: vec![HOME_HOST_V4.into(), HOME_HOST_V6.into()],
        remotes,
        names: vec![
            name(WEB_V4.into(), WEB_NAME),
            name(WEB_V6.into(), WEB_NAME),
            name(HANDFAST_V4.into(), "handfast"),
            name(HANDFAST_V6.into(), "handfast"),
            name(GATEWAY_V4.into(), "router"),
            name(GATEWAY_V6.into(), "router"),
            name(HOME_HOST_V4.into(), "home"),
            name(HOME_HOST_V6.into(), "home"),
        ],
        claim: ClaimTimings::fast(),
        tcp: handfast::tcp::Config {
            receive_buffer: tcp.receive_buffer.min(window),
            receive_buffer_max: window,
            ..tcp
        },
        says_claim: false,
    })
}
