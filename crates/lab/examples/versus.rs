//! Handfast against the kernel, side by side: the same transfer through the same lab, alternating.
//!
//! ```text
//! cargo run --release -p handfast-lab --example versus -- download 1073741824 5
//! cargo run --release -p handfast-lab --example versus -- upload 1073741824 5
//! cargo run --release -p handfast-lab --example versus -- download 104857600 1 delay=10ms,loss=1%
//! cargo run --release -p handfast-lab --example versus -- repeat 1048576 100
//! cargo run --release -p handfast-lab --example versus -- parallel 4096 200
//! ```
//! The kernel's side is curl in the namespace of the host, and a twin of our own program on the
//! kernel's sockets. Handfast's side first makes one transfer in which every byte is verified.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Before any thread exists.
    handfast_lab::enter()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(linux::main())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the lab needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::process::Command;
    use std::time::Duration;

    use handfast_lab::guest::{Guest, GuestOptions};
    use handfast_lab::{Counters, Lab, LabOptions, http, kernel_client};
    use rustix::time::{ClockId, clock_gettime};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    type Outcome<T> = Result<T, Box<dyn Error>>;

    /// What the command line asks for.
    struct Choice {
        mode: String,
        len: u64,
        count: usize,
        impair: Option<String>,
    }

    pub(super) async fn main() -> Outcome<()> {
        let mut words = std::env::args().skip(1);
        let choice = Choice {
            mode: words.next().unwrap_or_else(|| "download".to_owned()),
            len: words.next().map_or(Ok(1 << 30), |word| word.parse())?,
            count: words.next().map_or(Ok(5), |word| word.parse())?,
            impair: words.next(),
        };
        let lab = Lab::start(LabOptions::default())?;
        let impair = choice.impair.as_deref().map(str::parse).transpose()?;
        let seed = handfast::random_seed()?;
        let options = GuestOptions {
            impair,
            seed,
            ..GuestOptions::default()
        };
        let guest = Guest::start(&lab, options).await?;
        match choice.mode.as_str() {
            "download" | "upload" => versus(&lab, &guest, &choice).await?,
            "repeat" | "parallel" => many(&lab, &guest, &choice).await?,
            other => return Err(format!("unknown mode {other}").into()),
        }
        let host = guest.net().host().clone();
        guest.stop().await;
        println!(
            "left after closing: {} connections, {} in TIME-WAIT; resets sent by us: {}",
            host.tcp_count(),
            host.time_wait_count(),
            host.counters().tcp.resets_sent
        );
        Ok(())
    }

    /// Pairs of transfers, ours and the kernel's, and the median of the ratios.
    async fn versus(lab: &Lab, guest: &Guest, choice: &Choice) -> Outcome<()> {
        let server = lab.web_socket();
        let before = Counters::of(lab.web())?;
        let began = now();
        verify(guest, server, choice).await?;
        report("verified", choice.len, now() - began);
        retransmissions(lab, &before)?;
        let (mut to_curl, mut to_twin) = (Vec::new(), Vec::new());
        for _ in 0..choice.count {
            let before = Counters::of(lab.web())?;
            let began = now();
            ours(guest, server, choice).await?;
            let ours = now() - began;
            report("handfast", choice.len, ours);
            retransmissions(lab, &before)?;
            if choice.mode == "download" {
                let began = now();
                curl(lab, server, choice)?;
                let curl = now() - began;
                report("curl", choice.len, curl);
                to_curl.push(curl.as_secs_f64() / ours.as_secs_f64());
            }
            let began = now();
            twin(lab, server, choice)?;
            let twin = now() - began;
            report("kernel", choice.len, twin);
            to_twin.push(twin.as_secs_f64() / ours.as_secs_f64());
        }
        ratio("curl", to_curl);
        ratio("the kernel's sockets in this process", to_twin);
        Ok(())
    }

    /// How many times as fast we were.
    fn ratio(whom: &str, mut ratios: Vec<f64>) {
        ratios.sort_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (ratios.first(), ratios.last()) {
            let median = ratios[ratios.len() / 2];
            println!("ratio to {whom}: median {median:.2}, from {least:.2} to {most:.2}");
        }
    }

    async fn verify(guest: &Guest, server: SocketAddr, choice: &Choice) -> Outcome<()> {
        if choice.mode == "upload" {
            let (answer, info) = guest.upload(server, choice.len).await?;
            println!(
                "  {} resent by us: {}",
                text(&answer.start),
                info.retransmissions
            );
            return Ok(());
        }
        let answer = guest.get(server, &format!("/bytes/{}", choice.len)).await?;
        if answer.len != choice.len || answer.mismatch.is_some() {
            let (len, at) = (answer.len, answer.mismatch);
            return Err(format!("content differs: {len} bytes, first wrong at {at:?}").into());
        }
        Ok(())
    }

    /// The transfer as curl makes it: bytes go nowhere.
    async fn ours(guest: &Guest, server: SocketAddr, choice: &Choice) -> Outcome<()> {
        if choice.mode == "upload" {
            guest.upload(server, choice.len).await?;
            return Ok(());
        }
        let got = drain(guest, server, &format!("/bytes/{}", choice.len)).await?;
        if got < choice.len {
            return Err(format!("{got} bytes came of {}", choice.len).into());
        }
        Ok(())
    }

    async fn drain(guest: &Guest, server: SocketAddr, path: &str) -> io::Result<u64> {
        let mut stream = guest.net().connect(server).await?;
        stream
            .write_all(http::get(path, "web.lab").as_bytes())
            .await?;
        let (mut buffer, mut got) = (vec![0; 256 * 1024], 0);
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(got),
                count => got += count as u64,
            }
        }
    }

    /// curl on kernel TCP; its start counts.
    fn curl(lab: &Lab, server: SocketAddr, choice: &Choice) -> Outcome<()> {
        let url = format!("http://{server}/bytes/{}", choice.len);
        let mut curl = Command::new("curl");
        let curl = curl.args(["--silent", "--show-error", "--output", "/dev/null", &url]);
        let output = kernel_client::run_command(lab.home(), curl)?;
        if !output.status.success() {
            return Err(text(&output.stderr).into());
        }
        Ok(())
    }

    /// The same work as ours, in this process, on a socket of the kernel.
    fn twin(lab: &Lab, server: SocketAddr, choice: &Choice) -> Outcome<()> {
        if choice.mode == "upload" {
            kernel_client::upload(lab.home(), server, choice.len)?;
            return Ok(());
        }
        let path = format!("/bytes/{}", choice.len);
        let got: io::Result<u64> = lab.home().run(|| {
            let mut stream = TcpStream::connect(server)?;
            stream.write_all(http::get(&path, "web.lab").as_bytes())?;
            let (mut buffer, mut got) = (vec![0; 256 * 1024], 0);
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(got),
                    count => got += count as u64,
                }
            }
        });
        if got? < choice.len {
            return Err("the kernel's transfer is short".into());
        }
        Ok(())
    }

    /// Many transfers, one after the other or at once; all must be whole and nothing may be left.
    async fn many(lab: &Lab, guest: &Guest, choice: &Choice) -> Outcome<()> {
        let (server, before) = (lab.web_socket(), Counters::of(lab.web())?);
        let began = now();
        let path = format!("/bytes/{}", choice.len);
        let mut whole = 0;
        if choice.mode == "repeat" {
            for _ in 0..choice.count {
                let answer = guest.get(server, &path).await?;
                whole += usize::from(answer.len == choice.len && answer.mismatch.is_none());
            }
        } else {
            let tasks: Vec<_> = (0..choice.count)
                .map(|_| {
                    let (guest, path) = (guest.clone(), path.clone());
                    tokio::spawn(async move { guest.get(server, &path).await })
                })
                .collect();
            for task in tasks {
                let answer = task.await??;
                whole += usize::from(answer.len == choice.len && answer.mismatch.is_none());
            }
        }
        let time = now() - began;
        let len = choice.len;
        println!(
            "{whole} of {} fetches of {len} bytes are whole, in {time:.2?}",
            choice.count
        );
        retransmissions(lab, &before)?;
        Ok(())
    }

    fn report(who: &str, len: u64, time: Duration) {
        let rate = len as f64 * 8.0 / time.as_secs_f64() / 1e6;
        println!("{who:>10}: {:8.3} s, {rate:9.2} Mbit/s", time.as_secs_f64());
    }

    /// What the server's kernel counted: resends, and what it made of them later.
    fn retransmissions(lab: &Lab, before: &Counters) -> Outcome<()> {
        let since = Counters::of(lab.web())?.since(before);
        println!(
            "  by the server: {} segments resent ({} tail probes, {} timeouts, {} found needless), \
             {} resets",
            since.get("Tcp.RetransSegs"),
            since.get("TcpExt.TCPLossProbes"),
            since.get("TcpExt.TCPTimeouts"),
            since.get("TcpExt.TCPDSACKRecv"),
            since.get("Tcp.OutRsts"),
        );
        Ok(())
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).trim().to_owned()
    }

    fn now() -> Duration {
        let time = clock_gettime(ClockId::Monotonic);
        let part = |value: i64| u64::try_from(value).unwrap_or_default();
        Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
    }
}
