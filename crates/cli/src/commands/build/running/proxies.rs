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
pub struct DockerProxies(BTreeMap<&'static str, String>);

impl DockerProxies {
    /// Reads them. A file that cannot be read is said aloud and left out, as it is for its logins.
    pub fn read(session: &Session) -> Self {
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
        let value = |key: &str| own?.get(key)?.as_str().map(str::to_owned);
        Self(PROXIES.iter().filter_map(|(name, _, key)| Some((*name, value(key)?))).collect())
    }

    /// Returns the variables that every command gets: for each proxy among the arguments of a build, and else for each of
    /// docker's file, both spellings, as some programs read the one and some the other. Capitals count where an argument is
    /// there in both; one without a value is none.
    ///
    /// buildx makes arguments of what the file says, so that `ARG HTTP_PROXY` gets it, and with it the history of the image.
    /// Here it is for commands alone: no password of a machine, and nothing that differs by machine, gets into an image unasked.
    ///
    /// # Errors
    /// [`RunningError::Differs`]
    pub fn variables(&self, arguments: &[&BTreeMap<String, String>]) -> Result<Vec<(String, String)>, RunningError> {
        let mut variables = Vec::new();
        for (name, small, _) in PROXIES {
            let given = same(arguments.iter().copied().map(|all| given(all, name)), name)?;
            if let Some(value) = given.or_else(|| self.0.get(name).map(String::as_str)).filter(|value| !value.is_empty()) {
                variables.extend([name, small].map(|name| (name.to_owned(), value.to_owned())));
            }
        }
        Ok(variables)
    }
}

/// Finds what an argument says of a proxy. Capitals come first in the order of a map.
fn given<'a>(arguments: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    arguments.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
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

    fn shown(docker: &DockerProxies, given: &[(&str, &str)]) -> Vec<String> {
        let arguments = arguments(given);
        let variables = docker.variables(&[&arguments, &arguments]).unwrap();
        variables.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn what_dockers_file_says_counts_where_nobody_says_anything() {
        let file = json!({"proxies": {
            "default": {"httpProxy": "http://a", "httpsProxy": "", "noProxy": "lan", "allProxy": 5},
            "tcp://engine:2375": {"ftpProxy": "http://ftp"},
        }});
        let usual = DockerProxies::of(&file, USUAL_ENGINE);
        assert_eq!(shown(&usual, &[]), ["HTTP_PROXY=http://a", "http_proxy=http://a", "NO_PROXY=lan", "no_proxy=lan"]);
        assert_eq!(shown(&usual, &[("http_proxy", ""), ("no_proxy", "org")]), ["NO_PROXY=org", "no_proxy=org"]);
        let own = DockerProxies::of(&file, "tcp://engine:2375");
        assert_eq!(shown(&own, &[]), ["FTP_PROXY=http://ftp", "ftp_proxy=http://ftp"]);
        for odd in [json!({}), json!([]), json!({"proxies": []}), json!({"proxies": {"default": 1}})] {
            assert!(DockerProxies::of(&odd, USUAL_ENGINE).0.is_empty(), "{odd}");
        }
    }

    #[test]
    fn arguments_are_variables_in_both_spellings() {
        let none = DockerProxies::default();
        let given = [("No_Proxy", "lan"), ("http_proxy", "small"), ("HTTP_PROXY", "large"), ("ftp_proxy", ""), ("PROXY", "x")];
        assert_eq!(shown(&none, &given), ["HTTP_PROXY=large", "http_proxy=large", "NO_PROXY=lan", "no_proxy=lan"]);
        let (one, other) = (arguments(&given), arguments(&[("HTTP_PROXY", "other")]));
        assert!(matches!(none.variables(&[&one, &other]), Err(RunningError::Differs("HTTP_PROXY"))));
        assert!(none.variables(&[]).unwrap().is_empty());
    }
}
