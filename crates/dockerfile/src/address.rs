//! Addresses: what a build fetches from elsewhere, and how they are written (`util/gitutil` and `frontend/dockerfile/dfgitutil`
//! of BuildKit).

mod git;
mod login;

use std::borrow::Cow;

use fault::{Fault, Hint, Kind};

use crate::instruction::Location;

pub use git::{GitAddress, GitTimes, check_commit};
pub use login::Login;

/// What is fetched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file, by HTTP.
    Http(HttpAddress),
    /// Files of a repository, by git.
    Git(Box<GitAddress>),
}

/// A file behind a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    /// The URL, without a login and without what stands behind `#`.
    pub url: String,
    /// The login that stood in it.
    pub login: Option<Login>,
}

impl Address {
    /// Reads an address; none for what is a path in a context.
    ///
    /// ```
    /// use dockerfile::Address;
    ///
    /// assert!(matches!(Address::parse("https://example.com/a.git#main:sub"), Ok(Some(Address::Git(_)))));
    /// assert!(matches!(Address::parse("https://example.com/a.tar"), Ok(Some(Address::Http(_)))));
    /// assert!(matches!(Address::parse("a/b.tar"), Ok(None)));
    /// assert!(Address::parse("ssh://-oProxyCommand=id/a.git").is_err());
    /// ```
    ///
    /// # Errors
    /// Says what is wrong with one that nobody could fetch, or that means two things. No login is in it.
    pub fn parse(text: &str) -> Result<Option<Self>, AddressError> {
        let wrong = |reason| AddressError { address: shown(text).into_owned(), reason };
        match Location::of(text) {
            Location::Context => match scheme(text) {
                Some(scheme) => Err(wrong(AddressReason::Scheme(scheme.to_owned()))),
                None => Ok(None),
            },
            Location::Git => GitAddress::read(text).map(|git| Some(Self::Git(Box::new(git)))).map_err(wrong),
            Location::Http => HttpAddress::read(text).map(|http| Some(Self::Http(http))).map_err(wrong),
        }
    }
}

impl Address {
    /// Reads `github.com/OWNER/REPOSITORY`, which means a repository where it is no folder; none for anything else.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of_github(text: &str) -> Result<Option<Self>, AddressError> {
        if !text.starts_with("github.com/") {
            return Ok(None);
        }
        let git = GitAddress::read(text).map_err(|reason| AddressError { address: text.to_owned(), reason })?;
        Ok(Some(Self::Git(Box::new(git))))
    }

    /// Returns the address as it may be shown, and as messages call what is there.
    pub fn shown(&self) -> String {
        match self {
            Self::Http(http) => http.url.split('?').next().unwrap_or_default().to_owned(),
            Self::Git(git) => git.shown(),
        }
    }
}

impl HttpAddress {
    fn read(text: &str) -> Result<Self, AddressReason> {
        check_letters(text)?;
        let text = text.split('#').next().unwrap_or_default();
        let (url, login) = login::split(text)?;
        let host = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
        check_host(host)?;
        Ok(Self { url, login })
    }

    /// Returns what a file from there is called: the last part of the path, else `__unnamed__`.
    ///
    /// ```
    /// use dockerfile::Address;
    ///
    /// let name = |url: &str| match Address::parse(url) {
    ///     Ok(Some(Address::Http(http))) => http.file_name(),
    ///     _ => Vec::new(),
    /// };
    /// assert_eq!(name("https://example.com/a/b%20c.tar?x=/d"), b"b c.tar");
    /// assert_eq!(name("https://example.com/a/"), b"a");
    /// assert_eq!(name("https://example.com"), b"__unnamed__");
    /// ```
    pub fn file_name(&self) -> Vec<u8> {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.split('?').next().unwrap_or_default().split_once('/').map_or("", |(_, path)| path);
        // A slash that is written %2F is one all the same, so that no name leads anywhere.
        let decoded = decoded(path);
        let last = decoded.split(|byte| *byte == b'/').rfind(|part| !part.is_empty()).unwrap_or_default();
        let is_name = !matches!(last, b"" | b"." | b"..") && last.len() <= 255 && !last.contains(&0);
        if is_name { last.to_vec() } else { b"__unnamed__".to_vec() }
    }
}

