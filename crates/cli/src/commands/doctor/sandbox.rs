//! What a `RUN` needs of the kernel, piece by piece: each is one sandbox with that piece in it.
//!
//! The program that is to run in it does not exist. That it is not found is the last thing that a sandbox finds out, so it proves
//! all before it, and no program of this machine has to be there, or to be static.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use fault::Failure;
use filter::{Host, Program, Setting};
use rustix::process::{getegid, geteuid};
use sandbox::{Capabilities, Launcher, Mount, MountKind, Network, Root, SandboxError, Spec, Upper, Users};
use tempfile::TempDir;

use super::check::Check;
use super::mount::kind_of;
use super::obstacle::{Machine, namespaces};
use super::store;
use crate::context::Context;
use crate::grant::Grant;

/// No file of that name is in an empty folder.
const PROGRAM: &str = "/polyarch-doctor";

/// The size of `/dev/shm`.
const SHARED_MEMORY: u64 = 64 << 20;

/// Tries everything.
pub fn checks(context: &Context) -> Vec<Check> {
    match Bench::new(context) {
        Ok(bench) => bench.checks(),
        Err(failure) => vec![Check::failed("sandbox", &failure)],
    }
}

/// Somewhere to try things.
struct Bench {
    launcher: Launcher,
    /// With an empty root, and the folders of an overlay.
    folder: TempDir,
    /// Where that folder is.
    place: &'static str,
    /// Whom every sandbox has in it.
    users: Users,
    is_root: bool,
}

/// A folder to try things in that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("nothing can be tried, as no folder can be made for it")]
struct NoFolder(#[source] std::io::Error);

impl fault::Fault for NoFolder {
    fn kind(&self) -> fault::Kind {
        fault::Kind::Place
    }
}

impl Bench {
    fn new(context: &Context) -> Result<Self, Failure> {
        // Without a store that can be written to, the rest can still be told.
        let (folder, place) = match store::folder(context) {
            Ok(folder) => (folder, "where the store is"),
            Err(_) => (tempfile::tempdir_in(&context.scratch).map_err(NoFolder)?, "where temporary files are"),
        };
        for name in ["root", "lower", "upper", "work"] {
            fs::create_dir(folder.path().join(name)).map_err(NoFolder)?;
        }
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let is_root = uid == 0;
        let users = if is_root { Users::Same } else { Users::single(uid, gid) };
        Ok(Self { launcher: Launcher::of_this_program()?, folder, place, users, is_root })
    }

    fn checks(mut self) -> Vec<Check> {
        let name = "namespaces";
        if let Err(problem) = self.attempt(&self.bare()) {
            let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/local/bin/polyarch"));
            return vec![namespaces(name, &problem, &Machine::look(self.is_root), &program)];
        }
        let whose = if self.is_root { "as root" } else { "as root of a user namespace" };
        let mut checks = vec![Check::ok(name, format!("a process of its own, {whose}"))];
        checks.push(self.many());
        checks.extend([self.overlay(), self.seccomp(), self.proc(), self.devices(), self.network()]);
        checks.push(self.whole());
        checks
    }

    /// Describes a process in an empty root, with nothing mounted in it and nothing forbidden.
    fn bare(&self) -> Spec {
        let users = self.users.clone();
        let nothing = Vec::new;
        let spec = Spec::new(Root::Folder(self.path("root")), [PROGRAM]);
        Spec { users, mounts: Vec::new(), masked: nothing(), read_only_paths: nothing(), ..spec }
    }

    /// Passes where everything worked but the program, which does not exist.
    fn attempt(&self, spec: &Spec) -> Result<(), SandboxError> {
        match self.launcher.start(spec) {
            Ok(_) | Err(SandboxError::NotFound { .. }) => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    fn path(&self, name: &str) -> OsString {
        self.folder.path().join(name).into()
    }

    fn many(&mut self) -> Check {
        if self.is_root {
            return Check::ok("users", "all there are, as root");
        }
        let grant = Grant::look();
        let Some(granted) = grant.users() else { return grant.nothing() };
        match self.attempt(&Spec { users: granted.clone(), ..self.bare() }) {
            Ok(()) => {
                self.users = granted;
                grant.works()
            }
            Err(problem) => grant.fails(&problem),
        }
    }

    fn layered(&self) -> Root {
        let upper = Upper { folder: self.path("upper"), work: self.path("work") };
        Root::Overlay { lowers: vec![self.path("lower")], upper: Some(upper) }
    }

    fn overlay(&self) -> Check {
        let (name, place, kind) = ("overlay", self.place, kind_of(self.folder.path()));
        match self.attempt(&Spec { root: self.layered(), ..self.bare() }) {
            Ok(()) => Check::ok(name, format!("on {kind}, {place}")),
            Err(problem) => Check::missing(name, format!("not on {kind}, {place}: {problem}"))
                .mended_by("export POLYARCH_STORE=DIR # on a disk of this machine: ext4, xfs, btrfs"),
        }
    }

    fn seccomp(&self) -> Check {
        let name = "seccomp";
        let Some(filter) = filter() else { return Check::limited(name, "no filter is known for this kind of machine") };
        match self.attempt(&Spec { filter, ..self.bare() }) {
            Ok(()) => Check::ok(name, "Docker's default profile"),
            Err(problem) => Check::missing(name, problem.to_string()),
        }
    }

    fn proc(&self) -> Check {
        let name = "proc";
        match self.attempt(&Spec { mounts: vec![mount("/proc", MountKind::Proc)], ..self.bare() }) {
            Ok(()) => Check::ok(name, "a fresh one can be mounted"),
            Err(problem) => Check::missing(name, format!("a part of this machine's own is hidden, as in a container: {problem}"))
                .mended_by("docker run --security-opt systempaths=unconfined ...\npodman run --security-opt unmask=ALL ..."),
        }
    }

    fn devices(&self) -> Check {
        let name = "devices";
        let devices = mount("/dev", MountKind::Devices { shared_memory: SHARED_MEMORY });
        match self.attempt(&Spec { mounts: vec![devices, mount("/sys", MountKind::Sysfs)], ..self.bare() }) {
            Ok(()) => Check::ok(name, "/dev and /sys can be mounted"),
            Err(problem) => Check::missing(name, problem.to_string()),
        }
    }

    fn network(&self) -> Check {
        let name = "network";
        match self.attempt(&Spec { network: Network::None, ..self.bare() }) {
            Ok(()) => Check::ok(name, "this machine's, or none with RUN --network=none"),
            Err(problem) => Check::limited(name, format!("RUN --network=none does not work: {problem}")),
        }
    }

    /// All at once, as in a `RUN`: what works piece by piece may still not work together.
    fn whole(&self) -> Check {
        let name = "sandbox";
        let spec = Spec::new(self.layered(), [PROGRAM]);
        match self.attempt(&Spec { users: self.users.clone(), filter: filter().unwrap_or_default(), ..spec }) {
            Ok(()) => Check::ok(name, "a RUN can have all of it at once"),
            Err(problem) => Check::missing(name, problem.to_string()),
        }
    }
}

fn mount(target: &str, kind: MountKind) -> Mount {
    Mount { target: target.into(), kind, keep_target: false }
}

/// The filter that every `RUN` gets, for the kernel that runs.
fn filter() -> Option<Vec<u8>> {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|character: char| !character.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let setting = Setting { host: Host::here()?, capabilities: Capabilities::DEFAULT.bits(), kernel };
    Some(Program::of_docker(&setting).to_bytes())
}
