//! `--env`: a variable of the program.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::error::ProgramWordError;

/// One `--env`: `KEY=VALUE`, or `KEY` for what the environment says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableWord {
    /// The name.
    pub name: OsString,
    /// The value, where it is said.
    pub value: Option<OsString>,
}

impl TryFrom<OsString> for VariableWord {
    type Error = ProgramWordError;

    fn try_from(text: OsString) -> Result<Self, ProgramWordError> {
        let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let bytes = text.as_bytes();
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (part(bytes.get(..at).unwrap_or_default()), Some(part(bytes.get(at + 1..).unwrap_or_default()))),
            None => (text.clone(), None),
        };
        if name.is_empty() {
            // Nothing of a value is repeated, which may be a secret.
            return Err(ProgramWordError::shape("variable", if value.is_some() { "=..." } else { "" }, "KEY=VALUE or KEY"));
        }
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_and_perhaps_a_value() {
        for (text, name, value) in [("A=1", "A", Some("1")), ("A=", "A", Some("")), ("A=b=c", "A", Some("b=c")), ("A", "A", None)] {
            let word = VariableWord { name: name.into(), value: value.map(OsString::from) };
            assert_eq!(VariableWord::try_from(OsString::from(text)).unwrap(), word, "{text}");
        }
        let bytes = OsString::from_vec(b"A=\xff".to_vec());
        assert_eq!(VariableWord::try_from(bytes).unwrap().value, Some(OsString::from_vec(vec![0xff])));
        for text in ["", "=hunter2"] {
            let error = VariableWord::try_from(OsString::from(text)).unwrap_err().to_string();
            assert!(error.contains("expected KEY=VALUE or KEY") && !error.contains("hunter2"), "{error}");
        }
    }
}
