//! The machine's own network as a place to fetch from: names by the host's resolver, interface
//! and gateway from the kernel's routes, an address that nobody else has.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use handfast::{Cidr, ClaimTimings};
use handfast_device::{PacketOptions, PacketSocket};

use super::netlink::{self, Way};
use super::setting::Setting;
use crate::args::IpChoice;
use crate::failure::{Failure, code};
use crate::plan::Plan;
use crate::target::HostName;

/// Most addresses that `--ip auto` tries to claim; each takes some seconds.
pub(crate) const CANDIDATES_MAX: usize = 5;
/// Most draws for so many candidates.
const DRAWS_MAX: u64 = 64;

/// Handfast's place on the network that leads to what the plan wants to fetch.
pub(super) async fn setting(plan: &Plan) -> Result<Setting, Failure> {
    let addresses = plan.family(resolve(&plan.target.host, plan.target.port).await?);
    let Some(&first) = addresses.first() else {
        return Err(plan.no_family());
    };
    let dev = plan.args.network.dev.as_deref();
    let way = netlink::way_to(first, dev).await?;
    let candidates = match plan.args.network.ip {
        Some(IpChoice::Fixed(cidr)) => {
            check_family(cidr, first)?;
            vec![cidr]
        }
        Some(IpChoice::Auto) => candidates(&way, first, plan.seed)?,
        None => return Err(no_ip(&way)),
    };
    let options = PacketOptions::default();
    let queues = PacketSocket::open_queues(&way.interface, &options, plan.steering());
    let queues = queues.map_err(|error| Failure::new(code::CONNECT, error.to_string()))?;
    let same_family = addresses
        .iter()
        .filter(|address| address.is_ipv4() == first.is_ipv4());
    let remotes = same_family.map(|&address| SocketAddr::new(address, plan.target.port));
    let names = match &plan.target.host {
        HostName::Name(name) => addresses.iter().map(|&a| (a, name.clone())).collect(),
        HostName::Address(_) => Vec::new(),
    };
    Ok(Setting {
        queues,
        remotes: remotes.collect(),
        interface: way.interface,
        candidates,
        gateway: way.gateway,
        kernels: way.addresses.iter().map(|cidr| cidr.address).collect(),
        names,
        claim: ClaimTimings::default(),
        tcp: handfast::tcp::Config::default(),
        says_claim: true,
    })
}

async fn resolve(host: &HostName, port: u16) -> Result<Vec<IpAddr>, Failure> {
    let name = match host {
        HostName::Address(address) => return Ok(vec![*address]),
        HostName::Name(name) => name,
    };
    let found = tokio::net::lookup_host((name.as_str(), port)).await;
    let addresses = found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
    let hint = if name == handfast_lab::WEB_NAME {
        "; the lab's server needs --lab"
    } else {
        ""
    };
    let why = match addresses {
        Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
        Ok(_) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    let message =
        format!("cannot resolve {name}: {why}; check the spelling and the resolver{hint}");
    Err(Failure::new(code::RESOLVE, message))
}

/// Without --ip nobody said that an address may be taken.
fn no_ip(way: &Way) -> Failure {
    Failure::usage(format!(
        "an IP address of our own is needed on {}: --ip auto claims a free one by RFC 5227, \
         --ip ADDRESS/PREFIX claims that one; --lab needs none of this",
        way.interface
    ))
}

fn check_family(cidr: Cidr, remote: IpAddr) -> Result<(), Failure> {
    if cidr.address.is_ipv4() == remote.is_ipv4() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--ip {cidr} and the destination {remote} are of different families; use -4 or -6"
    )))
}

