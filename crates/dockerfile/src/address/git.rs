//! The address of files in a repository of git.

use super::login::{self, Login};
use super::{AddressReason, check_host, check_letters, decoded};

/// Files of a repository, as a Dockerfile or a command line names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitAddress {
    /// Where the repository is, as git is told: without a login of HTTP, and without what stands behind `#` and `?`.
    pub remote: String,
    /// The login that stood in it.
    pub login: Option<Login>,
    /// A branch, a tag or a commit; the remote's own branch without it. Whole (`refs/tags/v1`) where it is said what it is.
    pub reference: Option<String>,
    /// A folder in it, without slashes at its ends.
    pub folder: Option<String>,
    /// What the commit begins with.
    pub commit: Option<String>,
    /// Whether `.git` stays there, where that is said.
    pub keep_git_dir: Option<bool>,
    /// Whether the repositories in it come along, where that is said.
    pub submodules: Option<bool>,
    /// Which time files have, where that is said.
    pub times: Option<GitTimes>,
    /// The commit is fetched, and the reference only told.
    pub fetch_by_commit: bool,
}

/// Which time files of a repository have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitTimes {
    /// When they were written to the disk.
    Checkout,
    /// The commit's.
    Commit,
}

impl GitAddress {
    pub(super) fn read(text: &str) -> Result<Self, AddressReason> {
        check_letters(text)?;
        let (text, fragment) = match text.split_once('#') {
            Some((text, fragment)) => (text, Some(fragment)),
            None => (text, None),
        };
        let (place, query) = match text.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (text, None),
        };
        let (remote, login) = remote(place)?;
        let mut address = Self { remote, login, ..Self::default() };
        if let Some(fragment) = fragment {
            let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
            (address.reference, address.folder) = (given(reference), given(folder));
        }
        address.query(query.unwrap_or_default(), fragment.is_some())?;
        address.settle()?;
        Ok(address)
    }

    /// Returns the name of the commit that the reference is, where it is a whole one.
    pub fn whole_commit(&self) -> Option<&str> {
        self.reference.as_deref().or(self.commit.as_deref().filter(|_| self.fetch_by_commit)).filter(|text| is_whole_commit(text))
    }

    /// Returns the address as it may be shown: where, which reference, which folder.
    pub fn shown(&self) -> String {
        let reference = self.reference.as_deref().unwrap_or_default();
        match (reference, &self.folder) {
            ("", None) => self.remote.clone(),
            (reference, None) => format!("{}#{reference}", self.remote),
            (reference, Some(folder)) => format!("{}#{reference}:{folder}", self.remote),
        }
    }

    /// Reads what stands behind the `?`.
    fn query(&mut self, query: &str, has_fragment: bool) -> Result<(), AddressReason> {
        // Which word has said what the reference is.
        let mut said = (has_fragment && self.reference.is_some()).then_some("#");
        let mut commit: Option<(&'static str, String)> = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = String::from_utf8_lossy(&decoded(value)).into_owned();
            check_letters(&value)?;
            match key {
                "ref" => self.refer(&mut said, "ref", value)?,
                "tag" => self.refer(&mut said, "tag", format!("refs/tags/{}", value.trim_start_matches("refs/tags/")))?,
                "branch" => self.refer(&mut said, "branch", format!("refs/heads/{}", value.trim_start_matches("refs/heads/")))?,
                "subdir" => {
                    if self.folder.as_ref().is_some_and(|folder| *folder != value) {
                        return Err(AddressReason::Conflict { first: "the folder behind #", second: "subdir" });
                    }
                    self.folder = given(&value);
                }
                "checksum" | "commit" => {
                    let word = if key == "checksum" { "checksum" } else { "commit" };
                    if let Some((first, _)) = commit.as_ref().filter(|(_, other)| *other != value) {
                        return Err(AddressReason::Conflict { first, second: word });
                    }
                    commit = Some((word, value));
                }
                "keep-git-dir" => self.keep_git_dir = Some(truth("keep-git-dir", &value)?),
                "submodules" => self.submodules = Some(truth("submodules", &value)?),
                "fetch-by-commit" => self.fetch_by_commit = truth("fetch-by-commit", &value)?,
                "mtime" => {
                    self.times = Some(match value.as_str() {
                        "checkout" => GitTimes::Checkout,
                        "commit" => GitTimes::Commit,
                        _ => return Err(AddressReason::Value { key: "mtime", expected: "checkout or commit", got: value }),
                    });
                }
                _ => return Err(AddressReason::Key(key.chars().take(40).collect())),
            }
        }
        self.commit = commit.map(|(_, commit)| commit);
        Ok(())
    }

    fn refer(&mut self, said: &mut Option<&'static str>, word: &'static str, value: String) -> Result<(), AddressReason> {
        match said {
            Some("#") if self.reference.as_ref() == Some(&value) => {}
            Some("#") => return Err(AddressReason::Conflict { first: "the reference behind #", second: word }),
            Some(first) => return Err(AddressReason::Conflict { first, second: word }),
            None => {}
        }
        (*said, self.reference) = (Some(word), given(&value));
        Ok(())
    }

    /// Checks what was read, part by part and together.
    fn settle(&mut self) -> Result<(), AddressReason> {
        if let Some(reference) = &self.reference {
            check_reference(reference)?;
        }
        if let Some(folder) = self.folder.take() {
            self.folder = clean_folder(&folder)?;
        }
        if let Some(commit) = &self.commit {
            check_commit(commit)?;
            if self.reference.as_deref().is_some_and(|reference| is_whole_commit(reference) && !reference.starts_with(commit.as_str())) {
                return Err(AddressReason::Conflict { first: "ref", second: "checksum" });
            }
        }
        let commit = self.commit.clone().unwrap_or_default();
        if self.fetch_by_commit && !is_whole_commit(&commit) {
            let expected = "a whole commit beside it (commit=...)";
            return Err(AddressReason::Value { key: "fetch-by-commit", expected, got: commit });
        }
        Ok(())
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns what git is told of where a repository is.
fn remote(place: &str) -> Result<(String, Option<Login>), AddressReason> {
    if let Some(rest) = place.strip_prefix("github.com/") {
        let path = rest.trim_end_matches('/');
        return if path.is_empty() { Err(AddressReason::NoPath) } else { Ok((format!("https://github.com/{path}"), None)) };
    }
    let Some((scheme, rest)) = place.split_once("://") else {
        // USER@HOST:PATH
        let (user, rest) = place.split_once('@').ok_or(AddressReason::NoHost)?;
        let (host, path) = rest.split_once(':').ok_or(AddressReason::NoPath)?;
        check_host(host)?;
        check_part(user)?;
        check_part(path)?;
        return if path.is_empty() { Err(AddressReason::NoPath) } else { Ok((place.to_owned(), None)) };
    };
    let (url, login) = match scheme {
        "http" | "https" => login::split(place)?,
        _ => (place.to_owned(), None),
    };
    let rest = if login.is_some() { url.split_once("://").map_or("", |(_, rest)| rest) } else { rest };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(AddressReason::Password);
    }
    check_host(host)?;
    check_part(user)?;
    check_part(path)?;
    if path.trim_matches('/').is_empty() { Err(AddressReason::NoPath) } else { Ok((url, login)) }
}

