//! What a person is asked for on a terminal, and what comes by the standard input instead.

use std::io::{BufRead, Read, Write};

/// No password and no name is longer.
const MOST: u64 = 64 * 1024;

/// What was asked for did not come.
#[derive(Debug, thiserror::Error)]
pub enum KeyboardError {
    /// Nobody can be asked.
    #[error("expected a terminal to ask for {0}, got none")]
    NoTerminal(&'static str),
    /// The bytes are no text.
    #[error("expected text (UTF-8) on the standard input, got other bytes")]
    NoText,
    /// There are too many of them.
    #[error("expected at most {0} bytes on the standard input, got more")]
    TooLong(u64),
    /// The input broke.
    #[error("cannot read the standard input")]
    Broken(#[from] std::io::Error),
}

/// The keyboard of whoever started this run.
pub struct Keyboard {
    terminal: bool,
}

impl Keyboard {
    /// Takes what the surroundings say: whether the standard input is a terminal.
    pub const fn new(terminal: bool) -> Self {
        Self { terminal }
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// Where there is no terminal to ask on.
    pub async fn line(&self, question: &str) -> Result<String, KeyboardError> {
        if !self.terminal {
            return Err(KeyboardError::NoTerminal("a user name"));
        }
        ask(question).await
    }

    /// Asks for a line that nobody sees while it is typed.
    ///
    /// # Errors
    /// Where there is no terminal to ask on.
    pub async fn secret(&self, question: &str) -> Result<String, KeyboardError> {
        if !self.terminal {
            return Err(KeyboardError::NoTerminal("a password"));
        }
        // Held here and not beside the reading: an interrupt drops this, and the thread that reads
        // stays behind.
        let silence = Silence::begin()?;
        let line = ask(question).await;
        drop(silence);
        // The person's own line end was not shown.
        let _ = writeln!(std::io::stderr());
        line
    }

    /// Reads the standard input to its end; one line's end after the last line is not part of it.
    ///
    /// # Errors
    /// Refuses what is no text, and more than a password can be.
    pub async fn all() -> Result<String, KeyboardError> {
        blocking(|| {
            let mut bytes = Vec::new();
            std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)?;
            text_of(bytes)
        })
        .await
    }
}

async fn ask(question: &str) -> Result<String, KeyboardError> {
    {
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "{}", super::visible(question))?;
        stderr.flush()?;
    }
    blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MOST + 1).read_until(b'\n', &mut bytes)?;
        text_of(bytes)
    })
    .await
}

async fn blocking(read: impl FnOnce() -> Result<String, KeyboardError> + Send + 'static) -> Result<String, KeyboardError> {
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

fn text_of(bytes: Vec<u8>) -> Result<String, KeyboardError> {
    if bytes.len() as u64 > MOST {
        return Err(KeyboardError::TooLong(MOST));
    }
    let text = String::from_utf8(bytes).map_err(|_| KeyboardError::NoText)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// A terminal that does not show what is typed; it does again when this is dropped.
#[cfg(unix)]
struct Silence(rustix::termios::Termios);

#[cfg(unix)]
impl Silence {
    fn begin() -> Result<Self, KeyboardError> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(rustix::stdio::stdin()).map_err(std::io::Error::from)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // What was typed before the question is thrown away: it may have been shown.
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &silent).map_err(std::io::Error::from)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

/// Where a terminal cannot be silenced, no password is asked for.
#[cfg(not(unix))]
struct Silence;

#[cfg(not(unix))]
impl Silence {
    fn begin() -> Result<Self, KeyboardError> {
        Err(KeyboardError::NoTerminal("a password"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_a_password() {
        for (bytes, expected) in [("p", "p"), ("p\n", "p"), ("p\r\n", "p"), ("p\n\n", "p\n"), (" p ", " p "), ("", "")] {
            assert_eq!(text_of(bytes.into()).ok().as_deref(), Some(expected), "{bytes:?}");
        }
        assert!(matches!(text_of(vec![0xff]), Err(KeyboardError::NoText)));
        assert!(matches!(text_of(vec![b'p'; 70_000]), Err(KeyboardError::TooLong(_))));
    }
}
