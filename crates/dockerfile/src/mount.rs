//! `RUN --mount`: what it asks for as written, and what it means once its values are expanded.

mod resolve;

use fault::{Fault, Hint, Kind};

use crate::expand::{Environment, ExpandError, Rules};
use crate::quote::quote;
use crate::source::Span;
use crate::suggest::nearest;

pub use resolve::{CacheMount, ResolvedMount, SecretMount, Sharing, SshMount, parse_size};

/// A key of a mount; aliases are one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountKey {
    /// `type`
    Type,
    /// `from`
    From,
    /// `source`, `src`
    Source,
    /// `target`, `dst`, `destination`
    Target,
    /// `readonly`, `ro`
    ReadOnly,
    /// `readwrite`, `rw`
    ReadWrite,
    /// `id`
    Id,
    /// `sharing`
    Sharing,
    /// `required`
    Required,
    /// `size`
    Size,
    /// `mode`
    Mode,
    /// `uid`
    Uid,
    /// `gid`
    Gid,
    /// `env`
    Env,
}

const KEYS: &[(&str, MountKey)] = &[
    ("type", MountKey::Type),
    ("from", MountKey::From),
    ("source", MountKey::Source),
    ("target", MountKey::Target),
    ("readonly", MountKey::ReadOnly),
    ("id", MountKey::Id),
    ("sharing", MountKey::Sharing),
    ("required", MountKey::Required),
    ("size", MountKey::Size),
    ("mode", MountKey::Mode),
    ("uid", MountKey::Uid),
    ("gid", MountKey::Gid),
    ("src", MountKey::Source),
    ("dst", MountKey::Target),
    ("destination", MountKey::Target),
    ("ro", MountKey::ReadOnly),
    ("rw", MountKey::ReadWrite),
    ("readwrite", MountKey::ReadWrite),
    ("env", MountKey::Env),
];

/// One `key` or `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountField {
    /// The key.
    pub key: MountKey,
    /// The key in lower case as it was written.
    pub name: String,
    /// The value, not expanded.
    pub value: Option<String>,
}

/// A mount as it was written: values are not expanded yet. Start at [`resolve`](Mount::resolve).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The keys in their order, which counts: `required` must follow `type=secret`.
    pub fields: Vec<MountField>,
    /// Where the flag stands.
    pub span: Span,
}

