//! Following other processes into the programs that they become (ptrace(2)).

use std::io;
use std::ptr;

use rustix::process::Pid;

/// Why a thread that is followed does not go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It has ended.
    Ended,
    /// It makes a call of which a filter says that whoever follows is to see it.
    Calls,
    /// Its call has returned.
    Returned,
    /// It has become another program. It was this thread of its process before, if it has not been killed since.
    Became(Option<Pid>),
    /// It was stopped with its process, and waits to be continued.
    Halted,
    /// It gets a signal.
    Signal(i32),
    /// It has begun, or has begun another one.
    Begun,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// As ever.
    On,
    /// With a signal.
    With(i32),
    /// Until its call returns.
    ToReturn,
    /// Not before it is continued.
    Halted,
}

/// `PTRACE_EVENT_STOP`.
const STOPPED_WITH_OTHERS: i32 = 128;

/// Follows a process from now on, and all that it starts. They end with whoever follows.
pub(crate) fn follow(process: Pid) -> io::Result<()> {
    let options = libc::PTRACE_O_EXITKILL
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACESECCOMP;
    ask(libc::PTRACE_SEIZE, process, 0, usize::try_from(options).unwrap_or_default())
}

/// Waits until any of those that are followed stops; none when all have ended.
pub(crate) fn next_stop() -> io::Result<Option<(Pid, Stop)>> {
    let mut status = 0;
    let thread = loop {
        // SAFETY: the number lives until the call returns.
        let thread = unsafe { libc::waitpid(-1, ptr::from_mut(&mut status), libc::__WALL) };
        if let Some(thread) = Pid::from_raw(thread).filter(|_| thread > 0) {
            break thread;
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return Ok(None),
            _ => return Err(error),
        }
    };
    if !libc::WIFSTOPPED(status) {
        return Ok(Some((thread, Stop::Ended)));
    }
    let signal = libc::WSTOPSIG(status);
    let stop = match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Returned,
        0 => Stop::Signal(signal),
        libc::PTRACE_EVENT_SECCOMP => Stop::Calls,
        libc::PTRACE_EVENT_EXEC => Stop::Became(former(thread)),
        STOPPED_WITH_OTHERS if signal != libc::SIGTRAP => Stop::Halted,
        _ => Stop::Begun,
    };
    Ok(Some((thread, stop)))
}

/// Lets a thread go on that stands still.
pub(crate) fn resume(thread: Pid, going: Going) -> io::Result<()> {
    let (request, signal) = match going {
        Going::On => (libc::PTRACE_CONT, 0),
        Going::With(signal) => (libc::PTRACE_CONT, signal),
        Going::ToReturn => (libc::PTRACE_SYSCALL, 0),
        Going::Halted => (libc::PTRACE_LISTEN, 0),
    };
    ask(request, thread, 0, usize::try_from(signal).unwrap_or_default())
}

/// Asks for something of which nothing is written to memory of ours.
fn ask(request: Request, thread: Pid, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: both are numbers for these requests, whatever the type says, and nothing is written anywhere.
    match unsafe { libc::ptrace(request, thread.as_raw_nonzero().get(), address, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The number of a request, which is of another type in each libc.
#[cfg(target_env = "musl")]
type Request = libc::c_int;
#[cfg(not(target_env = "musl"))]
type Request = libc::c_uint;

/// Returns the number that a thread had before it became another program, of which the first thread's number is taken.
fn former(thread: Pid) -> Option<Pid> {
    let mut message: libc::c_ulong = 0;
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: what is written is one number of this size, which lives until the call returns.
    let asked = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, thread.as_raw_nonzero().get(), nothing, ptr::from_mut(&mut message)) };
    i32::try_from(message).ok().filter(|_| asked != -1).and_then(Pid::from_raw)
}

/// Tells whether a thread stands still in a call of which a filter says that whoever follows is to see it.
pub(crate) fn still_calls(thread: Pid) -> bool {
    let mut room = [0_u64; 32];
    // SAFETY: at most as much is written as the room is told to have, which lives until the call returns.
    let length =
        unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread.as_raw_nonzero().get(), size_of_val(&room), room.as_mut_ptr()) };
    // The first byte says which stop it is (ptrace(2), `PTRACE_GET_SYSCALL_INFO`).
    length > 0 && room.first().is_some_and(|first| first.to_ne_bytes().first() == Some(&libc::PTRACE_SYSCALL_INFO_SECCOMP))
}

