//! lwIP as Debian builds it, loaded at run time: two interfaces of its one stack, and all that is
//! unsafe about them. Nothing here starts lwIP's own thread, and a [`Pair`] stays on one, so nobody
//! else is ever in lwIP, and the lock of its core is not needed.

use core::cell::{Cell, RefCell, UnsafeCell};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use handfast_bench::Failure;

use crate::memory::PIECE;

/// Its file, without which this peer is left out.
const FILE: &CStr = c"liblwip.so.0";
/// What its `lwipopts.h` says: `TCP_SND_BUF`.
const SEND_BUFFER: usize = 65_535;
/// And `TCP_MSS`.
const SEGMENT: usize = 1_460;
/// Frames under way in one direction: more than its window holds.
const FRAMES_MAX: usize = 256;
const MTU: u16 = 1_500;
const PORT: u16 = 80;

/// `err_t`.
type Outcome = i8;
const OK: Outcome = 0;
const NO_MEMORY: Outcome = -1;
/// `PBUF_RAW`: no room before the frame.
const NO_HEADROOM: c_int = 0;
/// `PBUF_RAM`: from the heap. Drivers commonly receive into `PBUF_POOL`, but in lwIP 2.1.3 of Debian
/// that overruns the heap: a buffer is made of 592 bytes, and 1,536 are handed out.
const ON_HEAP: c_int = 0x280;
/// `TCP_WRITE_FLAG_COPY`.
const COPY: u8 = 1;

/// `struct pbuf`, which only lwIP looks into.
#[repr(C)]
struct Buffer([u8; 0]);

/// `struct tcp_pcb`, which only lwIP looks into.
#[repr(C)]
struct Socket([u8; 0]);

/// `ip_addr_t` of a build with both versions of IP; all zeros is any address of IPv4.
#[repr(C)]
#[derive(Default)]
struct Address {
    words: [u32; 5],
    version: u8,
}

type Input = unsafe extern "C" fn(*mut Buffer, *mut Interface) -> Outcome;
type Output = unsafe extern "C" fn(*mut Interface, *mut Buffer, *const u32) -> Outcome;
type Begin = unsafe extern "C" fn(*mut Interface) -> Outcome;
type Accept = unsafe extern "C" fn(*const End, *mut Socket, Outcome) -> Outcome;
type Receive = unsafe extern "C" fn(*const End, *mut Socket, *mut Buffer, Outcome) -> Outcome;
type Sent = unsafe extern "C" fn(*const End, *mut Socket, u16) -> Outcome;
type Gone = unsafe extern "C" fn(*const End, Outcome);

/// `struct netif` of Debian's options. Whether it is that one shows when lwIP has filled it in.
#[repr(C)]
struct Interface {
    next: *mut Self,
    addresses: [u64; 34],
    input: Option<Input>,
    output: Option<Output>,
    other_outputs: [*mut c_void; 2],
    state: *const End,
    clients: [u64; 2],
    mtu: u16,
    /// Longer than that of lwIP 2.1.3.
    rest: [u16; 111],
}

/// Finds each function by its name in the library.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn load() -> Result<Self, Failure> {
                // SAFETY: the name ends with a zero. What the library does when it is loaded is
                // what any program linked with it would have it do.
                let library = unsafe { libc::dlopen(FILE.as_ptr(), libc::RTLD_NOW) };
                if library.is_null() {
                    return Err(format!("no {FILE:?}: apt-get install liblwip0").into());
                }
                Ok(Self {
                    $($name: {
                        let name = concat!(stringify!($name), "\0").as_ptr().cast::<c_char>();
                        // SAFETY: the library is open, and the name ends with a zero.
                        let address = unsafe { libc::dlsym(library, name) };
                        if address.is_null() {
                            return Err(concat!("its library has no ", stringify!($name)).into());
                        }
                        // SAFETY: the library is never closed, and its headers give the function
                        // of this name this type.
                        unsafe {
                            core::mem::transmute::<
                                *mut c_void,
                                unsafe extern "C" fn($($argument),*) $(-> $result)?,
                            >(address)
                        }
                    },)*
                })
            }
        }
    };
}

