//! Who the program is on this machine, as far as it unpacks files and runs commands: root, or root of a user namespace that it
//! enters for that.

use std::fs;

use engine::roots::Standing;
use sandbox::{Limitation, SandboxError, Users};

use crate::args::Verb;
use crate::grant::Grant;

/// Who this program is, or why no command can be run.
pub type Stands = Result<Standing, SandboxError>;

/// The users of a machine, as the kernel writes them: all there are, for themselves.
const ALL: [&str; 3] = ["0", "0", "4294967295"];

/// Finds out who the program is, and enters a user namespace where a verb needs one: for what runs commands, and for what removes
/// the files that they left, which belong to users that only exist there.
pub fn settle(verb: &Verb) -> Stands {
    if sandbox::is_root() {
        return Ok(of_root(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default()));
    }
    if !needs_users(verb) {
        return Err(SandboxError::Lost);
    }
    let grant = Grant::look();
    match grant.users().map(|users| sandbox::enter(&users)) {
        Some(Ok(())) => return Ok(Standing::Granted),
        // Without the helpers it is one user, as without a grant.
        None | Some(Err(SandboxError::Refused { limitation: Limitation::ManyUsers, .. })) => {}
        Some(Err(problem)) => return Err(problem),
    }
    sandbox::enter(&Users::single(grant.uid, grant.gid)).map(|()| Standing::Single)
}

fn needs_users(verb: &Verb) -> bool {
    match verb {
        Verb::Build(build) => !build.dry_run,
        Verb::Run(_) | Verb::Cache { .. } => true,
        _ => false,
    }
}

/// Tells what root can keep of owners, by the users there are.
fn of_root(map: &str) -> Standing {
    if map.split_whitespace().eq(ALL) {
        return Standing::Root;
    }
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse().ok());
    if counts.fold(0_u64, |sum, count: u64| sum.saturating_add(count)) > 1 { Standing::Granted } else { Standing::Single }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_owners_that_its_namespace_has() {
        assert_eq!(of_root("         0          0 4294967295\n"), Standing::Root);
        assert_eq!(of_root("0 1000 1\n1 100000 65536\n"), Standing::Granted);
        assert_eq!(of_root("0 1000 1\n"), Standing::Single);
        assert_eq!(of_root(""), Standing::Single);
    }
}
