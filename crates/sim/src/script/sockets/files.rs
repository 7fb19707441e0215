//! The table of files: which descriptor stands for which socket or epoll file.

use std::collections::BTreeMap;

use super::call::Fd;
use super::constants::{O_NONBLOCK, O_RDWR};
use super::epoll::Epoll;
use super::errno::Errno;
use super::socket::Socket;

/// Most descriptors of a program: far more than a script names.
pub const FILES_MAX: usize = 4_096;

/// The first descriptor; those below belong to the terminal.
const FIRST: Fd = 3;

/// All files of the program.
#[derive(Debug, Default)]
pub(super) struct Files {
    descriptors: BTreeMap<Fd, FileKey>,
    /// Open files; `dup` lets several descriptors stand for one.
    files: BTreeMap<FileKey, File>,
    last: u64,
}

/// The name of an open file; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileKey(u64);

#[derive(Debug)]
pub(super) enum File {
    /// A socket.
    Socket(Box<Socket>),
    /// An epoll file.
    Epoll(Epoll),
}

impl Files {
    /// Opens a file under the lowest free descriptor.
    pub(super) fn open(&mut self, file: File) -> Result<Fd, Errno> {
        self.last += 1;
        let key = FileKey(self.last);
        let fd = self.name(key)?;
        self.files.insert(key, file);
        Ok(fd)
    }

    /// A second descriptor for the same file.
    pub(super) fn duplicate(&mut self, fd: Fd) -> Result<Fd, Errno> {
        let key = self.key(fd)?;
        self.name(key)
    }

    /// Takes a descriptor away; gives the file when it was the last one.
    pub(super) fn close(&mut self, fd: Fd) -> Result<Option<File>, Errno> {
        let key = self.key(fd)?;
        self.descriptors.remove(&fd);
        if self.descriptors.values().any(|&other| other == key) {
            return Ok(None);
        }
        Ok(self.files.remove(&key))
    }

    /// Whether `fd` is the only descriptor of its file.
    pub(super) fn is_last(&self, fd: Fd) -> Result<bool, Errno> {
        let key = self.key(fd)?;
        let names = self.descriptors.values().filter(|&&other| other == key);
        Ok(names.count() == 1)
    }

    /// The file that `fd` stands for.
    pub(super) fn key(&self, fd: Fd) -> Result<FileKey, Errno> {
        self.descriptors.get(&fd).copied().ok_or(Errno::EBADF)
    }

    /// The file that `fd` stands for, when it is a socket.
    pub(super) fn socket_key(&self, fd: Fd) -> Result<FileKey, Errno> {
        let key = self.key(fd)?;
        match self.files.get(&key) {
            Some(File::Socket(_)) => Ok(key),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// A socket whose key was asked for just now.
    pub(super) fn socket(&mut self, key: FileKey) -> &mut Socket {
        match self.files.get_mut(&key) {
            Some(File::Socket(socket)) => socket,
            _ => unreachable!("keys of sockets come from socket_key"),
        }
    }

    /// An epoll file.
    pub(super) fn epoll(&mut self, fd: Fd) -> Result<&mut Epoll, Errno> {
        let key = self.key(fd)?;
        match self.files.get_mut(&key) {
            Some(File::Epoll(epoll)) => Ok(epoll),
            _ => Err(Errno::EINVAL),
        }
    }

    /// All sockets, oldest first.
    pub(super) fn sockets_mut(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.files.values_mut().filter_map(|file| match file {
            File::Socket(socket) => Some(&mut **socket),
            File::Epoll(_) => None,
        })
    }

    /// All epoll files.
    pub(super) fn epolls_mut(&mut self) -> impl Iterator<Item = &mut Epoll> {
        self.files.values_mut().filter_map(|file| match file {
            File::Socket(_) => None,
            File::Epoll(epoll) => Some(epoll),
        })
    }

    /// `F_GETFL`.
    pub(super) fn flags(&mut self, fd: Fd) -> Result<i64, Errno> {
        let key = self.key(fd)?;
        Ok(match self.files.get(&key) {
            Some(File::Socket(socket)) if socket.nonblocking => O_RDWR | O_NONBLOCK,
            _ => O_RDWR,
        })
    }

    /// `F_SETFL`: only `O_NONBLOCK` can be changed, the others are passed over as everywhere.
    pub(super) fn set_flags(&mut self, fd: Fd, flags: i64) -> Result<(), Errno> {
        let key = self.key(fd)?;
        if let Some(File::Socket(socket)) = self.files.get_mut(&key) {
            socket.nonblocking = flags & O_NONBLOCK != 0;
        }
        Ok(())
    }

    fn name(&mut self, key: FileKey) -> Result<Fd, Errno> {
        if self.descriptors.len() >= FILES_MAX {
            return Err(Errno::EMFILE);
        }
        let fd = (FIRST..)
            .find(|fd| !self.descriptors.contains_key(fd))
            .expect("there are more numbers than descriptors");
        self.descriptors.insert(fd, key);
        Ok(fd)
    }
}
