//! Handfast in the lab: a device on the home network, an address of its own, the way out through
//! the router, and a small HTTP client over it. The scene around it is in `lab`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use handfast::tokio::Net;
use handfast::{ClaimTimings, Config, Observer};
use handfast_device::{Device, Impair, ImpairSpec, PacketOptions, PacketSocket, Record};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use handfast_packet::record::Recorder;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::content::{Pieces, Verifier};
use crate::http::{self, Answer, KEPT_MAX};
use crate::lab::{Lab, WEB_NAME};
use crate::topology::{
    GATEWAY_V4, GATEWAY_V6, HANDFAST_V4, HOME_INTERFACE, PREFIX_LEN_V4, PREFIX_LEN_V6,
};

/// Most facts that wait for an observer: what many turns of the driver bring.
pub const JOURNAL_MAX: usize = 65_536;
/// Bytes written at once by an upload.
const PIECE_LEN: usize = 64 * 1024;

/// How Handfast lives in the lab.
pub struct GuestOptions {
    /// Its IPv4 address; `None` for none.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address; `None` for none.
    pub ipv6: Option<Ipv6Addr>,
    /// Whether the addresses are probed for before they are used (RFC 5227, RFC 4862). Without
    /// that it is ready half a second earlier, and rude anywhere but in a lab.
    pub claim: bool,
    /// What the link does to frames; `None` for nothing.
    pub impair: Option<ImpairSpec>,
    /// Who is told of each frame as the stack sees it: what `impair` loses on the way in is
    /// missing, what it loses on the way out is there.
    pub recorder: Option<Box<dyn Recorder>>,
    /// Who is told what `impair` loses ([`Recorder::record_loss`]).
    pub losses: Option<Box<dyn Recorder>>,
    /// Who is told what its connections do and why; the journal has room for [`JOURNAL_MAX`] facts
    /// then.
    pub observer: Option<Box<dyn Observer>>,
    /// Whether frames may stand for several segments.
    pub super_segments: bool,
    /// Configuration of the stack. Its seed is the one below and its hardware address that of the
    /// interface, whatever it says; [`ClaimTimings::fast`] suits the lab.
    pub config: Config,
    /// Ports, sequence numbers and what `impair` does follow from it.
    pub seed: u64,
}

impl Default for GuestOptions {
    /// Claims [`HANDFAST_V4`] in tenths of seconds, over a perfect link, unrecorded, with seed 0.
    fn default() -> Self {
        Self {
            ipv4: Some(HANDFAST_V4),
            ipv6: None,
            claim: true,
            impair: None,
            recorder: None,
            losses: None,
            observer: None,
            super_segments: true,
            config: Config {
                claim: ClaimTimings::fast(),
                ..Config::default()
            },
            seed: 0,
        }
    }
}

/// Handfast, running in the lab. Its driver lives on the tokio runtime that started it.
#[derive(Clone, Debug)]
pub struct Guest {
    net: Net,
    hardware: EthernetAddress,
}

impl Guest {
    /// Opens the home network, starts a stack on it, claims its addresses and routes everything
    /// through the router.
    ///
    /// # Errors
    /// When the packet socket cannot be opened; [`io::ErrorKind::AddrInUse`] when an address is
    /// taken.
    pub async fn start(lab: &Lab, options: GuestOptions) -> io::Result<Self> {
        let GuestOptions {
            ipv4, ipv6, claim, ..
        } = options;
        let guest = Self::open(lab, options)?;
        let v4 = ipv4.map(|address| (address.into(), PREFIX_LEN_V4, GATEWAY_V4.into()));
        let v6 = ipv6.map(|address| (address.into(), PREFIX_LEN_V6, GATEWAY_V6.into()));
        for (address, prefix_len, gateway) in v4.into_iter().chain(v6) {
            guest.settle(address, prefix_len, claim).await?;
            guest
                .net
                .host()
                .add_route(everything_like(gateway), Some(gateway))?;
        }
        Ok(guest)
    }

    /// The network as Handfast's applications see it.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The link address, which Handfast shares with the host's kernel.
    pub fn hardware(&self) -> EthernetAddress {
        self.hardware
    }

