//! Tokens in memory, one per set of scopes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex as AsyncMutex;

use crate::RemoteError;
use crate::credentials::Secret;

/// A token this close to its end is not sent any more: the registry's clock may run ahead.
const MARGIN: Duration = Duration::from_secs(5);

/// A Bearer token, and until when it is good.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub secret: Secret,
    pub until: SystemTime,
}

impl Token {
    /// Makes a token that is good for `seconds` from `now`, less a margin for different clocks.
    pub(crate) fn lasting(secret: Secret, seconds: u64, now: SystemTime) -> Self {
        let life = Duration::from_secs(seconds);
        let until = now.checked_add(life.saturating_sub(MARGIN.min(life / 2))).unwrap_or(now);
        Self { secret, until }
    }
}

#[derive(Default)]
struct Cell {
    token: AsyncMutex<Option<Token>>,
    /// The token server gave no answer: those who wait in line ask for themselves from now on, or
    /// each would wait for the silence of all before it.
    in_vain: AtomicBool,
}

/// The tokens for one host.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Arc<Cell>>>);

impl Tokens {
    /// Returns the token for a set of scopes, and whether it was fetched just now. Requests that
    /// need the same one at the same time wait for a single fetch.
    pub(crate) async fn get<F: Future<Output = Result<Token, RemoteError>>>(
        &self,
        key: &str,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<(Secret, bool), RemoteError> {
        let cell = self.cell(key);
        let mut kept = cell.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until > now) {
            return Ok((token.secret.clone(), false));
        }
        let fetched = if cell.in_vain.load(Ordering::Relaxed) {
            drop(kept);
            let fetched = fetch().await;
            kept = cell.token.lock().await;
            fetched
        } else {
            fetch().await
        };
        cell.in_vain.store(fetched.as_ref().is_err_and(RemoteError::is_passing), Ordering::Relaxed);
        let token = fetched?;
        let secret = token.secret.clone();
        *kept = Some(token);
        Ok((secret, true))
    }

    /// Forgets a token that the registry did not take, unless a newer one is there by now.
    pub(crate) async fn forget(&self, key: &str, refused: &Secret) {
        let cell = self.cell(key);
        let mut kept = cell.token.lock().await;
        if kept.as_ref().is_some_and(|token| token.secret == *refused) {
            *kept = None;
        }
    }

    fn cell(&self, key: &str) -> Arc<Cell> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::UNIX_EPOCH;

    #[tokio::test]
    async fn one_fetch_serves_all_who_wait() {
        let (tokens, fetches) = (Tokens::default(), AtomicU32::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Token::lasting(Secret::new("t"), 60, UNIX_EPOCH))
        };
        let all = futures_util::future::join_all((0..8).map(|_| tokens.get("scope", UNIX_EPOCH, fetch))).await;
        assert_eq!(all.iter().filter(|got| got.as_ref().unwrap().1).count(), 1);
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        // 60 s less the margin of 5 s.
        tokens.get("scope", UNIX_EPOCH + Duration::from_secs(54), fetch).await.unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        tokens.get("scope", UNIX_EPOCH + Duration::from_secs(55), fetch).await.unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
        tokens.get("other", UNIX_EPOCH, fetch).await.unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn only_the_refused_token_is_forgotten() {
        let tokens = Tokens::default();
        let fetch = |text: &'static str| move || async move { Ok(Token::lasting(Secret::new(text), 60, UNIX_EPOCH)) };
        let (old, _) = tokens.get("scope", UNIX_EPOCH, fetch("old")).await.unwrap();
        tokens.forget("scope", &old).await;
        assert!(tokens.get("scope", UNIX_EPOCH, fetch("new")).await.unwrap().1);
        tokens.forget("scope", &old).await;
        assert!(!tokens.get("scope", UNIX_EPOCH, fetch("newer")).await.unwrap().1);
    }
}