/// Returns an address as it may be shown: a password is not told, nor a name that may be a token.
///
/// ```
/// use dockerfile::shown_address;
///
/// assert_eq!(shown_address("https://me:secret@host/a"), "https://xxxxx:xxxxx@host/a");
/// assert_eq!(shown_address("https://token@host/a"), "https://xxxxx@host/a");
/// assert_eq!(shown_address("ssh://git@host/a"), "ssh://git@host/a");
/// assert_eq!(shown_address("git@host:a"), "git@host:a");
/// ```
pub fn shown(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else { return Cow::Borrowed(text) };
    // A password may have a slash in it; behind `#` and `?` an `@` means something else.
    let mut end = rest.find(['#', '?']).unwrap_or(rest.len());
    // Unless they stand in a password, where a port would be.
    let port = rest.get(..end).filter(|before| !before.contains('@')).and_then(|before| before.split('/').next()?.split_once(':'));
    if port.is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()) && !rest.starts_with('[')) {
        end = rest.len();
    }
    let (before, after) = rest.split_at(end);
    let Some((login, place)) = before.rsplit_once('@') else { return Cow::Borrowed(text) };
    let hidden = match login.contains(':') {
        true => "xxxxx:xxxxx",
        false if scheme.starts_with("http") => "xxxxx",
        false => return Cow::Borrowed(text),
    };
    Cow::Owned(format!("{scheme}://{hidden}@{place}{after}"))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Returns the scheme of what is no path, and that nothing here fetches. `ext::` and `fd::` are words of git.
fn scheme(text: &str) -> Option<&str> {
    let of_git = ["ext::", "fd::", "file::"].into_iter().find(|scheme| text.starts_with(scheme));
    let of_url = || text.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    of_git.or_else(of_url)
}

/// Nothing in an address is a blank, ends a line or steers a terminal.
fn check_letters(text: &str) -> Result<(), AddressReason> {
    match text.chars().find(|letter| letter.is_control() || letter.is_whitespace()) {
        Some(letter) => Err(AddressReason::Letter(letter)),
        None => Ok(()),
    }
}

/// A host is none that a program would take for an option. What stands behind it is a port, and no password with a slash in it.
fn check_host(host: &str) -> Result<(), AddressReason> {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    let port = after.split_once(':').map_or("", |(_, port)| port);
    match host {
        "" => Err(AddressReason::NoHost),
        host if host.contains('@') => Err(AddressReason::NoHost),
        host if host.starts_with('-') => Err(AddressReason::Option(host.to_owned())),
        _ if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(AddressReason::NoPort),
    }
}

/// Reads `%20` and its like; what is none stays as it is.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(letter) => {
                decoded.push(letter);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

