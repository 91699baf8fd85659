//! What people type and what documents call things: references, locators, platforms.

use oci::{Locator, Platform, PlatformSet, Reference, Thing};

use crate::text;

/// A reference printed in any of its forms reads back as the same thing in the same repository.
pub fn reference(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(name) = text.parse::<Reference>() else { return };
    for printed in [name.to_string(), name.familiar(), name.as_written()] {
        let again: Reference = printed.parse().unwrap_or_else(|error| panic!("{text:?} prints as {printed:?}: {error}"));
        assert_eq!((again.name(), again.thing()), (name.name(), name.thing()), "{text:?} prints as {printed:?}");
    }
    assert_eq!(name.as_written().parse(), Ok(name.clone()), "{text:?}");
    let served = Reference::from_served_path(&name.served_path(), name.thing());
    assert_eq!(served, Ok(name.with(name.thing())), "{text:?}, served as {:?}", name.served_path());
    assert!(name.name().len() <= 255 && is_plain_path(name.repository()), "{text:?}");
    if let Thing::Digest(digest) = name.thing() {
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()), "{text:?}");
    }
}

/// A locator prints as text that reads back as the same place, but for the tag that goes without
/// saying; its other readings are other places.
pub fn locator(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(place) = text.parse::<Locator>() else { return };
    let printed = place.to_string();
    let again: Locator = printed.parse().unwrap_or_else(|error| panic!("{text:?} prints as {printed:?}: {error}"));
    let same = match (&place, &again) {
        (Locator::Registry(name), Locator::Registry(again)) => name.name() == again.name() && name.thing() == again.thing(),
        _ => place == again,
    };
    assert!(same, "{text:?} is {place:?}, prints as {printed:?}, which is {again:?}");
    assert!(place.alternatives().len() <= text.len() + 1 && !place.alternatives().contains(&place), "{text:?}");
}

/// A platform prints as text that reads back as the same, is normal when normalised once, and
/// survives JSON with its unknown fields.
pub fn platform(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let host = Platform::new("linux", "arm64", None);
    if let Ok(platform) = Platform::parse_for(text, &host) {
        let printed = platform.to_string();
        let again = Platform::parse_for(&printed, &Platform::new("windows", "386", None));
        assert_eq!(again.as_ref(), Ok(&platform), "{text:?} prints as {printed:?}");
        assert_eq!(platform.normalized(), platform, "{text:?}");
    }
    if let Ok(set) = PlatformSet::parse_for([text], &host) {
        assert_eq!(PlatformSet::parse_for([set.to_string()], &host), Ok(set.clone()), "{text:?}");
        assert!(set.iter().enumerate().all(|(place, one)| set.iter().skip(place + 1).all(|other| !one.same_as(other))), "{text:?}");
    }
    if let Ok(stored) = serde_json::from_str::<Platform>(text) {
        let written = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<Platform>(&written).unwrap(), stored, "{text}");
        assert_eq!(stored.normalized().normalized(), stored.normalized(), "{text}");
        assert!(stored.same_as(&stored.normalized()) && stored.covers(&stored), "{text}");
    }
}

/// Tells whether a name can be a path below a folder: no empty part, none that leads elsewhere.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| {
        let first = part.bytes().next();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
        first.is_some_and(|byte| byte != b'.' && byte != b'-') && part.bytes().all(plain)
    })
}
