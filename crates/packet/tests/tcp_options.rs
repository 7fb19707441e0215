//! TCP options one by one: the bytes of each kind, malformed ones, and `parse(write(x)) == x`.

use handfast_packet::build::{Ipv4, Tcp};
use handfast_packet::error::ParseError;
use handfast_packet::tcp::{
    FAST_OPEN_EXPERIMENT, Mptcp, OPTIONS_LEN_MAX, SackBlock, SackBlocks, SeqNumber, TcpHeader,
    TcpOption, TcpOptions, Timestamps, options,
};
use proptest::prelude::*;

fn blocks(pairs: &[(u32, u32)]) -> SackBlocks {
    let mut blocks = SackBlocks::EMPTY;
    for &(left, right) in pairs {
        let (left, right) = (SeqNumber(left), SeqNumber(right));
        assert!(blocks.push(SackBlock { left, right }));
    }
    blocks
}

/// Options and their bytes, taken from the documents that define them, not from our own writer.
const TABLE: [(&[u8], TcpOption<'_>); 21] = [
    (&[0], TcpOption::End),
    (&[1], TcpOption::NoOperation),
    (&[2, 4, 5, 180], TcpOption::Mss(1_460)),
    (&[3, 3, 14], TcpOption::WindowScale(14)),
    (&[4, 2], TcpOption::SackPermitted),
    (
        &[8, 10, 0, 0, 0, 1, 0, 0, 1, 0],
        TcpOption::Timestamps(Timestamps {
            value: 1,
            echo: 256,
        }),
    ),
    (
        &[
            19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
        ],
        TcpOption::Md5(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    ),
    (
        &[28, 4, 0x80, 5],
        TcpOption::UserTimeout {
            minutes: true,
            value: 5,
        },
    ),
    (
        &[28, 4, 0x7f, 0xff],
        TcpOption::UserTimeout {
            minutes: false,
            value: 32_767,
        },
    ),
    (
        &[29, 6, 3, 4, 9, 9],
        TcpOption::Authentication {
            key_id: 3,
            next_key_id: 4,
            mac: &[9, 9],
        },
    ),
    (
        &[30, 4, 0x21, 7],
        TcpOption::Mptcp(Mptcp {
            subtype: 2,
            data: &[0x21, 7],
        }),
    ),
    (
        &[34, 2],
        TcpOption::FastOpen {
            cookie: &[],
            experiment: None,
        },
    ),
    (
        &[34, 6, 1, 2, 3, 4],
        TcpOption::FastOpen {
            cookie: &[1, 2, 3, 4],
            experiment: None,
        },
    ),
    (
        &[254, 4, 0xf9, 0x89],
        TcpOption::FastOpen {
            cookie: &[],
            experiment: Some(254),
        },
    ),
    (
        &[253, 8, 0xf9, 0x89, 1, 2, 3, 4],
        TcpOption::FastOpen {
            cookie: &[1, 2, 3, 4],
            experiment: Some(253),
        },
    ),
    (
        &[172, 2],
        TcpOption::AccEcn {
            order: 172,
            counters: &[],
        },
    ),
    (
        &[174, 8, 1, 2, 3, 4, 5, 6],
        TcpOption::AccEcn {
            order: 174,
            counters: &[1, 2, 3, 4, 5, 6],
        },
    ),
    (
        &[253, 5, 0x12, 0x34, 7],
        TcpOption::Experimental {
            kind: 253,
            identifier: 0x1234,
            data: &[7],
        },
    ),
    (
        &[254, 4, 0x12, 0x34],
        TcpOption::Experimental {
            kind: 254,
            identifier: 0x1234,
            data: &[],
        },
    ),
    (
        &[99, 4, 7, 8],
        TcpOption::Unknown {
            kind: 99,
            data: &[7, 8],
        },
    ),
    (
        &[255, 2],
        TcpOption::Unknown {
            kind: 255,
            data: &[],
        },
    ),
];

#[test]
fn every_kind_has_the_bytes_of_its_document() {
    let check = |bytes: &[u8], option: TcpOption<'_>| {
        assert_eq!(
            options(bytes).collect::<Vec<_>>(),
            [Ok(option)],
            "{bytes:?}"
        );
        let mut written = Vec::new();
        option.write(&mut written);
        assert_eq!(written, bytes, "{option:?}");
    };
    for (bytes, option) in TABLE {
        check(bytes, option);
    }
    let sack = [5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 2, 0];
    check(&sack, TcpOption::Sack(blocks(&[(1, 2), (256, 512)])));
}

/// Kinds that we only recognise are kept as they are when their length is odd; kinds that a
/// connection acts upon must have the right one.
#[test]
fn lengths_that_do_not_fit_the_kind() {
    for (kind, len) in [(19, 4), (28, 3), (28, 5), (29, 3), (30, 2), (253, 3)] {
        let mut bytes = vec![7; len];
        bytes[0] = kind;
        bytes[1] = u8::try_from(len).unwrap();
        let unknown = TcpOption::Unknown {
            kind,
            data: &bytes[2..],
        };
        assert_eq!(
            options(&bytes).collect::<Vec<_>>(),
            [Ok(unknown)],
            "{bytes:?}"
        );
    }
    for (kind, len) in [
        (2, 3),
        (2, 5),
        (3, 2),
        (3, 4),
        (4, 3),
        (5, 2),
        (5, 9),
        (8, 9),
        (8, 11),
    ] {
        let mut bytes = vec![7; len];
        bytes[0] = kind;
        bytes[1] = u8::try_from(len).unwrap();
        // The iteration ends there, whatever follows.
        bytes.extend([1, 1]);
        assert_eq!(
            options(&bytes).collect::<Vec<_>>(),
            [Err(ParseError::Length)],
            "{bytes:?}"
        );
    }
}

#[test]
fn malformed_options_end_the_field_and_spare_what_stands_in_front() {
    let mss = Ok(TcpOption::Mss(1_460));
    for (rest, error) in [
        (&[3, 0, 1, 1][..], ParseError::Length),
        (&[3, 1, 1, 1], ParseError::Length),
        (&[3, 5, 1, 1], ParseError::Truncated { needed: 5, have: 4 }),
        (&[3], ParseError::Truncated { needed: 2, have: 1 }),
    ] {
        let bytes = [&[2, 4, 5, 180], rest].concat();
        assert_eq!(options(&bytes).collect::<Vec<_>>(), [mss, Err(error)]);
        assert_eq!(
            TcpOptions::parse(&bytes),
            TcpOptions {
                mss: Some(1_460),
                ..TcpOptions::default()
            }
        );
    }
    let behind_the_end = [2, 4, 5, 180, 0, 3, 3, 7];
    assert_eq!(
        options(&behind_the_end).collect::<Vec<_>>(),
        [mss, Ok(TcpOption::End)]
    );
    assert_eq!(TcpOptions::parse(&behind_the_end).window_scale, None);
}

/// RFC 7323 appendix A: what stands where, so that everything is aligned.
#[test]
fn options_of_a_connection_are_laid_out_in_words() {
    let syn = TcpOptions {
        mss: Some(1_460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 1, echo: 0 }),
        ..TcpOptions::default()
    };
    let without = TcpOptions {
        timestamps: None,
        ..syn
    };
    let data = TcpOptions {
        timestamps: syn.timestamps,
        sack: blocks(&[(1, 2), (3, 4), (5, 6), (7, 8)]),
        ..TcpOptions::default()
    };
    let layout = |options: TcpOptions| {
        let header = TcpHeader {
            options,
            ..TcpHeader::default()
        };
        let mut bytes = vec![0xee; header.header_len()];
        header.write(&mut bytes);
        assert_eq!(bytes.len() % 4, 0);
        bytes.split_off(TcpHeader::LEN)
    };
    assert_eq!(
        layout(syn),
        [
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7
        ]
    );
    assert_eq!(layout(without), [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]);
    let bytes = layout(data);
    assert_eq!(bytes[..4], [1, 1, 8, 10]);
    // Beside timestamps there is room for three blocks: 12 + 4 + 24 bytes.
    assert_eq!(
        (bytes.len(), &bytes[12..16]),
        (OPTIONS_LEN_MAX, &[1, 1, 5, 26][..])
    );
    let sack_only = TcpOptions {
        timestamps: None,
        ..data
    };
    assert_eq!(layout(sack_only).len(), 4 + 32);
}