    /// Gets `path` from an HTTP server with hyper, checking it against the lab's content as it
    /// comes. One connection, which the server closes.
    ///
    /// # Errors
    /// Refused, reset, cut short, or not HTTP.
    pub async fn get(&self, server: SocketAddr, path: &str) -> io::Result<Answer> {
        let stream = self.net.connect(server).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(to_io)?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path)
            .header(HOST, WEB_NAME)
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(to_io)?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let (mut start, mut verifier) = (Vec::new(), Verifier::new());
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame.map_err(to_io)?.into_data() {
                start.extend_from_slice(&bytes[..bytes.len().min(KEPT_MAX - start.len())]);
                verifier.update(&bytes);
            }
        }
        // The connection ends when the server closes; its stream is dropped then.
        connection.await.map_err(io::Error::other)?.map_err(to_io)?;
        Ok(Answer {
            status,
            start,
            len: verifier.len(),
            mismatch: verifier.mismatch(),
        })
    }

    /// Puts `len` bytes of content to `/upload`; the answer says whether they arrived intact. The
    /// figures of the connection are those when the answer was there.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn upload(
        &self,
        server: SocketAddr,
        len: u64,
    ) -> io::Result<(Answer, handfast::tcp::Info)> {
        let mut stream = self.net.connect(server).await?;
        stream
            .write_all(http::put("/upload", WEB_NAME, len).as_bytes())
            .await?;
        let mut pieces = Pieces::new(len, PIECE_LEN);
        while let Some((_, piece)) = pieces.next_piece() {
            stream.write_all(piece).await?;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let info = stream.info();
        let answer = Answer::read(&mut answer.as_slice()).map_err(io::Error::other)?;
        Ok((answer, info))
    }

    /// Waits until what was sent is out and closing handshakes are done, and stops the driver.
    pub async fn stop(self) {
        self.net.shutdown().await;
    }

    fn open(lab: &Lab, options: GuestOptions) -> io::Result<Self> {
        let packet = PacketOptions {
            super_segments: options.super_segments,
            ..PacketOptions::default()
        };
        let socket = lab
            .home()
            .run(|| PacketSocket::open(HOME_INTERFACE, &packet));
        let socket = socket.map_err(io::Error::other)?;
        let hardware = socket.hardware_address();
        let window = window_for(&socket, &options.config.tcp);
        let mut device: Box<dyn Device + Send> = Box::new(socket);
        if let Some(spec) = options.impair {
            let mut impaired = Impair::new(device, spec, options.seed);
            if let Some(losses) = options.losses {
                impaired.tell_losses(losses);
            }
            device = Box::new(impaired);
        }
        if let Some(recorder) = options.recorder {
            device = Box::new(Record::new(device, recorder));
        }
        let mut config = Config {
            seed: options.seed,
            hardware,
            ..options.config
        };
        config.tcp.receive_buffer = config.tcp.receive_buffer.min(window);
        config.tcp.receive_buffer_max = window;
        if options.observer.is_some() {
            config.journal = config.journal.max(JOURNAL_MAX);
        }
        let net = Net::start(device, config)?;
        if let Some(observer) = options.observer {
            net.host().observe(observer)?;
        }
        Ok(Self { net, hardware })
    }

    async fn settle(&self, address: IpAddr, prefix_len: u8, claim: bool) -> io::Result<()> {
        let cidr = Cidr::new(address, prefix_len).expect("the lab's prefixes fit their addresses");
        if claim {
            self.net.claim(cidr).await
        } else {
            self.net.host().add_address(cidr)
        }
    }
}

/// The largest receive buffer of a connection in the lab: no peer may have more under way to us than
/// half the capture buffer holds. Round trips take microseconds here, so a large window gains nothing,
/// and on a machine with a small `net.core.rmem_max` it would overflow the capture buffer, which is
/// how the article's program lost its packets.
pub fn window_for(socket: &PacketSocket, wanted: &handfast::tcp::Config) -> usize {
    let wanted = wanted.receive_buffer.max(wanted.receive_buffer_max);
    wanted.min(socket.receive_buffer() / 2)
}

/// The prefix of length 0 in the family of `address`.
fn everything_like(address: IpAddr) -> Cidr {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Cidr {
        address: any,
        prefix_len: 0,
    }
}

/// What lies beneath a failure of hyper, if it is a failure of the stream.
fn to_io(error: hyper::Error) -> io::Error {
    let beneath = std::error::Error::source(&error).and_then(|s| s.downcast_ref::<io::Error>());
    let kind = beneath.map_or(io::ErrorKind::InvalidData, io::Error::kind);
    io::Error::new(kind, error)
}
