//! Paths inside a tree: bytes, as Linux has them, without a root and without `..`.

use std::cmp::Ordering;
use std::fmt;

/// How many bytes of two paths are compared at once.
const STRIDE: usize = 16;

/// A path below the root of a tree; the root itself is empty.
///
/// Paths are ordered as a walk meets them: a folder, then what is in it, before its neighbours. So
/// `a/b` comes before `a-b`, which plain bytes would have the other way round.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TreePath(Box<[u8]>);

impl TreePath {
    /// Reads a path as it is cleaned for a tree: `/`, `.` and `..` at the top mean nothing, and a `..`
    /// takes away what is before it.
    ///
    /// ```
    /// # use graph::TreePath;
    /// assert_eq!(TreePath::clean(b"/a/./b/../c//").to_string(), "a/c");
    /// assert_eq!(TreePath::clean(b"../../etc").to_string(), "etc");
    /// assert!(TreePath::clean(b"/").is_root());
    /// ```
    pub fn clean(path: &[u8]) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in path.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Self(parts.join(&b'/').into())
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether it is the root of the tree.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns its parts, from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
    }

    /// Returns the last part; nothing for the root.
    pub fn name(&self) -> &[u8] {
        self.parts().last().unwrap_or_default()
    }

    /// Returns the folder it is in; the root is in itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Self(self.0.get(..end).unwrap_or_default().into())
    }

    /// Returns a path below it; `below` is cleaned.
    #[must_use]
    pub fn join(&self, below: &[u8]) -> Self {
        let below = Self::clean(below);
        match (self.is_root(), below.is_root()) {
            (true, _) => below,
            (false, true) => self.clone(),
            (false, false) => Self([&self.0, b"/".as_slice(), &below.0].concat().into()),
        }
    }

    /// Returns what is left of it below a folder, if it is below that folder or the folder itself.
    pub fn below<'a>(&'a self, folder: &Self) -> Option<&'a [u8]> {
        if folder.is_root() {
            return Some(&self.0);
        }
        let rest = self.0.strip_prefix(&*folder.0)?;
        match rest.split_first() {
            None => Some(rest),
            Some((b'/', rest)) => Some(rest),
            Some(_) => None,
        }
    }

    /// Returns every folder above it, from the root's children down; not itself.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let ends: Vec<usize> = self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).collect();
        let bytes = self.0.clone();
        ends.into_iter().map(move |end| Self(bytes.get(..end).unwrap_or_default().into()))
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        // Paths of one folder have long beginnings in common, and those are passed in strides.
        let (mut one, mut two) = (&*self.0, &*other.0);
        while let (Some((here, one_rest)), Some((there, two_rest))) = (one.split_first_chunk::<STRIDE>(), two.split_first_chunk())
            && here == there
        {
            (one, two) = (one_rest, two_rest);
        }
        // The separator is less than every byte of a name.
        let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
        one.iter().map(rank).cmp(two.iter().map(rank))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl From<&str> for TreePath {
    fn from(text: &str) -> Self {
        Self::clean(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::TreePath;

    #[test]
    fn a_walk_meets_a_folder_s_content_before_its_neighbours() {
        let mut paths: Vec<TreePath> = ["a-b", "a/c", "b", "a", "a/b/c", "", "a.b", "a/b"].map(TreePath::from).into();
        paths.sort();
        let text: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["", "a", "a/b", "a/b/c", "a/c", "a-b", "a.b", "b"]);
        // Wherever in a long path the difference is.
        for length in 0..40 {
            let long = "x".repeat(length);
            let path = |end: &str| TreePath::from(format!("{long}{end}").as_str());
            assert!(path("a") < path("a/b") && path("a/b") < path("a-b") && path("a") < path("ab") && path("a") == path("a"), "{length}");
        }
    }

    #[test]
    fn paths_are_taken_apart_and_put_together() {
        let path = TreePath::from("/usr/local/bin");
        assert_eq!(path.ancestors().map(|path| path.to_string()).collect::<Vec<_>>(), ["usr", "usr/local"]);
        assert_eq!((path.parent().to_string().as_str(), path.name()), ("usr/local", b"bin".as_slice()));
        assert_eq!(path.below(&"usr".into()), Some(b"local/bin".as_slice()));
        assert_eq!((path.below(&path), path.below(&"us".into())), (Some(b"".as_slice()), None));
        assert_eq!(path.join(b"../lib/x").to_string(), "usr/local/bin/lib/x");
        assert!(TreePath::from("a").parent().is_root() && TreePath::default().parent().is_root());
    }
}
