//! Who a process believes to be.

use rustix::io::Errno;

use crate::User;

/// What stands for "leave it as it is" in these calls.
const SAME: u32 = u32::MAX;

/// The user, or the group, in the four roles that the kernel has for it (credentials(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub real: u32,
    pub effective: u32,
    pub saved: u32,
    pub files: u32,
}

/// A user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub user: Ids,
    pub group: Ids,
    pub groups: Vec<u32>,
    /// It keeps its rights when it is root no more (`PR_SET_KEEPCAPS`), as who changes its user first and its group then.
    pub keeps_rights: bool,
}

impl Identity {
    /// Returns that of a process which starts as this user.
    pub fn of(user: &User) -> Self {
        let all = |id| Ids { real: id, effective: id, saved: id, files: id };
        Self { user: all(user.uid), group: all(user.gid), groups: sorted(user.groups.clone()), keeps_rights: false }
    }

    /// Tells whether what it makes is root's.
    pub const fn makes_for_root(&self) -> bool {
        self.user.files == 0 && self.group.files == 0
    }

    /// Becomes another program, that of these if it runs as its owner.
    pub fn execute(&mut self, uid: Option<u32>, gid: Option<u32>) {
        self.user.execute(uid);
        self.group.execute(gid);
        self.keeps_rights = false;
    }

    /// Tells whether it may become anybody.
    pub const fn is_root(&self) -> bool {
        self.user.effective == 0 || self.keeps_rights
    }
}

impl Ids {
    /// `execve(2)`.
    const fn execute(&mut self, owner: Option<u32>) {
        if let Some(owner) = owner {
            self.effective = owner;
        }
        (self.saved, self.files) = (self.effective, self.effective);
    }

    /// `setuid(2)`.
    pub fn set_one(&mut self, to: u32, is_root: bool) -> Result<(), Errno> {
        if is_root {
            *self = Self { real: to, effective: to, saved: to, files: to };
        } else if [self.real, self.saved].contains(&to) {
            (self.effective, self.files) = (to, to);
        } else {
            return Err(Errno::PERM);
        }
        Ok(())
    }

    /// `setreuid(2)`.
    pub fn set_two(&mut self, real: u32, effective: u32, is_root: bool) -> Result<(), Errno> {
        let may_be_real = [SAME, self.real, self.effective].contains(&real);
        let may_be_effective = [SAME, self.real, self.effective, self.saved].contains(&effective);
        if !(is_root || (may_be_real && may_be_effective)) {
            return Err(Errno::PERM);
        }
        let before = self.real;
        self.real = or(real, self.real);
        self.effective = or(effective, self.effective);
        if real != SAME || (effective != SAME && effective != before) {
            self.saved = self.effective;
        }
        self.files = self.effective;
        Ok(())
    }

    /// `setresuid(2)`.
    pub fn set_three(&mut self, real: u32, effective: u32, saved: u32, is_root: bool) -> Result<(), Errno> {
        let may_be = |id: &u32| [SAME, self.real, self.effective, self.saved].contains(id);
        if !is_root && ![real, effective, saved].iter().all(may_be) {
            return Err(Errno::PERM);
        }
        self.real = or(real, self.real);
        self.effective = or(effective, self.effective);
        self.saved = or(saved, self.saved);
        self.files = self.effective;
        Ok(())
    }

    /// `setfsuid(2)`, which returns what it was, and says nothing if that does not change.
    pub fn set_files(&mut self, to: u32, is_root: bool) -> u32 {
        let before = self.files;
        if to != SAME && (is_root || [self.real, self.effective, self.saved].contains(&to)) {
            self.files = to;
        }
        before
    }
}

/// Groups as the kernel keeps them, and tells them.
pub(super) fn sorted(mut groups: Vec<u32>) -> Vec<u32> {
    groups.sort_unstable();
    groups
}

fn or(wanted: u32, before: u32) -> u32 {
    if wanted == SAME { before } else { wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(real: u32, effective: u32, saved: u32, files: u32) -> Ids {
        Ids { real, effective, saved, files }
    }

    #[test]
    fn root_becomes_anybody_and_does_not_come_back() {
        let mut user = ids(0, 0, 0, 0);
        assert_eq!((user.set_one(33, true), user), (Ok(()), ids(33, 33, 33, 33)));
        assert_eq!(user.set_one(0, false), Err(Errno::PERM));
        assert_eq!(user.set_two(SAME, 0, false), Err(Errno::PERM));
        assert_eq!(user.set_three(0, SAME, SAME, false), Err(Errno::PERM));
        assert_eq!((user.set_files(0, false), user), (33, ids(33, 33, 33, 33)));
        assert_eq!(user.set_one(33, false), Ok(()));
    }

    #[test]
    fn who_was_left_as_saved_can_come_back() {
        // `seteuid(2)` is this call, in every libc.
        let mut user = ids(0, 0, 0, 0);
        assert_eq!((user.set_three(SAME, 33, SAME, true), user), (Ok(()), ids(0, 33, 0, 33)));
        assert_eq!((user.set_three(SAME, 0, SAME, false), user), (Ok(()), ids(0, 0, 0, 0)));
        assert_eq!((user.set_two(33, 34, true), user), (Ok(()), ids(33, 34, 34, 34)));
        assert_eq!((user.set_two(34, 33, false), user), (Ok(()), ids(34, 33, 33, 33)));
        assert_eq!((user.set_two(SAME, 34, false), user), (Ok(()), ids(34, 34, 33, 34)));
        assert_eq!((user.set_one(33, false), user), (Ok(()), ids(34, 33, 33, 33)));
        assert_eq!(user.set_two(35, SAME, false), Err(Errno::PERM));
    }

    #[test]
    fn a_program_may_run_as_its_owner() {
        let mut user = ids(33, 34, 35, 36);
        user.execute(None);
        assert_eq!(user, ids(33, 34, 34, 34));
        user.execute(Some(0));
        assert_eq!(user, ids(33, 0, 0, 0));
    }

    #[test]
    fn files_may_be_somebody_else_s() {
        let mut user = ids(0, 0, 0, 0);
        assert_eq!((user.set_files(33, true), user), (0, ids(0, 0, 0, 33)));
        assert_eq!(user.set_files(SAME, true), 33);
        assert_eq!((user.set_three(SAME, SAME, SAME, true), user), (Ok(()), ids(0, 0, 0, 0)));
    }
}
