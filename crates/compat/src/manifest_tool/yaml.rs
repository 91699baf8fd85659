//! The YAML of a spec. The one place that knows the parser, which is young: all else sees a [`Spec`].

use std::collections::BTreeMap;
use std::fmt;

use fault::{Fault, Hint, Kind};
use oci::Platform;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

use super::{Member, Spec};
use crate::cut;

/// What a spec's aliases may repeat, all together; a real one repeats some annotations.
const MOST_REPEATED: usize = 10_000;
/// How deep lists and maps may stand in each other; a spec has five levels.
const DEEPEST: usize = 32;

/// Why a file is no spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Line and column, from 1 on, where a place in the file is meant.
    pub place: Option<(u64, u64)>,
    /// What is wrong there.
    pub problem: String,
    /// What was probably meant.
    pub meant: Option<String>,
}

impl fmt::Display for YamlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(formatter, "line {line}, column {column}: ")?;
        }
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for YamlError {}

impl Fault for YamlError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        self.meant.as_ref().map(|meant| Hint::new(format!("did you mean {meant:?}?")))
    }
}

/// The whole file. Every value may be left empty, as it may for Go.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Document {
    image: Option<String>,
    tags: Option<Words>,
    annotations: Option<Annotations>,
    manifests: Option<Vec<Spanned<Entry>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    image: Option<String>,
    platform: Option<Stated>,
}

/// manifest-tool reads `osversion` and `osfeatures`; its own documents and OCI's say `os.version`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Stated {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(alias = "os.version")]
    osversion: Option<String>,
    #[serde(alias = "os.features")]
    osfeatures: Option<Words>,
}

/// A list of words, any of which may be forgotten behind its dash.
type Words = Vec<Spanned<Option<String>>>;

/// Pairs as they stand there: for the parser, `1` and `'1'` are two keys.
#[derive(Default)]
struct Annotations(Vec<(Spanned<String>, Option<String>)>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Annotations;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("keys with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Annotations(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl Annotations {
    /// Returns them by their keys.
    fn pairs(self) -> Result<Vec<(String, String)>, YamlError> {
        let mut pairs = BTreeMap::new();
        for (key, value) in self.0 {
            let place = placed(key.referenced);
            if key.value.is_empty() {
                return Err(YamlError { place, problem: "expected a key in annotations:, got an empty one".to_owned(), meant: None });
            }
            if pairs.insert(key.value.clone(), value.unwrap_or_default()).is_some() {
                return Err(YamlError { place, problem: twice(&key.value), meant: None });
            }
        }
        Ok(pairs.into_iter().collect())
    }
}

/// Reads a spec.
pub(super) fn read(bytes: &[u8]) -> Result<Spec, YamlError> {
    let plain = |problem: &str| YamlError { place: None, problem: problem.to_owned(), meant: None };
    let text = std::str::from_utf8(bytes).map_err(|_| plain("expected text in UTF-8"))?;
    let said = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#') && !["---", "..."].contains(&line.trim_end());
    if !text.trim_start_matches('\u{feff}').lines().any(said) {
        return Err(plain("the file is empty: expected image: and manifests:"));
    }
    let document: Document = serde_saphyr::from_str_with_options(text, options()).map_err(|error| told(&error))?;
    let Some(image) = document.image.filter(|image| !image.is_empty()) else {
        return Err(plain("image: is missing: expected the name of the list to be made"));
    };
    let manifests: Vec<Member> = document.manifests.unwrap_or_default().into_iter().map(member).collect::<Result<_, _>>()?;
    if manifests.is_empty() {
        return Err(plain("manifests: is missing or empty: expected at least one image"));
    }
    let annotations = document.annotations.unwrap_or_default().pairs()?;
    Ok(Spec { image, tags: given(document.tags, "a tag")?, annotations, manifests })
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_REPEATED },
        strict_booleans: true,
        with_snippet: false,
    }
}

