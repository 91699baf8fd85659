//! Which users a sandbox has, and who they are on this machine.

use serde::{Deserialize, Serialize};

/// Which users there are in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Users {
    /// Those of the caller, who must be root, of this machine or of a user namespace.
    Same,
    /// A user namespace of its own.
    Own {
        /// The users it knows, 0 among them.
        uids: Vec<Range>,
        /// The groups it knows, 0 among them.
        gids: Vec<Range>,
    },
}

/// A run of numbers inside, and the run outside that they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first number inside.
    pub inside: u32,
    /// The first number outside.
    pub outside: u32,
    /// How many there are.
    pub count: u32,
}

impl Range {
    /// Writes ranges as the kernel reads them.
    pub(crate) fn lines(ranges: &[Self]) -> String {
        ranges.iter().map(|range| format!("{} {} {}\n", range.inside, range.outside, range.count)).collect()
    }
}

impl Users {
    /// Makes a namespace in which root is the caller and nobody else exists. Every kernel that has user namespaces allows it.
    pub fn single(uid: u32, gid: u32) -> Self {
        let one = |outside| vec![Range { inside: 0, outside, count: 1 }];
        Self::Own { uids: one(uid), gids: one(gid) }
    }

    /// Makes a namespace of all users that there are, each for itself, by what the kernel says of the one that root is in
    /// (`/proc/self/uid_map` and `gid_map`); none where it says nothing.
    pub fn everybody(uids: &str, gids: &str) -> Option<Self> {
        let known = |text: &str| -> Option<Vec<Range>> {
            let range = |line: &str| {
                let mut numbers = line.split_whitespace();
                let (first, count) = (numbers.next()?.parse().ok()?, numbers.nth(1)?.parse().ok()?);
                Some(Range { inside: first, outside: first, count })
            };
            text.lines().map(range).collect::<Option<Vec<_>>>().filter(|ranges| !ranges.is_empty())
        };
        Some(Self::Own { uids: known(uids)?, gids: known(gids)? })
    }

    /// Makes a namespace of the ranges that `/etc/subuid` and `/etc/subgid` grant to a user; none if they grant nothing.
    ///
    /// The arguments `subuid` and `subgid` are the texts of these files. Inside, root is the caller, and 1 onwards are the
    /// ranges in their order. A caller who is not root needs `newuidmap` and `newgidmap` on this machine.
    pub fn granted(name: &str, uid: u32, gid: u32, subuid: &str, subgid: &str) -> Option<Self> {
        Some(Self::Own { uids: ranges(name, uid, uid, subuid)?, gids: ranges(name, uid, gid, subgid)? })
    }

    /// Tells whether the kernel lets an ordinary process make this namespace for itself.
    pub(crate) fn is_single(&self) -> bool {
        let one = |ranges: &[Range]| matches!(ranges, [Range { count: 1, .. }]);
        matches!(self, Self::Own { uids, gids } if one(uids) && one(gids))
    }
}

/// Reads `NAME:FIRST:COUNT` lines, in which the name may be the number. Lines that are something else are passed over, as
/// `newuidmap` does.
fn ranges(name: &str, uid: u32, own: u32, text: &str) -> Option<Vec<Range>> {
    let number = uid.to_string();
    let mut ranges = vec![Range { inside: 0, outside: own, count: 1 }];
    let mut inside = 1_u32;
    for line in text.lines() {
        let mut words = line.trim().splitn(3, ':');
        let (Some(who), Some(first), Some(count)) = (words.next(), words.next(), words.next()) else { continue };
        let (Ok(outside), Ok(count)) = (first.parse(), count.parse()) else { continue };
        if who != name && who != number || count == 0 {
            continue;
        }
        let Some(next) = inside.checked_add(count) else { break };
        ranges.push(Range { inside, outside, count });
        inside = next;
    }
    (ranges.len() > 1).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_follows_root_in_order() {
        let files = "other:1:9\nann:100000:65536\nbroken\n1000:300000:10\nann:x:1\n";
        let range = |inside, outside, count| Range { inside, outside, count };
        let Some(Users::Own { uids, gids }) = Users::granted("ann", 1000, 50, files, files) else { panic!("nothing granted") };
        assert_eq!(uids, [range(0, 1000, 1), range(1, 100_000, 65_536), range(65_537, 300_000, 10)]);
        assert_eq!(gids[0], range(0, 50, 1));
        assert_eq!(Range::lines(&uids), "0 1000 1\n1 100000 65536\n65537 300000 10\n");
        assert_eq!(
            Users::everybody("0 0 4294967295\n", "0 1000 1\n1 100000 65536\n"),
            Some(Users::Own { uids: vec![range(0, 0, u32::MAX)], gids: vec![range(0, 0, 1), range(1, 1, 65_536)] })
        );
        assert_eq!(Users::everybody("", "0 0 1\n"), None);
        assert_eq!(Users::granted("bob", 7, 7, files, files), None);
    }
}
