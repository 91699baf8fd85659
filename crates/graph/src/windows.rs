//! Paths of Windows images, as Dockerfiles write them: `C:\app`, `\app`, `c:/app`. An image has one drive, and no share.

/// A path that no image has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is outside of an image: expected a path on drive C:")]
pub struct OutsideImage {
    /// The path, as it was written.
    pub path: String,
}

/// Returns a path as trees have it: no drive, and `/` between its parts.
pub(crate) fn plain(path: &str) -> Result<String, OutsideImage> {
    let outside = || OutsideImage { path: path.to_owned() };
    let slashes = path.replace('\\', "/");
    if slashes.starts_with("//") {
        return Err(outside());
    }
    match slashes.split_once(':') {
        Some((drive, rest)) if drive.eq_ignore_ascii_case("c") => Ok(if rest.is_empty() { "/".to_owned() } else { rest.to_owned() }),
        Some((drive, _)) if drive.len() == 1 && drive.bytes().all(|letter| letter.is_ascii_alphabetic()) => Err(outside()),
        _ => Ok(slashes),
    }
}

/// Returns a path as Windows images write it in their config: `\app`.
pub(crate) fn written(path: &str) -> String {
    path.replace('/', "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_90_drive_and_separators_are_those_of_a_tree() {
        for (path, expected) in
            [("C:\\app", "/app"), ("c:/app/x", "/app/x"), ("\\app\\", "/app/"), ("app", "app"), ("C:", "/"), ("a\\b", "a/b"), ("c:x", "x")]
        {
            assert_eq!(plain(path).as_deref(), Ok(expected), "{path}");
        }
        for path in ["D:\\app", "\\\\server\\share", "//server/share"] {
            assert!(plain(path).is_err(), "{path}");
        }
        assert_eq!(written("/app/x"), "\\app\\x");
    }
}
