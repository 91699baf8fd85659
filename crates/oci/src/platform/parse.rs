//! Reads what a person types: `os`, `arch`, `os/arch`, `os/arch/variant`, with the version and the features of the
//! system in brackets after `os`, or the version after a colon at the end.
//!
//! Stricter than containerd where it would pass a slip in silence (`linux/armv7`, `arm/v7`, `linux/amd46`), and more
//! lenient with bare words (`armv7`, `i686`). A name that is merely unknown passes, for new ones appear.

use super::alias::{self, Near, Reach};
use super::{Platform, PlatformError, windows};

/// Holds the text, cut into its parts, before any name in it is understood.
struct Pieces<'a> {
    text: &'a str,
    os: String,
    /// Architecture and variant, in lower case.
    rest: Vec<String>,
    version: Option<String>,
    features: Vec<String>,
    /// The first part had brackets, so it can only be a system.
    bracketed: bool,
}

/// Parses `text`; gaps are filled from `host`.
pub(super) fn platform(text: &str, host: &Platform) -> Result<Platform, PlatformError> {
    if text.eq_ignore_ascii_case("local") {
        return Ok(host.normalized());
    }
    let pieces = cut(text)?;
    let (os, architecture, variant) = match pieces.rest.as_slice() {
        [] => bare(&pieces, host)?,
        [architecture] => full(&pieces, architecture, None)?,
        [architecture, variant, ..] => full(&pieces, architecture, Some(variant))?,
    };
    let mut platform = Platform::new(&os, &architecture, variant.as_deref()).normalized();
    platform.os_version = version(&pieces, &platform)?;
    platform.os_features = pieces.features;
    Ok(platform.normalized())
}

fn cut(text: &str) -> Result<Pieces<'_>, PlatformError> {
    let owned = || text.to_owned();
    let bad = |component: &str| PlatformError::BadComponent { text: owned(), component: component.to_owned() };
    if text.is_empty() {
        return Err(PlatformError::Empty { text: owned() });
    }
    if text.contains('*') {
        return Err(PlatformError::Wildcard { text: owned() });
    }
    if text.contains(',') {
        return Err(PlatformError::List { text: owned() });
    }
    let (body, suffix) = match text.split_once(':') {
        Some((body, suffix)) => (body, Some(suffix)),
        None => (text, None),
    };
    let mut parts = body.split('/');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    if rest.len() > 2 {
        return Err(PlatformError::TooManyParts { text: owned(), parts: rest.len() + 1 });
    }
    let (os, options) = match first.split_once('(') {
        Some((os, options)) => (os, Some(options.strip_suffix(')').ok_or_else(|| bad(first))?)),
        None => (first, None),
    };
    if !is_word(os) || os.contains('.') {
        return Err(bad(first));
    }
    if let Some(component) = rest.iter().find(|component| !is_word(component)) {
        return Err(bad(component));
    }
    let mut options_given = options.unwrap_or_default().split('+');
    let mut version = options_given.next().filter(|version| !version.is_empty());
    let features: Vec<&str> = options_given.collect();
    if let Some(suffix) = suffix {
        if version.is_some() || suffix.is_empty() {
            return Err(bad(suffix));
        }
        version = Some(suffix);
    }
    let decoded = |option: &&str| decode(option).ok_or_else(|| bad(option));
    Ok(Pieces {
        text,
        os: alias::system(os),
        rest: rest.into_iter().map(str::to_lowercase).collect(),
        version: version.as_ref().map(decoded).transpose()?,
        features: features.iter().map(decoded).collect::<Result<_, _>>()?,
        bracketed: options.is_some(),
    })
}

type Parts = (String, String, Option<String>);

/// Understands a word alone: a system takes the host's architecture, an architecture takes linux.
fn bare(pieces: &Pieces<'_>, host: &Platform) -> Result<Parts, PlatformError> {
    let word = pieces.os.as_str();
    if alias::SYSTEMS.contains(&word) {
        return Ok((word.to_owned(), host.architecture.clone(), host.variant.clone()));
    }
    if pieces.bracketed || pieces.version.is_some() {
        if alias::is_architecture(word) {
            return Err(system_missing(pieces));
        }
    } else if alias::is_architecture(word) {
        let (architecture, variant) = alias::typed(word, None);
        return Ok(("linux".to_owned(), architecture.to_owned(), variant));
    }
    let suggestion = alias::near_either(word).map(|near| match near {
        // Whatever followed the word stays: `windws(ltsc2022)`.
        Near::System(near) => format!("{near}{}", pieces.text.get(word.len()..).unwrap_or_default()),
        Near::Architecture(near) => {
            let (architecture, variant) = alias::typed(near, None);
            Platform::new("linux", architecture, variant.as_deref()).normalized().to_string()
        }
    });
    Err(unknown(pieces, word, suggestion))
}

