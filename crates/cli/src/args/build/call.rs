//! `--call`: what is done with a Dockerfile.

use std::str::FromStr;

use super::error::WordError;
use super::truth;

/// The forms of the word, for whoever wrote another one.
const EXPECTED: &str = "build, check, outline or targets, and behind any but the first format=json or ignorestatus=true";

/// What is done with a Dockerfile, in buildx's words: `check,format=json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// What.
    pub method: Method,
    /// `format=json`
    pub is_json: bool,
    /// `ignorestatus=true`: findings do not end with an exit code of their own.
    pub ignores_status: bool,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// An image is made.
    #[default]
    Build,
    /// It is checked.
    Check,
    /// What it asks for is listed: arguments, secrets and agents.
    Outline,
    /// Its stages are listed.
    Targets,
}

impl FromStr for Call {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let wrong = || WordError::shape("call", text, EXPECTED);
        let mut call = Self::default();
        let mut named = false;
        for field in super::csv::fields(text).map_err(|_| wrong())? {
            match field.split_once('=') {
                None if named => return Err(wrong()),
                None => (call.method, named) = (method(&field).ok_or_else(wrong)?, true),
                Some(("format", "json")) => call.is_json = true,
                Some(("format", "text" | "")) => call.is_json = false,
                Some(("ignorestatus", value)) => call.ignores_status = truth(value).map_err(|_| wrong())?,
                Some(_) => return Err(wrong()),
            }
        }
        // What is built has no format.
        if call.method == Method::Build && call != Self::default() { Err(wrong()) } else { Ok(call) }
    }
}

fn method(word: &str) -> Option<Method> {
    match word {
        "build" => Some(Method::Build),
        "check" | "lint" => Some(Method::Check),
        "outline" => Some(Method::Outline),
        "targets" => Some(Method::Targets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_buildxs() {
        let call = |text: &str| text.parse::<Call>().unwrap();
        assert_eq!(call("build"), Call::default());
        assert_eq!(call("check").method, Method::Check);
        assert_eq!(call("lint"), call("check"));
        assert_eq!(call("check,format=json"), Call { method: Method::Check, is_json: true, ignores_status: false });
        assert_eq!(call("format=text,check,ignorestatus=1"), Call { method: Method::Check, is_json: false, ignores_status: true });
        assert_eq!(call("targets").method, Method::Targets);
    }

    #[test]
    fn other_words_are_refused_with_those_there_are() {
        for text in [
            "",
            "subrequests.describe",
            "checks",
            "check,targets",
            "check,format=xml",
            "check,ignorestatus=maybe",
            "format=json",
            "build,format=json",
        ] {
            let said = text.parse::<Call>().unwrap_err().to_string();
            assert_eq!(said, format!("bad call {text:?}: expected {EXPECTED}"), "{text}");
        }
    }
}
