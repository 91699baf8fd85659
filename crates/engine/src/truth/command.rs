//! Which files an image starts: its entrypoint or command, found as a runtime finds it.

use graph::{Image, TreePath};
use layer::index::PathIndex;

/// Where programs are looked for without a `PATH`.
pub(super) const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Shells whose first words are looked at: the program that `sh -c "exec server"` comes to.
const SHELLS: [&str; 4] = ["sh", "bash", "ash", "dash"];

/// Lists the files that are started, without following links.
pub(super) fn started(image: &Image, root: &PathIndex) -> Vec<TreePath> {
    let entrypoint = image.list("Entrypoint");
    let command = image.list("Cmd");
    let words = if entrypoint.is_empty() { command } else { entrypoint };
    let Some(program) = words.first() else { return Vec::new() };
    let environment = image.environment();
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let folders: Vec<&str> = path.as_deref().map_or_else(|| FOLDERS.to_vec(), |path| path.split(':').collect());
    let working = image.text("WorkingDir");
    let find = |name: &str| {
        if name.contains('/') {
            let text = if name.starts_with('/') { name.to_owned() } else { format!("{working}/{name}") };
            return Some(TreePath::clean(text.as_bytes()));
        }
        named(name, folders.iter().copied(), root)
    };
    let mut found: Vec<TreePath> = find(program).into_iter().collect();
    if let [shell, option, text, ..] = words.as_slice()
        && option == "-c"
        && SHELLS.contains(&shell.rsplit('/').next().unwrap_or_default())
    {
        found.extend(first_word(text).and_then(find));
    }
    found
}

/// Finds a program by its name alone, in the first folder that has it.
pub(super) fn named<'a>(name: &str, folders: impl Iterator<Item = &'a str>, root: &PathIndex) -> Option<TreePath> {
    let mut paths = folders.map(|folder| TreePath::clean(format!("{folder}/{name}").as_bytes()));
    paths.find(|path| root.find(path.bytes()).is_ok_and(|node| node.is_some_and(|node| !node.is_directory())))
}

/// Returns the program of a shell's text, where it begins with one: no variable, no assignment, no list of words.
fn first_word(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    let word = if first == "exec" { words.next()? } else { first };
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    word.chars().all(plain).then_some(word)
}

/// Returns the program that `#!/usr/bin/env` is to find: its options and assignments are left out.
pub(super) fn of_env(argument: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(argument).ok()?;
    text.split_whitespace().find(|word| !word.starts_with('-') && !word.contains('='))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use layer::tar::Entry;
    use oci::Platform;
    use serde_json::json;

    use super::*;

    fn of(entrypoint: serde_json::Value, command: serde_json::Value) -> Vec<String> {
        let mut image = Image::scratch(Platform::new("linux", "amd64", None));
        image.set("Entrypoint", entrypoint);
        image.set("Cmd", command);
        image.set("WorkingDir", json!("/srv"));
        let mut root = PathIndex::new();
        root.begin_layer();
        for path in ["usr/bin/node", "bin/sh", "bin/node"] {
            root.insert(&Entry::file(path, 1)).unwrap();
        }
        started(&image, &root).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_program_is_found_as_a_runtime_finds_it() {
        let nothing = json!(null);
        assert_eq!(of(json!(["/app", "x"]), json!(["/other"])), ["app"]);
        assert_eq!(of(nothing.clone(), json!(["./run"])), ["srv/run"]);
        assert_eq!(of(nothing.clone(), json!(["bin/../run"])), ["srv/run"]);
        assert_eq!(of(json!([]), json!(["node", "server.js"])), ["usr/bin/node"]);
        assert_eq!(of(nothing.clone(), json!(["nowhere"])), [""; 0]);
        assert_eq!(of(nothing.clone(), nothing.clone()), [""; 0]);
        assert_eq!(of(json!(["/bin/sh", "-c", "exec node x"]), nothing.clone()), ["bin/sh", "usr/bin/node"]);
        assert_eq!(of(json!(["sh", "-c", "$PROGRAM x"]), nothing.clone()), ["bin/sh"]);
        assert_eq!(of(json!(["sh", "-c", "A=1 node"]), nothing), ["bin/sh"]);
    }

    #[test]
    fn env_is_passed_over() {
        assert_eq!(of_env(b"node"), Some("node"));
        assert_eq!(of_env(b"-S A=1 node --flag"), Some("node"));
        assert_eq!(of_env(b"-i"), None);
        assert_eq!(of_env(b"\xff"), None);
    }
}
