//! The program that the kernel runs on each frame that comes: it hands the frame to the socket of
//! its queue, or to the kernel where the queue has none.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::sys;

/// Most queues of an interface whose frames can be asked for.
pub(super) const QUEUES_MAX: u32 = 64;

/// `struct bpf_insn` (`include/uapi/linux/bpf.h`): the destination register is in the low four bits
/// of `registers`, the source register in the high ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    number: i32,
}

/// The program at work. Frames go the kernel's way again when it is dropped.
#[derive(Debug)]
pub(super) struct Program {
    /// The last three keep what they name alive in the kernel, and are dropped in this order.
    _link: OwnedFd,
    _program: OwnedFd,
    _map: OwnedFd,
}

impl Program {
    /// Attaches the program to the interface with this index, for one socket at one queue.
    pub(super) fn attach(index: u32, queue: u32, socket: BorrowedFd<'_>) -> io::Result<Self> {
        let map = sys::make_map(QUEUES_MAX)?;
        sys::set_socket(map.as_fd(), queue, socket)?;
        let program = sys::load_program(&instructions(map.as_fd()))?;
        let link = sys::attach_program(program.as_fd(), index)?;
        Ok(Self {
            _link: link,
            _program: program,
            _map: map,
        })
    }
}

/// Register 1 holds the address of `struct xdp_md` at first; arguments of functions are in
/// registers 1 to 3, what is returned is in register 0.
fn instructions(map: BorrowedFd<'_>) -> [Instruction; 6] {
    /// Where `rx_queue_index` is in `struct xdp_md`.
    const QUEUE: i16 = 16;
    /// `BPF_FUNC_redirect_map`.
    const REDIRECT_MAP: i32 = 51;
    /// `XDP_PASS`: what is returned for a queue without a socket.
    const PASS: i32 = 2;
    let step = |code, registers, offset, number| Instruction {
        code,
        registers,
        offset,
        number,
    };
    [
        // Register 2: the word at register 1 + QUEUE.
        step(0x61, 0x12, QUEUE, 0),
        // Register 1: the map, a number of 64 bits in two instructions, of the kind "descriptor".
        step(0x18, 0x11, 0, map.as_raw_fd()),
        step(0, 0, 0, 0),
        // Register 3: PASS.
        step(0xB7, 0x03, 0, PASS),
        step(0x85, 0, 0, REDIRECT_MAP),
        // Returns register 0.
        step(0x95, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_the_layout_of_the_kernel() {
        assert_eq!(size_of::<Instruction>(), 8);
        let file = std::fs::File::open("/dev/null").unwrap();
        let program = instructions(file.as_fd());
        assert_eq!(program[1].number, file.as_raw_fd());
        // Destination 2, source 1.
        assert_eq!(program[0].registers & 0x0F, 2);
        assert_eq!(program[0].registers >> 4, 1);
    }
}
