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

/// Whom a process runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The number of the user.
    pub uid: u64,
    /// The number of the first group.
    pub gid: u64,
    /// The numbers of all other groups.
    pub groups: Vec<u64>,
    /// The home folder, where `/etc/passwd` says one.
    pub home: Option<String>,
}

impl PathIndex {
    /// Finds out whom a process runs as that is to run as a user: what `USER` says, and `docker run --user`.
    ///
    /// | text | group | other groups |
    /// |---|---|---|
    /// | empty, `name` | by `/etc/passwd` | those whose line in `/etc/group` names the user |
    /// | `1000` | by `/etc/passwd`, else 0 | the same, where `/etc/passwd` knows the number |
    /// | `user:group` | the group | none |
    ///
    /// (moby and runc, `libcontainer/user.GetExecUser`.)
    ///
    /// # Errors
    /// As [`owner`](Self::owner).
    pub fn login(&self, text: &str) -> Result<Login, LayerError> {
        let text = if text.is_empty() { "0" } else { text };
        let (user, group) =
            text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group).filter(|group| !group.is_empty())));
        let owner = self.owner(text)?;
        let line = self.lines(PASSWD).find(|fields| {
            let own = fields.get(2).and_then(|field| number(field));
            if number(user).is_some() { own == Some(owner.uid) } else { fields.first().is_some_and(|name| name == user) }
        });
        let name = line.as_ref().and_then(|fields| fields.first()).cloned();
        let home = line.as_ref().and_then(|fields| fields.get(5)).filter(|home| !home.is_empty()).cloned();
        if group.is_some() {
            return Ok(Login { uid: owner.uid, gid: owner.gid, groups: Vec::new(), home });
        }
        let gid = line.and_then(|fields| number(fields.get(3)?)).unwrap_or(0);
        let groups = self.lines(GROUP).filter(|fields| {
            let members = fields.get(3).map(String::as_str).unwrap_or_default();
            name.as_deref().is_some_and(|name| members.split(',').any(|member| member == name))
        });
        let groups = groups.filter_map(|fields| number(fields.get(2)?)).collect();
        Ok(Login { uid: owner.uid, gid, groups, home })
    }

    /// The lines of a file of accounts, field by field; none where there is no such file.
    fn lines(&self, path: &'static [u8]) -> impl Iterator<Item = Vec<String>> + use<'_> {
        let place = self.destination(path, Follow::All).ok().map(|place| place.path);
        let content = place.and_then(|path| self.accounts.get(&path));
        let lines = content.into_iter().flat_map(|content| content.split(|byte| *byte == b'\n'));
        lines.map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').split(':').map(str::to_owned).collect())
    }

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
