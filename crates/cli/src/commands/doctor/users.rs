//! Whether a sandbox can have more than one user, for somebody who is not root.

use sandbox::SandboxError;

use super::check::Check;
use crate::grant::Grant;

/// How many users one is granted, as useradd does.
const MANY: u32 = 65_536;

/// Where grants begin, as with useradd.
const FIRST: u32 = 100_000;

/// What is said of grants.
impl Grant {
    /// Says that they can be had.
    pub fn works(&self) -> Check {
        Check::ok("users", format!("those that /etc/subuid and /etc/subgid grant {}", self.name))
    }

    /// Says that nothing is granted.
    pub fn nothing(&self) -> Check {
        let found =
            format!("root alone, as /etc/subuid or /etc/subgid grants {} nothing: others are played, which takes longer", self.name);
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
        Check::limited("users", found + ": others are played, which takes longer").mended_by("sudo apt-get install uidmap")
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(failed(NOT_FOUND), "root alone, as newuidmap is not installed: others are played, which takes longer");
        assert!(failed(1).starts_with("root alone, as newuidmap failed: giving the sandbox more than one user failed: "));
        assert!(grant("ann:100000:65536\n", "1000:100000:65536\n").users().is_some());
    }
}