/// Understands two or three parts. Unknown names pass unless they look like a slip.
fn full(pieces: &Pieces<'_>, architecture: &str, variant: Option<&String>) -> Result<Parts, PlatformError> {
    let variant = variant.map(String::as_str);
    let os = pieces.os.as_str();
    let known = alias::SYSTEMS.contains(&os);
    if !known && alias::is_architecture(os) {
        return Err(system_missing(pieces));
    }
    let near_os = if known { None } else { alias::near_system(os) };
    let found = alias::find(architecture);
    let near_architecture = if alias::is_architecture(architecture) { None } else { alias::near_architecture(architecture) };
    let (meant, level) = alias::typed(near_architecture.unwrap_or(architecture), variant);
    let meant = Platform::new(near_os.unwrap_or(os), meant, level.as_deref());
    let suggestion = || spelled(pieces, &meant);
    if near_os.is_some() {
        return Err(unknown(pieces, os, Some(suggestion())));
    }
    if near_architecture.is_some() {
        return Err(unknown(pieces, architecture, Some(suggestion())));
    }
    if found.is_some_and(|alias| alias.reach == Reach::Joined) {
        return Err(PlatformError::Joined { text: pieces.text.to_owned(), word: architecture.to_owned(), suggestion: suggestion() });
    }
    Ok((meant.os, meant.architecture, meant.variant))
}

/// Returns the version to keep: on Windows a release's name becomes its build.
fn version(pieces: &Pieces<'_>, platform: &Platform) -> Result<Option<String>, PlatformError> {
    let Some(version) = &pieces.version else {
        return Ok(None);
    };
    if platform.os != "windows" {
        return Ok(Some(version.clone()));
    }
    windows::resolve(version).map(Some).map_err(|near| PlatformError::WindowsVersion {
        text: pieces.text.to_owned(),
        version: version.clone(),
        suggestion: near.map(|near| {
            let os_version = Some(near.to_owned());
            Platform { os_version, os_features: pieces.features.clone(), ..platform.clone() }.to_string()
        }),
    })
}

fn unknown(pieces: &Pieces<'_>, word: &str, suggestion: Option<String>) -> PlatformError {
    PlatformError::Unknown { text: pieces.text.to_owned(), word: word.to_owned(), suggestion }
}

/// Explains an architecture in the first place: `arm/v7` lacks its system, `amd64/linux` is the wrong way round, and
/// only a Windows image would have a version after `amd64`.
fn system_missing(pieces: &Pieces<'_>) -> PlatformError {
    let system = |word: &String| alias::SYSTEMS.contains(&alias::system(word).as_str());
    let (os, level) = match pieces.rest.as_slice() {
        [] if pieces.version.as_deref().is_some_and(|version| windows::resolve(version).is_ok()) => (Some("windows".to_owned()), None),
        [second] if system(second) => (Some(alias::system(second)), None),
        [second] if !alias::is_architecture(second) => (Some("linux".to_owned()), Some(second.as_str())),
        _ => (None, None),
    };
    let (architecture, variant) = alias::typed(&pieces.os, level);
    PlatformError::SystemMissing {
        text: pieces.text.to_owned(),
        word: pieces.os.clone(),
        suggestion: os.map(|os| spelled(pieces, &Platform::new(&os, architecture, variant.as_deref()))),
    }
}

/// Spells a suggestion, keeping the version and the features that were typed.
fn spelled(pieces: &Pieces<'_>, meant: &Platform) -> String {
    let mut meant = meant.normalized();
    meant.os_version.clone_from(&pieces.version);
    meant.os_features.clone_from(&pieces.features);
    meant.to_string()
}

/// Tells whether a part holds allowed characters only, and a letter or a digit, so that it is no `..`.
fn is_word(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_alphanumeric()) && part.bytes().all(is_plain)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Writes a version or feature so that it can stand in a platform's text. containerd escapes only the five
/// characters of its grammar and reads any escape back.
pub(super) fn encode(option: &str) -> String {
    let mut encoded = String::with_capacity(option.len());
    for byte in option.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Reads a version or feature; `None` if it is empty, holds a bare special character or is no UTF-8.
fn decode(option: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(option.len());
    let mut bytes = option.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else if is_plain(byte) {
            decoded.push(byte);
        } else {
            return None;
        }
    }
    String::from_utf8(decoded).ok().filter(|decoded| !decoded.is_empty())
}
