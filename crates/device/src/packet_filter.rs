//! Which frames the kernel queues to a packet socket: programs of the classic filter machine. A jump
//! names how many instructions are left out.

use handfast_packet::ethernet::EthernetAddress;
use libc::sock_filter;

/// `SKF_AD_OFF` as the filter machine sees it: loads from here on read facts about the frame.
const FACTS: u32 = 0xFFFF_F000;
const FACT_PACKET_TYPE: u32 = FACTS + 4;
const FACT_VLAN_PRESENT: u32 = FACTS + 48;

const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// Passes untagged IPv4, IPv6 and ARP frames that are not for somebody else.
pub(crate) fn not_for_others() -> [sock_filter; 10] {
    let [ipv4, ipv6, arp, drop, pass] = protocols();
    [
        // The kernel has taken the tag out, so that frames of a VLAN would pass for untagged ones.
        step(LOAD_WORD, 0, 0, FACT_VLAN_PRESENT),
        step(EQUAL, 0, 6, 0),
        step(LOAD_WORD, 0, 0, FACT_PACKET_TYPE),
        step(EQUAL, 4, 0, u32::from(libc::PACKET_OTHERHOST)),
        step(LOAD_HALF, 0, 0, 12),
        ipv4,
        ipv6,
        arp,
        drop,
        pass,
    ]
}

/// Passes untagged IPv4, IPv6 and ARP frames for `address` or for many, and those that the kernel
/// sends.
pub(crate) fn for_address(address: EthernetAddress) -> [sock_filter; 16] {
    let [ipv4, ipv6, arp, drop, pass] = protocols();
    let [a, b, c, d, e, f] = address.0;
    [
        step(LOAD_WORD, 0, 0, FACT_VLAN_PRESENT),
        step(EQUAL, 0, 12, 0),
        step(LOAD_WORD, 0, 0, FACT_PACKET_TYPE),
        step(EQUAL, 6, 0, u32::from(libc::PACKET_OUTGOING)),
        step(LOAD_BYTE, 0, 0, 0),
        step(ANY_BIT, 4, 0, 1),
        step(LOAD_WORD, 0, 0, 0),
        step(EQUAL, 0, 6, u32::from_be_bytes([a, b, c, d])),
        step(LOAD_HALF, 0, 0, 4),
        step(EQUAL, 0, 4, u32::from_be_bytes([0, 0, e, f])),
        step(LOAD_HALF, 0, 0, 12),
        ipv4,
        ipv6,
        arp,
        drop,
        pass,
    ]
}

/// The end of a program that has loaded the ether type: passes those protocols.
fn protocols() -> [sock_filter; 5] {
    [
        step(EQUAL, 3, 0, 0x0800),
        step(EQUAL, 2, 0, 0x86DD),
        step(EQUAL, 1, 0, 0x0806),
        step(RETURN, 0, 0, 0),
        step(RETURN, 0, 0, u32::MAX),
    ]
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).expect("opcodes have 16 bits"),
        jt,
        jf,
        k,
    }
}
