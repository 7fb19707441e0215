//! Error numbers for ICMP errors. The stack tells a connection that its peer cannot be reached;
//! programs on Linux are told by which error.

use super::errno::Errno;

const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;

/// What Linux makes of a packet that is an ICMP error of unreachability; `None` for all others.
pub(super) fn unreachable(packet: &[u8]) -> Option<Errno> {
    let first = *packet.first()?;
    let (protocol, message) = match first >> 4 {
        4 => (*packet.get(9)?, packet.get(usize::from(first & 15) * 4..)?),
        6 => (*packet.get(6)?, packet.get(40..)?),
        _ => return None,
    };
    let (kind, code) = (*message.first()?, *message.get(1)?);
    Some(match (protocol, kind, code) {
        (ICMP, 3, 0 | 6 | 9 | 11) | (ICMP_V6, 1, 0) => Errno::ENETUNREACH,
        (ICMP, 3, 2) => Errno::ENOPROTOOPT,
        (ICMP, 3, 3) | (ICMP_V6, 1, 4) => Errno::ECONNREFUSED,
        (ICMP, 3, 5) => Errno::EOPNOTSUPP,
        (ICMP, 3, 7) => Errno::EHOSTDOWN,
        (ICMP_V6, 1, 1 | 5 | 6) => Errno::EACCES,
        (ICMP, 3, code) if code != 4 => Errno::EHOSTUNREACH,
        (ICMP_V6, 1, _) => Errno::EHOSTUNREACH,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_numbers_of_linux() {
        for (code, errno) in [
            (0, Some(Errno::ENETUNREACH)),
            (1, Some(Errno::EHOSTUNREACH)),
            (2, Some(Errno::ENOPROTOOPT)),
            (3, Some(Errno::ECONNREFUSED)),
            (4, None),
        ] {
            let mut v4 = [0; 28];
            (v4[0], v4[9], v4[20], v4[21]) = (0x45, ICMP, 3, code);
            assert_eq!(unreachable(&v4), errno, "code {code}");
        }
        let mut v6 = [0; 48];
        (v6[0], v6[6], v6[40], v6[41]) = (0x60, ICMP_V6, 1, 4);
        assert_eq!(unreachable(&v6), Some(Errno::ECONNREFUSED));
        for len in 0..v6.len() {
            let _ = unreachable(&v6[..len]);
        }
        assert_eq!(unreachable(&[]), None);
    }
}
