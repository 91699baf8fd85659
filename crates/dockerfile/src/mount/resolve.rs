//! What a mount means once its values are expanded.

use super::{Mount, MountError, MountKey};
use crate::directive::boolean;
use crate::expand::{Environment, Rules, expand};
use crate::suggest::nearest;

const TYPES: [&str; 5] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARING: [&str; 3] = ["shared", "private", "locked"];

/// How several steps use one cache at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All at once.
    #[default]
    Shared,
    /// Each its own: who comes while it is taken gets a new one.
    Private,
    /// One after the other.
    Locked,
}

/// A mount with its values. Targets are as they were written: relative ones are below the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvedMount {
    /// Files of a stage, an image, a named context, or else of the build context.
    Bind {
        /// Whose files; those of the build context without one.
        from: Option<String>,
        /// The path there; empty for the root.
        source: String,
        /// Where.
        target: String,
        /// Not written to. What is written otherwise is thrown away.
        read_only: bool,
    },
    /// A folder that lives on between builds.
    Cache(CacheMount),
    /// A folder in memory.
    Tmpfs {
        /// Where.
        target: String,
        /// At most so many bytes.
        size: Option<u64>,
        /// Not written to.
        read_only: bool,
    },
    /// A secret, as a file or in the environment.
    Secret(SecretMount),
    /// The socket of an SSH agent.
    Ssh(SshMount),
}

/// A folder that lives on between builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMount {
    /// Which one; without an id it is called after its target.
    pub id: Option<String>,
    /// What it begins with.
    pub from: Option<String>,
    /// The path there; empty for the root.
    pub source: String,
    /// Where.
    pub target: String,
    /// How it is shared.
    pub sharing: Sharing,
    /// Not written to.
    pub read_only: bool,
    /// The mode of a new one.
    pub mode: Option<u32>,
    /// The owner of a new one.
    pub uid: Option<u32>,
    /// The group of a new one.
    pub gid: Option<u32>,
}

/// A secret, as a file or in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMount {
    /// Which one.
    pub id: String,
    /// The file; none where only the environment has it.
    pub target: Option<String>,
    /// The variable.
    pub env: Option<String>,
    /// A secret that is not given is an error.
    pub required: bool,
    /// The mode of the file.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// The socket of an SSH agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshMount {
    /// Which agent; `default` without an id.
    pub id: String,
    /// The socket; `/run/buildkit/ssh_agent.N` without one.
    pub target: Option<String>,
    /// An agent that is not given is an error.
    pub required: bool,
    /// The mode of the socket.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// The values as they are gathered.
#[derive(Default)]
struct Gathered {
    from: Option<String>,
    source: String,
    target: String,
    read_only: Option<bool>,
    id: Option<String>,
    sharing: Option<Sharing>,
    required: bool,
    size: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    env: Option<String>,
}

pub(super) fn resolve<E: Environment + ?Sized>(mount: &Mount, environment: &E, rules: Rules) -> Result<ResolvedMount, MountError> {
    let mut kind = "bind";
    let mut gathered = Gathered::default();
    for field in &mount.fields {
        let Some(written) = &field.value else {
            match field.key {
                MountKey::ReadOnly => gathered.read_only = Some(true),
                MountKey::ReadWrite => gathered.read_only = Some(false),
                MountKey::Required if matches!(kind, "secret" | "ssh") => gathered.required = true,
                MountKey::Required => return Err(MountError::KeyOfOther { key: field.name.clone(), kind }),
                _ => return Err(MountError::NoValue(field.name.clone())),
            }
            continue;
        };
        let value = expand(written, environment, rules).map_err(Box::new)?.text;
        let bad = |value: &str| MountError::Value { key: field.name.clone(), value: value.to_owned() };
        let other = || MountError::KeyOfOther { key: field.name.clone(), kind };
        match field.key {
            MountKey::Type => {
                let lower = value.to_lowercase();
                kind = TYPES
                    .into_iter()
                    .find(|known| *known == lower)
                    .ok_or_else(|| MountError::Type { nearest: nearest(&value, TYPES), value: value.clone() })?;
            }
            MountKey::From => gathered.from = Some(value).filter(|value| !value.is_empty()),
            MountKey::Source => gathered.source = value,
            MountKey::Target => gathered.target = value,
            MountKey::ReadOnly => gathered.read_only = Some(boolean(&value).ok_or_else(|| bad(&value))?),
            MountKey::ReadWrite => gathered.read_only = Some(!boolean(&value).ok_or_else(|| bad(&value))?),
            MountKey::Required if !matches!(kind, "secret" | "ssh") => return Err(other()),
            MountKey::Required => gathered.required = boolean(&value).ok_or_else(|| bad(&value))?,
            MountKey::Size if kind != "tmpfs" => return Err(other()),
            MountKey::Size => gathered.size = Some(parse_size(&value).ok_or_else(|| bad(&value))?),
            MountKey::Id => gathered.id = Some(value).filter(|value| !value.is_empty()),
            MountKey::Sharing => {
                let lower = value.to_lowercase();
                gathered.sharing = Some(match lower.as_str() {
                    "shared" => Sharing::Shared,
                    "private" => Sharing::Private,
                    "locked" => Sharing::Locked,
                    _ => return Err(MountError::Sharing { nearest: nearest(&value, SHARING), value }),
                });
            }
            MountKey::Mode => gathered.mode = Some(number("mode", &value, 8)?),
            MountKey::Uid => gathered.uid = Some(number("uid", &value, 10)?),
            MountKey::Gid => gathered.gid = Some(number("gid", &value, 10)?),
            MountKey::Env => gathered.env = Some(value),
        }
    }
    gathered.check(kind)?;
    Ok(gathered.finish(kind))
}