fn member(entry: Spanned<Entry>) -> Result<Member, YamlError> {
    let place = placed(entry.referenced);
    let Some(image) = entry.value.image.filter(|image| !image.is_empty()) else {
        return Err(YamlError { place, problem: "expected an image: in this entry of manifests:".to_owned(), meant: None });
    };
    let stated = entry.value.platform.unwrap_or_default();
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let platform = Platform {
        os: stated.os.unwrap_or_default(),
        architecture: stated.architecture.unwrap_or_default(),
        variant: filled(stated.variant),
        os_version: filled(stated.osversion),
        os_features: given(stated.osfeatures, "a feature")?,
        ..Platform::default()
    };
    Ok(Member { image, platform })
}

/// Returns the words of a list; one that is left empty was forgotten.
fn given(list: Option<Words>, what: &str) -> Result<Vec<String>, YamlError> {
    let word = |word: Spanned<Option<String>>| {
        let place = placed(word.referenced);
        word.value.ok_or_else(|| YamlError { place, problem: format!("expected {what}, got nothing"), meant: None })
    };
    list.unwrap_or_default().into_iter().map(word).collect()
}

fn twice(key: &str) -> String {
    format!("the key {:?} stands here twice", cut(key))
}

fn placed(location: Location) -> Option<(u64, u64)> {
    Some((location.line(), location.column())).filter(|(line, _)| *line > 0)
}

/// Puts the parser's error into our words, where they are clearer.
fn told(error: &Error) -> YamlError {
    let place = error.location().and_then(placed);
    let (problem, meant) = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            let meant = nearest(field, expected);
            let expected: Vec<&str> = expected.iter().copied().filter(|key| !key.contains('.')).collect();
            (format!("unknown key {:?}: expected {}", cut(field), listed(&expected)), meant)
        }
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => (twice(key), None),
            None => ("a key stands here twice".to_owned(), None),
        },
        Error::MultipleDocuments { .. } => ("expected one document, got a second one behind ---".to_owned(), None),
        Error::UnknownAnchor { .. } => ("an alias (*) of a name that nothing above has (&)".to_owned(), None),
        other => (cut(&clearly(plainly(other))), None),
    };
    YamlError { place, problem, meant }
}

/// Returns the parser's first line without the place, which stands in front already.
fn plainly(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim().trim_start_matches("error: ");
    let line = match (line.strip_prefix("line "), line.split_once(": ")) {
        (Some(_), Some((_, rest))) => rest,
        _ => line.rsplit_once(" at line ").map_or(line, |(rest, _)| rest),
    };
    line.trim_end_matches('.').to_owned()
}

/// Says in YAML's own marks what the parser says of its events.
fn clearly(text: String) -> String {
    match text.as_str() {
        "expected sequence start" => "expected a list: lines that begin with -, or [a, b]".to_owned(),
        "expected mapping start" => "expected keys with values: key: value".to_owned(),
        "expected string scalar" => "expected one text".to_owned(),
        tab if tab.starts_with("tabs disallowed") => "expected spaces before the text, got a tab".to_owned(),
        _ => text,
    }
}

fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Finds the key that a misspelt one is nearest to.
fn nearest(field: &str, known: &[&'static str]) -> Option<String> {
    // A key that long is no slip of the finger, and comparing costs the square of it.
    if field.len() > 32 {
        return None;
    }
    let lower = field.to_lowercase();
    let (distance, key) = known.iter().map(|key| (distance(&lower, key), *key)).min()?;
    (distance <= 2.max(key.len() / 3)).then(|| key.to_owned())
}

/// Counts the letters to be put in, taken out or changed; two swapped neighbours are one.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut previous = None;
        for (column, to) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, column) + usize::from(from != to)).min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            if column > 0 && previous == Some(from) && last == Some(to) {
                best = best.min(at(&before, column - 1) + 1);
            }
            previous = Some(to);
            current.push(best);
        }
        last = Some(from);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
