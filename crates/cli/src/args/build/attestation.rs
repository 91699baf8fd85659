//! `--provenance` and `--attest`: what is told of how an image came to be.

use std::str::FromStr;

use dockerfile::nearest_name;
use engine::provenance::{Mode, Order, Version};
use fault::{Fault, Hint, Kind};

use super::{csv, truth};

/// The options of a provenance.
const OPTIONS: [&str; 6] = ["mode", "version", "builder-id", "reproducible", "inline-only", "filename"];

/// An attestation that makes no sense, or is not made.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// Neither a truth nor options.
    #[error("bad provenance {0:?}: expected true, false, or options such as mode=max")]
    Provenance(String),
    /// Quotes that do not fit.
    #[error("bad attestation {text:?}: {problem}")]
    Csv {
        /// As written.
        text: String,
        /// What Go's reader says of it.
        problem: &'static str,
    },
    /// A field that is no option.
    #[error("bad attestation {text:?}: expected KEY=VALUE, got {field:?}")]
    Field {
        /// As written.
        text: String,
        /// The field.
        field: String,
    },
    /// No type.
    #[error("bad attestation {0:?}: expected type=provenance among the options")]
    NoType(String),
    /// A type that is not made here.
    #[error("no attestation of type {0:?} is made: expected type=provenance")]
    Type(String),
    /// A key that is none.
    #[error("a provenance has no option {key:?}, but {}", OPTIONS.join(", "))]
    Key {
        /// The key.
        key: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value that an option cannot have.
    #[error("bad provenance option {key}={value}: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What there is.
        expected: &'static str,
    },
    /// Said twice, by any of its words.
    #[error("two provenances are asked for: expected one of --provenance and --attest type=provenance")]
    Twice,
}

impl Fault for AttestationError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Provenance(text) => format!("--provenance=true, where {text:?} is the folder of the files"),
            Self::Type(kind) if kind == "sbom" => {
                "an SBOM needs a scanner: let one read the image, such as `syft`, and attach what it writes, such as by `oras attach`"
                    .to_owned()
            }
            Self::Key { nearest: Some(nearest), .. } => format!("did you mean {nearest}"),
            Self::Twice => "leave one of them out".to_owned(),
            _ => return None,
        };
        Some(Hint::new(hint))
    }
}

/// One `--provenance`: what is to be told, or that nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenanceWord(pub Option<Order>);

impl FromStr for ProvenanceWord {
    type Err = AttestationError;

    fn from_str(text: &str) -> Result<Self, AttestationError> {
        if let Ok(wanted) = truth(text) {
            return Ok(Self(wanted.then(Order::default)));
        }
        if !text.contains('=') {
            return Err(AttestationError::Provenance(text.to_owned()));
        }
        read(text, &pairs(text)?)
    }
}

/// One `--attest`: a provenance, or that something else is not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttestationWord {
    /// `type=provenance`.
    Provenance(ProvenanceWord),
    /// Another type, with `disabled=true`.
    Nothing,
}

impl FromStr for AttestationWord {
    type Err = AttestationError;

    fn from_str(text: &str) -> Result<Self, AttestationError> {
        let (types, others): (Vec<_>, Vec<_>) = pairs(text)?.into_iter().partition(|(key, _)| key == "type");
        let [(_, kind)] = types.as_slice() else { return Err(AttestationError::NoType(text.to_owned())) };
        if kind == "provenance" {
            return read(text, &others).map(Self::Provenance);
        }
        let is_disabled = others.iter().any(|(key, value)| key == "disabled" && truth(value).is_ok_and(|disabled| disabled));
        if is_disabled { Ok(Self::Nothing) } else { Err(AttestationError::Type(kind.clone())) }
    }
}

/// Returns what is wanted in the end.
///
/// # Errors
/// Where it is said twice.
pub fn settle(provenance: Option<&ProvenanceWord>, attestations: &[AttestationWord]) -> Result<Option<Order>, AttestationError> {
    let others = attestations.iter().filter_map(|attestation| match attestation {
        AttestationWord::Provenance(word) => Some(word),
        AttestationWord::Nothing => None,
    });
    let mut all = provenance.into_iter().chain(others);
    let first = all.next();
    if all.next().is_some() {
        return Err(AttestationError::Twice);
    }
    Ok(first.and_then(|word| word.0.clone()))
}

/// Splits a line of CSV; keys are in lower case, and may have spaces around them.
fn pairs(text: &str) -> Result<Vec<(String, String)>, AttestationError> {
    let fields = csv::fields(text).map_err(|problem| AttestationError::Csv { text: text.to_owned(), problem })?;
    let pair = |field: String| match field.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_lowercase(), value.to_owned())),
        None => Err(AttestationError::Field { text: text.to_owned(), field }),
    };
    fields.into_iter().map(pair).collect()
}

