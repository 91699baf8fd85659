//! `--volume`, `--mount` and `--tmpfs`: what is mounted in the root of a program.

use std::path::PathBuf;
use std::str::FromStr;

use graph::TreePath;
use sandbox::Attributes;

use super::error::ProgramWordError;
use crate::args::build::{MemorySize, csv, truth};

/// The permissions of the top folder of a file system in memory (tmpfs(5)).
const TMPFS_MODE: u32 = 0o1777;
/// What a file system in memory is mounted with where nobody says otherwise (Docker's).
const TMPFS: Attributes = Attributes { read_only: false, no_suid: true, no_devices: true, no_execute: true };
/// What is said of binds and makes no difference on this machine: nothing is labelled, cached or propagated.
const HARMLESS: [&str; 8] = ["rw", "z", "Z", "cached", "delegated", "consistent", "private", "rprivate"];

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountWord {
    /// A file or folder of this machine.
    Bind {
        /// Where it is, absolute or relative.
        source: PathBuf,
        /// Where it is in the root.
        target: String,
        /// Nothing can be written to it.
        read_only: bool,
    },
    /// A file system in memory.
    Tmpfs {
        /// Where it is in the root.
        target: String,
        /// How many bytes it holds.
        size: Option<u64>,
        /// The permissions of its top folder.
        mode: u32,
        /// What cannot be done in it.
        attributes: Attributes,
    },
}

/// One `--volume`: `SOURCE:TARGET[:OPTIONS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFlag(pub MountWord);

/// One `--mount`: `type=bind|tmpfs,KEY=VALUE,...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountFlag(pub MountWord);

/// One `--tmpfs`: `TARGET[:OPTIONS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmpfsFlag(pub MountWord);

impl MountWord {
    /// Returns where it is in the root.
    pub fn target(&self) -> &str {
        match self {
            Self::Bind { target, .. } | Self::Tmpfs { target, .. } => target,
        }
    }

    /// Puts mounts in order, each before what is mounted in it.
    ///
    /// # Errors
    /// [`ProgramWordError::Twice`]
    pub fn settle<'a>(all: impl Iterator<Item = &'a Self>) -> Result<Vec<&'a Self>, ProgramWordError> {
        let mut all: Vec<(TreePath, &Self)> = all.map(|mount| (TreePath::from(mount.target()), mount)).collect();
        all.sort_by_key(|(path, _)| path.bytes().split(|byte| *byte == b'/').count());
        for (number, (path, mount)) in all.iter().enumerate() {
            if all.iter().skip(number + 1).any(|(other, _)| other == path) {
                return Err(ProgramWordError::Twice(mount.target().to_owned()));
            }
        }
        Ok(all.into_iter().map(|(_, mount)| mount).collect())
    }
}

impl FromStr for VolumeFlag {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        let shape = || ProgramWordError::shape("volume", text, "SOURCE:TARGET, or SOURCE:TARGET:ro");
        let (source, target, options) = match text.split(':').collect::<Vec<_>>().as_slice() {
            [target] if target.starts_with('/') => return Err(ProgramWordError::Anonymous((*target).to_owned())),
            [source, target] => (*source, *target, ""),
            [source, target, options] => (*source, *target, *options),
            _ => return Err(shape()),
        };
        if source.is_empty() || target.is_empty() {
            return Err(shape());
        }
        let target = absolute("volume", text, target)?;
        let source = path(source, &target)?;
        let mut read_only = false;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" | "readonly" => read_only = true,
                _ if HARMLESS.contains(&option) => {}
                _ => return Err(other("volume", text, option, "ro or rw")),
            }
        }
        Ok(Self(MountWord::Bind { source, target, read_only }))
    }
}

