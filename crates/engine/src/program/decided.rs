//! What runs, by what the image says and what somebody wants, as Docker settles it.

use std::ffi::{OsStr, OsString};

use oci::RuntimeConfig;
use sandbox::Streams;

use super::error::ProgramError;
use super::wish::Wish;

/// Where programs are found where nobody says (Docker's).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a terminal is called where nobody says.
const TERMINAL: &str = "xterm";

/// What runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub words: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    pub working: String,
    pub user: String,
}

impl Decided {
    /// Settles it.
    ///
    /// # Errors
    /// Where nothing is to run, or in no folder that can be.
    pub fn by(image: &RuntimeConfig, wish: &Wish) -> Result<Self, ProgramError> {
        let words = words(image, wish);
        if words.first().is_none_or(|program| program.is_empty()) {
            return Err(ProgramError::Nothing);
        }
        if let Some(working) = wish.working.as_ref().filter(|working| !working.starts_with('/')) {
            return Err(ProgramError::Working(working.clone()));
        }
        let working = wish.working.as_deref().unwrap_or(&image.working_dir);
        Ok(Self {
            words,
            environment: environment(image, wish),
            // A relative one of an image is below the root.
            working: format!("/{}", working.trim_start_matches('/')),
            user: wish.user.clone().unwrap_or_else(|| image.user.clone()),
        })
    }
}

/// Another entrypoint has other arguments.
fn words(image: &RuntimeConfig, wish: &Wish) -> Vec<OsString> {
    let of_image = |words: &Option<Vec<String>>| words.iter().flatten().map(OsString::from).collect::<Vec<_>>();
    let first = match &wish.entrypoint {
        Some(program) => Some(program.clone()).filter(|program| !program.is_empty()).into_iter().collect(),
        None => of_image(&image.entrypoint),
    };
    let others = if wish.arguments.is_empty() && wish.entrypoint.is_none() { of_image(&image.cmd) } else { wish.arguments.clone() };
    first.into_iter().chain(others).collect()
}

fn environment(image: &RuntimeConfig, wish: &Wish) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &OsStr, value: Option<&OsStr>| {
        let place = all.iter().position(|(known, _)| known == name);
        match (place, value) {
            (Some(place), Some(value)) => all[place].1 = value.to_owned(),
            (None, Some(value)) => all.push((name.to_owned(), value.to_owned())),
            (Some(place), None) => drop(all.remove(place)),
            (None, None) => {}
        }
    };
    set("PATH".as_ref(), Some(PATH.as_ref()));
    set("HOSTNAME".as_ref(), Some(wish.hostname.as_ref()));
    if matches!(wish.streams, Streams::Terminal(_)) {
        set("TERM".as_ref(), Some(TERMINAL.as_ref()));
    }
    for variable in &image.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        set(name.as_ref(), Some(value.as_ref()));
    }
    for (name, value) in &wish.environment {
        set(name, value.as_deref());
    }
    all
}

#[cfg(test)]
mod tests {
    use sandbox::Size;
    use serde_json::json;

    use super::*;

    fn image(config: serde_json::Value) -> RuntimeConfig {
        serde_json::from_value(config).unwrap()
    }

    fn words_of(config: serde_json::Value, entrypoint: Option<&str>, arguments: &[&str]) -> Vec<String> {
        let wish = Wish {
            entrypoint: entrypoint.map(OsString::from),
            arguments: arguments.iter().map(OsString::from).collect(),
            ..Wish::new("machine".to_owned())
        };
        match Decided::by(&image(config), &wish) {
            Ok(decided) => decided.words.into_iter().map(|word| word.into_string().unwrap()).collect(),
            Err(problem) => vec![problem.to_string()],
        }
    }

    #[test]
    fn entrypoint_and_arguments_are_settled_as_docker_settles_them() {
        let both = || json!({"Entrypoint": ["server", "-x"], "Cmd": ["start", "-y"]});
        assert_eq!(words_of(both(), None, &[]), ["server", "-x", "start", "-y"]);
        assert_eq!(words_of(both(), None, &["stop"]), ["server", "-x", "stop"]);
        assert_eq!(words_of(both(), Some("sh"), &[]), ["sh"], "the arguments are the other program's");
        assert_eq!(words_of(both(), Some("sh"), &["-c", "true"]), ["sh", "-c", "true"]);
        assert_eq!(words_of(both(), Some(""), &["true", ""]), ["true", ""]);
        assert_eq!(words_of(json!({"Cmd": ["sh"]}), None, &[]), ["sh"]);
        assert_eq!(words_of(json!({"Cmd": ["sh"]}), None, &["true"]), ["true"]);
        for (config, entrypoint) in [(both(), Some("")), (json!({}), None), (json!({"Cmd": [""], "Entrypoint": null}), None)] {
            assert_eq!(words_of(config, entrypoint, &[]), ["there is nothing to run: no program is named, by the image neither"]);
        }
    }

    #[test]
    fn variables_are_those_of_the_image_and_then_ones_own() {
        let image = image(json!({"Cmd": ["sh"], "Env": ["PATH=/bin", "ONE=1", "TWO=2=2", "THREE", "ONE=first"]}));
        let own = [("TWO", None), ("FOUR", Some("4")), ("ONE", Some("own")), ("FIVE", None), ("FOUR", Some("four"))];
        let environment = own.iter().map(|(name, value)| ((*name).into(), value.map(OsString::from))).collect();
        let streams = Streams::Terminal(Size { rows: 1, columns: 1 });
        let wish = Wish { environment, streams, ..Wish::new("machine".to_owned()) };
        let decided = Decided::by(&image, &wish).unwrap();
        let all: Vec<String> = decided.environment.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(all, ["PATH=/bin", "HOSTNAME=machine", "TERM=xterm", "ONE=own", "THREE=", "FOUR=four"]);
    }

    #[test]
    fn a_folder_is_absolute_and_a_user_the_later_one() {
        let with = |config: serde_json::Value, working: Option<&str>, user: Option<&str>| {
            let wish = Wish { working: working.map(str::to_owned), user: user.map(str::to_owned), ..Wish::new(String::new()) };
            Decided::by(&image(config), &Wish { entrypoint: Some("sh".into()), ..wish })
        };
        let decided = with(json!({"WorkingDir": "srv/app", "User": "app"}), None, None).unwrap();
        assert_eq!((decided.working.as_str(), decided.user.as_str()), ("/srv/app", "app"));
        let decided = with(json!({"WorkingDir": "/srv", "User": "app"}), Some("/tmp"), Some("0:0")).unwrap();
        assert_eq!((decided.working.as_str(), decided.user.as_str()), ("/tmp", "0:0"));
        assert_eq!(with(json!({}), None, None).unwrap().working, "/");
        assert!(matches!(with(json!({}), Some("tmp"), None), Err(ProgramError::Working(_))));
    }
}
