//! Which users of this machine are granted to whoever runs this program.

use std::fs;

use rustix::process::{getegid, geteuid};
use sandbox::Users;

/// What this machine grants to whom.
pub struct Grant {
    /// The name of who runs this, or the number.
    pub name: String,
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The text of /etc/subuid.
    pub subuid: String,
    /// The text of /etc/subgid.
    pub subgid: String,
}

impl Grant {
    /// Reads what is granted to whoever runs this.
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        // Without a name, grants are by number.
        let name = name_of(uid, &read("/etc/passwd")).unwrap_or_else(|| uid.to_string());
        Self { name, uid, gid, subuid: read("/etc/subuid"), subgid: read("/etc/subgid") }
    }

    /// Returns the users that a sandbox can have; none if nothing is granted.
    pub fn users(&self) -> Option<Users> {
        Users::granted(&self.name, self.uid, self.gid, &self.subuid, &self.subgid)
    }
}

/// Finds a name in the text of /etc/passwd.
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    let number = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut words = line.split(':');
        let name = words.next().filter(|name| !name.is_empty())?;
        (words.nth(1) == Some(number.as_str())).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_first_name_of_the_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:1000::\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1000:1:::\n";
        assert_eq!(name_of(1000, passwd).as_deref(), Some("ann"));
        assert_eq!(name_of(0, passwd).as_deref(), Some("root"));
        assert_eq!(name_of(1, passwd), None);
    }
}
