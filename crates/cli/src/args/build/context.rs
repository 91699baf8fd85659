//! CONTEXT: where the files of a build are.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::WordError;

/// Where the files of a build are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextWord {
    /// A folder.
    Folder(PathBuf),
    /// The standard input: a tar of the files, or a Dockerfile without any.
    Stdin,
}

impl FromStr for ContextWord {
    type Err = WordError;

    /// A name such as `github.com/acme/api` is a folder: docker, too, looks for one first.
    fn from_str(text: &str) -> Result<Self, WordError> {
        let expected = "a folder, or - for a tar on the standard input";
        match text {
            "" => Err(WordError::shape("context", text, expected)),
            "-" => Ok(Self::Stdin),
            _ => match fetched(text) {
                Some(fetch) => {
                    let instead = match fetch {
                        Fetch::Git => format!("git clone {} DIR, then polyarch build DIR", repeated(text)),
                        Fetch::Http => format!("curl -L {} | polyarch build -", repeated(text)),
                    };
                    Err(WordError::Url { what: "context", text: oci::without_password(text).into_owned(), expected, instead })
                }
                None => Ok(Self::Folder(PathBuf::from(text))),
            },
        }
    }
}

/// How a URL is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    /// As a repository of git.
    Git,
    /// As a file.
    Http,
}

/// Tells how BuildKit would fetch a context, for one that is no path (`util/gitutil`): git by its schemes, by
/// `USER@HOST:PATH`, and by HTTP where the path ends with `.git`.
pub(super) fn fetched(text: &str) -> Option<Fetch> {
    let path = text.split(['#', '?']).next().unwrap_or_default();
    if ["git://", "ssh://", "git+ssh://", "git@"].iter().any(|prefix| text.starts_with(prefix)) {
        return Some(Fetch::Git);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Some(if path.ends_with(".git") { Fetch::Git } else { Fetch::Http });
    }
    None
}

/// Returns the address itself for a line to type, or a word for it where there may be a password in it.
pub(super) fn repeated(url: &str) -> &str {
    match oci::without_password(url) {
        Cow::Borrowed(_) => url.split('#').next().unwrap_or_default(),
        Cow::Owned(_) => "URL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_a_folder_or_the_standard_input() {
        for text in [".", "a/b", "/", "./-", "github.com/acme/api", "a=b", "https:"] {
            assert_eq!(text.parse::<ContextWord>().unwrap(), ContextWord::Folder(text.into()), "{text}");
        }
        assert_eq!("-".parse::<ContextWord>().unwrap(), ContextWord::Stdin);
        assert!(matches!("".parse::<ContextWord>(), Err(WordError::Shape { .. })));
    }

    #[test]
    fn what_would_be_fetched_is_refused_with_what_fetches_it() {
        for (text, instead) in [
            ("https://github.com/acme/api.git#v1:sub", "git clone https://github.com/acme/api.git DIR, then polyarch build DIR"),
            ("git@github.com:acme/api.git", "git clone URL DIR, then polyarch build DIR"),
            ("ssh://git@host/api", "git clone URL DIR, then polyarch build DIR"),
            ("http://host/context.tar.gz", "curl -L http://host/context.tar.gz | polyarch build -"),
        ] {
            let error = text.parse::<ContextWord>().unwrap_err();
            assert!(error.to_string().contains("got a URL"), "{error}");
            assert_eq!(fault::Fault::hint(&error).unwrap().to_string(), instead);
        }
        let error = "https://me:secret@host/a.tar".parse::<ContextWord>().unwrap_err();
        assert!(!format!("{error} {:?}", fault::Fault::hint(&error)).contains("secret"), "{error}");
    }
}
