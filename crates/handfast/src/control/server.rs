//! Answering: a task that accepts those who may ask and walks through the tables for them, a few
//! places at a time.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::look::{Hosts, Walk, program};
use super::place;
use super::wire::{self, REQUEST_MAX, ROWS_MAX, Request};
use crate::host::Host;

/// Most clients at the same time; more wait until one is done.
pub const CLIENTS_MAX: usize = 4;
/// Longest time that a client may take, from its connection to the last byte of its answer.
pub const CLIENT_TIME_MAX: Duration = Duration::from_secs(5);
/// Most facts of one answer: the latest.
pub const ANSWER_FACTS_MAX: usize = 1_024;
/// How long nobody is accepted after the system could not accept somebody: it lacks descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Opens the control socket of this process and answers there for `hosts`: for one, or for all
/// shards of one, or for several. What it gives is to be spawned; it ends when all hosts have ended,
/// and keeps none of them alive. Dropping it removes the socket.
///
/// # Errors
/// `AddrInUse` when this process has a control socket already, `PermissionDenied` when the
/// [`folder`](super::folder) is not this user's alone, and what the system says.
///
/// # Panics
/// Outside of a tokio runtime, or in one without I/O or time enabled.
pub fn serve(hosts: &[Host]) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    serve_in(&place::folder(), hosts)
}

/// [`serve`] with a folder of the caller's choice, which is made when it is not there.
///
/// # Errors
/// Those of [`serve`].
///
/// # Panics
/// Like [`serve`].
pub fn serve_in(
    folder: &Path,
    hosts: &[Host],
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let server = Server::open(folder, hosts)?;
    Ok(server.run())
}

struct Server {
    /// Goes first when all is dropped, so that nobody finds a socket that refuses.
    _file: File,
    listener: UnixListener,
    hosts: Arc<Hosts>,
    clients: JoinSet<()>,
}

/// The socket's name, which goes with it.
struct File(PathBuf);

impl Server {
    fn open(folder: &Path, hosts: &[Host]) -> io::Result<Self> {
        place::make(folder)?;
        let path = place::socket(folder, std::process::id());
        // Whoever had our number before us has left it behind.
        let left_behind = std::os::unix::net::UnixStream::connect(&path);
        if left_behind.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path).map_err(|error| {
            let advice = match error.kind() {
                ErrorKind::AddrInUse => "; let one task serve all hosts of the process",
                _ => "",
            };
            let message = format!("cannot listen at {}: {error}{advice}", path.display());
            io::Error::new(error.kind(), message)
        })?;
        let file = File(path);
        std::fs::set_permissions(&file.0, PermissionsExt::from_mode(0o600))?;
        Ok(Self {
            _file: file,
            listener,
            hosts: Arc::new(Hosts::new(hosts)),
            clients: JoinSet::new(),
        })
    }

    async fn run(mut self) {
        while let Some(accepted) = poll_fn(|cx| self.poll_client(cx)).await {
            match accepted {
                Ok(stream) => {
                    let hosts = Arc::clone(&self.hosts);
                    self.clients.spawn(async move {
                        // Whoever is too slow or gone gets no more; there is nobody to tell.
                        let _ = tokio::time::timeout(CLIENT_TIME_MAX, attend(stream, &hosts)).await;
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    /// The next client; `None` when all hosts have ended.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<UnixStream>>> {
        while let Poll::Ready(Some(_)) = self.clients.poll_join_next(cx) {}
        let mut hosts = self.hosts.all().iter();
        if hosts.all(|host| host.poll_end(cx).is_ready()) {
            return Poll::Ready(None);
        }
        if self.clients.len() >= CLIENTS_MAX {
            return Poll::Pending;
        }
        let accepted = self.listener.poll_accept(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Where it is gone already, somebody has tidied up.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Reads one request and answers it.
async fn attend(mut stream: UnixStream, hosts: &Hosts) -> io::Result<()> {
    if !may_ask(stream.peer_cred()?.uid(), geteuid().as_raw()) {
        return Ok(());
    }
    let mut line = Vec::new();
    let limit = u64::try_from(REQUEST_MAX).expect("a small number");
    BufReader::new((&mut stream).take(limit))
        .read_until(b'\n', &mut line)
        .await?;
    let request = match line.len() {
        REQUEST_MAX if line.last() != Some(&b'\n') => Err("the request is too long"),
        _ => wire::request(&line),
    };
    match request {
        Ok(request) => tell(&mut stream, hosts, request).await,
        Err(why) => stream.write_all(wire::refusal(why).as_bytes()).await,
    }
}

/// The mode of the socket says the same, where the system heeds it.
fn may_ask(user: u32, owner: u32) -> bool {
    user == owner || user == 0
}

/// Writes each piece before the next one is looked at, so that no answer is ever in memory as a
/// whole.
async fn tell(stream: &mut UnixStream, hosts: &Hosts, request: Request) -> io::Result<()> {
    if request.facts_after.is_some() {
        hosts.listen();
    }
    let head = wire::head(std::process::id(), &program());
    stream.write_all(head.as_bytes()).await?;
    let total: usize = hosts
        .all()
        .iter()
        .map(|host| host.lock().stack.tcp_sockets())
        .sum();
    let mut told = 0;
    for mut rows in Walk::new(hosts.all()) {
        rows.truncate(ROWS_MAX - told);
        let piece = wire::rows(&rows, told > 0);
        told += rows.len();
        stream.write_all(piece.as_bytes()).await?;
        if told == ROWS_MAX {
            break;
        }
        tokio::task::yield_now().await;
    }
    let more = match told {
        ROWS_MAX => total.saturating_sub(told),
        _ => 0,
    };
    let more = u64::try_from(more).expect("a word has at most 64 bits");
    let facts = request.facts_after;
    let facts = facts.map(|after| hosts.facts(after, ANSWER_FACTS_MAX));
    let tail = format!("{}\n", wire::tail(more, facts.as_ref()));
    stream.write_all(tail.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_root_may_ask() {
        assert!(may_ask(1_000, 1_000));
        assert!(may_ask(0, 1_000));
        assert!(!may_ask(1_001, 1_000));
        assert!(!may_ask(1_000, 0));
    }
}
