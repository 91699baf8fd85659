//! Which names came already, in sixteen bytes each.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

/// A set of names that remembers only their hashes.
///
/// Two halves with different beginnings make 128 bits: among a million names, two different ones are taken for the same
/// with a chance of one to 10^26.
#[derive(Default)]
pub(crate) struct Seen(HashSet<u128>);

impl Seen {
    /// Adds a name and tells whether it is new.
    pub(crate) fn insert(&mut self, name: &[u8]) -> bool {
        self.0.insert(fingerprint(name))
    }

    /// Tells whether the name came before.
    pub(crate) fn contains(&self, name: &[u8]) -> bool {
        self.0.contains(&fingerprint(name))
    }
}

fn fingerprint(name: &[u8]) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(name);
        u128::from(hasher.finish())
    };
    (half(1) << 64) | half(2)
}
