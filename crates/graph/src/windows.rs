//! Paths as a Dockerfile for Windows writes them, made into those of every other tree.

/// Why a path of Windows has no place in an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowsPathError {
    /// Another drive than the one that images have.
    #[error("{0} is not on the system drive (C:)")]
    Drive(String),
    /// A share on another machine.
    #[error("UNC paths are not supported, got {0}")]
    Share(String),
    /// A drive, and nothing on it.
    #[error("no relative path specified in {0:?}")]
    DriveAlone(String),
}

/// Writes a path with `/`, without the letter of the system drive. A path behind the letter is one from the root on.
///
/// # Errors
/// Where it is on another drive or on another machine.
pub(crate) fn plain_path(text: &str) -> Result<String, WindowsPathError> {
    let path = text.replace('\\', "/");
    if path.starts_with("//") {
        return Err(WindowsPathError::Share(text.to_owned()));
    }
    match path.split_once(':') {
        None => Ok(path),
        Some((_, "")) => Err(WindowsPathError::DriveAlone(text.to_owned())),
        Some((drive, rest)) if drive.eq_ignore_ascii_case("c") => Ok(format!("/{}", rest.trim_start_matches('/'))),
        Some(_) => Err(WindowsPathError::Drive(text.to_owned())),
    }
}

/// Writes a path as Windows reads it.
pub(crate) fn windows_path(path: &str) -> String {
    path.replace('/', "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_drive_is_the_root_and_there_is_no_other() {
        for (text, plain) in [
            (r"C:\app\x", "/app/x"),
            (r"c:/app\", "/app/"),
            ("C:app", "/app"),
            (r"\app", "/app"),
            (r".\x", "./x"),
            (r"a\..\b", "a/../b"),
            (".", "."),
            ("", ""),
        ] {
            assert_eq!(plain_path(text).as_deref(), Ok(plain), "{text}");
        }
        assert_eq!(plain_path(r"D:\x"), Err(WindowsPathError::Drive(r"D:\x".to_owned())));
        assert_eq!(plain_path(r"\\host\share"), Err(WindowsPathError::Share(r"\\host\share".to_owned())));
        assert_eq!(plain_path("C:"), Err(WindowsPathError::DriveAlone("C:".to_owned())));
        assert_eq!(windows_path("/app/x"), r"\app\x");
    }
}
