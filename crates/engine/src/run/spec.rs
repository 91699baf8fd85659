//! What a command is run in, as the sandbox is told.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use filter::{Host, Program, Setting};
use graph::RunStep;
use layer::index::Login;
use sandbox::{Attributes, Capabilities, Mount, MountKind, Network, Root, Spec, User};

use super::error::RunError;
use super::mounts::{Mounted, Mounts};
use super::settings::{Access, Settings};
use super::surroundings::{HOSTNAME, hosts, resolv};
use crate::roots::Stack;

/// What is bound over files of the root.
const INERT: Attributes = Attributes { read_only: true, no_suid: true, no_devices: true, no_execute: true };
/// A script is started by its name.
const SCRIPT: Attributes = Attributes { read_only: true, no_suid: true, no_devices: true, no_execute: false };

/// All that is known of a command before it runs.
pub(crate) struct Job {
    /// What runs.
    pub step: RunStep,
    /// Whom it runs as.
    pub login: Login,
    /// The layers below it.
    pub stack: Stack,
    /// What of the network it sees.
    pub access: Access,
    /// It has all rights that the builder has.
    pub is_privileged: bool,
    /// What is mounted.
    pub mounts: Vec<Mounted>,
    /// Variables of proxies, which no key knows.
    pub proxies: Vec<(String, String)>,
    /// What holds for all commands.
    pub settings: Settings,
}

impl Job {
    /// Returns the words as errors show them.
    pub fn command(&self) -> String {
        self.step.words.join(" ")
    }
}

/// Says what the sandbox is to do, and writes the files that it mounts into the folder `scratch`.
pub(super) fn spec(job: &Job, root: Root, mounts: &Mounts, scratch: &Path) -> Result<Spec, RunError> {
    let failed = |problem: std::io::Error| RunError::Mount(format!("{}: {problem}", scratch.display()));
    let mut spec = Spec::new(root, job.step.words.iter());
    for mount in &mut spec.mounts {
        if let MountKind::Devices { shared_memory } = &mut mount.kind {
            *shared_memory = job.settings.shared_memory;
        }
    }
    let mut bind = |name: &str, content: &str, target: String, attributes: Attributes| {
        let path = scratch.join(name);
        fs::write(&path, content).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(if attributes.no_execute { 0o644 } else { 0o755 })).map_err(failed)?;
        let kind = MountKind::Bind { source: Root::Folder(path.into()), inside: None, attributes };
        spec.mounts.push(Mount { target: target.into(), kind, keep_target: false });
        Ok::<_, RunError>(())
    };
    bind("resolv.conf", &resolv(job.access), "/etc/resolv.conf".to_owned(), INERT)?;
    bind("hosts", &hosts(&job.settings), "/etc/hosts".to_owned(), INERT)?;
    if let Some((name, content)) = &job.step.inline {
        bind("script", content, format!("/dev/pipes/{name}"), SCRIPT)?;
    }
    spec.mounts.extend(mounts.mounts.iter().cloned());
    spec.environment = environment(job, mounts);
    spec.folder = job.step.working.clone().into();
    spec.user = user(&job.login)?;
    spec.hostname = job.settings.hostname.clone().unwrap_or_else(|| HOSTNAME.to_owned());
    spec.network = match job.access {
        Access::Host => Network::Host,
        Access::None => Network::None,
    };
    spec.limits = job.settings.limits.clone();
    if job.is_privileged {
        spec.capabilities = Capabilities::ALL;
        (spec.masked, spec.read_only_paths) = Default::default();
    } else {
        spec.filter = filter_of(spec.capabilities);
    }
    Ok(spec)
}

/// The variables in their order; `HOME` where nobody sets it, as runc does.
fn environment(job: &Job, mounts: &Mounts) -> Vec<(OsString, OsString)> {
    let mut all = job.step.environment.clone();
    // What the Dockerfile says of a proxy counts.
    let is_new = |(name, _): &&(String, String)| !job.step.environment.iter().any(|(known, _)| known == name);
    let proxies = job.settings.proxies.iter().chain(&job.proxies).filter(is_new);
    for (name, value) in proxies.chain(&mounts.environment) {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => old.clone_from(value),
            None => all.push((name.clone(), value.clone())),
        }
    }
    if !all.iter().any(|(name, _)| name == "HOME") {
        all.push(("HOME".to_owned(), job.login.home.clone().unwrap_or_else(|| "/".to_owned())));
    }
    all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn user(login: &Login) -> Result<User, RunError> {
    let number = |number: u64| u32::try_from(number).map_err(|_| RunError::Mount(format!("no user or group has the number {number}")));
    let gid = number(login.gid)?;
    // The first group is one of the others, too, as containerd has it.
    let others = login.groups.iter().filter(|group| **group != login.gid);
    let groups = std::iter::once(&login.gid).chain(others).map(|group| number(*group)).collect::<Result<_, _>>()?;
    Ok(User { uid: number(login.uid)?, gid, groups })
}

/// Docker's seccomp profile for these rights on this machine; nothing where it knows no profile for the processor.
fn filter_of(capabilities: Capabilities) -> Vec<u8> {
    let Some(host) = Host::here() else { return Vec::new() };
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Program::of_docker(&Setting { host, capabilities: capabilities.bits(), kernel }).to_bytes()
}