functions! {
    lwip_init: fn();
    sys_check_timeouts: fn();
    netif_add: fn(
        *mut Interface, *const u32, *const u32, *const u32, *const End, Begin, Input
    ) -> *mut Interface;
    netif_set_up: fn(*mut Interface);
    netif_set_link_up: fn(*mut Interface);
    ip_input: fn(*mut Buffer, *mut Interface) -> Outcome;
    pbuf_clone: fn(c_int, c_int, *mut Buffer) -> *mut Buffer;
    pbuf_copy_partial: fn(*const Buffer, *mut u8, u16, u16) -> u16;
    pbuf_free: fn(*mut Buffer) -> u8;
    tcp_new: fn() -> *mut Socket;
    tcp_arg: fn(*mut Socket, *const End);
    tcp_bind: fn(*mut Socket, *const Address, u16) -> Outcome;
    tcp_bind_netif: fn(*mut Socket, *const Interface);
    tcp_listen_with_backlog: fn(*mut Socket, u8) -> *mut Socket;
    tcp_accept: fn(*mut Socket, Accept);
    tcp_connect: fn(*mut Socket, *const Address, u16, *const c_void) -> Outcome;
    tcp_recv: fn(*mut Socket, Receive);
    tcp_sent: fn(*mut Socket, Sent);
    tcp_err: fn(*mut Socket, Gone);
    tcp_write: fn(*mut Socket, *const u8, u16, u8) -> Outcome;
    tcp_output: fn(*mut Socket) -> Outcome;
    tcp_recved: fn(*mut Socket, u16);
    tcp_shutdown: fn(*mut Socket, c_int, c_int) -> Outcome;
    tcp_abort: fn(*mut Socket);
}

/// An interface, and the end of the connection that is on it. lwIP has its address for ever.
#[repr(C)]
struct End {
    /// The first, so that both have one address, by which `begin` knows that they belong together.
    interface: UnsafeCell<Interface>,
    lwip: &'static Functions,
    /// Null where there is none.
    socket: Cell<*mut Socket>,
    /// What may still be written.
    room: Cell<usize>,
    /// Frames that leave; each is ours to give to the other interface or to free.
    leaving: RefCell<VecDeque<*mut Buffer>>,
    /// Where the application reads, and at which of its bytes it is.
    read: RefCell<Vec<u8>>,
    at: Cell<usize>,
    arrived: Cell<u64>,
}

/// Two interfaces with nothing between them.
pub(crate) struct Pair {
    ends: [&'static End; 2],
}

impl Pair {
    /// Loads the library and joins two interfaces of it; once only, as it has one stack.
    pub(crate) fn load() -> Result<Self, Failure> {
        static LOADED: AtomicBool = AtomicBool::new(false);
        let lwip: &'static Functions = Box::leak(Box::new(Functions::load()?));
        if LOADED.swap(true, Ordering::Relaxed) {
            return Err("it is in use".into());
        }
        // SAFETY: before any other of its functions, and never again.
        unsafe { (lwip.lwip_init)() };
        let pair = Self {
            ends: [End::new(lwip, 1)?, End::new(lwip, 2)?],
        };
        pair.ends[1].listen()?;
        Ok(pair)
    }

    /// A connection from the first to the second.
    pub(super) fn connect(&self) -> Result<(), Failure> {
        self.ends[0].connect(&address(2))?;
        for _ in 0..4 {
            self.carry(0);
            self.carry(1);
        }
        match self.ends[1].socket.get().is_null() {
            true => Err("the handshake did not end".into()),
            false => Ok(()),
        }
    }

    /// Writes as much as there is room for, in whole segments: a short one costs as much.
    pub(super) fn write(&self, text: &[u8]) -> Result<usize, Failure> {
        let [end, _] = self.ends;
        let (socket, room) = (end.socket.get(), end.room.get());
        let len = text.len().min(room - room % SEGMENT);
        if socket.is_null() {
            return Err("the connection is gone".into());
        }
        if len == 0 {
            return Ok(0);
        }
        // SAFETY: an end forgets its socket before lwIP frees it, and the text is copied.
        let outcome = unsafe {
            let outcome = (end.lwip.tcp_write)(socket, text.as_ptr(), u16::try_from(len)?, COPY);
            (end.lwip.tcp_output)(socket);
            outcome
        };
        if outcome != OK {
            return Err(format!("lwIP takes no text: error {outcome}").into());
        }
        end.room.set(end.room.get() - len);
        Ok(len)
    }

    /// Says that no more text comes, so that the last of it does not wait for more.
    pub(super) fn finish(&self) {
        let [end, _] = self.ends;
        if !end.socket.get().is_null() {
            // SAFETY: an end forgets its socket before lwIP frees it; one that only stops to send
            // stays until it is aborted.
            unsafe { (end.lwip.tcp_shutdown)(end.socket.get(), 0, 1) };
        }
    }

