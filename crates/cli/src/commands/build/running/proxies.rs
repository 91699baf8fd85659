//! The proxies of a build: what the command line says of them, and what docker's config.json says for every build.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde_json::Value;

use super::error::RunningError;
use super::same;
use crate::commands::Session;

/// The variables of proxies, with the keys that docker's file has for them, in BuildKit's order.
const PROXIES: [(&str, &str, &str); 5] = [
    ("HTTP_PROXY", "http_proxy", "httpProxy"),
    ("HTTPS_PROXY", "https_proxy", "httpsProxy"),
    ("FTP_PROXY", "ftp_proxy", "ftpProxy"),
    ("NO_PROXY", "no_proxy", "noProxy"),
    ("ALL_PROXY", "all_proxy", "allProxy"),
];

/// How long docker's file may be, in bytes.
const LONGEST: u64 = 16 << 20;

/// The engine that docker talks to where nobody says, by whose address its file may have proxies of its own.
const USUAL_ENGINE: &str = "unix:///var/run/docker.sock";

/// The proxies that docker's config.json has. It has no `Debug`: passwords stand in such addresses.
#[derive(Default)]
pub struct Proxies(BTreeMap<&'static str, String>);

impl Proxies {
    /// Reads them. A file that cannot be read is said aloud and left out, as it is for its logins.
    pub fn of_docker(session: &Session) -> Self {
        let Some(path) = session.context.docker_config.as_ref().map(|folder| folder.join("config.json")) else { return Self::default() };
        let engine = session.context.docker_host.as_deref().unwrap_or(USUAL_ENGINE);
        let read =
            read(&path).and_then(|text| text.map(|text| serde_json::from_slice(&text).map_err(|error| place_of(&error))).transpose());
        match read {
            Ok(tree) => Self::of(&tree.unwrap_or_default(), engine),
            Err(problem) => {
                session.console.warn(&format!("{} was left out: {problem}", path.display()));
                Self::default()
            }
        }
    }

    /// Finds those of an engine, else those for all, as buildx does.
    fn of(tree: &Value, engine: &str) -> Self {
        let proxies = tree.get("proxies");
        let own = proxies.and_then(|all| all.get(engine).or_else(|| all.get("default")));
        let value = |key: &str| own?.get(key)?.as_str().filter(|value| !value.is_empty()).map(str::to_owned);
        Self(PROXIES.iter().filter_map(|(name, _, key)| Some((*name, value(key)?))).collect())
    }

    /// Adds them to the arguments of a build, as far as none says something of the same proxy.
    pub fn added_to(&self, mut arguments: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (name, value) in &self.0 {
            if !arguments.keys().any(|key| key.eq_ignore_ascii_case(name)) {
                arguments.insert((*name).to_owned(), value.clone());
            }
        }
        arguments
    }
}

/// Returns the variables that every command gets for the proxies among the arguments of each platform: both spellings, as some
/// programs read the one and some the other. Capitals count where an argument is there in both; one without a value is none.
///
/// # Errors
/// [`RunningError::Differs`]
pub fn variables(arguments: &[&BTreeMap<String, String>]) -> Result<Vec<(String, String)>, RunningError> {
    let mut variables = Vec::new();
    for (name, small, _) in PROXIES {
        // Capitals come first in the order of a map.
        let values =
            arguments.iter().map(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()));
        if let Some(value) = same(values, name)?.filter(|value| !value.is_empty()) {
            variables.extend([name, small].map(|name| (name.to_owned(), value.to_owned())));
        }
    }
    Ok(variables)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Says where a text is no JSON, and nothing of the text. The same words as those of whoever reads the logins, so that they are
/// said once.
fn place_of(error: &serde_json::Error) -> String {
    format!("no valid JSON at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn proxies_of_dockers_file_are_arguments_that_nobody_gave() {
        let file = json!({"proxies": {
            "default": {"httpProxy": "http://a", "httpsProxy": "", "noProxy": "lan", "allProxy": 5},
            "tcp://engine:2375": {"ftpProxy": "http://ftp"},
        }});
        let usual = Proxies::of(&file, USUAL_ENGINE);
        assert_eq!(usual.added_to(BTreeMap::new()), arguments(&[("HTTP_PROXY", "http://a"), ("NO_PROXY", "lan")]));
        let given = arguments(&[("http_proxy", ""), ("A", "1")]);
        assert_eq!(usual.added_to(given), arguments(&[("http_proxy", ""), ("A", "1"), ("NO_PROXY", "lan")]));
        let own = Proxies::of(&file, "tcp://engine:2375");
        assert_eq!(own.added_to(BTreeMap::new()), arguments(&[("FTP_PROXY", "http://ftp")]));
        for odd in [json!({}), json!([]), json!({"proxies": []}), json!({"proxies": {"default": 1}})] {
            assert!(Proxies::of(&odd, USUAL_ENGINE).0.is_empty(), "{odd}");
        }
    }

    #[test]
    fn commands_get_them_in_both_spellings() {
        let all = arguments(&[("No_Proxy", "lan"), ("http_proxy", "small"), ("HTTP_PROXY", "large"), ("ftp_proxy", ""), ("PROXY", "x")]);
        let found = variables(&[&all, &all]).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, [("HTTP_PROXY", "large"), ("http_proxy", "large"), ("NO_PROXY", "lan"), ("no_proxy", "lan")]);
        let other = arguments(&[("HTTP_PROXY", "other")]);
        assert!(matches!(variables(&[&all, &other]), Err(RunningError::Differs("HTTP_PROXY"))));
        assert!(variables(&[]).unwrap().is_empty());
    }
}
