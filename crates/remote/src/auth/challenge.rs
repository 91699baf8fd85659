//! What a registry demands in `WWW-Authenticate` (RFC 9110, 11.6.1).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// A demand that polyarch can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A token from a token server.
    Bearer { realm: String, service: Option<String> },
    /// User and password with each request.
    Basic,
}

impl Challenge {
    /// Reads the demand from an answer; Bearer comes first where there is a choice.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let parsed: Vec<Parsed> =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).flat_map(parse).collect();
        let named = |name: &str| parsed.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(name));
        if let Some(bearer) = named("bearer")
            && let Some(realm) = bearer.parameter("realm")
        {
            return Some(Self::Bearer { realm: realm.to_owned(), service: bearer.parameter("service").map(str::to_owned) });
        }
        named("basic").map(|_| Self::Basic)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Parsed {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Reads one header's challenges. Whatever makes no sense is skipped: a registry that writes a
/// header a little wrong is still asked in the way it means.
fn parse(header: &str) -> Vec<Parsed> {
    let mut challenges: Vec<Parsed> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let word_end = rest.find([' ', '\t', ',', '=', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        if word.is_empty() {
            // A stray `=` or `"`, or the end.
            let mut characters = rest.chars();
            if characters.next().is_none() {
                return challenges;
            }
            rest = characters.as_str();
            continue;
        }
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => {
                let (value, left) = read_value(value.trim_start_matches([' ', '\t']));
                if let Some(challenge) = challenges.last_mut() {
                    challenge.parameters.push((word.to_owned(), value));
                }
                rest = left;
            }
            None => {
                challenges.push(Parsed { scheme: word.to_owned(), parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

/// Reads a quoted string or a bare word, and returns what follows it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, left) = text.split_at(end);
        return (value.to_owned(), left);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(headers: &[&str]) -> Option<Challenge> {
        Challenge::read(&headers.iter().map(|text| (WWW_AUTHENTICATE, text.parse().unwrap())).collect())
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
    }

    #[test]
    fn what_registries_send() {
        for (headers, expected) in [
            (
                vec![r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a:pull,push""#],
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (vec![r#"bearer realm=https://h/t , service = "s, \"q\"""#], bearer("https://h/t", Some("s, \"q\""))),
            (vec![r#"Basic realm="Registry Realm""#], Some(Challenge::Basic)),
            (vec!["Basic"], Some(Challenge::Basic)),
            (vec![r#"Negotiate, Basic realm="x", Bearer realm="https://h/t""#], bearer("https://h/t", None)),
            (vec![r#"Basic realm="x""#, r#"Bearer realm="https://h/t",error="insufficient_scope""#], bearer("https://h/t", None)),
            (vec!["Negotiate abc=="], None),
            (vec!["Bearer"], None),
            (vec![r#"Bearer service="s""#], None),
            (vec![], None),
        ] {
            assert_eq!(read(&headers), expected, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_ends(text in r#"[ -~äß]{0,80}|([a-zB]{0,6}[=" ,\\]{0,3}){0,12}"#) {
            parse(&text);
        }
    }
}