    /// What `side` has to send arrives at the other one, which reads it at once and answers.
    pub(super) fn carry(&self, side: usize) {
        let (from, to) = (self.ends[side], self.ends[1 - side]);
        while let Some(frame) = from.next_frame() {
            // SAFETY: the frame is ours to give away, and the interface is one of lwIP's for ever.
            unsafe { (to.lwip.ip_input)(frame, to.interface.get()) };
        }
    }

    /// Lets pass what is due by the clock.
    pub(super) fn on_time(&self) {
        // SAFETY: lwIP was begun, and nobody else is in it.
        unsafe { (self.ends[0].lwip.sys_check_timeouts)() };
    }

    /// Ends the connection without a farewell.
    pub(super) fn abort(&self) {
        for end in self.ends {
            let socket = end.socket.replace(ptr::null_mut());
            if !socket.is_null() {
                // SAFETY: it was not forgotten, so lwIP has not freed it.
                unsafe { (end.lwip.tcp_abort)(socket) };
            }
        }
        for end in self.ends {
            while let Some(frame) = end.next_frame() {
                // SAFETY: the frame is ours.
                unsafe { (end.lwip.pbuf_free)(frame) };
            }
        }
    }

    /// How much was read, of all connections.
    pub(super) fn arrived(&self) -> u64 {
        self.ends[1].arrived.get()
    }
}

impl End {
    /// An interface with the address 192.0.2.`last`.
    fn new(lwip: &'static Functions, last: u8) -> Result<&'static Self, Failure> {
        let end: &'static Self = Box::leak(Box::new(Self {
            interface: UnsafeCell::new(Interface {
                next: ptr::null_mut(),
                addresses: [0; 34],
                input: None,
                output: None,
                other_outputs: [ptr::null_mut(); 2],
                state: ptr::null(),
                clients: [0; 2],
                mtu: 0,
                rest: [0; 111],
            }),
            lwip,
            socket: Cell::new(ptr::null_mut()),
            room: Cell::new(0),
            leaving: RefCell::new(VecDeque::with_capacity(FRAMES_MAX)),
            read: RefCell::new(vec![0; PIECE]),
            at: Cell::new(0),
            arrived: Cell::new(0),
        }));
        let [own, mask] = [
            address(last).words[0],
            u32::from_ne_bytes([255, 255, 255, 0]),
        ];
        let interface = end.interface.get();
        // SAFETY: the interface lives for ever and is no shorter than lwIP's, and lwIP copies the
        // addresses. `begin` leaves it alone unless it is laid out as is thought here.
        let added =
            unsafe { (lwip.netif_add)(interface, &own, &mask, &0, end, begin, lwip.ip_input) };
        if added.is_null() {
            return Err("its library is built with other options than Debian's".into());
        }
        // SAFETY: lwIP has just taken it.
        unsafe {
            (lwip.netif_set_up)(interface);
            (lwip.netif_set_link_up)(interface);
        }
        Ok(end)
    }

    /// A new socket on this interface.
    fn socket(&'static self) -> Result<*mut Socket, Failure> {
        // SAFETY: lwIP was begun.
        let socket = unsafe { (self.lwip.tcp_new)() };
        if socket.is_null() {
            return Err("lwIP has no memory for a socket".into());
        }
        // SAFETY: the socket is new, and interface and end live for ever.
        unsafe {
            (self.lwip.tcp_bind_netif)(socket, self.interface.get());
            (self.lwip.tcp_arg)(socket, self);
        }
        Ok(socket)
    }

    fn listen(&'static self) -> Result<(), Failure> {
        let socket = self.socket()?;
        // SAFETY: the socket is new; `tcp_listen_with_backlog` frees it and gives another one,
        // which nobody closes.
        let listener = unsafe {
            match (self.lwip.tcp_bind)(socket, &Address::default(), PORT) {
                OK => (self.lwip.tcp_listen_with_backlog)(socket, 1),
                _ => ptr::null_mut(),
            }
        };
        if listener.is_null() {
            return Err("lwIP does not listen".into());
        }
        // SAFETY: it was just made, and has the end that `accept` is called with.
        unsafe { (self.lwip.tcp_accept)(listener, accept) };
        Ok(())
    }

    fn connect(&'static self, to: &Address) -> Result<(), Failure> {
        let socket = self.socket()?;
        self.socket.set(socket);
        self.room.set(SEND_BUFFER);
        // SAFETY: the socket is new and has the end that is called back with; lwIP copies the
        // address, and a null pointer asks for no word of the connection.
        let outcome = unsafe {
            (self.lwip.tcp_sent)(socket, sent);
            (self.lwip.tcp_err)(socket, gone);
            (self.lwip.tcp_connect)(socket, to, PORT, ptr::null())
        };
        match outcome {
            OK => Ok(()),
            _ => Err(format!("lwIP does not connect: error {outcome}").into()),
        }
    }

    fn next_frame(&self) -> Option<*mut Buffer> {
        self.leaving.borrow_mut().pop_front()
    }
}

