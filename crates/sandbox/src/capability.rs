//! What a process may do beyond what its user may.

use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

/// A set of capabilities, as the kernel numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities(u64);

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The fourteen that Docker and BuildKit give: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
    /// NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
    pub const DEFAULT: Self = Self(0xa804_25fb);

    /// Every one that the caller has.
    pub const ALL: Self = Self(u64::MAX);

    /// Makes a set of the kernel's bits: bit n is capability n.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the kernel's bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The same in rustix's words.
    pub(crate) const fn set(self) -> CapabilitySet {
        CapabilitySet::from_bits_retain(self.0)
    }
}
