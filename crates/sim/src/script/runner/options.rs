//! TCP options between a script's words and the bytes of a header.

use crate::script::ast::{Cookie, EcnCounter, TcpOption};

/// Most bytes of options in a header.
const FIELD_MAX: usize = 40;
/// The number of the Fast Open experiment behind kind 254 (RFC 7413 section 9).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];
/// Orders of the counters in the two kinds of the AccECN option (RFC 9768 3.2.3).
const ORDERS: [(u8, [EcnCounter; 3]); 2] = [
    (172, [EcnCounter::Ect0, EcnCounter::Ce, EcnCounter::Ect1]),
    (174, [EcnCounter::Ect1, EcnCounter::Ce, EcnCounter::Ect0]),
];

/// The bytes of the options, padded with zeros to a multiple of 4. Cookies must have been given
/// their values before.
///
/// # Errors
/// What cannot be written.
pub(super) fn encode(options: &[TcpOption]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for option in options {
        encode_one(option, &mut bytes)?;
    }
    if bytes.len() > FIELD_MAX {
        return Err(format!("{} bytes of TCP options", bytes.len()));
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Ok(bytes)
}

fn encode_one(option: &TcpOption, bytes: &mut Vec<u8>) -> Result<(), String> {
    let (kind, content) = match option {
        TcpOption::Eol => {
            bytes.push(0);
            return Ok(());
        }
        TcpOption::Nop => {
            bytes.push(1);
            return Ok(());
        }
        TcpOption::Mss(mss) => (2, mss.to_be_bytes().to_vec()),
        TcpOption::WindowScale(shift) => (3, vec![*shift]),
        TcpOption::SackPermitted => (4, Vec::new()),
        TcpOption::Sack(blocks) => {
            let edges = blocks.iter().flat_map(|&(left, right)| [left, right]);
            (5, edges.flat_map(u32::to_be_bytes).collect())
        }
        TcpOption::Timestamps { value, echo } => {
            (8, [value.to_be_bytes(), echo.to_be_bytes()].concat())
        }
        TcpOption::FastOpen(cookie) => (34, cookie_bytes(cookie)?.to_vec()),
        TcpOption::FastOpenExperimental(cookie) => {
            (254, [&FAST_OPEN_EXPERIMENT, cookie_bytes(cookie)?].concat())
        }
        TcpOption::AccEcn(counters) => acc_ecn(counters)?,
        TcpOption::Md5 => (19, vec![0; 16]),
        TcpOption::Unknown { kind, content } => (*kind, content.clone()),
    };
    let len = u8::try_from(content.len() + 2).map_err(|_| "a TCP option too long".to_owned())?;
    bytes.extend([kind, len]);
    bytes.extend(content);
    Ok(())
}

fn cookie_bytes(cookie: &Cookie) -> Result<&[u8], String> {
    match cookie {
        Cookie::Bytes(bytes) => Ok(bytes),
        Cookie::Named(name) => Err(format!("the cookie {name}, which has no value yet")),
    }
}

fn acc_ecn(counters: &[(EcnCounter, u32)]) -> Result<(u8, Vec<u8>), String> {
    let names: Vec<EcnCounter> = counters.iter().map(|&(name, _)| name).collect();
    let order = ORDERS.iter().find(|(_, order)| order.starts_with(&names));
    let Some((kind, _)) = order else {
        return Err("counters of AccECN in an order that no option has".to_owned());
    };
    let content = counters.iter().flat_map(|&(_, count)| {
        let [_, bytes @ ..] = count.to_be_bytes();
        bytes
    });
    Ok((*kind, content.collect()))
}

/// The options of a header field; what makes no sense ends the list.
pub(super) fn decode(mut bytes: &[u8]) -> Vec<TcpOption> {
    let mut options = Vec::new();
    while let [kind, rest @ ..] = bytes {
        match kind {
            0 => {
                options.push(TcpOption::Eol);
                bytes = rest;
                continue;
            }
            1 => {
                options.push(TcpOption::Nop);
                bytes = rest;
                continue;
            }
            _ => {}
        }
        let len = rest.first().copied().map_or(0, usize::from);
        let Some(content) = bytes.get(2..len) else {
            break;
        };
        options.push(decode_one(*kind, content));
        bytes = &bytes[len..];
    }
    options
}

fn decode_one(kind: u8, content: &[u8]) -> TcpOption {
    let long = |at: usize| {
        let bytes = [
            content[at],
            content[at + 1],
            content[at + 2],
            content[at + 3],
        ];
        u32::from_be_bytes(bytes)
    };
    match (kind, content.len()) {
        (2, 2) => TcpOption::Mss(u16::from_be_bytes([content[0], content[1]])),
        (3, 1) => TcpOption::WindowScale(content[0]),
        (4, 0) => TcpOption::SackPermitted,
        (5, len) if len.is_multiple_of(8) => {
            let blocks = (0..len / 8).map(|block| (long(8 * block), long(8 * block + 4)));
            TcpOption::Sack(blocks.collect())
        }
        (8, 8) => TcpOption::Timestamps {
            value: long(0),
            echo: long(4),
        },
        (19, 16) => TcpOption::Md5,
        (34, _) => TcpOption::FastOpen(Cookie::Bytes(content.to_vec())),
        (254, len) if len >= 2 && content.starts_with(&FAST_OPEN_EXPERIMENT) => {
            TcpOption::FastOpenExperimental(Cookie::Bytes(content[2..].to_vec()))
        }
        (172 | 174, len) if len.is_multiple_of(3) && len <= 9 => {
            let order = &ORDERS[usize::from(kind == 174)].1;
            let count = |bytes: &[u8]| u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            let counts = content.chunks(3).map(count);
            TcpOption::AccEcn(order.iter().copied().zip(counts).collect())
        }
        _ => TcpOption::Unknown {
            kind,
            content: content.to_vec(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_the_way_to_bytes_and_back() {
        let options = vec![
            TcpOption::Mss(1_460),
            TcpOption::SackPermitted,
            TcpOption::Timestamps { value: 7, echo: 9 },
            TcpOption::Nop,
            TcpOption::WindowScale(8),
            TcpOption::FastOpen(Cookie::Bytes(vec![1, 2, 3, 4])),
            TcpOption::Nop,
            TcpOption::Nop,
        ];
        assert_eq!(decode(&encode(&options).unwrap()), options);
        let options = vec![
            TcpOption::Sack(vec![(1, 2), (3, 4)]),
            TcpOption::AccEcn(vec![(EcnCounter::Ect1, 1), (EcnCounter::Ce, 70_000)]),
            TcpOption::FastOpenExperimental(Cookie::Bytes(vec![])),
            TcpOption::Unknown {
                kind: 77,
                content: vec![5],
            },
            TcpOption::Nop,
            TcpOption::Eol,
            TcpOption::Eol,
        ];
        assert_eq!(decode(&encode(&options).unwrap()), options);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nonsense_ends_the_list() {
        assert!(encode(&vec![TcpOption::Md5; 3]).is_err());
        let named = TcpOption::FastOpen(Cookie::Named("X".to_owned()));
        assert!(encode(&[named]).is_err());
        assert_eq!(decode(&[1, 5, 40, 0]), vec![TcpOption::Nop]);
        assert_eq!(decode(&[8]), vec![]);
        assert_eq!(decode(&[8, 0, 1]), vec![]);
    }
}
