//! What the init says to its caller: one line of JSON for each word.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::{Exit, SandboxError};

/// One thing that the init says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// A path that had to be made for a mount, in the order of making.
    Stub(Stub),
    /// The process runs.
    Running,
    /// There will be no process.
    Failed(SandboxError),
    /// The process has ended, and all others with it.
    Ended(Exit),
}

/// A file or a folder that was made in the root for something to be mounted on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stub {
    /// Where its folder is in the root, without links.
    pub folder: Vec<u8>,
    /// Its name in that folder.
    pub name: Vec<u8>,
    /// Whether it is a folder itself.
    pub is_folder: bool,
}

/// Says one word.
pub(crate) fn say(to: &mut impl Write, word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Hears the next word; none at the end.
pub(crate) fn hear(from: &mut impl BufRead) -> io::Result<Option<Word>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&line)?)) }
}