/// A mount that makes no sense, in BuildKit's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// Quotes that do not fit.
    #[error("failed to parse csv mounts: {0}")]
    Csv(&'static str),
    /// A key that does not exist.
    #[error("unexpected key '{key}' in '{field}'")]
    UnknownKey {
        /// The key.
        key: String,
        /// The key with its value.
        field: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A key that this type does not have, or not before the type is named.
    #[error("unexpected key '{key}' for mount type '{kind}'")]
    KeyOfOther {
        /// The key.
        key: String,
        /// The type.
        kind: &'static str,
    },
    /// A key that needs a value.
    #[error("invalid field '{0}' must be a key=value pair")]
    NoValue(String),
    /// A type that does not exist.
    #[error("unsupported mount type {}", quote(.value))]
    Type {
        /// The type.
        value: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A way of sharing that does not exist.
    #[error("unsupported sharing value {}", quote(.value))]
    Sharing {
        /// The value.
        value: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A value that cannot be read.
    #[error("invalid value for {key}: {value}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A number that is none.
    #[error("invalid value {value} for {key}")]
    Number {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// A key that other types have.
    #[error("{key} not allowed for {} type mounts", quote(.kind))]
    NotAllowed {
        /// The key.
        key: &'static str,
        /// The type.
        kind: &'static str,
    },
    /// A combination that makes no sense.
    #[error("{0}")]
    Combination(&'static str),
    /// `sharing` of something that is no cache.
    #[error("invalid cache sharing set for {0} mount")]
    NotACache(&'static str),
    /// The root as a target.
    #[error("invalid mount target {}", quote(.0))]
    Target(String),
    /// A variable where none is expanded.
    #[error("'from' doesn't support variable expansion, define alias stage instead")]
    FromVariable,
    /// A value that cannot be expanded.
    #[error("{0}")]
    Expand(#[from] Box<ExpandError>),
}

impl Fault for MountError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::UnknownKey { nearest, .. } | Self::Type { nearest, .. } | Self::Sharing { nearest, .. } => {
                nearest.map(|nearest| Hint::new(format!("did you mean {nearest}")))
            }
            Self::FromVariable => Some(Hint::new("add a stage `FROM ${NAME} AS name` and write from=name")),
            Self::KeyOfOther { key, .. } if key == "required" => Some(Hint::new("write type=secret before required")),
            Self::Expand(error) => error.hint(),
            _ => None,
        }
    }
}

impl Mount {
    /// Reads the value of the flag: fields between commas, as in a CSV file.
    ///
    /// Values that hold no variable are checked at once.
    ///
    /// # Errors
    /// Names the key or value that makes no sense.
    pub fn parse(text: &str, span: Span) -> Result<Self, MountError> {
        let mut fields = Vec::new();
        for field in fields_of(text)? {
            let (key, value) = field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value.to_owned())));
            let name = key.to_lowercase();
            let known = KEYS.iter().find(|(known, _)| *known == name);
            let Some((_, key)) = known else {
                return Err(match value {
                    None => MountError::NoValue(field.clone()),
                    Some(_) => MountError::UnknownKey {
                        nearest: nearest(&name, KEYS.iter().map(|(known, _)| *known)),
                        key: name,
                        field: field.clone(),
                    },
                });
            };
            let optional = matches!(key, MountKey::ReadOnly | MountKey::ReadWrite | MountKey::Required);
            if value.is_none() && !optional {
                return Err(MountError::NoValue(field));
            }
            let variable = |value: &String| value.split('$').skip(1).any(|rest| !rest.is_empty()) || value.contains("$$");
            if *key == MountKey::From && value.as_ref().is_some_and(variable) {
                return Err(MountError::FromVariable);
            }
            fields.push(MountField { key: *key, name, value });
        }
        let mount = Self { fields, span };
        let constant = |field: &MountField| field.value.as_ref().is_none_or(|value| !value.contains(['$', '\\', '`', '"', '\'']));
        if mount.fields.iter().all(constant) {
            mount.resolve(&(), Rules::word('\\'))?;
        }
        Ok(mount)
    }

    /// Returns the stage, image or context that `from` names.
    pub fn from(&self) -> Option<&str> {
        self.field(MountKey::From)
    }

    /// Returns the last value of a key as it was written.
    pub fn field(&self, key: MountKey) -> Option<&str> {
        self.fields.iter().rev().find(|field| field.key == key).and_then(|field| field.value.as_deref())
    }

    /// Expands the values, and says what they mean.
    ///
    /// # Errors
    /// Names the value that cannot be read or does not fit the type.
    pub fn resolve<E: Environment + ?Sized>(&self, environment: &E, rules: Rules) -> Result<ResolvedMount, MountError> {
        resolve::resolve(self, environment, rules)
    }
}

/// Cuts at commas by the rules of Go's `encoding/csv`.
fn fields_of(text: &str) -> Result<Vec<String>, MountError> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let field = match rest.strip_prefix('"') {
            None => {
                let length = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(length);
                if field.contains('"') {
                    return Err(MountError::Csv("bare \" in non-quoted field"));
                }
                rest = after;
                field.to_owned()
            }
            Some(quoted) => {
                let mut field = String::new();
                let mut letters = quoted.char_indices().peekable();
                let end = loop {
                    match letters.next() {
                        Some((_, '"')) if letters.peek().is_some_and(|(_, next)| *next == '"') => {
                            letters.next();
                            field.push('"');
                        }
                        Some((at, '"')) => break at + 1,
                        Some((_, letter)) => field.push(letter),
                        None => return Err(MountError::Csv("extraneous or missing \" in quoted-field")),
                    }
                };
                rest = quoted.get(end..).unwrap_or_default();
                if !(rest.is_empty() || rest.starts_with(',')) {
                    return Err(MountError::Csv("extraneous or missing \" in quoted-field"));
                }
                field
            }
        };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}
