//! The rules of Docker's default profile, as they are in github.com/moby/profiles, `seccomp/default.json`, at
//! 02e898b137aed1024e232d59bcb05e6179b72177 (Apache-2.0); those for other machines than [`Host`] has are left out.

use crate::host::Host;

/// A right that a process may have, by its number (linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(pub u8);

/// Rules of the profile, each for some calls. What no rule allows is refused with `EPERM`.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The calls, by their names.
    pub calls: &'static str,
    /// When it holds.
    pub when: When,
    /// What it says.
    pub answer: Answer,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// From this release of Linux on.
    Kernel(u32, u32),
    /// On this machine.
    On(Host),
    /// Where the process may get this right.
    With(Capability),
    /// Where it may not.
    Without(Capability),
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call is allowed.
    Allow,
    /// It is allowed where one of these holds.
    AllowIf(&'static [Test]),
    /// It fails with this number.
    Fail(u16),
}

/// A question to an argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// Which argument, from 0.
    pub argument: u8,
    /// What it has to be, all 64 bits of it.
    pub is: Is,
}

/// What an argument has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// Of these, both ends included.
    Within(u32, u32),
    /// None of these bits is set.
    Without(u64),
}

impl Test {
    /// Tells whether it holds.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        let value = arguments.get(usize::from(self.argument)).copied().unwrap_or_default();
        match self.is {
            Is::Within(first, last) => (u64::from(first)..=last.into()).contains(&value),
            Is::Without(bits) => value & bits == 0,
        }
    }
}

/// The error of a call that may not be made.
pub const EPERM: u16 = 1;
/// The error of a call that there is not.
pub const ENOSYS: u16 = 38;

const DAC_READ_SEARCH: Capability = Capability(2);
const SYS_MODULE: Capability = Capability(16);
const SYS_RAWIO: Capability = Capability(17);
const SYS_CHROOT: Capability = Capability(18);
const SYS_PTRACE: Capability = Capability(19);
const SYS_PACCT: Capability = Capability(20);
const SYS_ADMIN: Capability = Capability(21);
const SYS_BOOT: Capability = Capability(22);
const SYS_NICE: Capability = Capability(23);
const SYS_TIME: Capability = Capability(25);
const SYS_TTY_CONFIG: Capability = Capability(26);
const SYSLOG: Capability = Capability(34);
const PERFMON: Capability = Capability(38);
const BPF: Capability = Capability(39);

/// The bits of `clone` that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
const NAMESPACES: u64 = 0x7E02_0000;

/// The first argument is one of these.
const fn within(first: u32, last: u32) -> Test {
    Test { argument: 0, is: Is::Within(first, last) }
}

/// Families of sockets, AF_UNIX (1) to AF_MCTP (45). The gaps are families that Linux has no more, AF_ALG (38) and AF_VSOCK (40).
const FAMILIES: &[Test] =
    &[within(0, 11), within(13, 18), within(21, 22), within(24, 24), within(26, 33), within(35, 36), within(39, 39), within(41, 45)];

/// PER_LINUX and PER_LINUX32, each with UNAME26 or without; the last asks what is set.
const PERSONALITIES: &[Test] =
    &[within(0, 0), within(8, 8), within(0x2_0000, 0x2_0000), within(0x2_0008, 0x2_0008), within(u32::MAX, u32::MAX)];

const fn rule(calls: &'static str, when: When, answer: Answer) -> Rule {
    Rule { calls, when, answer }
}

const fn with(capability: Capability, calls: &'static str) -> Rule {
    rule(calls, When::With(capability), Answer::Allow)
}

/// The rules.
pub static DOCKER: &[Rule] = &[
    rule(ALWAYS, When::Always, Answer::Allow),
    rule("process_vm_readv process_vm_writev ptrace", When::Kernel(4, 8), Answer::Allow),
    rule("socket", When::Always, Answer::AllowIf(FAMILIES)),
    rule("personality", When::Always, Answer::AllowIf(PERSONALITIES)),
    rule("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls", When::On(Host::Aarch64), Answer::Allow),
    rule("arch_prctl modify_ldt", When::On(Host::X86_64), Answer::Allow),
    with(DAC_READ_SEARCH, "open_by_handle_at"),
    with(
        SYS_ADMIN,
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname
         setns syslog umount umount2 unshare",
    ),
    rule("clone", When::Without(SYS_ADMIN), Answer::AllowIf(&[Test { argument: 0, is: Is::Without(NAMESPACES) }])),
    // Its arguments are behind a pointer, which no filter can follow. Whoever finds it missing takes `clone`.
    rule("clone3", When::Without(SYS_ADMIN), Answer::Fail(ENOSYS)),
    with(SYS_BOOT, "reboot"),
    with(SYS_CHROOT, "chroot"),
    with(SYS_MODULE, "delete_module init_module finit_module"),
    with(SYS_PACCT, "acct"),
    with(SYS_PTRACE, "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    with(SYS_RAWIO, "iopl ioperm"),
    with(SYS_TIME, "settimeofday stime clock_settime clock_settime64"),
    with(SYS_TTY_CONFIG, "vhangup"),
    with(SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    with(SYSLOG, "syslog"),
    with(BPF, "bpf"),
    with(PERFMON, "perf_event_open"),
];

/// What everybody may call. `socketcall` is among them, so on x86 and ARM the families of sockets are no boundary.
const ALWAYS: &str = "
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64
    clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect
    copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate
    fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork
    fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64
    futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
    getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32
    getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday
    getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy
    io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
    landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat
    llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret
    mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
    mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
    munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe
    pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
    pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
    rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64
    sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid
    setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list
    setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
    sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx
    symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
    timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat
    utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";
