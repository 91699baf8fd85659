//! Which of docker's words are ours: `docker manifest` and `docker buildx imagetools`, behind flags of
//! docker itself, read as docker reads them (pflag).

use std::ffi::OsString;
use std::slice::Iter;

/// Flags of docker itself that take a value (docker, `InstallFlags`).
const WITH_VALUE: [&str; 7] = ["config", "context", "host", "log-level", "tlscacert", "tlscert", "tlskey"];

/// Those that take none, or one inline.
const SWITCHES: [&str; 3] = ["debug", "tls", "tlsverify"];

/// What an inline value of a switch may be (strconv, `ParseBool`).
const BOOLEANS: [&str; 12] = ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"];

/// The log levels of docker, in any case (logrus, `ParseLevel`); empty is its default.
const LEVELS: [&str; 9] = ["", "panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

/// One word of flags, understood.
enum Flag {
    Switch,
    Valued { name: &'static str, value: OsString },
}

/// Returns our words for docker's, if they are ours. What docker would refuse is not: it says so itself.
pub fn taken(words: &[OsString]) -> Option<Vec<OsString>> {
    let mut config = OsString::new();
    let mut level = OsString::new();
    let mut rest = words.iter();
    let verb = loop {
        let word = rest.next()?;
        let text = word.to_str()?;
        if text == "manifest" || (text == "buildx" && is_imagetools(rest.as_slice())) {
            break word;
        }
        // The last of each is meant. What engine, and how it is reached, matters to no registry.
        match flag(text, &mut rest)? {
            Flag::Valued { name: "config", value } => config = value,
            Flag::Valued { name: "log-level", value } => level = value,
            Flag::Valued { .. } | Flag::Switch => {}
        }
    };
    if !LEVELS.contains(&level.to_str()?.to_lowercase().as_str()) {
        return None;
    }
    // Docker takes an empty folder for none.
    let config = (!config.is_empty()).then(|| {
        let mut flag = OsString::from("--config=");
        flag.push(config);
        flag
    });
    Some(config.into_iter().chain([verb.clone()]).chain(rest.cloned()).collect())
}

/// Reads a flag of docker's, and the next word where that is its value.
fn flag(text: &str, rest: &mut Iter<'_, OsString>) -> Option<Flag> {
    if let Some(long) = text.strip_prefix("--") {
        let (name, inline) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        if SWITCHES.contains(&name) {
            return inline.is_none_or(|value| BOOLEANS.contains(&value)).then_some(Flag::Switch);
        }
        let name = WITH_VALUE.into_iter().find(|other| *other == name)?;
        let value = inline.map_or_else(|| rest.next().cloned(), |value| Some(value.into()))?;
        return Some(Flag::Valued { name, value });
    }
    let short = text.strip_prefix('-').filter(|short| !short.is_empty())?;
    let behind = short.trim_start_matches('D');
    let mut letters = behind.chars();
    let name = match letters.next() {
        None => return Some(Flag::Switch),
        // Of `-D`, which is not there in a word that is `-=`.
        Some('=') => return (behind != short && BOOLEANS.contains(&letters.as_str())).then_some(Flag::Switch),
        Some('H') => "host",
        Some('c') => "context",
        Some('l') => "log-level",
        Some(_) => return None,
    };
    let value = match letters.as_str() {
        "" => rest.next()?.clone(),
        // An equals sign with nothing behind it is the value.
        "=" => "=".into(),
        value => value.strip_prefix('=').unwrap_or(value).into(),
    };
    Some(Flag::Valued { name, value })
}

/// Tells whether buildx is asked for its imagetools, behind flags of its own.
fn is_imagetools(words: &[OsString]) -> bool {
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word {
            "--builder" => drop(words.next()),
            word if word.starts_with('-') => {}
            word => return word == "imagetools",
        }
    }
    false
}