/// 192.0.2.`last`.
fn address(last: u8) -> Address {
    let mut address = Address::default();
    address.words[0] = u32::from_ne_bytes([192, 0, 2, last]);
    address
}

/// Fills in what is the driver's, if the interface has lwIP's part where it is thought to be.
unsafe extern "C" fn begin(interface: *mut Interface) -> Outcome {
    // SAFETY: the interface that `netif_add` was given, which is longer than what is read here.
    let (state, input) = unsafe { ((*interface).state, (*interface).input) };
    if !ptr::addr_eq(state, interface) {
        return NO_MEMORY;
    }
    // SAFETY: what lies there has the address of the end, so it is what `netif_add` was given.
    let expected = unsafe { (*state).lwip.ip_input };
    if !input.is_some_and(|input| ptr::fn_addr_eq(input, expected)) {
        return NO_MEMORY;
    }
    // SAFETY: as above, and lwIP waits for this to be filled in.
    unsafe {
        (*interface).output = Some(output);
        (*interface).mtu = MTU;
    }
    OK
}

/// A frame leaves: the copy of it is the way.
unsafe extern "C" fn output(
    interface: *mut Interface,
    frame: *mut Buffer,
    _: *const u32,
) -> Outcome {
    // SAFETY: lwIP gives an interface that `begin` has seen, whose end lives for ever.
    let end = unsafe { &*(*interface).state };
    if end.leaving.borrow().len() == FRAMES_MAX {
        return NO_MEMORY;
    }
    // SAFETY: the frame stays lwIP's, and is whole while this runs.
    let copy = unsafe { (end.lwip.pbuf_clone)(NO_HEADROOM, ON_HEAP, frame) };
    if copy.is_null() {
        return NO_MEMORY;
    }
    end.leaving.borrow_mut().push_back(copy);
    OK
}

/// Someone has connected.
unsafe extern "C" fn accept(end: *const End, socket: *mut Socket, outcome: Outcome) -> Outcome {
    // SAFETY: the listener's end, which lives for ever.
    let end = unsafe { &*end };
    if outcome != OK || !end.socket.get().is_null() {
        return NO_MEMORY;
    }
    end.socket.set(socket);
    // SAFETY: the socket is new, and has the end of its listener.
    unsafe {
        (end.lwip.tcp_recv)(socket, receive);
        (end.lwip.tcp_err)(socket, gone);
    }
    OK
}

/// Text has arrived, and is read.
unsafe extern "C" fn receive(
    end: *const End,
    socket: *mut Socket,
    text: *mut Buffer,
    _: Outcome,
) -> Outcome {
    if text.is_null() {
        return OK;
    }
    // SAFETY: the end of this socket, which lives for ever.
    let end = unsafe { &*end };
    let mut read = end.read.borrow_mut();
    let mut taken = 0;
    loop {
        let to = &mut read[end.at.get()..];
        let room = u16::try_from(to.len()).unwrap_or(u16::MAX);
        // SAFETY: the text is ours until it is freed, and `to` is longer than what is asked for.
        let count = unsafe { (end.lwip.pbuf_copy_partial)(text, to.as_mut_ptr(), room, taken) };
        taken += count;
        end.at.set((end.at.get() + usize::from(count)) % PIECE);
        if count < room {
            break;
        }
    }
    end.arrived.set(end.arrived.get() + u64::from(taken));
    // SAFETY: the socket is the one that lwIP calls for, and nobody looks at the text any more.
    unsafe {
        (end.lwip.tcp_recved)(socket, taken);
        (end.lwip.pbuf_free)(text);
    }
    OK
}

/// Text was acknowledged.
unsafe extern "C" fn sent(end: *const End, _: *mut Socket, count: u16) -> Outcome {
    // SAFETY: the end of this socket, which lives for ever.
    let room = unsafe { &(*end).room };
    room.set((room.get() + usize::from(count)).min(SEND_BUFFER));
    OK
}

/// lwIP has freed the socket, or is about to.
unsafe extern "C" fn gone(end: *const End, _: Outcome) {
    // SAFETY: the end of this socket, which lives for ever.
    unsafe { (*end).socket.set(ptr::null_mut()) };
}