fn read(text: &str, pairs: &[(String, String)]) -> Result<ProvenanceWord, AttestationError> {
    let (mut order, mut disabled) = (Order::default(), false);
    for (key, value) in pairs {
        let wrong = |key, expected| AttestationError::Value { key, value: value.clone(), expected };
        let boolean = |key| truth(value).map_err(|_| wrong(key, "true or false"));
        match key.as_str() {
            "disabled" => disabled = boolean("disabled")?,
            "mode" => {
                order.mode = match value.as_str() {
                    "min" => Mode::Min,
                    "max" => Mode::Max,
                    _ => return Err(wrong("mode", "min or max")),
                }
            }
            "version" => {
                order.version = match value.as_str() {
                    "v0.2" => Version::Zero,
                    "v1" => Version::One,
                    _ => return Err(wrong("version", "v0.2 or v1")),
                }
            }
            "builder-id" => order.builder.clone_from(value),
            "reproducible" => order.is_reproducible = boolean("reproducible")?,
            "inline-only" => order.is_inline_only = boolean("inline-only")?,
            "filename" if value.is_empty() || value.contains(['/', '\0']) || [".", ".."].contains(&value.as_str()) => {
                return Err(wrong("filename", "the name of a file"));
            }
            "filename" => order.file_name.clone_from(value),
            "type" => return Err(AttestationError::Provenance(text.to_owned())),
            _ => return Err(AttestationError::Key { key: key.clone(), nearest: nearest_name(key, OPTIONS) }),
        }
    }
    Ok(ProvenanceWord((!disabled).then_some(order)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Option<Order> {
        text.parse::<ProvenanceWord>().unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    #[test]
    fn a_truth_or_options_are_a_provenance() {
        assert_eq!(
            (order("true"), order("1"), order("mode=min")),
            (Some(Order::default()), Some(Order::default()), Some(Order::default()))
        );
        assert_eq!((order("false"), order("0"), order("mode=max,disabled=true")), (None, None, None));
        let all =
            order(r#"mode=max,version=v0.2,"builder-id=https://ci.example.com/1,2",reproducible=true,inline-only=1,filename=how.json"#);
        let expected = Order {
            mode: Mode::Max,
            version: Version::Zero,
            builder: "https://ci.example.com/1,2".to_owned(),
            is_reproducible: true,
            is_inline_only: true,
            file_name: "how.json".to_owned(),
        };
        assert_eq!(all, Some(expected));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_there_is() {
        for (text, said, hint) in [
            (".", r#"bad provenance ".": expected true, false, or options such as mode=max"#, Some("--provenance=true, where \".\" is")),
            ("", "expected true, false", None),
            ("mode=full", "bad provenance option mode=full: expected min or max", None),
            ("version=1", "bad provenance option version=1: expected v0.2 or v1", None),
            (
                "moed=max",
                r#"no option "moed", but mode, version, builder-id, reproducible, inline-only, filename"#,
                Some("did you mean mode"),
            ),
            ("mode=max,x", r#"expected KEY=VALUE, got "x""#, None),
            ("filename=../x", "expected the name of a file", None),
            ("reproducible=maybe", "expected true or false", None),
            ("type=sbom", "bad provenance", None),
            (r#""mode=max"#, "quoted-field", None),
        ] {
            let error = text.parse::<ProvenanceWord>().unwrap_err();
            assert!(error.to_string().contains(said), "{text}: {error}");
            let told = error.hint().map(|hint| hint.to_string()).unwrap_or_default();
            assert!(hint.is_none_or(|hint| told.starts_with(hint)), "{text}: {told}");
        }
    }

    #[test]
    fn attest_has_a_type() {
        let word = |text: &str| text.parse::<AttestationWord>();
        assert_eq!(word("type=provenance,mode=min").unwrap(), AttestationWord::Provenance(ProvenanceWord(Some(Order::default()))));
        assert_eq!(word("type=provenance,disabled=true").unwrap(), AttestationWord::Provenance(ProvenanceWord(None)));
        assert_eq!(word("type=sbom,disabled=true").unwrap(), AttestationWord::Nothing);
        assert!(matches!(word("type=sbom"), Err(AttestationError::Type(kind)) if kind == "sbom"));
        assert!(matches!(word("mode=max"), Err(AttestationError::NoType(_))));
        assert!(word("type=sbom,generator=x").unwrap_err().hint().is_some());
    }

    #[test]
    fn it_is_said_once() {
        let provenance: ProvenanceWord = "mode=max".parse().unwrap();
        let attest = AttestationWord::Provenance(provenance.clone());
        assert_eq!(settle(Some(&provenance), &[AttestationWord::Nothing]).unwrap(), provenance.0);
        assert_eq!(settle(None, std::slice::from_ref(&attest)).unwrap(), provenance.0);
        assert_eq!(settle(None, &[]).unwrap(), None);
        assert!(matches!(settle(Some(&provenance), &[attest]), Err(AttestationError::Twice)));
    }
}
