//! Whether a sandbox can have more than one user, for somebody who is not root.

use std::fs;

use rustix::process::{getegid, geteuid};
use sandbox::{SandboxError, Users};

use super::check::Check;

/// How many users one is granted, as useradd does.
const MANY: u32 = 65_536;

/// Where grants begin, as with useradd.
const FIRST: u32 = 100_000;

/// What this machine grants to whom.
pub struct Grant {
    name: String,
    uid: u32,
    gid: u32,
    subuid: String,
    subgid: String,
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

    /// Says that they can be had.
    pub fn works(&self) -> Check {
        Check::ok("users", format!("those that /etc/subuid and /etc/subgid grant {}", self.name))
    }

    /// Says that nothing is granted.
    pub fn nothing(&self) -> Check {
        let found = format!("root alone, as /etc/subuid or /etc/subgid grants {} nothing: no file can have another owner", self.name);
        let line = format!("{}:{}:{MANY}", self.name, self.free());
        let mend = format!("sudo apt-get install uidmap\necho {line} | sudo tee -a /etc/subuid /etc/subgid");
        Check::limited("users", found).mended_by(mend)
    }

    /// Says why what is granted cannot be had.
    pub fn fails(&self, problem: &SandboxError) -> Check {
        let found = match problem {
            SandboxError::Refused { cause, .. } if cause.number() == NOT_FOUND => "root alone, as newuidmap is not installed".to_owned(),
            other => format!("root alone, as newuidmap failed: {other}"),
        };
        Check::limited("users", found + ": no file can have another owner").mended_by("sudo apt-get install uidmap")
    }

    /// Finds the first number from which on nobody is granted anything.
    fn free(&self) -> u32 {
        let end = |line: &str| -> Option<u32> {
            let mut words = line.split(':').skip(1);
            let (first, count): (u32, u32) = (words.next()?.trim().parse().ok()?, words.next()?.trim().parse().ok()?);
            first.checked_add(count)
        };
        self.subuid.lines().chain(self.subgid.lines()).filter_map(end).fold(FIRST, u32::max)
    }
}

/// `ENOENT`: there is no such program.
const NOT_FOUND: i32 = 2;

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

    #[test]
    fn what_is_proposed_is_nobody_elses() {
        let grant = |subuid: &str, subgid: &str| Grant {
            name: "ann".to_owned(),
            uid: 1000,
            gid: 1000,
            subuid: subuid.to_owned(),
            subgid: subgid.to_owned(),
        };
        let mend = |grant: &Grant| grant.nothing().mend.unwrap().lines().last().unwrap().to_owned();
        assert_eq!(mend(&grant("", "")), "echo ann:100000:65536 | sudo tee -a /etc/subuid /etc/subgid");
        let others = grant("bob:100000:65536\ncarl:165536:65536\n", "bob:100000:65536\nbroken\ndora:1:2\neve:4294967295:65536\n");
        assert_eq!(mend(&others), "echo ann:231072:65536 | sudo tee -a /etc/subuid /etc/subgid");
        assert!(others.users().is_none());
        let failed = |number: i32| {
            let cause = std::io::Error::from_raw_os_error(number).into();
            others.fails(&SandboxError::Refused { limitation: sandbox::Limitation::ManyUsers, cause }).found
        };
        assert_eq!(failed(NOT_FOUND), "root alone, as newuidmap is not installed: no file can have another owner");
        assert!(failed(1).starts_with("root alone, as newuidmap failed: giving the sandbox more than one user failed: "));
        assert!(grant("ann:100000:65536\n", "1000:100000:65536\n").users().is_some());
    }
}
