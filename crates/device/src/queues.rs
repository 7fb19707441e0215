//! Several queues of one interface, for a host of several stacks: packet sockets among which the
//! kernel spreads frames by our own hash, and the queues of a TAP.

use std::io;
use std::os::fd::AsFd;

use handfast_packet::buf::RxBatch;
use handfast_packet::ip::Protocol;
use handfast_packet::steer::{MIX_ADDRESSES, MIX_BOTH, MIX_PORTS, Steering};
use handfast_packet::time::Instant;

use libc::{
    BPF_ABS, BPF_ALU, BPF_B, BPF_H, BPF_IND, BPF_JA, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD,
    BPF_LDX, BPF_MEM, BPF_MOD, BPF_MSH, BPF_MUL, BPF_RET, BPF_RSH, BPF_ST, BPF_W, BPF_XOR,
};

use crate::error::DeviceError;
use crate::sys;
use crate::{Device, PacketOptions, PacketSocket, Tap, TapOptions};

/// Most frames that are dropped for each socket because they came before the kernel spread them.
const EARLY_MAX: usize = 65_536;

/// `SKF_AD_OFF` as the filter machine sees it: the ether type of the frame.
const FACT_PROTOCOL: u32 = 0xFFFF_F000;
/// Cells of the filter machine.
const SPARE: u32 = 0;
const PORTS: u32 = 1;
/// `BPF_A`: return the accumulator.
const RETURN_A: u32 = 0x10;
/// The accumulator with the index register.
const XOR_X: libc::sock_filter = libc::sock_filter {
    code: 0xAC,
    jt: 0,
    jf: 0,
    k: 0,
};
/// The accumulator into the index register.
const TAX: libc::sock_filter = libc::sock_filter {
    code: 0x07,
    jt: 0,
    jf: 0,
    k: 0,
};
/// `SKF_NET_OFF`: loads from here on read the packet.
const PACKET: u32 = 0xFFF0_0000;

impl PacketSocket {
    /// Opens a packet socket for each shard of `steering` on `interface`, in their order; each
    /// receives the flows of its shard, and the first all that belongs to no flow
    /// (`PACKET_FANOUT`).
    ///
    /// # Errors
    /// Those of [`PacketSocket::open`], and [`DeviceError::Io`] when the kernel spreads no frames.
    pub fn open_queues(
        interface: &str,
        options: &PacketOptions,
        steering: Steering,
    ) -> Result<Vec<Self>, DeviceError> {
        let mut queues = Vec::new();
        for _ in 0..steering.shards() {
            queues.push(Self::open(interface, options)?);
        }
        if let [_] = *queues {
            // One gets everything by itself.
            return Ok(queues);
        }
        spread(&mut queues, steering).map_err(|source| DeviceError::Io {
            doing: "spreading frames among packet sockets",
            interface: interface.to_owned(),
            source,
        })?;
        Ok(queues)
    }
}

impl Tap {
    /// Opens `count` queues of the TAP or TUN interface `name`, creating it if need be. The kernel
    /// chooses the queue of a flow: the one that last sent something of it, or any.
    ///
    /// # Errors
    /// Those of [`Tap::open`]; an interface that exists must have been made for several queues.
    pub fn open_queues(
        name: &str,
        options: &TapOptions,
        count: u16,
    ) -> Result<Vec<Self>, DeviceError> {
        (0..count)
            .map(|_| Self::attach(name, options, libc::IFF_MULTI_QUEUE))
            .collect()
    }
}

