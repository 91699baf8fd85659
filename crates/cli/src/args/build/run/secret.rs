//! `--secret`: what a secret is called, and where it is. Never what it is.

use std::path::PathBuf;
use std::str::FromStr;

use dockerfile::nearest_name;
use fault::{Fault, Hint, Kind};

use super::super::csv;

/// The keys of a secret. `source` is another word for `src`, and left out of what is suggested.
const KEYS: [&str; 5] = ["id", "type", "src", "env", "source"];

/// One `--secret`, in buildx's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretWord {
    /// What `RUN --mount=type=secret` calls it.
    pub id: String,
    /// Where it is.
    pub source: SecretSource,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
    /// In the variable of its id where that is set, else in the file of its id.
    Either,
}

/// A secret that makes no sense. Nothing of what was written is repeated but the id: who forgets a key has written the secret
/// itself there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Quotes that do not fit.
    #[error("bad secret: {0}")]
    Csv(&'static str),
    /// A field without a key.
    #[error("bad secret: expected KEY=VALUE, got a field without =")]
    Field,
    /// A key that there is not.
    #[error("bad secret: expected the keys id, src, env and type, got another one")]
    Key {
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A type that there is not.
    #[error("bad secret: expected type=file or type=env")]
    Type,
    /// Nothing to call it by.
    #[error("bad secret: expected an id")]
    NoId,
    /// More than one place.
    #[error("bad secret {0}: expected a file or a variable, got both")]
    Both(String),
}

impl Fault for SecretError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Csv(_) => Some(Hint::new("a field with a comma is written whole in quotes: 'id=token,\"src=a,b\"'")),
            Self::Key { nearest } => nearest.map(|nearest| Hint::new(format!("did you mean {nearest}"))),
            _ => Some(Hint::new("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
        }
    }
}

impl FromStr for SecretWord {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let (mut id, mut file, mut variable, mut kind) = (String::new(), String::new(), String::new(), None);
        for field in csv::fields(text).map_err(SecretError::Csv)? {
            let (key, value) = field.split_once('=').ok_or(SecretError::Field)?;
            let value = value.to_owned();
            match key.to_lowercase().as_str() {
                "id" => id = value,
                "src" | "source" => file = value,
                "env" => variable = value,
                "type" => kind = Some(kind_of(&value)?),
                other => return Err(SecretError::Key { nearest: nearest_name(other, KEYS) }),
            }
        }
        if id.is_empty() {
            return Err(SecretError::NoId);
        }
        // As in buildx, `type=env,src=NAME` is a variable.
        if kind == Some(Type::Variable) && variable.is_empty() {
            variable = std::mem::take(&mut file);
        }
        let source = match (file.is_empty(), variable.is_empty(), kind) {
            (false, false, _) | (_, false, Some(Type::File)) => return Err(SecretError::Both(id)),
            (false, true, _) => SecretSource::File(file.into()),
            (true, false, _) => SecretSource::Variable(variable),
            (true, true, Some(Type::File)) => SecretSource::File(PathBuf::from(&id)),
            (true, true, Some(Type::Variable)) => SecretSource::Variable(id.clone()),
            (true, true, None) => SecretSource::Either,
        };
        Ok(Self { id, source })
    }
}

/// What `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    File,
    Variable,
}

fn kind_of(text: &str) -> Result<Type, SecretError> {
    match text {
        "file" => Ok(Type::File),
        "env" => Ok(Type::Variable),
        _ => Err(SecretError::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_a_file_or_in_a_variable() {
        let file = |path: &str| SecretSource::File(path.into());
        let variable = |name: &str| SecretSource::Variable(name.to_owned());
        for (text, id, source) in [
            ("id=token", "token", SecretSource::Either),
            ("id=token,src=a/b", "token", file("a/b")),
            ("source=a,ID=token", "token", file("a")),
            ("id=token,env=TOKEN", "token", variable("TOKEN")),
            ("id=token,type=env,src=TOKEN", "token", variable("TOKEN")),
            ("type=env,env=TOKEN,id=token", "token", variable("TOKEN")),
            ("type=env,id=TOKEN", "TOKEN", variable("TOKEN")),
            ("type=file,id=.npmrc", ".npmrc", file(".npmrc")),
            ("type=file,id=a,src=b", "a", file("b")),
            ("id=a,\"src=x,y\"", "a", file("x,y")),
            ("id=a=b,src=c=d", "a=b", file("c=d")),
            ("id=a,src=", "a", SecretSource::Either),
            ("id=a,id=b", "b", SecretSource::Either),
        ] {
            assert_eq!(text.parse::<SecretWord>().unwrap(), SecretWord { id: id.to_owned(), source }, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        for (text, said, hint) in [
            ("", "expected KEY=VALUE", Some("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
            ("hunter2", "expected KEY=VALUE", Some("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
            ("id=a,hunter2", "expected KEY=VALUE", Some("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
            ("src=hunter2", "expected an id", Some("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
            ("id=a,value=hunter2", "got another one", None),
            ("id=a,hunter2==", "got another one", None),
            ("id=a,scr=hunter2", "got another one", Some("did you mean src")),
            ("id=a,type=hunter2", "expected type=file or type=env", Some("--secret id=token,src=FILE or --secret id=token,env=VARIABLE")),
            ("id=a,src=hunter2,env=B", "bad secret a: expected a file or a variable, got both", None),
            ("id=a,type=file,env=hunter2", "bad secret a: expected a file or a variable, got both", None),
            ("id=a,\"hunter2", "quoted-field", Some("a field with a comma is written whole in quotes: 'id=token,\"src=a,b\"'")),
        ] {
            let error = text.parse::<SecretWord>().unwrap_err();
            let shown = error.hint().map(|hint| hint.to_string());
            assert!(error.to_string().contains(said), "{text}: {error}");
            assert!(hint.is_none() || shown.as_deref() == hint, "{text}: {shown:?}");
            assert!(!format!("{error} {error:?} {shown:?}").contains("hunter2"), "{text}: {error:?}");
        }
    }
}
