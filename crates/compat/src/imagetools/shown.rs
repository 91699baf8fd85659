//! How buildx calls places and the things in them.

use oci::{Digest, Locator, Selector, Thing};

/// The names of one place, as buildx writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// With what is meant in it: `docker.io/library/alpine:3`, `oci-layout://dist:1.0`.
    pub whole: String,
    /// The repository alone: `docker.io/library/alpine`, `dist`.
    pub repository: String,
    /// What a digest is put behind: a tag stays, a layout's does not.
    stem: String,
}

impl Shown {
    /// Names a manifest of that place by its digest.
    pub fn child(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.stem)
    }
}

/// Names what a locator means.
pub fn shown(locator: &Locator) -> Shown {
    match locator {
        Locator::Name(name) | Locator::Registry(name) => {
            let whole = name.to_string();
            let stem = whole.split('@').next().unwrap_or_default().to_owned();
            Shown { whole, repository: name.name(), stem }
        }
        Locator::Layout { path, selector } => {
            let repository = path.display().to_string();
            let stem = format!("oci-layout://{repository}");
            Shown { whole: format!("{stem}{selector}"), repository, stem }
        }
        other => {
            let whole = other.to_string();
            Shown { repository: whole.clone(), stem: whole.clone(), whole }
        }
    }
}

/// Returns the same place with a digest instead of what was meant in it, where it can be asked for one.
pub(crate) fn with_digest(locator: &Locator, digest: &Digest) -> Option<Locator> {
    let selector = Selector::Digest(digest.clone());
    let thing = Thing::Digest(digest.clone());
    Some(match locator {
        Locator::Name(name) => Locator::Name(name.with(thing)),
        Locator::Registry(name) => Locator::Registry(name.with(thing)),
        Locator::Store(name) => Locator::Store(name.with(thing)),
        Locator::Layout { path, .. } => Locator::Layout { path: path.clone(), selector },
        Locator::LayoutArchive { path, .. } => Locator::LayoutArchive { path: path.clone(), selector },
        Locator::Path { path, .. } => Locator::Path { path: path.clone(), selector },
        Locator::DockerArchive { .. } | Locator::Daemon(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_whole_and_layouts_have_their_scheme() {
        let digest = Digest::of(b"x");
        for (word, whole, repository, child) in [
            ("alpine", "docker.io/library/alpine:latest", "docker.io/library/alpine", "docker.io/library/alpine:latest"),
            ("reg.example.com/a:1", "reg.example.com/a:1", "reg.example.com/a", "reg.example.com/a:1"),
            ("oci-layout://dist:1", "oci-layout://dist:1", "dist", "oci-layout://dist"),
            ("oci:/srv/dist", "oci-layout:///srv/dist", "/srv/dist", "oci-layout:///srv/dist"),
        ] {
            let got = shown(&word.parse().unwrap());
            assert_eq!((got.whole.as_str(), got.repository.as_str()), (whole, repository), "{word}");
            assert_eq!(got.child(&digest), format!("{child}@{digest}"), "{word}");
        }
    }
}
