//! CONTEXT: where the files of a build are.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use dockerfile::Address;

use super::error::WordError;

/// Where the files of a build are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextWord {
    /// A folder.
    Folder(PathBuf),
    /// The standard input: a tar of the files, or a Dockerfile without any.
    Stdin,
    /// Elsewhere: a repository, or a file as on the standard input.
    Remote(Box<Address>),
}

impl ContextWord {
    /// Returns the repository that a name such as `github.com/acme/api` means, where there is no such folder: docker, too, looks
    /// for one first.
    ///
    /// # Errors
    /// Where it cannot be one.
    pub fn settled(self) -> Result<Self, WordError> {
        let Self::Folder(path) = &self else { return Ok(self) };
        Ok(of_github(path)?.map_or(self, |address| Self::Remote(Box::new(address))))
    }
}

/// Reads the repository that a path means which is not there.
pub(super) fn of_github(path: &Path) -> Result<Option<Address>, WordError> {
    let text = path.to_str().filter(|_| !path.exists());
    Ok(text.map(Address::of_github).transpose()?.flatten())
}

impl FromStr for ContextWord {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "" => Err(WordError::shape("context", text, "a folder, an address, or - for a tar on the standard input")),
            "-" => Ok(Self::Stdin),
            _ => Ok(match Address::parse(text)? {
                Some(address) => Self::Remote(Box::new(address)),
                None => Self::Folder(PathBuf::from(text)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_a_folder_the_standard_input_or_elsewhere() {
        for text in [".", "a/b", "/", "./-", "github.com/acme/api", "a=b", "https:"] {
            assert_eq!(text.parse::<ContextWord>().unwrap(), ContextWord::Folder(text.into()), "{text}");
        }
        assert_eq!("-".parse::<ContextWord>().unwrap(), ContextWord::Stdin);
        assert!(matches!("".parse::<ContextWord>(), Err(WordError::Shape { .. })));
        for text in ["https://github.com/acme/api.git#v1:sub", "git@github.com:acme/api.git", "ssh://git@host/api", "http://host/a.tar.gz"]
        {
            assert!(matches!(text.parse(), Ok(ContextWord::Remote(_))), "{text}");
        }
        let word = ContextWord::Folder("github.com/acme/api#v1:sub".into()).settled().unwrap();
        let ContextWord::Remote(address) = word else { panic!("there is no such folder") };
        assert_eq!(address.shown(), "https://github.com/acme/api#v1:sub");
        assert_eq!(ContextWord::Folder(".".into()).settled().unwrap(), ContextWord::Folder(".".into()));
    }

    #[test]
    fn what_nobody_fetches_is_refused_with_what_to_do() {
        for text in
            ["file:///srv/api.git", "ftp://host/a.tar", "ext::sh -c id", "ssh://-oProxyCommand=id/a", "https://me:hunter2@host/a.git#a..b"]
        {
            let error = text.parse::<ContextWord>().unwrap_err();
            assert!(matches!(error, WordError::Address(_)), "{text}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
