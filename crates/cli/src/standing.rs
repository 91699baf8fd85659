//! Who the program is on this machine, as far as it unpacks files and runs commands: root, or root of a user namespace that it
//! enters for that.

use std::fs;

use emulate::{Handlers, Machine, Wish};
use engine::roots::Standing;
use oci::Platform;
use sandbox::{Limitation, PrivateHandlers, SandboxError, Users};

use crate::args::{EmulatorsCommand, StoreCommand, Verb};
use crate::grant::Grant;
use crate::machines::HANDLERS;

/// Who this program is.
#[derive(Clone, Debug)]
pub struct Stand {
    /// As whom it unpacks files and runs commands, or why no command can be run.
    pub standing: Result<Standing, SandboxError>,
    /// It is in a user namespace that it has made, where it may do what holds for itself alone.
    pub is_own: bool,
    /// Whether a build could register handlers of programs for itself alone; none where no verb asks. It was tried by another process.
    pub registers: Option<Result<(), SandboxError>>,
}

/// Finds out who the program is, and enters a user namespace where a verb needs one: for what runs commands, and for what removes
/// the files that they left, which belong to users that only exist there. Root needs one for handlers of programs that nobody else has.
pub fn settle(verb: &Verb) -> Stand {
    let registers = tells_of_handlers(verb).then(attempt);
    Stand { registers, ..stand(verb) }
}

fn stand(verb: &Verb) -> Stand {
    if sandbox::is_root() {
        let (uids, gids) = maps();
        let users = Users::everybody(&uids, &gids).filter(|_| needs_handlers(verb));
        return match users.map(|users| sandbox::enter(&users)) {
            Some(Ok(())) => Stand { standing: Ok(of_many(&uids)), is_own: true, registers: None },
            // Whoever needs handlers is told that there are none.
            _ if sandbox::is_root_of_machine() => Stand { standing: Ok(Standing::Root), is_own: false, registers: None },
            _ => Stand { standing: Ok(of_many(&uids)), is_own: false, registers: None },
        };
    }
    if !needs_users(verb) {
        return Stand { standing: Err(SandboxError::Lost), is_own: false, registers: None };
    }
    let standing = enter();
    Stand { is_own: standing.is_ok(), standing, registers: None }
}

/// Reads which users and groups there are, as the kernel writes them.
fn maps() -> (String, String) {
    let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    (read("uid_map"), read("gid_map"))
}

/// Tells whether a verb says what a build could do, without being one.
const fn tells_of_handlers(verb: &Verb) -> bool {
    matches!(verb, Verb::Platforms(_) | Verb::Doctor(_) | Verb::Emulators { command: EmulatorsCommand::Ls(_) })
}

/// Finds out whether handlers can be registered in a user namespace such as a build would enter.
fn attempt() -> Result<(), SandboxError> {
    if sandbox::is_root() {
        let (uids, gids) = maps();
        return Users::everybody(&uids, &gids).map_or(Err(SandboxError::Lost), |users| PrivateHandlers::attempt(&users));
    }
    with_users(PrivateHandlers::attempt).map(|_| ())
}

/// Enters a user namespace of all users that are granted.
fn enter() -> Result<Standing, SandboxError> {
    with_users(sandbox::enter)
}

/// Does something with all users that are granted, or else with a single one.
fn with_users(work: impl Fn(&Users) -> Result<(), SandboxError>) -> Result<Standing, SandboxError> {
    let grant = Grant::look();
    match grant.users().map(|users| work(&users)) {
        Some(Ok(())) => return Ok(Standing::Granted),
        // Without the helpers it is one user, as without a grant.
        None | Some(Err(SandboxError::Refused { limitation: Limitation::ManyUsers, .. })) => {}
        Some(Err(problem)) => return Err(problem),
    }
    work(&Users::single(grant.uid, grant.gid)).map(|()| Standing::Single)
}

/// Tells whether root has to leave the machine's own user namespace for what a verb runs: as it is wished, or since a platform that is
/// named has no handler on this machine. Root of the machine may do more there, so it is not left without need.
fn needs_handlers(verb: &Verb) -> bool {
    let (words, named): (_, Vec<&Platform>) = match verb {
        Verb::Build(build) if !build.dry_run => (&build.emulation, build.platform.iter().chain(&build.optional).flatten().collect()),
        Verb::Run(run) => (&run.emulation, run.platform.iter().collect()),
        _ => return false,
    };
    wants_handlers(words.binfmt, &named)
}

/// Tells whether root would leave the machine's own user namespace for what runs on these platforms.
pub fn wants_handlers(wish: Wish, named: &[&Platform]) -> bool {
    match wish {
        Wish::Private => true,
        Wish::Auto => PrivateHandlers::are_known() && lacks_one(named),
        Wish::Host | Wish::Wrap => false,
    }
}

fn lacks_one(platforms: &[&Platform]) -> bool {
    let here = Machine::here();
    let foreign = |machine: &Machine| here.is_none_or(|here| !here.may_run(*machine));
    let mut foreign = platforms.iter().filter_map(|platform| Machine::of(platform)).filter(foreign).peekable();
    if foreign.peek().is_none() {
        return false;
    }
    let handlers = Handlers::read(HANDLERS.as_ref());
    foreign.any(|machine| handlers.as_ref().map_or(true, |handlers| handlers.find(machine).is_none()))
}

fn needs_users(verb: &Verb) -> bool {
    match verb {
        Verb::Build(build) => !build.dry_run,
        Verb::Run(_) | Verb::Cache { .. } | Verb::Store { command: StoreCommand::Prune(_) } => true,
        _ => false,
    }
}

/// Tells what root of a user namespace can keep of owners, by the users there are.
fn of_many(map: &str) -> Standing {
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse().ok());
    if counts.fold(0_u64, |sum, count: u64| sum.saturating_add(count)) > 1 { Standing::Granted } else { Standing::Single }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_owners_that_its_namespace_has() {
        assert_eq!(of_many("         0          0 4294967295\n"), Standing::Granted);
        assert_eq!(of_many("0 1000 1\n1 100000 65536\n"), Standing::Granted);
        assert_eq!(of_many("0 1000 1\n"), Standing::Single);
        assert_eq!(of_many(""), Standing::Single);
    }
}
