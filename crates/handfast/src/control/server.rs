//! Answering: a task that accepts those who may ask and walks through the tables for them, a few
//! places at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use handfast_stack::{TcpRow, TcpTable};
use rustix::process::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::place;
use super::wire::{self, REQUEST_MAX, ROWS_MAX, Request};
use crate::host::{Host, Shared};

/// Most clients at the same time; more wait until one is done.
pub const CLIENTS_MAX: usize = 4;
/// Longest time that a client may take, from its connection to the last byte of its answer.
pub const CLIENT_TIME_MAX: Duration = Duration::from_secs(5);
/// Most places of a table that are looked at while its host is held, which is some tens of
/// microseconds; the driver has its turn in between.
pub const PLACES_MAX: u32 = 64;
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
    hosts: Arc<[Arc<Shared>]>,
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
            hosts: hosts.iter().map(|host| Arc::clone(host.shared())).collect(),
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
        if self.hosts.iter().all(|host| host.poll_end(cx).is_ready()) {
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
async fn attend(mut stream: UnixStream, hosts: &[Arc<Shared>]) -> io::Result<()> {
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
        Ok(Request::Connections) => tell_sockets(&mut stream, hosts).await,
        Err(why) => stream.write_all(wire::refusal(why).as_bytes()).await,
    }
}

/// The mode of the socket says the same, where the system heeds it.
fn may_ask(user: u32, owner: u32) -> bool {
    user == owner || user == 0
}

/// Writes each piece before the next one is looked at, so that no answer is ever in memory as a
/// whole.
async fn tell_sockets(stream: &mut UnixStream, hosts: &[Arc<Shared>]) -> io::Result<()> {
    let head = wire::head(std::process::id(), &program());
    stream.write_all(head.as_bytes()).await?;
    let total: usize = hosts
        .iter()
        .map(|host| host.lock().stack.tcp_sockets())
        .sum();
    let mut told = 0;
    for mut rows in Walk::new(hosts) {
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
    let tail = format!("{}\n", wire::tail(more));
    stream.write_all(tail.as_bytes()).await
}

fn program() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name);
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A walk through the tables of all hosts: those of one kind after the other, piece by piece.
struct Walk<'a> {
    rooms: VecDeque<(TcpTable, &'a Shared)>,
    /// The next place in the first of them.
    place: u32,
}

impl<'a> Walk<'a> {
    fn new(hosts: &'a [Arc<Shared>]) -> Self {
        let rooms = TcpTable::ALL
            .into_iter()
            .flat_map(|table| hosts.iter().map(move |host| (table, &**host)));
        Self {
            rooms: rooms.collect(),
            place: 0,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Vec<TcpRow>;

    /// The sockets at the next [`PLACES_MAX`] places; there may be none.
    fn next(&mut self) -> Option<Vec<TcpRow>> {
        let &(table, host) = self.rooms.front()?;
        let (first, now) = (self.place, host.now());
        let shard = host.lock();
        let all = shard.stack.tcp_places(table);
        let end = all.min(first.saturating_add(PLACES_MAX));
        let rows = (first..end).filter_map(|place| shard.stack.tcp_row(now, table, place));
        let rows = rows.collect();
        drop(shard);
        self.place = end;
        if end == all {
            self.rooms.pop_front();
            self.place = 0;
        }
        Some(rows)
    }
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
