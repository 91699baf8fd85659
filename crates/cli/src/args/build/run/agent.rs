//! `--ssh`: the socket of an agent, by an id.

use std::path::PathBuf;
use std::str::FromStr;

use super::error::RunWordError;

/// What an agent is called where nobody says, in a word and in `RUN --mount=type=ssh`.
const USUAL: &str = "default";

/// One `--ssh`: `default`, `ID`, `ID=SOCKET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentWord {
    /// What `RUN --mount=type=ssh` calls it.
    pub id: String,
    /// What was named: a socket, and for buildx files of keys, too. None is the agent of the environment.
    pub paths: Vec<PathBuf>,
}

impl FromStr for AgentWord {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        let (id, paths) = text.split_once('=').unwrap_or((text, ""));
        let id = if id.is_empty() { USUAL } else { id };
        let paths: Vec<PathBuf> = if paths.is_empty() { Vec::new() } else { paths.split(',').map(PathBuf::from).collect() };
        if text.is_empty() || paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(RunWordError::shape("ssh agent", text, "default, ID or ID=SOCKET"));
        }
        Ok(Self { id: id.to_owned(), paths })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_an_id_and_perhaps_a_socket() {
        for (text, id, paths) in [
            ("default", "default", &[][..]),
            ("github", "github", &[]),
            ("github=", "github", &[]),
            ("=/run/agent", "default", &["/run/agent"]),
            ("github=/run/agent", "github", &["/run/agent"]),
            ("keys=a,b=c", "keys", &["a", "b=c"]),
        ] {
            let paths = paths.iter().map(PathBuf::from).collect();
            assert_eq!(text.parse::<AgentWord>().unwrap(), AgentWord { id: id.to_owned(), paths }, "{text}");
        }
        for text in ["", "a=,", "a=b,,c"] {
            assert!(matches!(text.parse::<AgentWord>(), Err(RunWordError::Shape { .. })), "{text}");
        }
    }
}
