//! Finds the SSH agents of a build.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::error::RunningError;
use crate::args::AgentWord;
use crate::context::Variables;

/// The variable that leads to the agent of a session.
const SOCKET: &str = "SSH_AUTH_SOCK";

/// Returns the socket of every agent; somebody listens at each.
///
/// # Errors
/// Where one is not there, is a key, or is named twice.
pub fn find(words: &[AgentWord], variables: &Variables) -> Result<BTreeMap<String, PathBuf>, RunningError> {
    let mut agents = BTreeMap::new();
    for AgentWord { id, paths } in words {
        let usual = || variables(SOCKET).filter(|path| !path.is_empty()).map(PathBuf::from);
        let named = if paths.is_empty() { vec![usual().ok_or_else(|| RunningError::NoAgent(id.clone()))?] } else { paths.clone() };
        // Of several keys, it is said that they are keys, and not that there are several.
        named.iter().try_for_each(|path| look(id, path))?;
        let [socket] = named.as_slice() else { return Err(RunningError::TwoSockets(id.clone())) };
        let unanswered = |problem| RunningError::Unanswered { id: id.clone(), path: socket.clone(), problem };
        UnixStream::connect(socket).map_err(unanswered)?;
        // A command has a working folder of its own.
        let absolute = std::path::absolute(socket).map_err(unanswered)?;
        if agents.insert(id.clone(), absolute).is_some() {
            return Err(RunningError::TwoSockets(id.clone()));
        }
    }
    Ok(agents)
}

/// Passes a socket.
fn look(id: &str, path: &Path) -> Result<(), RunningError> {
    let (id, path) = (id.to_owned(), path.to_owned());
    match fs::metadata(&path) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(found) if found.is_file() => Err(RunningError::KeyFile { id, path }),
        Ok(_) => Err(RunningError::Other { id, path }),
        Err(problem) if matches!(problem.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(RunningError::NoSocket { id, path })
        }
        Err(problem) => Err(RunningError::Unanswered { id, path, problem }),
    }
}
