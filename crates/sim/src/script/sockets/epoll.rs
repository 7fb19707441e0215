//! `epoll`: level-triggered, edge-triggered and one-shot.

use std::collections::BTreeMap;
use std::time::Duration;

use handfast_packet::Instant;

use super::call::{Call, Detail, EpollEvent, Fd, Progress, Value};
use super::constants::{EPOLLET, EPOLLONESHOT, POLLERR, POLLHUP};
use super::errno::Errno;
use super::files::File;
use super::open::wait;
use super::{Attempt, Sockets, Stop};

/// Most descriptors that one `epoll` file or one `poll` watches.
pub const INTERESTS_MAX: usize = 1_024;

/// One epoll file.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    interests: BTreeMap<Fd, Interest>,
}

#[derive(Debug)]
struct Interest {
    events: i64,
    data: i64,
    /// One-shot, and it was told.
    spent: bool,
    /// Edge-triggered: what was told last, and how much had moved by then.
    told: (i64, u64),
}

impl Sockets {
    pub(super) fn epoll_create(&mut self) -> Attempt {
        let fd = self.files.open(File::Epoll(Epoll::default()))?;
        Ok(Value::from(i64::from(fd)))
    }

    /// `epoll_ctl`; other calls do nothing here.
    pub(super) fn epoll_control(&mut self, call: &Call) -> Attempt {
        let &Call::EpollControl {
            epoll,
            operation,
            fd,
            events,
            data,
        } = call
        else {
            return Ok(0.into());
        };
        self.files.key(fd)?;
        if self.files.socket_key(fd).is_err() {
            return Err(Stop::Unsupported("epoll of an epoll file".into()));
        }
        let interests = &mut self.files.epoll(epoll)?.interests;
        let interest = Interest {
            events,
            data,
            spent: false,
            told: (0, 0),
        };
        match (operation, interests.contains_key(&fd)) {
            (1, true) => return Err(Errno::EEXIST.into()),
            (1, false) if interests.len() >= INTERESTS_MAX => return Err(Errno::ENOMEM.into()),
            (2 | 3, false) => return Err(Errno::ENOENT.into()),
            (1 | 3, _) => _ = interests.insert(fd, interest),
            (2, true) => _ = interests.remove(&fd),
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(0.into())
    }

    pub(super) fn epoll_wait(
        &mut self,
        (now, progress): (Instant, &mut Progress),
        epoll: Fd,
        most: usize,
        timeout: Option<Duration>,
    ) -> Attempt {
        if most == 0 {
            return Err(Errno::EINVAL.into());
        }
        let watched: Vec<Fd> = self.files.epoll(epoll)?.interests.keys().copied().collect();
        let mut events = Vec::new();
        for fd in watched {
            let holds = (self.ready(now, fd), self.moved(now, fd));
            if events.len() == most {
                break;
            }
            let interests = &mut self.files.epoll(epoll)?.interests;
            let interest = interests.get_mut(&fd).expect("listed just now");
            events.extend(interest.event(holds));
        }
        if events.is_empty() {
            match wait(now, progress, false, timeout) {
                Stop::Error(_) => {}
                stop => return Err(stop),
            }
        }
        Ok(Value {
            result: i64::try_from(events.len()).expect("few events"),
            detail: Detail::Epoll(events),
        })
    }

    /// A closed descriptor is watched no more.
    pub(super) fn forget_interest(&mut self, fd: Fd) {
        if self.files.is_last(fd).is_ok_and(|last| last) {
            for epoll in self.files.epolls_mut() {
                epoll.interests.remove(&fd);
            }
        }
    }

    /// Something that grows whenever more has come or more was acknowledged: an edge.
    fn moved(&mut self, now: Instant, fd: Fd) -> u64 {
        let Ok(key) = self.files.socket_key(fd) else {
            return 0;
        };
        let tcp = self.files.socket(key).tcp(&mut self.stack, now);
        let info = tcp.map(|tcp| tcp.info());
        info.map_or(0, |info| info.bytes_received + info.bytes_acked)
    }
}

impl Interest {
    /// The event to tell when `ready` holds and `moved` has moved.
    fn event(&mut self, (ready, moved): (i64, u64)) -> Option<EpollEvent> {
        let events = ready & (self.events | POLLERR | POLLHUP);
        let edge = self.events & EPOLLET != 0;
        let told = std::mem::replace(&mut self.told, (events, moved));
        let news = events & !told.0 != 0 || moved != told.1;
        if events == 0 || self.spent || (edge && !news) {
            return None;
        }
        self.spent = self.events & EPOLLONESHOT != 0;
        let data = self.data;
        Some(EpollEvent { events, data })
    }
}
