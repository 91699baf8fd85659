//! What QEMU says of itself: `qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7)`.

use std::fmt;

/// A release, without what only mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

/// Reads the first line of `--version`: the machine in QEMU's words, and the version.
pub(crate) fn parse(text: &str) -> Option<(String, Version)> {
    let mut words = text.lines().next()?.split_ascii_whitespace();
    let target = words.next()?.strip_prefix("qemu-")?;
    if words.next()? != "version" {
        return None;
    }
    let mut numbers = words.next()?.split('.');
    let version = Version { major: numbers.next()?.parse().ok()?, minor: digits(numbers.next()?).parse().ok()? };
    Some((target.to_owned(), version))
}

/// Returns the digits that a text begins with: there may be `-rc1` behind.
fn digits(text: &str) -> &str {
    text.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default()
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_distributions_and_their_ages_say() {
        let of = |text| parse(text).map(|(target, version)| format!("{target} {version}"));
        for (text, expected) in [
            ("qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright", "aarch64 7.2"),
            ("qemu-arm version 10.1.3 (tonistiigi)", "arm 10.1"),
            ("qemu-s390x version 9.0-rc1", "s390x 9.0"),
            ("qemu-x86_64 version 4.2", "x86_64 4.2"),
        ] {
            assert_eq!(of(text).as_deref(), Some(expected));
        }
        for text in ["", "\n", "busybox v1.35", "qemu-arm version", "qemu-arm version 7", "qemu-arm version x.y", "qemu-arm 7.2"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text: String, rest: String) {
            parse(&text);
            parse(&format!("qemu-arm version {rest}"));
        }

        #[test]
        fn any_version_is_read_as_it_is(major: u16, minor: u16, target in "[a-z0-9_]{1,12}", rest in "(\\.[0-9]+)?( .*)?") {
            let text = format!("qemu-{target} version {major}.{minor}{rest}");
            prop_assert_eq!(parse(&text), Some((target, Version { major, minor })));
        }
    }
}