fn spread(queues: &mut [PacketSocket], steering: Steering) -> io::Result<()> {
    let number = |number: libc::c_uint| i32::try_from(number).expect("small constants");
    let kind = number(libc::PACKET_FANOUT_CBPF);
    let mut group = None;
    for queue in &*queues {
        let socket = queue.fd().expect("a packet socket has one");
        let wanted = match group {
            // The kernel chooses the number of the group.
            None => (kind | number(libc::PACKET_FANOUT_FLAG_UNIQUEID)) << 16,
            Some(group) => kind << 16 | group,
        };
        sys::set_packet_option(socket, libc::PACKET_FANOUT, wanted)?;
        if group.is_none() {
            group = Some(sys::packet_option(socket, libc::PACKET_FANOUT)? & 0xFFFF);
        }
    }
    if let Some(first) = queues.first() {
        let socket = first.fd().expect("a packet socket has one");
        sys::set_fanout_program(socket.as_fd(), &mut program(steering))?;
    }
    // Until now each of them got all frames, or none got the right ones.
    for queue in queues {
        let mut batch = RxBatch::new();
        for _ in 0..EARLY_MAX / handfast_packet::buf::BATCH_MAX {
            let came = queue.recv(Instant::ZERO, &mut batch)?;
            batch.clear();
            if came == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// What [`Steering::whose`] says, as a program for the kernel: the number of the shard.
fn program(steering: Steering) -> Vec<libc::sock_filter> {
    let (mut v4, mut v6, hash) = (fold_v4(), fold_v6(), hash(steering));
    let short = |len: usize| u8::try_from(len).expect("the program is short");
    // What is no segment in one piece goes from anywhere to the last step, which chooses the first
    // shard.
    let behind_v4 = v6.len() + hash.len();
    let all = v4.len();
    v4[1].jt = short(all - 2 + behind_v4);
    v4[3].jf = short(all - 4 + behind_v4);
    v4[all - 1].k = u32::from(short(v6.len()));
    v6[1].jf = short(v6.len() - 2 + hash.len());
    let mut program = vec![
        step(BPF_LD | BPF_W | BPF_ABS, FACT_PROTOCOL),
        jump(BPF_JMP | BPF_JEQ | BPF_K, (1, 0), 0x0800),
        jump(
            BPF_JMP | BPF_JEQ | BPF_K,
            (short(all), short(all + behind_v4)),
            0x86DD,
        ),
    ];
    program.append(&mut v4);
    program.append(&mut v6);
    program.extend(hash);
    program.push(step(BPF_RET | BPF_K, 0));
    program
}

/// The exclusive or of the addresses in the accumulator, that of the ports in [`PORTS`]. The second
/// and the fourth step go on only for a TCP segment in one piece, the last one goes to the hash.
fn fold_v4() -> Vec<libc::sock_filter> {
    vec![
        load(BPF_H, 6),
        step(BPF_JMP | BPF_JSET | BPF_K, 0x3FFF),
        load(BPF_B, 9),
        step(BPF_JMP | BPF_JEQ | BPF_K, Protocol::TCP.0.into()),
        step(BPF_LDX | BPF_B | BPF_MSH, PACKET),
        step(BPF_LD | BPF_H | BPF_IND, PACKET),
        step(BPF_ST, SPARE),
        step(BPF_LD | BPF_H | BPF_IND, PACKET + 2),
        step(BPF_LDX | BPF_MEM, SPARE),
        XOR_X,
        step(BPF_ST, PORTS),
        load(BPF_W, 12),
        TAX,
        load(BPF_W, 16),
        XOR_X,
        step(BPF_JMP | BPF_JA, 0),
    ]
}

/// The same for IPv6; the second step goes on only for TCP.
fn fold_v6() -> Vec<libc::sock_filter> {
    let mut steps = vec![
        load(BPF_B, 6),
        step(BPF_JMP | BPF_JEQ | BPF_K, Protocol::TCP.0.into()),
        load(BPF_H, 40),
        TAX,
        load(BPF_H, 42),
        XOR_X,
        step(BPF_ST, PORTS),
        load(BPF_W, 8),
    ];
    for at in (12..40).step_by(4) {
        steps.extend([TAX, load(BPF_W, at), XOR_X]);
    }
    steps
}

/// The shard, from what was folded.
fn hash(steering: Steering) -> [libc::sock_filter; 16] {
    let alu = |operation: u32, k: u32| step(BPF_ALU | operation | BPF_K, k);
    [
        alu(BPF_XOR, steering.key()),
        alu(BPF_MUL, MIX_ADDRESSES),
        step(BPF_ST, SPARE),
        step(BPF_LD | BPF_MEM, PORTS),
        alu(BPF_MUL, MIX_PORTS),
        step(BPF_LDX | BPF_MEM, SPARE),
        XOR_X,
        TAX,
        alu(BPF_RSH, 15),
        XOR_X,
        alu(BPF_MUL, MIX_BOTH),
        TAX,
        alu(BPF_RSH, 16),
        XOR_X,
        alu(BPF_MOD, steering.shards().into()),
        step(BPF_RET | RETURN_A, 0),
    ]
}

/// Loads from a place in the packet.
fn load(size: u32, at: u32) -> libc::sock_filter {
    step(BPF_LD | size | BPF_ABS, PACKET + at)
}

fn step(code: u32, k: u32) -> libc::sock_filter {
    jump(code, (0, 0), k)
}

fn jump(code: u32, (jt, jf): (u8, u8), k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(code).expect("opcodes have 16 bits"),
        jt,
        jf,
        k,
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::buf::Medium;
    use handfast_packet::steer::Whose;
    use proptest::prelude::*;

    use super::*;

    /// The filter machine, as far as the program needs it; loads beyond the frame choose 0.
    fn run(program: &[libc::sock_filter], frame: &[u8]) -> u32 {
        let load = |at: u32, len: usize| -> Option<u32> {
            let at = usize::try_from(at.wrapping_sub(PACKET)).ok()? + 14;
            let bytes = frame.get(at..at + len)?;
            Some(
                bytes
                    .iter()
                    .fold(0, |all, &byte| all << 8 | u32::from(byte)),
            )
        };
        let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 2], 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let slot = usize::try_from(k).unwrap().min(1);
            let branch = |taken| usize::from(if taken { jt } else { jf });
            let value = match u32::from(code) {
                0x20 if k == FACT_PROTOCOL => frame
                    .get(12..14)
                    .map(|kind| u32::from(kind[0]) << 8 | u32::from(kind[1])),
                0x20 => load(k, 4),
                0x28 => load(k, 2),
                0x30 => load(k, 1),
                0x48 => load(k.wrapping_add(x), 2),
                0x60 => Some(memory[slot]),
                0xA4 => Some(a ^ k),
                0xAC => Some(a ^ x),
                0x24 => Some(a.wrapping_mul(k)),
                0x74 => Some(a >> k),
                0x94 => Some(a % k),
                0xB1 => {
                    let Some(byte) = load(k, 1) else { return 0 };
                    x = (byte & 15) * 4;
                    Some(a)
                }
                0x61 => {
                    x = memory[slot];
                    Some(a)
                }
                0x07 => {
                    x = a;
                    Some(a)
                }
                0x02 => {
                    memory[slot] = a;
                    Some(a)
                }
                0x05 => {
                    at += usize::try_from(k).unwrap();
                    Some(a)
                }
                0x15 => {
                    at += branch(a == k);
                    Some(a)
                }
                0x45 => {
                    at += branch(a & k != 0);
                    Some(a)
                }
                0x06 => return k,
                0x16 => return a,
                other => panic!("no such instruction: {other:#x}"),
            };
            let Some(value) = value else { return 0 };
            a = value;
        }
    }

    proptest! {
        #[test]
        fn the_kernels_program_says_what_the_steering_says(
            bytes in prop::collection::vec(any::<u8>(), 0..90),
            kind in prop_oneof![Just([8, 0]), Just([0x86, 0xDD]), Just([8, 6])],
            tcp in any::<bool>(),
            whole in any::<bool>(),
            (shards, key) in (1..=64_u16, any::<u64>()),
        ) {
            let mut frame = bytes;
            if frame.len() >= 14 {
                frame[12..14].copy_from_slice(&kind);
            }
            if frame.len() >= 24 && tcp {
                frame[if kind[0] == 8 { 23 } else { 20 }] = 6;
            }
            if frame.len() >= 22 && kind[0] == 8 && whole {
                frame[20..22].copy_from_slice(&[0x40, 0]);
                frame[14] = 0x45 + (frame[14] & 3);
            }
            let steering = Steering::new(shards, key);
            let expected = match steering.whose(&frame, Medium::Ethernet) {
                Whose::Of(owner) => u32::from(owner),
                Whose::First | Whose::All => 0,
            };
            prop_assert_eq!(run(&program(steering), &frame), expected);
        }
    }
}
