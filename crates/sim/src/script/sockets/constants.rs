//! The numbers behind the names that scripts use, with the values of Linux. FreeBSD's scripts
//! use names too, so theirs need not be known.

use super::errno::Errno;

/// `O_RDWR`.
pub const O_RDWR: i64 = 2;
/// `O_NONBLOCK`.
pub const O_NONBLOCK: i64 = 0o4000;
/// Data to read.
pub const POLLIN: i64 = 0x001;
/// Urgent data.
pub const POLLPRI: i64 = 0x002;
/// Room to write.
pub const POLLOUT: i64 = 0x004;
/// An error waits.
pub const POLLERR: i64 = 0x008;
/// Both directions are over.
pub const POLLHUP: i64 = 0x010;
/// No such descriptor.
pub const POLLNVAL: i64 = 0x020;
/// As [`POLLIN`].
pub const POLLRDNORM: i64 = 0x040;
/// As [`POLLOUT`].
pub const POLLWRNORM: i64 = 0x100;
/// The peer has finished writing.
pub const POLLRDHUP: i64 = 0x2000;
/// `EPOLLONESHOT`.
pub const EPOLLONESHOT: i64 = 1 << 30;
/// `EPOLLET`.
pub const EPOLLET: i64 = 1 << 31;
/// Out of band.
pub const MSG_OOB: i64 = 0x1;
/// Look, do not take.
pub const MSG_PEEK: i64 = 0x2;
/// Count and drop.
pub const MSG_TRUNC: i64 = 0x20;
/// Never wait.
pub const MSG_DONTWAIT: i64 = 0x40;
/// Wait for all.
pub const MSG_WAITALL: i64 = 0x100;
/// No signal at a broken pipe; there are none here.
pub const MSG_NOSIGNAL: i64 = 0x4000;
/// More follows.
pub const MSG_MORE: i64 = 0x8000;
/// Connect and send (RFC 7413).
pub const MSG_FASTOPEN: i64 = 0x2000_0000;

const TABLE: &[(&str, i64)] = &[
    ("AF_UNSPEC", 0),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("PF_INET", 2),
    ("PF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOCK_NONBLOCK", O_NONBLOCK),
    ("SOCK_CLOEXEC", 0o2_000_000),
    ("IPPROTO_IP", 0),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41),
    ("SOL_SOCKET", 1),
    ("SOL_IP", 0),
    ("SOL_TCP", 6),
    ("SOL_IPV6", 41),
    ("F_GETFL", 3),
    ("F_SETFL", 4),
    ("F_GETFD", 1),
    ("F_SETFD", 2),
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", O_RDWR),
    ("O_NONBLOCK", O_NONBLOCK),
    ("O_NDELAY", O_NONBLOCK),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("POLLIN", POLLIN),
    ("POLLPRI", POLLPRI),
    ("POLLOUT", POLLOUT),
    ("POLLERR", POLLERR),
    ("POLLHUP", POLLHUP),
    ("POLLNVAL", POLLNVAL),
    ("POLLRDNORM", POLLRDNORM),
    ("POLLRDBAND", 0x80),
    ("POLLWRNORM", POLLWRNORM),
    ("POLLWRBAND", 0x200),
    ("POLLRDHUP", POLLRDHUP),
    ("EPOLLIN", POLLIN),
    ("EPOLLPRI", POLLPRI),
    ("EPOLLOUT", POLLOUT),
    ("EPOLLERR", POLLERR),
    ("EPOLLHUP", POLLHUP),
    ("EPOLLRDNORM", POLLRDNORM),
    ("EPOLLWRNORM", POLLWRNORM),
    ("EPOLLRDHUP", POLLRDHUP),
    ("EPOLLONESHOT", EPOLLONESHOT),
    ("EPOLLET", EPOLLET),
    ("EPOLL_CTL_ADD", 1),
    ("EPOLL_CTL_DEL", 2),
    ("EPOLL_CTL_MOD", 3),
    ("MSG_OOB", MSG_OOB),
    ("MSG_PEEK", MSG_PEEK),
    ("MSG_CTRUNC", 0x8),
    ("MSG_TRUNC", MSG_TRUNC),
    ("MSG_DONTWAIT", MSG_DONTWAIT),
    ("MSG_EOR", 0x80),
    ("MSG_WAITALL", MSG_WAITALL),
    ("MSG_ERRQUEUE", 0x2000),
    ("MSG_NOSIGNAL", MSG_NOSIGNAL),
    ("MSG_MORE", MSG_MORE),
    ("MSG_ZEROCOPY", 0x400_0000),
    ("MSG_FASTOPEN", MSG_FASTOPEN),
    ("IP_PMTUDISC_DONT", 0),
    ("IP_PMTUDISC_WANT", 1),
    ("IP_PMTUDISC_DO", 2),
    ("IP_PMTUDISC_PROBE", 3),
    ("IPTOS_LOWDELAY", 0x10),
    ("IPTOS_THROUGHPUT", 0x08),
    ("IPTOS_RELIABILITY", 0x04),
    ("IPTOS_MINCOST", 0x02),
    ("IPTOS_DSCP_EF", 0xb8),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
    ("TCP_INFINITE_SSTHRESH", 0x7fff_ffff),
];

/// The value of a name: `O_NONBLOCK`, `POLLIN`, `ECONNRESET`, `IPTOS_DSCP_CS1`; `None` when it is
/// not known here.
pub fn value(name: &str) -> Option<i64> {
    if let Some(errno) = Errno::named(name) {
        return Some(i64::from(errno.number()));
    }
    let known = TABLE.iter().find(|(known, _)| *known == name);
    known.map(|&(_, value)| value).or_else(|| code_point(name))
}

/// Code points for differentiated services (RFC 2474 4.2.2, RFC 2597): the class in three bits,
/// the drop precedence behind it.
fn code_point(name: &str) -> Option<i64> {
    let name = name.strip_prefix("IPTOS_DSCP_")?;
    let digit = |at: usize| {
        let digit = name.get(at..=at)?.parse::<u8>().ok()?;
        (digit <= 7).then_some(i64::from(digit))
    };
    match (name.get(..2)?, name.len()) {
        ("CS", 3) => Some(digit(2)? << 5),
        ("AF", 4) => Some((digit(2)? << 5) | (digit(3)? << 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_no_name_stands_twice() {
        assert_eq!(value("O_NONBLOCK"), Some(2_048));
        assert_eq!(value("ECONNRESET"), Some(104));
        assert_eq!(value("IPTOS_DSCP_CS7"), Some(0xe0));
        assert_eq!(value("IPTOS_DSCP_AF11"), Some(0x28));
        assert_eq!(value("IPTOS_DSCP_Ä"), None);
        assert_eq!(value("NONSENSE"), None);
        for (at, (name, _)) in TABLE.iter().enumerate() {
            let first = TABLE.iter().position(|(other, _)| other == name);
            assert_eq!(first, Some(at), "{name}");
        }
    }
}