impl FromStr for MountFlag {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        let shape = || ProgramWordError::shape("mount", text, "type=bind,source=PATH,target=PATH or type=tmpfs,target=PATH");
        let (mut kind, mut source, mut target, mut read_only) = ("volume".to_owned(), None, None, false);
        let (mut size, mut mode) = (None, TMPFS_MODE);
        for field in csv::fields(text).map_err(|_| shape())? {
            let (key, value) = field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
            match (key, value) {
                ("type", Some(value)) => value.clone_into(&mut kind),
                ("source" | "src", Some(value)) => source = Some(value.to_owned()),
                ("target" | "destination" | "dst", Some(value)) => target = Some(value.to_owned()),
                ("readonly" | "ro", value) => read_only = value.is_none_or(|value| truth(value).unwrap_or(true)),
                ("tmpfs-size", Some(value)) => size = Some(value.parse::<MemorySize>().map_err(|_| shape())?.0),
                ("tmpfs-mode", Some(value)) => mode = permissions(value).ok_or_else(shape)?,
                ("consistency", Some(_)) => {}
                ("bind-propagation", Some("private" | "rprivate")) => {}
                _ => return Err(other("mount", text, &field, "type, source, target, readonly, tmpfs-size and tmpfs-mode")),
            }
        }
        let target = absolute("mount", text, &target.ok_or_else(shape)?)?;
        match (kind.as_str(), source) {
            ("bind", Some(source)) => Ok(Self(MountWord::Bind { source: path(&source, &target)?, target, read_only })),
            ("tmpfs", None) => Ok(Self(MountWord::Tmpfs { target, size, mode, attributes: Attributes { read_only, ..TMPFS } })),
            ("volume", Some(name)) => Err(ProgramWordError::Named { name, target }),
            ("volume", None) => Err(ProgramWordError::Anonymous(target)),
            ("bind" | "tmpfs", _) => Err(shape()),
            _ => Err(other("mount", text, &format!("type={kind}"), "type=bind or type=tmpfs")),
        }
    }
}

impl FromStr for TmpfsFlag {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        let shape = || ProgramWordError::shape("tmpfs", text, "TARGET, or TARGET:size=64m,mode=1777,exec");
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        let target = absolute("tmpfs", text, target)?;
        let (mut size, mut mode, mut attributes) = (None, TMPFS_MODE, TMPFS);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=').unwrap_or((option, "")) {
                ("size", value) => size = Some(value.parse::<MemorySize>().map_err(|_| shape())?.0),
                ("mode", value) => mode = permissions(value).ok_or_else(shape)?,
                ("ro", "") => attributes.read_only = true,
                ("rw", "") => attributes.read_only = false,
                ("exec", "") => attributes.no_execute = false,
                ("noexec", "") => attributes.no_execute = true,
                ("suid", "") => attributes.no_suid = false,
                ("nosuid", "") => attributes.no_suid = true,
                ("dev", "") => attributes.no_devices = false,
                ("nodev", "") => attributes.no_devices = true,
                _ => return Err(other("tmpfs", text, option, "size, mode, ro, exec, suid and dev")),
            }
        }
        Ok(Self(MountWord::Tmpfs { target, size, mode, attributes }))
    }
}

/// Takes a path of this machine; a word alone is docker's name of a volume.
fn path(source: &str, target: &str) -> Result<PathBuf, ProgramWordError> {
    let is_path = source.starts_with('/') || [".", ".."].contains(&source) || source.starts_with("./") || source.starts_with("../");
    if is_path { Ok(source.into()) } else { Err(ProgramWordError::Named { name: source.to_owned(), target: target.to_owned() }) }
}

fn absolute(what: &'static str, text: &str, target: &str) -> Result<String, ProgramWordError> {
    if target.starts_with('/') && !TreePath::from(target).is_root() {
        return Ok(target.to_owned());
    }
    Err(ProgramWordError::Target { what, text: text.to_owned(), target: target.to_owned() })
}

fn permissions(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777 && !text.starts_with('+'))
}

