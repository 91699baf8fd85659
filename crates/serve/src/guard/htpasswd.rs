//! Apache's password files, as far as they are safe: one `NAME:HASH` a line, the hash bcrypt.
//!
//! Other formats are refused as distribution refuses them: MD5 and SHA-1 are no protection today.

use std::collections::HashMap;
use std::path::Path;

use bcrypt::HashParts;

use crate::error::{LineProblem, PasswordsError};

/// The highest cost that `htpasswd` makes; each one more doubles the time, and 17 takes seconds.
const MAX_COST: u32 = 17;

/// The hashes of all users, by their names.
pub(super) type Users = HashMap<String, String>;

/// Reads the text of a file.
///
/// # Errors
/// Names the first line that is no user with a bcrypt hash.
pub(super) fn parse(path: &Path, text: &str) -> Result<Users, PasswordsError> {
    let mut users = Users::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| PasswordsError::Line { path: path.to_owned(), line: number + 1, problem };
        let (name, hash) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(|| wrong(LineProblem::NoUser))?;
        check(hash).map_err(wrong)?;
        if users.insert(name.to_owned(), hash.to_owned()).is_some() {
            return Err(wrong(LineProblem::Twice));
        }
    }
    if users.is_empty() { Err(PasswordsError::Empty { path: path.to_owned() }) } else { Ok(users) }
}

fn check(hash: &str) -> Result<(), LineProblem> {
    if !["$2y$", "$2b$", "$2a$"].iter().any(|prefix| hash.starts_with(prefix)) {
        return Err(LineProblem::Format(format(hash)));
    }
    let parts: HashParts = hash.parse().map_err(|_| LineProblem::Damaged)?;
    match parts.get_cost() {
        4..=MAX_COST => Ok(()),
        got => Err(LineProblem::Cost { most: MAX_COST, got }),
    }
}

/// Names the format of what is no bcrypt hash.
fn format(hash: &str) -> &'static str {
    match hash {
        "" => "nothing",
        _ if hash.starts_with("$apr1$") => "MD5 ($apr1$)",
        _ if hash.starts_with("{SHA}") => "SHA-1 ({SHA})",
        _ if hash.starts_with("$5$") => "SHA-256 crypt ($5$)",
        _ if hash.starts_with("$6$") => "SHA-512 crypt ($6$)",
        _ if hash.starts_with('$') => "another format",
        _ => "crypt or plain text",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `htpasswd -nbB -C 4 me correct-horse`
    const LINE: &str = "me:$2y$04$MVrBXQXSSabRkJV2hz5A6uYbd.s3UGtIzElklV5DHf0MT6yN/Ib1q";

    fn read(text: &str) -> Result<Users, String> {
        parse(Path::new("passwords"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_htpasswd_writes() {
        let users = read(&format!("# of the team\n\n{LINE}\r\n{}\n", LINE.replace("me:", "you:"))).unwrap();
        assert_eq!((users.len(), users.get("me").map(String::as_str)), (2, LINE.split_once(':').map(|(_, hash)| hash)));
    }

    #[test]
    fn names_the_line_and_never_what_is_in_it() {
        for (second, problem) in [
            ("me", "expected NAME:HASH"),
            (":$2y$04$x", "expected NAME:HASH"),
            ("you:", "got nothing"),
            ("you:secret", "got crypt or plain text"),
            ("you:$apr1$secret", "got MD5 ($apr1$)"),
            ("you:{SHA}secret=", "got SHA-1 ({SHA})"),
            ("you:$6$secret", "got SHA-512 crypt ($6$)"),
            ("you:$2y$04$secret", "the bcrypt hash is damaged"),
            (&LINE.replace("me:", "you:").replace("$04$", "$31$"), "expected 4 to 17, got 31"),
            (LINE, "this name has a line already"),
        ] {
            let error = read(&format!("{LINE}\n{second}\n")).unwrap_err();
            assert!(error.starts_with("the password file passwords, line 2: ") && error.contains(problem), "{second}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(read("# nobody\n").unwrap_err(), "the password file passwords has no users");
    }
}