fn number(key: &'static str, value: &str, radix: u32) -> Result<u32, MountError> {
    let digits = !value.starts_with('+');
    u32::from_str_radix(value, radix).ok().filter(|_| digits).ok_or_else(|| MountError::Number { key, value: value.to_owned() })
}

/// Reads a size such as `64m`, `1.5GiB` or `4096`: units count by 1024 (docker's `RAMInBytes`).
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start_matches(' ').to_lowercase();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if unit != "ib" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << power);
    }
    let number: f64 = number.parse().ok()?;
    let bytes = number * (1_u64 << power) as f64;
    (bytes < 9e18).then_some(bytes as u64)
}

impl Gathered {
    fn check(&self, kind: &'static str) -> Result<(), MountError> {
        if !matches!(kind, "secret" | "ssh" | "cache") {
            for (key, given) in [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)] {
                if given.is_some() {
                    return Err(MountError::NotAllowed { key, kind });
                }
            }
        }
        if kind == "secret" {
            if self.from.is_some() {
                return Err(MountError::Combination("secret mount should not have a from"));
            }
            if self.sharing.is_some() {
                return Err(MountError::Combination("secret mount should not define sharing"));
            }
            if self.source.is_empty() && self.target.is_empty() && self.id.is_none() {
                return Err(MountError::Combination("invalid secret mount. one of source, target required"));
            }
            if !self.source.is_empty() && self.id.is_some() {
                return Err(MountError::Combination("both source and id can't be set"));
            }
        } else if self.env.is_some() {
            return Err(MountError::KeyOfOther { key: "env".to_owned(), kind });
        }
        if kind == "ssh" && !self.source.is_empty() {
            return Err(MountError::Combination("ssh does not support source"));
        }
        if self.sharing.is_some() && kind != "cache" {
            return Err(MountError::NotACache(kind));
        }
        let root = self.target.starts_with('/') && crate::ignore::clean(&self.target) == "/";
        if root && matches!(kind, "bind" | "cache" | "tmpfs") {
            return Err(MountError::Target("/".to_owned()));
        }
        Ok(())
    }

    fn finish(self, kind: &str) -> ResolvedMount {
        let Self { from, source, target, read_only, id, sharing, required, size, mode, uid, gid, env } = self;
        match kind {
            "cache" => ResolvedMount::Cache(CacheMount {
                id,
                from,
                source,
                target,
                sharing: sharing.unwrap_or_default(),
                read_only: read_only.unwrap_or(false),
                mode,
                uid,
                gid,
            }),
            "tmpfs" => ResolvedMount::Tmpfs { target, size, read_only: read_only.unwrap_or(false) },
            "secret" => {
                let id = id.or_else(|| Some(source).filter(|source| !source.is_empty())).unwrap_or_else(|| last_part(&target).to_owned());
                let default = || format!("/run/secrets/{}", last_part(&id));
                let target = match target.is_empty() {
                    false => Some(target),
                    true => env.is_none().then(default),
                };
                let (mode, uid, gid) = (mode.unwrap_or(0o400), uid.unwrap_or(0), gid.unwrap_or(0));
                ResolvedMount::Secret(SecretMount { id, target, env, required, mode, uid, gid })
            }
            "ssh" => ResolvedMount::Ssh(SshMount {
                id: id.unwrap_or_else(|| "default".to_owned()),
                target: Some(target).filter(|target| !target.is_empty()),
                required,
                mode: mode.unwrap_or(0o600),
                uid: uid.unwrap_or(0),
                gid: gid.unwrap_or(0),
            }),
            _ => ResolvedMount::Bind { from, source, target, read_only: read_only.unwrap_or(true) },
        }
    }
}

/// Returns the last part of a path (Go's `path.Base`).
fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().filter(|part| !part.is_empty()).unwrap_or(if path.is_empty() { "." } else { "/" })
}
