//! How much an archive may hold, and what is made of odd names and links.

/// How much of everything an archive may hold. Each is at most so much; the defaults fit every honest image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries. Each costs the reader sixteen bytes of memory.
    pub entries: u64,
    /// Bytes of a name, and of a link's target.
    pub name: u64,
    /// Bytes of one extended header: names and extended attributes of one entry.
    pub header: u64,
    /// Bytes of all contents together, with holes.
    pub content: u64,
    /// Bytes in the holes of sparse files together. A few hundred bytes of archive can claim to be terabytes of zeros,
    /// and a layer has no holes: each becomes real zeros.
    pub holes: u64,
    /// Pieces of one sparse file.
    pub segments: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 4_000_000, name: 4096, header: 1 << 20, content: 256 << 30, holes: 1 << 30, segments: 1 << 16 }
    }
}

/// What is made of names and links that are odd, but not always wrong.
///
/// The default is the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Names and targets of hard links that begin with a slash.
    pub absolute_names: AbsoluteNames,
    /// Symbolic links that lead above the root.
    pub symlinks: Symlinks,
    /// Hard links.
    pub hard_links: HardLinks,
}

impl Rules {
    /// Returns the rules for an archive that `ADD` unpacks: leading slashes mean nothing, symbolic links are kept as they
    /// are, since they lead nowhere but into the image, and a hard link comes after its target.
    pub const fn of_added() -> Self {
        Self { absolute_names: AbsoluteNames::Strip, symlinks: Symlinks::Any, hard_links: HardLinks::AfterTarget }
    }

    /// Returns the rules for a layer of an image: as for an added archive, and a hard link may mean a file of a lower
    /// layer.
    pub const fn of_layer() -> Self {
        Self { absolute_names: AbsoluteNames::Strip, symlinks: Symlinks::Any, hard_links: HardLinks::Any }
    }
}

/// What is made of names that begin with a slash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbsoluteNames {
    /// An error that names the entry.
    #[default]
    Refuse,
    /// The slash is left out, as every tool does that unpacks into a folder.
    Strip,
}

/// Which symbolic links are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// Those that do not lead above the root by their text alone; absolute ones start at the root.
    #[default]
    Inside,
    /// All of them. Whoever follows them does so inside the image.
    Any,
}

/// Which hard links are taken. None ever has a target with `..`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HardLinks {
    /// Those whose target came before in the same archive.
    #[default]
    AfterTarget,
    /// All of them.
    Any,
}