#[test]
fn the_builder_adds_any_option_and_lies_with_them() {
    let ip = || Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]);
    let cookie = TcpOption::FastOpen {
        cookie: b"cookie",
        experiment: None,
    };
    let twice = Tcp::new(1, 2)
        .mss(1_460)
        .option(&cookie)
        .option(&TcpOption::Mss(9));
    let bytes = (ip() / twice / "text").to_vec();
    let (header, header_len) = TcpHeader::parse(&bytes[20..]).unwrap();
    // 4 + 8 + 4 bytes; the last of two equal options counts.
    assert_eq!((header_len, header.options.mss), (20 + 16, Some(9)));
    let found: Vec<_> = options(&bytes[40..56]).map(Result::unwrap).collect();
    assert_eq!(found, [TcpOption::Mss(1_460), cookie, TcpOption::Mss(9)]);
    assert_eq!(&bytes[56..], b"text");
    let sack = (ip() / Tcp::new(1, 2).sack(1, 2).sack(3, 4)).to_vec();
    let (header, _) = TcpHeader::parse(&sack[20..]).unwrap();
    assert_eq!(header.options.sack, blocks(&[(1, 2), (3, 4)]));
    // Padding, and more than any header can have.
    let odd = (ip() / Tcp::new(1, 2).raw_options(&[3, 3, 7]) / "text").to_vec();
    assert_eq!(
        (&odd[40..44], &odd[44..]),
        (&[3, 3, 7, 0][..], &b"text"[..])
    );
    for len in [44, 60, 1_200] {
        let too_many = (ip() / Tcp::new(1, 2).raw_options(&vec![1; len])).to_vec();
        assert_eq!((too_many.len(), too_many[32] >> 4), (40 + len, 15));
    }
}

