//! Handfast in the lab: a device on the home network, an address of its own, the way out through
//! the router, and a small HTTP client over it. The scene around it is in `lab`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use handfast::tokio::{Net, TcpStream};
use handfast::{ClaimTimings, Config};
use handfast_device::{Device, Impair, ImpairSpec, PacketOptions, PacketSocket, Record};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use handfast_packet::record::Recorder;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;

use crate::content::Verifier;
use crate::http::KEPT_MAX;
use crate::lab::{Lab, WEB_NAME};
use crate::topology::{
    GATEWAY_V4, GATEWAY_V6, HANDFAST_V4, HANDFAST_V6, HOME_INTERFACE, PREFIX_LEN_V4, PREFIX_LEN_V6,
};

/// How Handfast lives in the lab.
pub struct GuestOptions {
    /// IPv4 address to claim; `None` for none.
    pub ipv4: Option<Ipv4Addr>,
    /// IPv6 address to claim; `None` for none.
    pub ipv6: Option<Ipv6Addr>,
    /// Whether the addresses are probed for first (RFC 5227, RFC 4862). Without it they are just
    /// used, which saves half a second and is rude anywhere but in a lab.
    pub claim: bool,
    /// What the link does to frames; `None` for nothing.
    pub impair: Option<ImpairSpec>,
    /// Who is told of each frame, as the stack sees it: what `impair` loses on the way in is
    /// missing, what it loses on the way out is there.
    pub recorder: Option<Box<dyn Recorder>>,
    /// Whether frames may stand for several segments.
    pub super_segments: bool,
    /// Configuration of the stack; seed, hardware address and times of claiming are set from the
    /// lab and from `seed`.
    pub config: Config,
    /// What must not be guessed is drawn from it, and what `impair` does too.
    pub seed: u64,
}

impl Default for GuestOptions {
    /// Claims [`HANDFAST_V4`] over a perfect link, unrecorded, with seed 0.
    fn default() -> Self {
        Self {
            ipv4: Some(HANDFAST_V4),
            ipv6: None,
            claim: true,
            impair: None,
            recorder: None,
            super_segments: true,
            config: Config::default(),
            seed: 0,
        }
    }
}

impl GuestOptions {
    /// Both addresses of Handfast in the lab.
    #[must_use]
    pub fn dual_stack(mut self) -> Self {
        self.ipv4 = Some(HANDFAST_V4);
        self.ipv6 = Some(HANDFAST_V6);
        self
    }
}

/// Handfast, running in the lab. Its driver lives on the tokio runtime that started it.
pub struct Guest {
    /// The network as Handfast's applications see it.
    pub net: Net,
    /// The link address that it shares with the host.
    pub hardware: EthernetAddress,
}

impl Guest {
    /// Opens the home network, starts a stack on it and claims what was asked for.
    ///
    /// # Errors
    /// When the packet socket cannot be opened, or an address is taken
    /// ([`io::ErrorKind::AddrInUse`]).
    pub async fn start(lab: &Lab, options: GuestOptions) -> io::Result<Self> {
        let guest = Self::open(lab, &mut { options.impair }, options.recorder, &Settings {
            super_segments: options.super_segments,
            config: Config {
                seed: options.seed,
                claim: ClaimTimings::fast(),
                ..options.config
            },
        })?;
        let v4 = options.ipv4.map(|address| (IpAddr::V4(address), PREFIX_LEN_V4));
        let v6 = options.ipv6.map(|address| (IpAddr::V6(address), PREFIX_LEN_V6));
        for (address, prefix_len) in v4.into_iter().chain(v6) {
            guest.settle(address, prefix_len, options.claim).await?;
        }
        Ok(guest)
    }
}