fn check_part(part: &str) -> Result<(), AddressReason> {
    if part.starts_with('-') { Err(AddressReason::Option(part.to_owned())) } else { Ok(()) }
}

/// Passes what git takes for the name of a reference (git-check-ref-format).
fn check_reference(reference: &str) -> Result<(), AddressReason> {
    check_part(reference)?;
    let has_letter = reference.contains(['~', '^', ':', '?', '*', '[', '\\', '+']) || reference.contains("..") || reference.contains("@{");
    let has_part = reference.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"));
    if has_letter || has_part || reference.ends_with('.') || reference.len() > 1024 {
        return Err(AddressReason::Reference(reference.chars().take(80).collect()));
    }
    Ok(())
}

/// Returns a folder without slashes at its ends; none where it is the whole repository.
fn clean_folder(folder: &str) -> Result<Option<String>, AddressReason> {
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| *part == ".." || part.eq_ignore_ascii_case(".git")) {
        return Err(AddressReason::Folder(folder.to_owned()));
    }
    Ok(given(&parts.join("/")))
}

/// Passes what a commit may begin with.
///
/// # Errors
/// [`AddressReason::Commit`] for what is none.
pub fn check_commit(commit: &str) -> Result<(), AddressReason> {
    let is_one = (7..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_one { Ok(()) } else { Err(AddressReason::Commit(commit.chars().take(80).collect())) }
}

/// Tells whether a text is a whole commit, of SHA-1 or SHA-256.
fn is_whole_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && check_commit(text).is_ok()
}

