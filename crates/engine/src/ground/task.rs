//! A process, decided: what runs, as whom, and what it sees. It becomes what the sandbox is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use filter::{Host, Program, Setting};
use layer::index::Login;
use sandbox::{Attributes, Bounds, Capabilities, Limit, Mount, MountKind, Network, Owned, Root, Spec, Streams, User};

use super::error::GroundError;
use super::surroundings::{hosts, resolv};
use crate::machines::Carrier;

/// How many bytes `/dev/shm` holds where nobody says otherwise, as with Docker.
pub(crate) const SHARED_MEMORY: u64 = 64 << 20;

/// A process, decided.
pub(crate) struct Task {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Its variables. It gets a `HOME` where there is none.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it begins in.
    pub working: String,
    /// Whom it runs as.
    pub login: Login,
    /// What it takes so that this machine runs it.
    pub carrier: Carrier,
    /// Nothing of the layers below it can be changed.
    pub read_only: bool,
    /// What of the network it sees.
    pub network: Network,
    /// The name of its machine.
    pub hostname: String,
    /// Names and their addresses.
    pub hosts: Vec<(String, IpAddr)>,
    /// How many bytes `/dev/shm` holds.
    pub shared_memory: u64,
    /// What it may use.
    pub limits: Vec<Limit>,
    /// What it and all that it starts may use.
    pub bounds: Bounds,
    /// What it may do.
    pub confinement: Confinement,
    /// Files of its own.
    pub files: Vec<Bound>,
    /// What is mounted beside them.
    pub mounts: Vec<Mount>,
    /// What in these is not root's, where the disk does not say so.
    pub owners: Vec<Owned>,
    /// What it reads from and writes to.
    pub streams: Streams,
}

/// What a process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// At most these.
    pub capabilities: Capabilities,
    /// Docker's seccomp profile holds.
    pub is_filtered: bool,
    /// What of /proc and /sys is the machine's is hidden or read-only.
    pub is_masked: bool,
    /// No program gives it more.
    pub no_new_privileges: bool,
}

impl Confinement {
    /// What Docker gives a container.
    pub const USUAL: Self = Self { capabilities: Capabilities::DEFAULT, is_filtered: true, is_masked: true, no_new_privileges: false };
    /// Nothing is held back.
    pub const NONE: Self = Self { capabilities: Capabilities::ALL, is_filtered: false, is_masked: false, no_new_privileges: false };
}

/// A file that is written for a process, and bound into its root.
pub(crate) struct Bound {
    /// Where it is in the root.
    pub target: String,
    /// What is in it.
    pub content: String,
    /// It is a program.
    pub runs: bool,
}

impl Bound {
    /// A file that nothing can be done with but reading it.
    pub fn text(target: &str, content: String) -> Self {
        Self { target: target.to_owned(), content, runs: false }
    }

    fn attributes(&self) -> Attributes {
        Attributes { read_only: true, no_suid: true, no_devices: true, no_execute: !self.runs }
    }
}

impl Task {
    /// Says what the sandbox is to do over a root, and writes files that it needs into a folder.
    pub fn spec(&self, root: Root, scratch: &Path) -> Result<Spec, GroundError> {
        let mut spec = Spec::new(root, &self.words);
        spec.read_only = self.read_only;
        for mount in &mut spec.mounts {
            if let MountKind::Devices { shared_memory } = &mut mount.kind {
                *shared_memory = self.shared_memory;
            }
        }
        let own = [Bound::text("/etc/resolv.conf", resolv(self.network)), Bound::text("/etc/hosts", hosts(&self.hostname, &self.hosts))];
        for (number, file) in own.iter().chain(&self.files).enumerate() {
            spec.mounts.push(bind(file, &scratch.join(format!("file-{number}")))?);
        }
        spec.mounts.extend(self.carrier.mounts());
        spec.mounts.extend(self.mounts.iter().cloned());
        spec.emulation = self.carrier.emulation();
        spec.environment = self.environment();
        spec.folder = self.working.clone().into();
        spec.user = user(&self.login)?;
        spec.hostname.clone_from(&self.hostname);
        spec.network = self.network;
        spec.limits.clone_from(&self.limits);
        spec.bounds = self.bounds;
        spec.streams = self.streams;
        self.confine(&mut spec);
        Ok(spec)
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut all = self.environment.clone();
        // As runc does.
        if !all.iter().any(|(name, _)| name == "HOME") {
            all.push(("HOME".into(), self.login.home.as_deref().unwrap_or("/").into()));
        }
        all
    }

    fn confine(&self, spec: &mut Spec) {
        let Confinement { capabilities, is_filtered, is_masked, no_new_privileges } = self.confinement;
        spec.capabilities = capabilities;
        spec.no_new_privileges = no_new_privileges;
        if is_filtered {
            spec.filter = filter_of(capabilities);
        }
        if !is_masked {
            (spec.masked, spec.read_only_paths) = Default::default();
        }
    }
}

fn bind(file: &Bound, path: &Path) -> Result<Mount, GroundError> {
    let mode = fs::Permissions::from_mode(if file.runs { 0o755 } else { 0o644 });
    fs::write(path, &file.content).and_then(|()| fs::set_permissions(path, mode)).map_err(GroundError::io(path))?;
    let kind = MountKind::Bind { source: Root::Folder(path.into()), inside: None, attributes: file.attributes() };
    Ok(Mount { target: file.target.clone().into(), kind, keep_target: false })
}

fn user(login: &Login) -> Result<User, GroundError> {
    let number = |number: u64| u32::try_from(number).map_err(|_| GroundError::Number(number));
    let gid = number(login.gid)?;
    // The first group is one of the others, too, as containerd has it.
    let others = login.groups.iter().filter(|group| **group != login.gid);
    let groups = std::iter::once(&login.gid).chain(others).map(|group| number(*group)).collect::<Result<_, _>>()?;
    Ok(User { uid: number(login.uid)?, gid, groups })
}

/// Docker's seccomp profile for these rights on this machine; nothing where it knows no profile for the processor. Commands mostly have
/// the same rights, so what was made is kept.
fn filter_of(capabilities: Capabilities) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<u64, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(capabilities.bits()).or_insert_with(|| make_filter(capabilities)).clone()
}

fn make_filter(capabilities: Capabilities) -> Vec<u8> {
    let Some(host) = Host::here() else { return Vec::new() };
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Program::of_docker(&Setting { host, capabilities: capabilities.bits(), kernel }).to_bytes()
}