fn other(what: &'static str, text: &str, option: &str, expected: &'static str) -> ProgramWordError {
    ProgramWordError::Option { what, text: text.to_owned(), option: option.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, target: &str, read_only: bool) -> MountWord {
        MountWord::Bind { source: source.into(), target: target.to_owned(), read_only }
    }

    fn tmpfs(target: &str, size: Option<u64>, mode: u32, attributes: Attributes) -> MountWord {
        MountWord::Tmpfs { target: target.to_owned(), size, mode, attributes }
    }

    #[test]
    fn a_volume_is_a_path_of_this_machine() {
        for (text, expected) in [
            ("/srv:/data", bind("/srv", "/data", false)),
            ("./a:/data:ro", bind("./a", "/data", true)),
            ("..:/data:rw,z", bind("..", "/data", false)),
            (".:/data:ro,Z,cached,rprivate", bind(".", "/data", true)),
        ] {
            assert_eq!(text.parse::<VolumeFlag>().unwrap().0, expected, "{text}");
        }
        let wrong = |text: &str| text.parse::<VolumeFlag>().unwrap_err();
        assert!(matches!(wrong("data:/data"), ProgramWordError::Named { name, .. } if name == "data"));
        assert!(matches!(wrong(".hidden:/data"), ProgramWordError::Named { .. }), "docker takes it for a name, too");
        assert!(matches!(wrong("/data"), ProgramWordError::Anonymous(_)));
        for text in ["/a:data", "/a:/", "/a:/..", "./a:."] {
            assert!(matches!(wrong(text), ProgramWordError::Target { .. }), "{text}");
        }
        for text in ["/a:/b:shared", "/a:/b:nocopy", "/a:/b:ro,x"] {
            assert!(matches!(wrong(text), ProgramWordError::Option { .. }), "{text}");
        }
        for text in ["", "data", ":/b", "/a:", "/a:/b:ro:x"] {
            assert!(matches!(wrong(text), ProgramWordError::Shape { .. }), "{text}");
        }
    }

    #[test]
    fn a_mount_is_a_bind_or_memory() {
        for (text, expected) in [
            ("type=bind,source=/srv,target=/data", bind("/srv", "/data", false)),
            ("type=bind,src=./a,dst=/data,ro", bind("./a", "/data", true)),
            ("type=bind,src=/a,destination=/data,readonly=false,bind-propagation=rprivate", bind("/a", "/data", false)),
            ("type=bind,\"src=/a,b\",target=/data,readonly=true,consistency=cached", bind("/a,b", "/data", true)),
            ("type=tmpfs,target=/t", tmpfs("/t", None, 0o1777, TMPFS)),
            ("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700", tmpfs("/t", Some(1 << 20), 0o700, TMPFS)),
        ] {
            assert_eq!(text.parse::<MountFlag>().unwrap().0, expected, "{text}");
        }
        let wrong = |text: &str| text.parse::<MountFlag>().unwrap_err();
        assert!(matches!(wrong("source=data,target=/data"), ProgramWordError::Named { .. }));
        assert!(matches!(wrong("type=bind,source=data,target=/data"), ProgramWordError::Named { .. }));
        assert!(matches!(wrong("type=volume,target=/data"), ProgramWordError::Anonymous(_)));
        for text in ["type=npipe,target=/t", "type=tmpfs,target=/t,volume-nocopy", "type=bind,src=/a,dst=/b,bind-propagation=shared"] {
            assert!(matches!(wrong(text), ProgramWordError::Option { .. }), "{text}");
        }
        for text in
            ["", "type=bind,source=/a", "type=bind,target=/a", "type=tmpfs,target=/t,source=/a", "type=tmpfs,target=/t,tmpfs-mode=9"]
        {
            assert!(matches!(wrong(text), ProgramWordError::Shape { .. } | ProgramWordError::Option { .. }), "{text}");
        }
    }

    #[test]
    fn memory_has_options() {
        for (text, expected) in [
            ("/t", tmpfs("/t", None, 0o1777, TMPFS)),
            ("/t:size=64m,mode=755,exec", tmpfs("/t", Some(64 << 20), 0o755, Attributes { no_execute: false, ..TMPFS })),
            (
                "/t:rw,ro,suid,dev,noexec",
                tmpfs("/t", None, 0o1777, Attributes { read_only: true, no_execute: true, ..Attributes::default() }),
            ),
        ] {
            assert_eq!(text.parse::<TmpfsFlag>().unwrap().0, expected, "{text}");
        }
        for text in ["", "t", "/", "/t:size=50%", "/t:mode=x", "/t:mode=77777", "/t:uid=5", "/t:exec=1"] {
            assert!(text.parse::<TmpfsFlag>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_in_another_is_mounted_after_it() {
        let all = [bind("/1", "/a/b/c", false), bind("/2", "/a", false), tmpfs("/z", None, 0, TMPFS), bind("/3", "/a//b/", true)];
        let settled = MountWord::settle(all.iter()).unwrap();
        assert_eq!(settled.iter().map(|mount| mount.target()).collect::<Vec<_>>(), ["/a", "/z", "/a//b/", "/a/b/c"]);
        let twice = [bind("/1", "/a/b", false), tmpfs("/a/./b", None, 0, TMPFS)];
        assert!(matches!(MountWord::settle(twice.iter()), Err(ProgramWordError::Twice(_))));
    }
}
