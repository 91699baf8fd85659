//! What a command depends on, as a key: its words and its variables, what it runs in, what is below it. Never what is in a secret,
//! where a proxy is, or which address a name has.

use dockerfile::{CacheMount, ResolvedMount, SecretMount, Security, SshMount};
use graph::RunStep;
use oci::{Digest, Platform};

use super::bound::Bound;
use crate::cache::RunKey;
use crate::run::{Access, Settings};

/// Works out the key of a command over a root that `below` stands for.
pub(super) fn run_key(
    settings: &Settings,
    access: Access,
    platform: &Platform,
    step: &RunStep,
    below: &[Digest],
    bound: &[Option<Bound>],
) -> RunKey {
    let mut fields = Fields::default();
    fields.text(&platform.normalized().to_string());
    fields.list(step.words.iter());
    fields.list(step.inline.iter().flat_map(|(name, content)| [name, content]));
    fields.list(step.environment.iter().flat_map(|(name, value)| [name, value]));
    fields.text(&step.working);
    fields.text(&step.user);
    fields.text(match access {
        Access::Host => "network",
        Access::None => "alone",
    });
    fields.text(match step.security {
        Security::Sandbox => "sandbox",
        Security::Insecure => "insecure",
    });
    fields.text(settings.hostname.as_deref().unwrap_or_default());
    fields.list(settings.hosts.iter().map(|(name, _)| name));
    fields.text(&settings.shared_memory.to_string());
    fields.list(settings.limits.iter().map(|limit| format!("{limit:?}")));
    fields.list(below.iter().map(Digest::to_string));
    for (mount, bound) in step.mounts.iter().zip(bound) {
        fields.mount(mount, bound.as_ref());
    }
    RunKey::of(fields.0.iter().map(Vec::as_slice))
}

/// The fields of a key; every list says how long it is.
#[derive(Default)]
struct Fields(Vec<Vec<u8>>);

impl Fields {
    fn text(&mut self, text: &str) {
        self.0.push(text.as_bytes().to_vec());
    }

    fn list(&mut self, texts: impl Iterator<Item = impl AsRef<str>>) {
        let texts: Vec<_> = texts.collect();
        self.text(&texts.len().to_string());
        texts.iter().for_each(|text| self.text(text.as_ref()));
    }

    fn mount(&mut self, mount: &ResolvedMount, bound: Option<&Bound>) {
        match mount {
            ResolvedMount::Bind { target, read_only, .. } => {
                self.text("bind");
                self.text(target);
                self.text(&read_only.to_string());
                self.list(bound.into_iter().flat_map(|bound| [bound.inside.to_string(), bound.identity.to_string()]));
            }
            // What is in it may be anything, now or later.
            ResolvedMount::Cache(CacheMount { id, target, read_only, .. }) => {
                self.text("cache");
                self.text(target);
                self.text(&read_only.to_string());
                self.text(id.as_deref().unwrap_or_default());
            }
            ResolvedMount::Tmpfs { target, size, read_only } => {
                self.text("tmpfs");
                self.text(target);
                self.text(&format!("{size:?} {read_only}"));
            }
            ResolvedMount::Secret(SecretMount { id, target, env, mode, uid, gid, .. }) => {
                self.text("secret");
                self.list([id, target.as_deref().unwrap_or_default(), env.as_deref().unwrap_or_default()].into_iter());
                self.text(&format!("{mode:o} {uid} {gid}"));
            }
            ResolvedMount::Ssh(SshMount { id, target, mode, uid, gid, .. }) => {
                self.text("ssh");
                self.list([id, target.as_deref().unwrap_or_default()].into_iter());
                self.text(&format!("{mode:o} {uid} {gid}"));
            }
        }
    }
}