fn truth(key: &'static str, value: &str) -> Result<bool, AddressReason> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(AddressReason::Value { key, expected: "true or false", got: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn read(text: &str) -> GitAddress {
        GitAddress::read(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn said(text: &str) -> String {
        GitAddress::read(text).map(|git| format!("{git:?}")).unwrap_err().to_string()
    }

    #[test]
    fn every_form_says_where_and_what() {
        for (text, remote, reference, folder) in [
            ("https://host/a.git", "https://host/a.git", None, None),
            ("https://host/a.git#v1", "https://host/a.git", Some("v1"), None),
            ("https://host/a.git#v1:sub/dir/", "https://host/a.git", Some("v1"), Some("sub/dir")),
            ("https://host/a.git#:sub", "https://host/a.git", None, Some("sub")),
            ("http://me:pw@host/a.git?branch=main&subdir=/x/./y", "http://host/a.git", Some("refs/heads/main"), Some("x/y")),
            ("https://host/a.git?tag=v1", "https://host/a.git", Some("refs/tags/v1"), None),
            ("https://host/a.git?ref=feature%2Fx", "https://host/a.git", Some("feature/x"), None),
            ("git@host:acme/a", "git@host:acme/a", None, None),
            ("git@host:acme/a.git#main", "git@host:acme/a.git", Some("main"), None),
            ("ssh://git@host:22/a#:sub", "ssh://git@host:22/a", None, Some("sub")),
            ("git://host/a?ref=x", "git://host/a", Some("x"), None),
            ("github.com/acme/api#v1", "https://github.com/acme/api", Some("v1"), None),
        ] {
            let git = read(text);
            assert_eq!((git.remote.as_str(), git.reference.as_deref(), git.folder.as_deref()), (remote, reference, folder), "{text}");
        }
        assert!(read("http://me:pw@host/a.git").login.is_some());
        assert!(!format!("{:?}", read("http://me:pw@host/a.git")).contains("pw"));
    }

    #[test]
    fn every_word_is_read() {
        let git = read(&format!("https://host/a.git?keep-git-dir&submodules=false&mtime=commit&commit={COMMIT}&fetch-by-commit=true"));
        assert_eq!((git.keep_git_dir, git.submodules, git.times), (Some(true), Some(false), Some(GitTimes::Commit)));
        assert_eq!((git.commit.as_deref(), git.fetch_by_commit, git.whole_commit()), (Some(COMMIT), true, Some(COMMIT)));
        assert_eq!(read(&format!("https://host/a.git#{COMMIT}")).whole_commit(), Some(COMMIT));
        assert_eq!(read("https://host/a.git#abcdef1").whole_commit(), None);
    }

    #[test]
    fn what_means_two_things_is_refused() {
        for (text, part) in [
            ("https://host/a.git?ref=a&tag=b", "ref and tag say different things"),
            ("https://host/a.git?branch=a&tag=a", "branch and tag say different things"),
            ("https://host/a.git?ref=a#b", "the reference behind # and ref"),
            ("https://host/a.git?subdir=a#:b", "the folder behind # and subdir"),
            ("https://host/a.git?commit=abcdef1&checksum=abcdef2", "commit and checksum"),
            (&format!("https://host/a.git?checksum=abcdef1#{COMMIT}"), "ref and checksum"),
        ] {
            assert!(said(text).contains(part), "{text}: {}", said(text));
        }
        assert_eq!(read("https://host/a.git?ref=a#a").reference.as_deref(), Some("a"));
    }

    #[test]
    fn nothing_in_it_is_an_option_or_leads_out() {
        for (text, part) in [
            ("ssh://-oProxyCommand=id/a", "begins with a dash"),
            ("git@-oProxyCommand=id:a", "begins with a dash"),
            ("git@host:-a", "begins with a dash"),
            ("https://host/a.git#--upload-pack=id", "begins with a dash"),
            ("https://host/a.git#a..b", "name of a branch"),
            ("https://host/a.git#a^{x}", "name of a branch"),
            ("https://host/a.git#+a", "name of a branch"),
            ("https://host/a.git#:../x", "expected a folder"),
            ("https://host/a.git#:a/.git", "expected a folder"),
            ("https://host/a.git?ref=a%0ab", "control characters"),
            ("https://host/a.git?checksum=xyz", "of a commit"),
            ("https://host/a.git?checksum=abc", "of a commit"),
            ("https://host/a.git?depth=3", "behind the ?, got \"depth\""),
            ("https://host/a.git?mtime=now", "expected checkout or commit"),
            ("https://host/a.git?submodules=2", "expected true or false"),
            ("https://host/a.git?fetch-by-commit=1", "expected a whole commit"),
            ("ssh://git:secret@host/a", "no password"),
            ("ssh://git@host", "expected the path"),
            ("git@host", "expected the path"),
            ("github.com/", "expected the path"),
            ("git:///a", "expected a host"),
        ] {
            assert!(said(text).contains(part) && !said(text).contains("secret"), "{text}: {}", said(text));
        }
    }
}
