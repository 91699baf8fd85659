//! Whether a password is right: bcrypt once, then a keyed hash of what was right before.

use std::collections::HashSet;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::hmac;
use tokio::sync::Semaphore;

use super::htpasswd::{self, Users};
use crate::error::PasswordsError;

/// The most bytes of a password file: some 15,000 users.
const MAX_FILE: u64 = 1024 * 1024;
/// How many bcrypts run at once: each keeps a core busy, and the registry has other work.
const AT_ONCE: usize = 2;
/// How many requests may wait for theirs. Whoever tries passwords waits; beyond that, he is told so.
const WAITING: usize = 64;
/// How many right passwords are remembered. There is one for each user, unless somebody plays: bcrypt
/// looks at the first 72 bytes, so that of a longer one there are many.
const REMEMBERED: usize = 1024;

/// What became of a name and a password.
pub(super) enum Verdict {
    /// They belong together. The hash names this state of the user's line.
    Right(Known),
    /// They do not.
    Wrong,
    /// Too many are waiting to be told.
    Busy,
}

/// A user as the file has it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) hash: String,
}

/// A password file, read again when it changes.
pub(super) struct Passwords {
    path: PathBuf,
    state: Mutex<State>,
    key: hmac::Key,
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

struct State {
    users: Arc<Users>,
    /// What the file looked like when it was read.
    stamp: Option<Stamp>,
    /// Keyed hashes of what was right; no password, and no plain hash of one, stays in memory.
    right: HashSet<[u8; 32]>,
}

/// Tells one version of the file from the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self { modified: found.modified().ok(), length: found.len() }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Passwords").field(&self.path).finish()
    }
}

impl Passwords {
    /// Reads the file; the key comes from the system's random source. Blocks.
    pub(super) fn read(path: PathBuf, key: hmac::Key) -> Result<Self, PasswordsError> {
        let (users, stamp) = read(&path)?;
        let state = State { users: Arc::new(users), stamp: Some(stamp), right: HashSet::new() };
        let (waiting, running) = (Arc::new(Semaphore::new(WAITING)), Arc::new(Semaphore::new(AT_ONCE)));
        Ok(Self { path, state: Mutex::new(state), key, waiting, running })
    }

