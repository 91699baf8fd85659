//! What stands in the log of a build: JSON, one object in each line. The first is the head; each other one says what happened, and
//! how many seconds after the build began.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of the shape; a higher one is not read.
pub const VERSION: u64 = 1;

/// Which build it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the shape.
    #[serde(rename = "polyarchLog")]
    pub version: u64,
    /// What it is called.
    pub id: String,
    /// When it began, RFC 3339.
    pub begun: String,
    /// What its result was to be called.
    pub tags: Vec<String>,
    /// What it was for, in the order of the command line.
    pub platforms: Vec<String>,
    /// Its stages, in the order of the file.
    pub stages: Vec<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since the build began.
    pub at: f64,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. A step is known by the words in brackets that stand before all it writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum What {
    /// A step began.
    Begun {
        /// Which.
        step: String,
        /// What it is.
        #[serde(flatten)]
        name: Name,
    },
    /// A command wrote a line.
    Wrote {
        /// Which.
        step: String,
        /// Where to.
        stream: StreamWord,
        /// The line, without its end.
        text: String,
    },
    /// A step was done.
    Done {
        /// Which.
        step: String,
        /// It had been made before.
        cached: bool,
    },
    /// A command was not run, or did not succeed.
    Failed {
        /// Which.
        step: String,
        /// What it is: it may not have begun.
        #[serde(flatten)]
        name: Name,
        /// Why, in one line.
        problem: String,
    },
    /// The build ended.
    Ended {
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// What a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The image that it is for.
    pub platform: String,
    /// Its stage; none where there is only one.
    pub stage: Option<String>,
    /// Its place among the steps of the stage, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The instruction.
    pub text: String,
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamWord {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// Its images are where they were to be.
    Done {
        /// The digest of what was made.
        digest: String,
    },
    /// It failed.
    Failed {
        /// Why, in one line.
        problem: String,
    },
    /// Somebody ended it.
    Interrupted,
}

impl Line {
    /// Makes one.
    pub fn new(since: Duration, what: What) -> Self {
        // Nobody reads more of it than a thousandth of a second.
        Self { at: (since.as_secs_f64() * 1000.0).round() / 1000.0, what }
    }

    /// Writes it.
    pub fn to_json(&self) -> String {
        // Texts and numbers alone: that cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Head {
    /// Writes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let name = || Name { platform: "linux/amd64".to_owned(), stage: None, number: 1, of: 2, text: "RUN make".to_owned() };
        let step = || "[linux/amd64 1/2]".to_owned();
        let ended = |outcome| What::Ended { outcome };
        for (what, expected) in [
            (
                What::Begun { step: step(), name: name() },
                r#"{"at":0.123,"what":"begun","step":"[linux/amd64 1/2]","platform":"linux/amd64","stage":null,"number":1,"of":2,"text":"RUN make"}"#,
            ),
            (
                What::Wrote { step: step(), stream: StreamWord::Stderr, text: "a\u{1b}[1m\"b".to_owned() },
                r#"{"at":0.123,"what":"wrote","step":"[linux/amd64 1/2]","stream":"stderr","text":"a\u001b[1m\"b"}"#,
            ),
            (What::Done { step: step(), cached: true }, r#"{"at":0.123,"what":"done","step":"[linux/amd64 1/2]","cached":true}"#),
            (
                What::Failed { step: step(), name: name(), problem: "why".to_owned() },
                r#"{"at":0.123,"what":"failed","step":"[linux/amd64 1/2]","platform":"linux/amd64","stage":null,"number":1,"of":2,"text":"RUN make","problem":"why"}"#,
            ),
            (ended(Outcome::Interrupted), r#"{"at":0.123,"what":"ended","outcome":"interrupted"}"#),
            (ended(Outcome::Done { digest: "sha256:a".to_owned() }), r#"{"at":0.123,"what":"ended","outcome":"done","digest":"sha256:a"}"#),
        ] {
            let line = Line::new(Duration::from_micros(123_400), what);
            assert_eq!(line.to_json(), expected);
            assert_eq!(serde_json::from_str::<Line>(expected).unwrap(), line);
        }
    }
}
