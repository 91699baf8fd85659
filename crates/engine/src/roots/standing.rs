//! Who unpacks and runs: what of an image's owners this machine can keep.

use crate::differ::Marks;

/// Who the program is while commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Root of this machine.
    Root,
    /// Root of a user namespace with many users.
    Granted,
    /// Root of a user namespace with no other user: every file belongs to it.
    Single,
}

impl Standing {
    /// Returns its one word, as it stands in paths: what is unpacked by one is not what another would have.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Granted => "granted",
            Self::Single => "single",
        }
    }

    /// Tells whether files can have owners.
    pub const fn has_owners(self) -> bool {
        !matches!(self, Self::Single)
    }

    /// Returns where an overlay keeps its marks.
    pub const fn marks(self) -> Marks {
        match self {
            Self::Root => Marks::Trusted,
            Self::Granted | Self::Single => Marks::User,
        }
    }
}
