//! Tokens of our own, for registries that give to everybody and take from some.
//!
//! Docker asks `/v2/` once what a registry demands. Told nothing, it never sends a password, so it can
//! never push; told Basic, it never comes without one. Only tokens leave both open: who has no password
//! gets one that reads (Docker's "Token Authentication Specification", as Docker Hub does it).

use std::fmt;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::passwords::Known;

/// How long a token is good for. A client's next request fetches another.
pub(super) const LIFE: Duration = Duration::from_secs(300);

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bearer {
    /// Everybody.
    Nobody,
    /// A user, by name.
    User(String),
}

/// Makes tokens and knows them again: `NAME`, the second it ends, and a keyed hash over both and the
/// user's line in the password file, so that a token ends with its password.
pub(super) struct Tokens {
    key: hmac::Key,
    start: Instant,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens")
    }
}

/// A token that was read and not yet believed.
pub(super) struct Claim {
    payload: String,
    seal: Vec<u8>,
    pub(super) bearer: Bearer,
    ends: u64,
}

impl Tokens {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self { key, start: Instant::now() }
    }

    /// Makes a token.
    pub(super) fn make(&self, user: Option<&Known>) -> String {
        self.make_until(user, self.now() + LIFE.as_secs())
    }

    fn make_until(&self, user: Option<&Known>, ends: u64) -> String {
        let payload = format!("{ends}:{}", user.map_or("", |user| &user.name));
        let seal = self.seal(&payload, user);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&payload), URL_SAFE_NO_PAD.encode(seal.as_ref()))
    }

    /// Reads a token; who it is for is only what it says.
    pub(super) fn read(text: &str) -> Option<Claim> {
        let (payload, seal) = text.split_once('.')?;
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let (ends, name) = payload.split_once(':')?;
        let bearer = if name.is_empty() { Bearer::Nobody } else { Bearer::User(name.to_owned()) };
        Some(Claim { ends: ends.parse().ok()?, seal: URL_SAFE_NO_PAD.decode(seal).ok()?, bearer, payload })
    }

    /// Tells whether we made the token, for this user's line as it is now, and not too long ago.
    pub(super) fn holds(&self, claim: &Claim, user: Option<&Known>) -> bool {
        let message = message(&claim.payload, user);
        hmac::verify(&self.key, &message, &claim.seal).is_ok() && self.now() < claim.ends
    }

    fn seal(&self, payload: &str, user: Option<&Known>) -> hmac::Tag {
        hmac::sign(&self.key, &message(payload, user))
    }

    /// Seconds since the start: tokens do not outlive the server, and no clock is needed.
    fn now(&self) -> u64 {
        self.start.elapsed().as_secs()
    }
}

fn message(payload: &str, user: Option<&Known>) -> Vec<u8> {
    [payload, user.map_or("", |user| &user.hash)].join("\n").into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac::HMAC_SHA256;

    fn tokens(key: u8) -> Tokens {
        Tokens::new(hmac::Key::new(HMAC_SHA256, &[key; 32]))
    }

    fn me(hash: &str) -> Known {
        Known { name: "me".to_owned(), hash: hash.to_owned() }
    }

    #[test]
    fn a_token_is_good_for_its_user_until_the_password_changes() {
        let tokens_ = tokens(1);
        let claim = Tokens::read(&tokens_.make(Some(&me("$2y$a")))).unwrap();
        assert_eq!(claim.bearer, Bearer::User("me".to_owned()));
        assert!(tokens_.holds(&claim, Some(&me("$2y$a"))));
        assert!(!tokens_.holds(&claim, Some(&me("$2y$b"))));
        assert!(!tokens_.holds(&claim, None));
        assert!(!tokens(2).holds(&claim, Some(&me("$2y$a"))), "another server's");
        let nobody = Tokens::read(&tokens_.make(None)).unwrap();
        assert!(nobody.bearer == Bearer::Nobody && tokens_.holds(&nobody, None));
    }

    #[test]
    fn an_old_token_and_a_made_up_one_are_good_for_nothing() {
        let tokens_ = tokens(1);
        let old = Tokens::read(&tokens_.make_until(Some(&me("x")), 0)).unwrap();
        assert!(!tokens_.holds(&old, Some(&me("x"))));
        let good = tokens_.make(None);
        let (_, seal) = good.split_once('.').unwrap();
        let forged = format!("{}.{seal}", URL_SAFE_NO_PAD.encode("99999:me"));
        assert!(!tokens_.holds(&Tokens::read(&forged).unwrap(), Some(&me("x"))));
        for bad in ["", ".", "a.b", "!.!", &seal[..5]] {
            assert!(Tokens::read(bad).is_none_or(|claim| !tokens_.holds(&claim, None)), "{bad}");
        }
    }
}
