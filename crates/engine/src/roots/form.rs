//! How a folder says what its layer takes away.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat, unlink};

/// The form of the marks in a layer's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As overlayfs has them (Linux, Documentation/filesystems/overlayfs.rst).
    Overlay,
    /// As layers have them, by names (OCI image-spec 1.1, "Whiteouts"): where the file system takes no marks of the kernel's, as an
    /// overlay itself does not. Nothing there can be laid over each other, only copied.
    Names,
}

impl Form {
    /// Finds out which one a folder takes, by trying.
    pub(super) fn of(folder: &Path) -> Self {
        let probe = folder.join(format!("mark-{}", std::process::id()));
        match mknodat(CWD, &probe, FileType::CharacterDevice, Mode::empty(), makedev(0, 0)) {
            Ok(()) => {
                // Whoever tidies takes what cannot be removed now.
                let _ = unlink(&probe);
                Self::Overlay
            }
            Err(_) => Self::Names,
        }
    }

    /// Returns what is added to the name of folders in this form.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Overlay => "",
            Self::Names => "-copied",
        }
    }
}
