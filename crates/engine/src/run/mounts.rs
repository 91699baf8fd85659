//! What is mounted in a command's root beside what every command has.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockerfile::{Network, ResolvedMount, SecretMount, Security, SshMount};
use graph::{Lay, RunStep, TreePath};
use oci::Digest;
use sandbox::{Attributes, Content, Mount, MountKind, Owned, Root, Upper};

use super::agent::Agent;
use super::caches::{Held, hold};
use super::error::RunError;
use super::settings::Settings;
use crate::ground::owners_at;
use crate::roots::{Standing, copy_tree};

/// The permissions of the top folder of a file system in memory (tmpfs(5)).
const TMPFS_MODE: u32 = 0o1777;

/// A mount, and the files that it shows.
pub(crate) struct Mounted {
    /// What stands in the Dockerfile.
    pub mount: ResolvedMount,
    /// The unpacked layer that its files are in, and where they are there.
    pub files: Option<(PathBuf, TreePath)>,
    /// What is in that layer.
    pub lay: Arc<Lay>,
    /// What is in these.
    pub seed: Option<Digest>,
    /// What the command is for.
    pub platform: String,
}

/// All that comes of a command's mounts. What it holds is let go of when the command has ended.
#[derive(Default)]
pub(super) struct Mounts {
    pub mounts: Vec<Mount>,
    /// What in them is not root's, where the disk does not say so.
    pub owners: Vec<Owned>,
    /// Variables, secrets among them.
    pub environment: Vec<(String, String)>,
    caches: Vec<Held>,
    agents: Vec<Agent>,
}

/// Refuses a command that needs what the build was not given: asked before anything is made.
pub(crate) fn check(step: &RunStep, settings: &Settings) -> Result<(), RunError> {
    if step.network == Network::Host && !settings.rights.network_host {
        return Err(RunError::Right("network.host"));
    }
    if step.security == Security::Insecure && !settings.rights.insecure {
        return Err(RunError::Right("security.insecure"));
    }
    for mount in &step.mounts {
        match mount {
            ResolvedMount::Secret(secret) if secret.required && !settings.secrets.contains_key(&secret.id) => {
                return Err(RunError::NoSecret(secret.id.clone()));
            }
            ResolvedMount::Ssh(agent) if agent.required && !settings.agents.contains_key(&agent.id) => {
                return Err(RunError::NoAgent(agent.id.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Mounts {
    /// Prepares what is mounted, in the folder `scratch` where files are needed.
    pub fn prepare(
        mounted: &[Mounted],
        settings: &Settings,
        scratch: &Path,
        caches: &Path,
        standing: Standing,
        lays_over: bool,
    ) -> Result<Self, RunError> {
        let mut mounts = Self::default();
        for (number, mounted) in mounted.iter().enumerate() {
            match &mounted.mount {
                ResolvedMount::Bind { target, read_only, .. } => {
                    mounts.bind(mounted, target, *read_only, &scratch.join(format!("bind-{number}")), lays_over)?;
                    if let Some((_, inside)) = mounted.files.as_ref().filter(|_| !standing.has_owners()) {
                        let files = mounted.lay.iter().map(|(path, laid)| (path.bytes(), laid.entry.uid, laid.entry.gid));
                        mounts.owners.extend(owners_at(&TreePath::clean(target.as_bytes()), inside, files));
                    }
                }
                ResolvedMount::Cache(cache) => {
                    let held = hold(caches, &settings.cache_namespace, mounted, cache, standing.has_owners())?;
                    let attributes = Attributes { read_only: cache.read_only, ..Attributes::default() };
                    let source = Root::Folder(held.files.clone().into());
                    mounts.add(&cache.target, MountKind::Bind { source, inside: None, attributes });
                    mounts.caches.push(held);
                }
                ResolvedMount::Tmpfs { target, size, read_only } => {
                    let attributes = Attributes { read_only: *read_only, no_suid: true, ..Attributes::default() };
                    mounts.add(target, MountKind::Tmpfs { size: *size, mode: TMPFS_MODE, attributes });
                }
                ResolvedMount::Secret(secret) => mounts.secret(secret, settings)?,
                ResolvedMount::Ssh(agent) => mounts.agent(agent, settings, &scratch.join(format!("agent-{number}")), standing)?,
            }
        }
        Ok(mounts)
    }

    fn add(&mut self, target: &str, kind: MountKind) {
        self.mounts.push(Mount { target: target.into(), kind, keep_target: false });
    }

    /// Binds files of an unpacked layer. What is written to them is thrown away.
    fn bind(&mut self, mounted: &Mounted, target: &str, read_only: bool, scratch: &Path, lays_over: bool) -> Result<(), RunError> {
        let Some((folder, inside)) = &mounted.files else { return Ok(()) };
        let inside = (!inside.is_root()).then(|| format!("/{inside}").into());
        let attributes = Attributes { read_only, ..Attributes::default() };
        if !read_only && !lays_over {
            copy_tree(folder, scratch).map_err(|problem| RunError::Mount(format!("{}: {problem}", scratch.display())))?;
            self.add(target, MountKind::Bind { source: Root::Folder(scratch.into()), inside, attributes });
            return Ok(());
        }
        let upper = if read_only {
            None
        } else {
            let place = |name: &str| scratch.join(name);
            let made = fs::create_dir(scratch).and_then(|()| fs::create_dir(place("upper"))).and_then(|()| fs::create_dir(place("work")));
            made.map_err(|problem| RunError::Mount(format!("{}: {problem}", scratch.display())))?;
            Some(Upper { folder: place("upper").into(), work: place("work").into() })
        };
        let source = Root::Overlay { lowers: vec![OsString::from(folder)], upper };
        self.add(target, MountKind::Bind { source, inside, attributes });
        Ok(())
    }

    /// A secret that is not given is none, where it is not required.
    fn secret(&mut self, mount: &SecretMount, settings: &Settings) -> Result<(), RunError> {
        let Some(secret) = settings.secrets.get(&mount.id) else { return Ok(()) };
        if let Some(name) = &mount.env {
            let text = String::from_utf8(secret.content().to_vec()).ok().filter(|text| !text.contains('\0'));
            self.environment.push((name.clone(), text.ok_or_else(|| RunError::SecretText(mount.id.clone()))?));
        }
        if let Some(target) = &mount.target {
            let content = Content(secret.content().to_vec());
            self.add(target, MountKind::File { content, mode: mount.mode, uid: mount.uid, gid: mount.gid });
        }
        Ok(())
    }

    fn agent(&mut self, mount: &SshMount, settings: &Settings, socket: &Path, standing: Standing) -> Result<(), RunError> {
        let Some(agent) = settings.agents.get(&mount.id) else { return Ok(()) };
        let target = mount.target.clone().unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{}", self.agents.len()));
        let owner = standing.has_owners().then_some((mount.uid, mount.gid));
        let failed = |problem| RunError::Mount(format!("the socket {target} of an SSH agent: {problem}"));
        self.agents.push(Agent::offer(agent, socket, mount.mode, owner).map_err(failed)?);
        let attributes = Attributes { no_suid: true, no_devices: true, ..Attributes::default() };
        self.add(&target, MountKind::Bind { source: Root::Folder(socket.into()), inside: None, attributes });
        self.environment.push(("SSH_AUTH_SOCK".to_owned(), target));
        Ok(())
    }
}