/// Tells whether the signal for which a thread stands still comes from its own namespace of processes, or from none that it sees.
pub(crate) fn comes_from_inside(thread: Pid) -> bool {
    let mut room = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: what is written is as large as the room, which lives until the call returns.
    if unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, thread.as_raw_nonzero().get(), nothing, room.as_mut_ptr()) } == -1 {
        return false;
    }
    // SAFETY: it is numbers alone, of which every pattern of bits is one, and was filled with zeros before.
    let said = unsafe { room.assume_init() };
    // SAFETY: a signal of somebody has a sender, and of any other its place holds numbers, too.
    said.si_code <= 0 && unsafe { said.si_pid() } != 0
}

/// Whether the registers of this machine are known, by which calls are changed.
pub(crate) const KNOWS_REGISTERS: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The registers of a thread that stands still.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(crate) struct Registers(libc::user_regs_struct);

/// `NT_PRSTATUS`: those for all purposes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const GENERAL: usize = 1;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Registers {
    /// Reads them.
    pub fn of(thread: Pid) -> io::Result<Self> {
        let mut room = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
        let mut piece = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: size_of::<libc::user_regs_struct>() };
        // SAFETY: what is written goes to the room that the piece describes, which is as large as it says; both live until the call returns.
        match unsafe { libc::ptrace(libc::PTRACE_GETREGSET, thread.as_raw_nonzero().get(), GENERAL, ptr::from_mut(&mut piece)) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: it is numbers alone, of which every pattern of bits is one, and was filled with zeros before.
            _ => Ok(Self(unsafe { room.assume_init() })),
        }
    }

    /// Writes them.
    pub fn give(mut self, thread: Pid) -> io::Result<()> {
        let registers = ptr::from_mut(&mut self.0).cast();
        let mut piece = libc::iovec { iov_base: registers, iov_len: size_of::<libc::user_regs_struct>() };
        // SAFETY: the piece describes the registers, which are read, and both live until the call returns.
        match unsafe { libc::ptrace(libc::PTRACE_SETREGSET, thread.as_raw_nonzero().get(), GENERAL, ptr::from_mut(&mut piece)) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// What lies below the stack and is used all the same (System V ABI, AMD64, "The Stack Frame").
    pub const BELOW_STACK: u64 = 128;

    /// The number of the call.
    pub const fn call(&self) -> i64 {
        self.0.orig_rax.cast_signed()
    }

    /// Where the stack ends.
    pub const fn stack(&self) -> u64 {
        self.0.rsp
    }

    /// What it is called with.
    pub const fn arguments(&self) -> [u64; 6] {
        [self.0.rdi, self.0.rsi, self.0.rdx, self.0.r10, self.0.r8, self.0.r9]
    }

    /// Changes that.
    pub const fn set_arguments(&mut self, arguments: [u64; 6]) {
        [self.0.rdi, self.0.rsi, self.0.rdx, self.0.r10, self.0.r8, self.0.r9] = arguments;
    }

    /// Takes back what the call was made with, after it has returned.
    pub const fn take_back(&mut self, arguments: [u64; 6]) {
        self.set_arguments(arguments);
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// Nothing below the stack is used (Procedure Call Standard for the Arm 64-bit Architecture, "The Stack").
    pub const BELOW_STACK: u64 = 0;

    /// The number of the call.
    pub const fn call(&self) -> i64 {
        self.0.regs[8].cast_signed()
    }

    /// Where the stack ends.
    pub const fn stack(&self) -> u64 {
        self.0.sp
    }

    /// What it is called with.
    pub const fn arguments(&self) -> [u64; 6] {
        let [one, two, three, four, five, six, ..] = self.0.regs;
        [one, two, three, four, five, six]
    }

    /// Changes that.
    pub const fn set_arguments(&mut self, arguments: [u64; 6]) {
        let [one, two, three, four, five, six, ..] = &mut self.0.regs;
        [*one, *two, *three, *four, *five, *six] = arguments;
    }

    /// Takes back what the call was made with, after it has returned: the first is what it has returned by now.
    pub const fn take_back(&mut self, arguments: [u64; 6]) {
        let [_, two, three, four, five, six] = arguments;
        self.set_arguments([self.0.regs[0], two, three, four, five, six]);
    }
}

/// Those of a machine of which they are not known.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[derive(Clone, Copy)]
pub(crate) enum Registers {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Registers {
    pub const BELOW_STACK: u64 = 0;

    pub fn of(_: Pid) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn give(self, _: Pid) -> io::Result<()> {
        match self {}
    }

    pub const fn call(&self) -> i64 {
        match *self {}
    }

    pub const fn stack(&self) -> u64 {
        match *self {}
    }

    pub const fn arguments(&self) -> [u64; 6] {
        match *self {}
    }

    pub const fn set_arguments(&mut self, _: [u64; 6]) {
        match *self {}
    }

    pub const fn take_back(&mut self, _: [u64; 6]) {
        match *self {}
    }
}
