//! The numbers behind the names of users and groups, as `--chown` and `USER` write them.

use super::{Follow, GROUP, NodeKind, PASSWD, PathIndex};
use crate::error::{LayerError, PathProblem, shown};

/// The owner and the group of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The number of the user.
    pub uid: u64,
    /// The number of the group.
    pub gid: u64,
}

impl PathIndex {
    /// Finds out what an owner means in this tree.
    ///
    /// | text | user | group |
    /// |---|---|---|
    /// | `1000` | 1000 | 1000 |
    /// | `name` | by `/etc/passwd` | by `/etc/passwd` |
    /// | `user:group` | number, or by `/etc/passwd` | number, or by `/etc/group` |
    /// | `user:` | number, or by `/etc/passwd` | 0 |
    /// | `:group` | 0 | number, or by `/etc/group` |
    ///
    /// The files are read only for names, so numbers need no files. Where no file says who `root` is, it is 0: every kernel says so.
    ///
    /// # Errors
    /// [`LayerError::Unknown`] for a name that is in no file: BuildKit takes root instead, silently, against its own
    /// documentation. [`LayerError::Owner`] for a text of another form, [`LayerError::Path`] for a file of accounts whose
    /// content is not known.
    pub fn owner(&self, text: &str) -> Result<Owner, LayerError> {
        let malformed = || LayerError::Owner(text.to_owned());
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if (user.is_empty() && group.is_none_or(str::is_empty)) || group.is_some_and(|group| group.contains(':')) {
            return Err(malformed());
        }
        let (uid, own_gid) = match (user, number(user)) {
            ("", _) => (0, 0),
            (_, Some(number)) => (number, number),
            _ => self.user(user).or_else(|problem| root_or(user, (0, 0), problem))?,
        };
        let gid = match group {
            None => own_gid,
            Some("") => 0,
            Some(group) => match number(group) {
                Some(number) => number,
                None => self.group(group).or_else(|problem| root_or(group, 0, problem))?,
            },
        };
        Ok(Owner { uid, gid })
    }

    /// Returns the group that `/etc/passwd` says of a user's number, if it has a line of it.
    pub fn group_of(&self, uid: &str) -> Option<u64> {
        let place = self.destination(PASSWD, Follow::All).ok()?;
        let content = String::from_utf8_lossy(self.accounts.get(&place.path)?);
        content
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&uid))
            .and_then(|fields| number(fields.get(3)?))
    }

    fn user(&self, name: &str) -> Result<(u64, u64), LayerError> {
        let line = self.line(PASSWD, name, "user", "/etc/passwd")?;
        line.and_then(|fields| Some((number(fields.get(2)?)?, number(fields.get(3)?)?))).ok_or_else(|| unknown(name, "user", "/etc/passwd"))
    }

    fn group(&self, name: &str) -> Result<u64, LayerError> {
        let line = self.line(GROUP, name, "group", "/etc/group")?;
        line.and_then(|fields| number(fields.get(2)?)).ok_or_else(|| unknown(name, "group", "/etc/group"))
    }

    /// The fields of the first line that begins with a name.
    fn line(&self, path: &'static [u8], name: &str, what: &'static str, file: &'static str) -> Result<Option<Vec<String>>, LayerError> {
        let place = self.destination(path, Follow::All)?;
        let not_kept = || LayerError::Path { path: shown(path), problem: PathProblem::NotKept };
        match place.node.map(|node| &node.kind) {
            None => return Err(unknown(name, what, file)),
            Some(NodeKind::File { .. }) => {}
            Some(_) => return Err(not_kept()),
        }
        let content = self.accounts.get(&place.path).ok_or_else(not_kept)?;
        let mut lines = content.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        let found = lines.find(|line| line.split(':').next() == Some(name));
        Ok(found.map(|line| line.trim_end_matches('\r').split(':').map(str::to_owned).collect()))
    }
}

/// Takes the number of root where it is meant and no file says another.
fn root_or<T>(name: &str, number: T, problem: LayerError) -> Result<T, LayerError> {
    if name == "root" && matches!(problem, LayerError::Unknown { .. }) { Ok(number) } else { Err(problem) }
}

fn unknown(owner: &str, what: &'static str, file: &'static str) -> LayerError {
    LayerError::Unknown { owner: owner.to_owned(), what, file }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // The kernel has 32 bits, and the last number means "nobody asked".
    text.parse().ok().filter(|number| is_number && *number < u64::from(u32::MAX))
}