/// Some addresses in the interface's network that are not known to be in use.
fn candidates(way: &Way, remote: IpAddr, seed: u64) -> Result<Vec<Cidr>, Failure> {
    let network = way.addresses.iter().find(|cidr| {
        cidr.address.is_ipv4() == remote.is_ipv4()
            && !matches!(cidr.address, IpAddr::V6(address) if address.is_unicast_link_local())
    });
    let no_address = |why: &str| {
        let message = format!(
            "no free address on {}: {why}; name one with --ip ADDRESS/PREFIX",
            way.interface
        );
        Failure::new(code::CONNECT, message)
    };
    let Some(network) = network else {
        return Err(no_address(
            "the interface has no address of this family to go by",
        ));
    };
    let mut found = BTreeSet::new();
    for draw in 0..DRAWS_MAX {
        let Some(address) = draw_address(*network, mix(seed.wrapping_add(draw))) else {
            continue;
        };
        let is_known = way.addresses.iter().any(|cidr| cidr.address == address)
            || way.gateway == Some(address)
            || address == remote;
        if !is_known && found.len() < CANDIDATES_MAX {
            found.insert(address);
        }
    }
    let claims = found
        .into_iter()
        .filter_map(|address| Cidr::new(address, network.prefix_len));
    let claims: Vec<Cidr> = claims.collect();
    if claims.is_empty() {
        return Err(no_address(&format!("the network {network} has no room")));
    }
    Ok(claims)
}

/// An address of a host in `network`; `None` when the number happens to give none.
fn draw_address(network: Cidr, number: u64) -> Option<IpAddr> {
    let host_bits = |all: u32| {
        all.checked_sub(u32::from(network.prefix_len))
            .filter(|&b| b >= 2)
    };
    match network.network().address {
        IpAddr::V4(base) => {
            let mask = u32::MAX.checked_shr(32 - host_bits(32)?).unwrap_or(0);
            let host = u32::try_from(number >> 32).ok()? & mask;
            let is_host = host != 0 && host != mask;
            is_host.then(|| Ipv4Addr::from(u32::from(base) | host).into())
        }
        IpAddr::V6(base) => {
            let bits = host_bits(128)?.min(64);
            let host = u128::from(number) & (u128::MAX >> (128 - bits));
            (host != 0).then(|| Ipv6Addr::from(u128::from(base) | host).into())
        }
    }
}

/// Spreads a seed over all bits.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        bits = (bits ^ (bits >> shift)).wrapping_mul(factor);
    }
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(addresses: &[&str]) -> Way {
        Way {
            interface: "eth0".to_owned(),
            gateway: Some("192.168.7.1".parse().unwrap()),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn candidates_lie_in_the_network_and_are_nobodys() {
        let way = way(&["192.168.7.2/29", "fe80::1/64", "2001:db8::2/64"]);
        let remote: IpAddr = "198.51.100.1".parse().unwrap();
        let network: Cidr = "192.168.7.0/29".parse().unwrap();
        let found = candidates(&way, remote, 7).unwrap();
        assert!(!found.is_empty() && found.len() <= CANDIDATES_MAX);
        for cidr in found {
            assert!(network.contains(cidr.address), "{cidr}");
            let last = cidr.address.to_string();
            assert!(
                !["192.168.7.0", "192.168.7.1", "192.168.7.2", "192.168.7.7"]
                    .contains(&last.as_str()),
                "{cidr}"
            );
        }
        let remote: IpAddr = "2001:db8:1::1".parse().unwrap();
        let network: Cidr = "2001:db8::/64".parse().unwrap();
        for cidr in candidates(&way, remote, 7).unwrap() {
            assert!(network.contains(cidr.address), "{cidr}");
        }
    }

    #[test]
    fn a_network_without_room_says_so() {
        let remote: IpAddr = "198.51.100.1".parse().unwrap();
        for addresses in [&["192.168.7.2/31"][..], &["2001:db8::2/64"][..], &[][..]] {
            let failure = candidates(&way(addresses), remote, 7).unwrap_err();
            assert_eq!(failure.code, code::CONNECT);
            assert!(
                failure.message.contains("no free address"),
                "{}",
                failure.message
            );
        }
    }
}
