//! What is to run, and in what: plain data that the init is handed.

use std::ffi::OsString;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bounds, Capabilities, Limit, Owned, Strangers, Streams, Users};

/// One process and the root that it sees.
///
/// Paths of this machine are absolute. Those of the root are too, and are resolved inside of it, whatever its links say.
#[derive(Clone, Serialize, Deserialize)]
pub struct Spec {
    /// What the process sees as `/`.
    pub root: Root,
    /// Whether the root itself cannot be written to; mounts have their own word on that. What has to be made in it for mounts
    /// stays then, so it should be one that is thrown away.
    pub read_only: bool,
    /// The program and its arguments. A program without a slash is looked for in the PATH of `environment`.
    pub arguments: Vec<OsString>,
    /// The whole environment, in order.
    pub environment: Vec<(OsString, OsString)>,
    /// The working folder, which must exist.
    pub folder: OsString,
    /// Whom the process runs as.
    pub user: User,
    /// The name of the machine.
    pub hostname: String,
    /// What is mounted, in order. A target that is missing is made, and removed afterwards if it is still empty.
    pub mounts: Vec<Mount>,
    /// Paths whose content is hidden, where they exist.
    pub masked: Vec<OsString>,
    /// Paths that cannot be written to, where they exist.
    pub read_only_paths: Vec<OsString>,
    /// What of the network it sees.
    pub network: Network,
    /// What it may do, at most.
    pub capabilities: Capabilities,
    /// What it and all that it starts may use.
    pub bounds: Bounds,
    /// What each of these processes may use; other limits are those of the caller.
    pub limits: Vec<Limit>,
    /// A seccomp filter: classic BPF, eight bytes for each instruction in this machine's byte order. Empty for none.
    #[serde(with = "crate::digits")]
    pub filter: Vec<u8>,
    /// Whether programs with set-user-ID or file capabilities gain nothing by it.
    pub no_new_privileges: bool,
    /// Which users there are.
    pub users: Users,
    /// What becomes of the users that there are not.
    pub strangers: Strangers,
    /// What in the root and its mounts is not root's, where that is to be played; the disk does not say it.
    pub owners: Vec<Owned>,
    /// What runs it, and what it starts, where this machine does not by itself.
    pub emulation: Option<Emulation>,
    /// What the process reads from and writes to.
    pub streams: Streams,
}

impl Spec {
    /// Describes a process as BuildKit runs one: /proc, /dev and /sys, the usual paths masked or read-only, the default
    /// capabilities, root as the user, `/` as the folder, and an empty environment.
    pub fn new(root: Root, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let mount = |target: &str, kind| Mount { target: target.into(), kind, keep_target: true };
        let own = |paths: &[&str]| paths.iter().map(OsString::from).collect();
        Self {
            root,
            read_only: false,
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            folder: "/".into(),
            user: User::default(),
            hostname: "buildkitsandbox".to_owned(),
            mounts: vec![
                mount("/proc", MountKind::Proc),
                mount("/dev", MountKind::Devices { shared_memory: 64 << 20 }),
                mount("/sys", MountKind::Sysfs),
            ],
            masked: own(&[
                "/proc/acpi",
                "/proc/asound",
                "/proc/kcore",
                "/proc/keys",
                "/proc/latency_stats",
                "/proc/timer_list",
                "/proc/timer_stats",
                "/proc/sched_debug",
                "/proc/scsi",
                "/sys/firmware",
                "/sys/devices/virtual/powercap",
            ]),
            read_only_paths: own(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]),
            network: Network::Host,
            capabilities: Capabilities::DEFAULT,
            bounds: Bounds::USUAL,
            limits: Vec::new(),
            filter: Vec::new(),
            no_new_privileges: false,
            users: Users::Same,
            strangers: Strangers::Refused,
            owners: Vec::new(),
            emulation: None,
            streams: Streams::PIPED,
        }
    }
}

/// Without the environment, in which secrets stand.
impl fmt::Debug for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Spec").field("root", &self.root).field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where the files of the root are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Root {
    /// A folder, which is changed in place.
    Folder(OsString),
    /// Folders over each other, by overlayfs.
    Overlay {
        /// What is below, the topmost first; at least one. They are never changed.
        lowers: Vec<OsString>,
        /// What is changed; without one, nothing can be.
        upper: Option<Upper>,
    },
}

/// The folders that an overlay writes to, both on one file system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upper {
    /// Where changes go.
    pub folder: OsString,
    /// An empty folder for the kernel, which is empty again afterwards.
    pub work: OsString,
}

/// A program of this machine that runs those of another.
///
/// It gets `-0`, the name, the path and the arguments of what it is to run, as QEMU's user emulators have it. What that starts is run by it,
/// too, where this machine lets anybody follow processes (ptrace(2)); else that is left to the kernel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Emulation {
    /// The program, which needs no other file.
    pub emulator: OsString,
    /// How programs begin that it runs, in the bits that `mask` has, as a handler of binfmt_misc says it.
    #[serde(with = "crate::digits")]
    pub magic: Vec<u8>,
    /// Which bits these are.
    #[serde(with = "crate::digits")]
    pub mask: Vec<u8>,
    /// Nothing may be left to the kernel: it would run such programs, and they would fail on the way.
    pub is_strict: bool,
}

/// The user and the groups of the process, as numbers inside of its user namespace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The first group.
    pub gid: u32,
    /// All other groups.
    pub groups: Vec<u32>,
}

/// Something that is mounted in the root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// Where, in the root.
    pub target: OsString,
    /// What.
    pub kind: MountKind,
    /// Whether a target that had to be made stays when the process has ended.
    pub keep_target: bool,
}

/// What is mounted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum MountKind {
    /// A file or a folder, with what is mounted below it.
    Bind {
        /// Where it is on this machine; a link there is followed. It may be a file.
        source: Root,
        /// A path in that source, resolved as if the source were a root; without one, the source itself.
        inside: Option<OsString>,
        /// What the process may do with it.
        attributes: Attributes,
    },
    /// A file system in memory.
    Tmpfs {
        /// How many bytes it holds at most; without one, half of the memory.
        size: Option<u64>,
        /// The permissions of its top folder.
        mode: u32,
        /// What the process may do with it.
        attributes: Attributes,
    },
    /// A file in memory, which no disk ever has. Always read-only, and no program is run from it.
    File {
        /// What is in it.
        content: Content,
        /// Its permissions.
        mode: u32,
        /// Its owner, a number inside of the sandbox.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// The processes of the sandbox.
    Proc,
    /// The devices of this machine, as text. Always read-only.
    Sysfs,
    /// `null`, `zero`, `full`, `random`, `urandom`, `tty`, terminals, message queues and shared memory.
    Devices {
        /// How many bytes `/dev/shm` holds at most.
        shared_memory: u64,
    },
}

/// What is in a file, which no text of this program shows.
#[derive(Clone, Serialize, Deserialize)]
pub struct Content(#[serde(with = "crate::digits")] pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.0.len())
    }
}

/// What a process may not do with what is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Nothing can be written to.
    pub read_only: bool,
    /// Programs with set-user-ID or file capabilities gain nothing by it.
    pub no_suid: bool,
    /// Devices cannot be opened.
    pub no_devices: bool,
    /// Programs cannot be run.
    pub no_execute: bool,
}

/// What of the network the process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// All that the caller sees.
    Host,
    /// Only itself: 127.0.0.1 and ::1.
    None,
}
