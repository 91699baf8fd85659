//! The rights that a program has, as they are on the disk and in an image (linux/capability.h, `vfs_ns_cap_data`).

use super::rules::Owners;

/// The version, in the uppermost byte of the first number.
const VERSION: usize = 3;
/// Two sets of rights of 64 bits each.
const TWO: u8 = 2;
/// The same, and whose root has them.
const THREE: u8 = 3;
/// Where that number is; it ends the value.
const ROOT: usize = 20;

/// Makes rights that only the root of a user namespace has those of root in an image, where that root is the image's.
pub(super) fn of_image(value: &mut Vec<u8>, owners: &dyn Owners) {
    let (Some(&THREE), Some(bytes)) = (value.get(VERSION), value.get(ROOT..).and_then(|rest| <[u8; 4]>::try_from(rest).ok())) else {
        return;
    };
    if owners.is_root(u32::from_le_bytes(bytes).into()) {
        value.truncate(ROOT);
        if let Some(version) = value.get_mut(VERSION) {
            *version = TWO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differ::AsOnDisk;

    struct From(u64);

    impl Owners for From {
        fn in_image(&self, _: &graph::TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
            Some((uid - self.0, gid - self.0))
        }

        fn is_root(&self, uid: u64) -> bool {
            uid == self.0
        }
    }

    fn value(version: u8, root: &[u8]) -> Vec<u8> {
        [&[1, 0, 0, version], [0x20; 16].as_slice(), root].concat()
    }

    #[test]
    fn rights_of_the_root_of_the_image_are_those_of_root() {
        let root = 100_000_u32.to_le_bytes();
        let cases = [
            (value(3, &root), 100_000, value(2, &[])),
            // Those of another root stay its own.
            (value(3, &root), 200_000, value(3, &root)),
            (value(2, &[]), 100_000, value(2, &[])),
            (vec![3], 100_000, vec![3]),
        ];
        for (mut given, from, expected) in cases {
            of_image(&mut given, &From(from));
            assert_eq!(given, expected);
        }
        let mut plain = value(3, &[0; 4]);
        of_image(&mut plain, &AsOnDisk);
        assert_eq!(plain, value(2, &[]));
    }
}