/// An address that nobody can fetch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad address {address:?}: {reason}")]
pub struct AddressError {
    /// As written, without a login.
    pub address: String,
    /// What is wrong with it.
    pub reason: AddressReason,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressReason {
    /// Nothing here fetches it.
    #[error("expected http://, https://, ssh://, git:// or git@HOST:PATH, got {0}")]
    Scheme(String),
    /// No host.
    #[error("expected a host")]
    NoHost,
    /// Something else than a port behind the host.
    #[error("expected a number behind the colon of the host: in a password, / and @ are written %2F and %40")]
    NoPort,
    /// No repository on the host.
    #[error("expected the path of a repository behind the host")]
    NoPath,
    /// A letter that is in no address.
    #[error("expected no blanks and no control characters, got {0:?}")]
    Letter(char),
    /// A part that git or ssh would take for an option.
    #[error("expected no part that begins with a dash, got {0:?}")]
    Option(String),
    /// A password where none can be sent.
    #[error("expected no password: ssh and git take none from an address")]
    Password,
    /// A branch or tag that git would not take.
    #[error("expected the name of a branch, a tag or a commit, got {0:?}")]
    Reference(String),
    /// A folder outside of the repository.
    #[error("expected a folder of the repository, got {0:?}")]
    Folder(String),
    /// Not a commit.
    #[error("expected 7 to 64 digits and letters a to f of a commit, got {0:?}")]
    Commit(String),
    /// A word behind `?` that there is not.
    #[error(
        "expected ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules, mtime or fetch-by-commit behind the ?, got {0:?}"
    )]
    Key(String),
    /// A value that its word cannot have.
    #[error("expected {expected} for {key}, got {got:?}")]
    Value {
        /// The word.
        key: &'static str,
        /// What it can be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// Two words for one thing, which say different things.
    #[error("{first} and {second} say different things: expected one of them")]
    Conflict {
        /// The word.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
}

impl Fault for AddressError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match &self.reason {
            AddressReason::Scheme(scheme) if scheme.starts_with("file") => {
                "what lies on this machine is named by its folder, without a scheme; a repository of git: `git worktree add DIR`, then DIR"
                    .to_owned()
            }
            AddressReason::Scheme(_) => "fetch it before the build, and name the file or folder".to_owned(),
            AddressReason::Password => {
                "give an SSH agent by --ssh default, or take https:// with --secret id=GIT_AUTH_TOKEN,env=...".to_owned()
            }
            AddressReason::Conflict { .. } => {
                "say it once: https://host/repository.git#REFERENCE:FOLDER, or ?ref=REFERENCE&subdir=FOLDER".to_owned()
            }
            _ => return None,
        };
        Some(Hint::new(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_by_http_is_a_url_without_its_login() {
        let Ok(Some(Address::Http(http))) = Address::parse("https://me:secret@host:8443/a/b?x=1#part") else { panic!("a URL") };
        assert_eq!(http.url, "https://host:8443/a/b?x=1");
        assert!(http.login.is_some() && !format!("{http:?}").contains("secret"));
        for text in ["a", "./a.git", "a:b", "-a", "a@b:c", "ab/git@c:d"] {
            assert_eq!(Address::parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_nobody_fetches_is_said() {
        for (text, part) in [
            ("file:///etc/passwd", "got file"),
            ("ftp://host/a", "got ftp"),
            ("ext::sh -c id", "got ext::"),
            ("s3://bucket/a.git", "got s3"),
            ("http://", "expected a host"),
            ("https:///a", "expected a host"),
            ("https://-a/b", "begins with a dash"),
            ("https://me:se/cret@host/a", "expected a number"),
            ("https://host/a b", "no blanks"),
            ("https://host/a\u{1b}[2J", "no control characters"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("cret"), "{text}: {error}");
        }
    }

    #[test]
    fn no_login_is_ever_shown() {
        for (text, expected) in [
            ("https://me:se#cret@host/a", "https://xxxxx:xxxxx@host/a"),
            ("https://me:se?cr/et@host/a", "https://xxxxx:xxxxx@host/a"),
            ("https://host:80/a?x=b@c", "https://host:80/a?x=b@c"),
            ("https://[::1]:80/a#b@c", "https://[::1]:80/a#b@c"),
            ("no address: a@b", "no address: a@b"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_address_or_is_none(scheme in "(https?|ssh|git|ftp)://|git@|", rest in r"[ -~]{0,30}") {
            let text = format!("{scheme}{rest}");
            if let Ok(Some(address)) = Address::parse(&text) {
                let place = match &address {
                    Address::Http(http) => http.url.clone(),
                    Address::Git(git) => git.remote.clone(),
                };
                let host = place.split_once("://").map_or_else(|| place.split_once('@').map_or("", |(_, host)| host), |(_, rest)| rest);
                proptest::prop_assert!(!place.starts_with('-') && !host.is_empty() && !host.starts_with('-'), "{place}");
            }
        }

        #[test]
        fn a_password_is_in_no_text(rest in r"[a-z0-9/:#?.%-]{0,20}", scheme in "(https?|ssh|git|ftp)://") {
            let text = format!("{scheme}me:hunter2{rest}@host/a.git");
            let said = match Address::parse(&text) {
                Ok(address) => format!("{address:?}"),
                Err(error) => format!("{error} {error:?} {:?}", error.hint()),
            };
            proptest::prop_assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_name_leads_nowhere() {
        let name = |url: &str| HttpAddress::read(url).unwrap().file_name();
        for (url, expected) in [
            ("https://host/a/..", "__unnamed__"),
            ("https://host/a/%2e%2e", "__unnamed__"),
            ("https://host/a%2Fb", "b"),
            ("https://host/a%00b", "__unnamed__"),
            ("https://host/%zz", "%zz"),
            ("https://host/a.tar#b", "a.tar"),
        ] {
            assert_eq!(name(url), expected.as_bytes(), "{url}");
        }
    }
}
