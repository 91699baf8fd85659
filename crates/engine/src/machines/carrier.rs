//! What a process takes so that this machine runs it.

use std::path::PathBuf;

use emulate::{Machine, Means};
use sandbox::{Attributes, Emulation, Mount, MountKind, Root};

/// What a process takes so that this machine runs it; nothing by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carrier {
    /// Where the kernel looks for an interpreter, in the process's own root.
    interpreter: Option<PathBuf>,
    /// An emulator that is to stand in front of the program.
    front: Option<(PathBuf, Machine)>,
    /// The emulator, as it is told.
    by: Option<String>,
}

impl Carrier {
    /// Returns what it takes by these means.
    pub fn of(means: &Means) -> Self {
        let file = means.interpreter().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        let version = means.emulator().and_then(|emulator| emulator.version).map(|version| format!(" {version}"));
        let by = file.map(|file| file + version.as_deref().unwrap_or_default());
        match means {
            Means::Host(host) => Self { interpreter: host.bind.clone(), front: None, by: by.or_else(|| Some("a handler".to_owned())) },
            Means::Wrapped(emulator) => Self { interpreter: None, front: Some((emulator.path.clone(), emulator.machine)), by },
            Means::Private(_) => Self { by, ..Self::default() },
            Means::Native | Means::None(_) => Self::default(),
        }
    }

    /// Returns the emulator, as it is told; none where this machine runs it itself.
    pub fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// Returns what is mounted for it.
    pub fn mounts(&self) -> impl Iterator<Item = Mount> {
        self.interpreter.iter().map(|path| {
            let attributes = Attributes { read_only: true, no_suid: true, no_devices: true, no_execute: false };
            let kind = MountKind::Bind { source: Root::Folder(path.into()), inside: None, attributes };
            Mount { target: path.into(), kind, keep_target: false }
        })
    }

    /// Returns what stands in front of the program, and of what that starts.
    pub fn emulation(&self) -> Option<Emulation> {
        let (path, machine) = self.front.as_ref()?;
        // This machine's own kernel would run what is left to it, and the processor lacks what it takes.
        let is_strict = Machine::here() == Some(*machine);
        Some(Emulation { emulator: path.into(), magic: machine.magic().into(), mask: machine.mask().into(), is_strict })
    }
}
