//! Who the program is on this machine, as far as it unpacks files and runs commands.

use engine::roots::Standing;
use sandbox::SandboxError;

use crate::args::Verb;

/// Who this program is, or why no command can be run.
pub type Stands = Result<Standing, SandboxError>;

/// Finds out who the program is.
pub fn settle(_verb: &Verb) -> Stands {
    if rustix::process::geteuid().is_root() { Ok(Standing::Root) } else { Err(SandboxError::Lost) }
}