    /// Finds a user's line as it is now.
    ///
    /// # Errors
    /// Where the file changed and cannot be used any more: then nobody gets in.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Known>, PasswordsError> {
        let users = self.users().await?;
        Ok(users.get(name).map(|hash| Known { name: name.to_owned(), hash: hash.clone() }))
    }

    /// Compares a password with the user's line.
    ///
    /// # Errors
    /// As [`Passwords::find`].
    pub(super) async fn verify(&self, name: &str, password: &[u8]) -> Result<Verdict, PasswordsError> {
        let users = self.users().await?;
        let known = users.get(name).map(|hash| Known { name: name.to_owned(), hash: hash.clone() });
        // Who has no line in the file takes as long to be refused as who has one: by somebody's hash,
        // whose cost is that of this file.
        let hash = users.get(name).or_else(|| users.values().next()).cloned().unwrap_or_default();
        let trace = self.trace(name, password, &hash);
        let right = |known: Option<Known>| known.map_or(Verdict::Wrong, Verdict::Right);
        if self.state().right.contains(&trace) {
            return Ok(right(known));
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Ok(Verdict::Busy) };
        let Ok(running) = Arc::clone(&self.running).acquire_owned().await else { return Ok(Verdict::Busy) };
        // A client's first requests come side by side: the first of them has found out for all.
        if self.state().right.contains(&trace) {
            return Ok(right(known));
        }
        let password = password.to_vec();
        let matching = tokio::task::spawn_blocking(move || {
            // Held here: who hangs up meanwhile leaves the work behind, and it still counts.
            let _running = running;
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        // Waited for in every case, or the time would tell.
        let matches = matching.await.unwrap_or(false);
        if known.is_none() || !matches {
            return Ok(Verdict::Wrong);
        }
        let mut state = self.state();
        if state.right.len() >= REMEMBERED {
            state.right.clear();
        }
        state.right.insert(trace);
        Ok(right(known))
    }

    /// Makes the keyed hash of a name, a password and the line they fit. Found or not found in a set,
    /// by whatever time that takes, tells nothing to who does not have the key.
    fn trace(&self, name: &str, password: &[u8], hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [name.as_bytes(), password, hash.as_bytes()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut trace = [0; 32];
        trace.copy_from_slice(context.sign().as_ref());
        trace
    }

    async fn users(&self) -> Result<Arc<Users>, PasswordsError> {
        let unreadable = |source| PasswordsError::Unreadable { path: self.path.clone(), source };
        let stamp = Stamp::of(&tokio::fs::metadata(&self.path).await.map_err(unreadable)?);
        {
            let state = self.state();
            if state.stamp == Some(stamp) {
                return Ok(Arc::clone(&state.users));
            }
        }
        let path = self.path.clone();
        let fresh = tokio::task::spawn_blocking(move || read(&path)).await.map_err(|error| unreadable(error.into()))?;
        let mut state = self.state();
        // What was right for a line that is gone must not be found again.
        state.right.clear();
        match fresh {
            Ok((users, stamp)) => {
                state.users = Arc::new(users);
                state.stamp = Some(stamp);
                Ok(Arc::clone(&state.users))
            }
            Err(error) => {
                state.stamp = None;
                Err(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<(Users, Stamp), PasswordsError> {
    let unreadable = |source| PasswordsError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(PasswordsError::TooLarge { path: path.to_owned(), limit: MAX_FILE, got: found.len() });
    }
    Ok((htpasswd::parse(path, &text)?, Stamp::of(&found)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac::HMAC_SHA256;
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;
    use std::time::Instant;

    /// `correct-horse` at the lowest cost.
    const CHEAP: &str = "$2y$04$MVrBXQXSSabRkJV2hz5A6uYbd.s3UGtIzElklV5DHf0MT6yN/Ib1q";

    fn passwords(text: &str) -> (tempfile::TempDir, Passwords) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords");
        std::fs::write(&path, text).unwrap();
        let key = hmac::Key::new(HMAC_SHA256, &[7; 32]);
        (folder, Passwords::read(path, key).unwrap())
    }

    async fn is_right(passwords: &Passwords, name: &str, password: &str) -> bool {
        matches!(passwords.verify(name, password.as_bytes()).await.unwrap(), Verdict::Right(_))
    }

    #[tokio::test]
    async fn a_right_password_costs_its_bcrypt_once() {
        let slow = bcrypt::hash("correct-horse", 11).unwrap();
        let (_folder, passwords) = passwords(&format!("me:{slow}\n"));
        let start = Instant::now();
        assert!(is_right(&passwords, "me", "correct-horse").await);
        let once = start.elapsed();
        let start = Instant::now();
        for _ in 0..20 {
            assert!(is_right(&passwords, "me", "correct-horse").await);
        }
        assert!(start.elapsed() < once, "20 more took {:?}, the first {once:?}", start.elapsed());
        for (name, password) in [("me", "wrong-horse"), ("me", ""), ("you", "correct-horse"), ("", "")] {
            assert!(!is_right(&passwords, name, password).await, "{name} {password}");
        }
        assert_eq!(passwords.state().right.len(), 1, "what was wrong is not kept");
    }

    #[tokio::test]
    async fn the_time_does_not_tell_who_has_a_line() {
        let slow = bcrypt::hash("correct-horse", 11).unwrap();
        let (_folder, passwords) = passwords(&format!("me:{slow}\n"));
        let took = async |name: &str, password: &str| {
            let start = Instant::now();
            assert!(!is_right(&passwords, name, password).await, "{name}");
            start.elapsed()
        };
        let (me, nobody) = (took("me", "wrong-horse").await, took("you", "wrong-horse").await);
        // A usual hash would take a 64th.
        assert!(nobody * 8 > me, "{nobody:?}, {me:?} for who has one");
        assert!(!is_right(&passwords, "you", "correct-horse").await, "somebody else's password");
    }

    #[tokio::test]
    async fn the_file_is_read_again_when_it_changes() {
        let (folder, passwords) = passwords(&format!("me:{CHEAP}\n"));
        let path = folder.path().join("passwords");
        assert!(is_right(&passwords, "me", "correct-horse").await);
        std::fs::write(&path, format!("someone:{CHEAP}\n")).unwrap();
        assert!(!is_right(&passwords, "me", "correct-horse").await, "who is taken out of the file is out");
        assert!(is_right(&passwords, "someone", "correct-horse").await);
        std::fs::write(&path, "someone:plain\n").unwrap();
        let error = passwords.verify("someone", b"correct-horse").await.err().unwrap();
        assert!(error.to_string().contains("line 1: expected a bcrypt hash"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(passwords.verify("someone", b"correct-horse").await.is_err(), "no file, no users");
        std::fs::write(&path, format!("me:{CHEAP}\n")).unwrap();
        assert!(is_right(&passwords, "me", "correct-horse").await);
    }

    #[tokio::test]
    async fn nobody_waits_in_a_line_without_end() {
        let (_folder, passwords) = passwords(&format!("me:{CHEAP}\n"));
        let running = passwords.running.acquire_many(AT_ONCE as u32).await.unwrap();
        let wrong: Vec<String> = (0..WAITING * 2).map(|number| number.to_string()).collect();
        let mut tries: FuturesUnordered<_> = wrong.iter().map(|password| passwords.verify("me", password.as_bytes())).collect();
        for _ in 0..WAITING {
            assert!(matches!(tries.next().await, Some(Ok(Verdict::Busy))));
        }
        drop(running);
        for _ in 0..WAITING {
            assert!(matches!(tries.next().await, Some(Ok(Verdict::Wrong))));
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let (_folder, passwords) = passwords(&format!("me:{CHEAP}\n"));
        assert!(!format!("{passwords:?}").contains("$2y$"));
    }
}