/// Options as owned values, since what they borrow must live somewhere.
fn option_bytes() -> impl Strategy<Value = (u8, Vec<u8>, [u32; 8])> {
    let data = prop::collection::vec(any::<u8>(), 0..30);
    (any::<u8>(), data, any::<[u32; 8]>())
}

/// Any option that a parser can give, from any numbers.
fn make(which: u8, data: &[u8], numbers: [u32; 8]) -> TcpOption<'_> {
    let [a, b, ..] = numbers;
    let word = u16::try_from(a & 0xffff).expect("masked to 16 bits");
    let [byte, other, ..] = a.to_be_bytes();
    let experimental = 253 + byte % 2;
    match which % 14 {
        0 => TcpOption::End,
        1 => TcpOption::NoOperation,
        2 => TcpOption::Mss(word),
        3 => TcpOption::WindowScale(byte),
        4 => TcpOption::SackPermitted,
        5 => {
            let pairs: Vec<_> = numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect();
            TcpOption::Sack(blocks(&pairs[..1 + usize::from(byte % 4)]))
        }
        6 => TcpOption::Timestamps(Timestamps { value: a, echo: b }),
        7 if data.len() >= 16 => TcpOption::Md5(&data[..16]),
        8 => TcpOption::UserTimeout {
            minutes: byte & 1 == 1,
            value: word >> 1,
        },
        9 => TcpOption::Authentication {
            key_id: byte,
            next_key_id: other,
            mac: data,
        },
        10 if !data.is_empty() => TcpOption::Mptcp(Mptcp {
            subtype: data[0] >> 4,
            data,
        }),
        11 => TcpOption::FastOpen {
            cookie: data,
            experiment: (other & 1 == 1).then_some(experimental),
        },
        12 => TcpOption::AccEcn {
            order: 172 + byte % 2 * 2,
            counters: &data[..data.len().min(9) / 3 * 3],
        },
        13 if word != FAST_OPEN_EXPERIMENT => TcpOption::Experimental {
            kind: experimental,
            identifier: word,
            data,
        },
        _ => TcpOption::Unknown {
            kind: 70 + byte % 100,
            data,
        },
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(list in prop::collection::vec(option_bytes(), 0..6)) {
        let made = || list.iter().map(|(which, data, numbers)| make(*which, data, *numbers));
        let mut bytes = Vec::new();
        made().for_each(|option| option.write(&mut bytes));
        let mut expected: Vec<_> = made().map(Ok).collect();
        if let Some(end) = made().position(|option| option == TcpOption::End) {
            expected.truncate(end + 1);
        }
        prop_assert_eq!(options(&bytes).collect::<Vec<_>>(), expected);
    }

    /// Whatever is read can be written again, and gives the same bytes up to where it was good.
    #[test]
    fn what_is_read_is_written_back(bytes in prop::collection::vec(
        prop_oneof![0_u8..12, any::<u8>()], 0..=40,
    )) {
        let mut written = Vec::new();
        for option in options(&bytes).map_while(Result::ok) {
            option.write(&mut written);
            prop_assert!(!option.to_string().is_empty());
        }
        prop_assert!(bytes.starts_with(&written));
    }

    /// The short way for timestamps alone gives what the long way gives.
    #[test]
    fn both_ways_of_reading_agree(value: u32, echo: u32) {
        let mut field = vec![1, 1, 8, 10];
        field.extend(value.to_be_bytes());
        field.extend(echo.to_be_bytes());
        let short = TcpOptions::parse(&field);
        field.extend([1, 1, 1, 1]);
        prop_assert_eq!(short, TcpOptions::parse(&field));
        prop_assert_eq!(short.timestamps, Some(Timestamps { value, echo }));
    }
}
