//! Changes Docker's `config.json` and nothing in it but `auths`: what stands beside it stays as it
//! is written, byte for byte, in its order.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::RemoteError;
use crate::error::Cause;

/// Where Docker keeps logins.
const AUTHS: &str = "auths";
/// How long somebody else may take to change the file.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// How many links are followed, as Linux does (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A JSON object whose values nobody has looked into.
#[derive(Default)]
struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Returns a key's value. Of a key that stands there twice the last counts, as in Go.
    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().rev().find(|(own, _)| own == key).map(|(_, value)| &**value)
    }

    fn set(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().rev().find(|(own, _)| own == key) {
            Some((_, own)) => *own = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Writes it as Docker does, with tabs, at a depth. The values keep the text they came with.
    fn text(&self, depth: usize) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let indent = "\t".repeat(depth);
        let pairs: Vec<String> =
            self.0.iter().map(|(key, value)| format!("\n{indent}\t{}: {}", Value::from(key.as_str()), value.get())).collect();
        format!("{{{}\n{indent}}}", pairs.join(","))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The logins of the file.
pub(super) struct Auths {
    object: Object,
    changed: bool,
}

impl Auths {
    /// Puts an entry in the place of the one that is there.
    pub(super) fn set(&mut self, key: &str, entry: &Value) -> Result<(), serde_json::Error> {
        let fields =
            entry.as_object().into_iter().flatten().map(|(key, value)| Ok((key.clone(), RawValue::from_string(value.to_string())?)));
        let fields = Object(fields.collect::<Result<_, serde_json::Error>>()?);
        self.object.set(key, RawValue::from_string(fields.text(2))?);
        self.changed = true;
        Ok(())
    }

    /// Removes entries, and says how many there were.
    pub(super) fn remove(&mut self, wanted: impl Fn(&str) -> bool) -> usize {
        let before = self.object.0.len();
        self.object.0.retain(|(key, _)| !wanted(key));
        self.changed |= self.object.0.len() != before;
        before - self.object.0.len()
    }
}

/// Changes the logins in a file that need not be there yet. It is replaced whole, so that a reader
/// sees the old one or the new one, and only its owner can read it. Blocks.
///
/// # Errors
/// A file that is no JSON is left alone.
pub(super) fn edit<T>(path: &Path, change: impl FnOnce(&mut Auths) -> Result<T, serde_json::Error>) -> Result<T, RemoteError> {
    let unwritable = |source: std::io::Error| RemoteError::Unwritable { path: path.to_owned(), source: Cause::new(source.to_string()) };
    let target = follow(path).map_err(unwritable)?;
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    make_folder(folder).map_err(unwritable)?;
    let _lock = lock(folder).map_err(unwritable)?;
    let text = match fs::read(&target) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unwritable(error)),
    };
    // Docker takes an empty file for one with nothing in it, too.
    let mut file: Object = if text.trim_ascii().is_empty() { Object::default() } else { parse(path, &text, (0, 0))? };
    let object = match file.get(AUTHS).filter(|auths| auths.get() != "null") {
        Some(auths) => parse(path, auths.get().as_bytes(), start_of(&text, auths.get()))?,
        None => Object::default(),
    };
    let mut auths = Auths { object, changed: false };
    let written = |error: serde_json::Error| RemoteError::Unwritable { path: path.to_owned(), source: Cause::new(error.to_string()) };
    let result = change(&mut auths).map_err(written)?;
    if auths.changed {
        file.set(AUTHS, RawValue::from_string(auths.object.text(1)).map_err(written)?);
        replace(&target, folder, &(file.text(0) + "\n")).map_err(unwritable)?;
    }
    Ok(result)
}

/// Parses an object that begins after so many lines and columns of the file.
fn parse(path: &Path, text: &[u8], start: (usize, usize)) -> Result<Object, RemoteError> {
    serde_json::from_slice(text).map_err(|error| {
        let column = if error.line() == 1 { error.column() + start.1 } else { error.column() };
        let expected = if error.is_data() { "an object as docker writes it" } else { "valid JSON" };
        RemoteError::Damaged { path: path.to_owned(), line: error.line() + start.0, column, expected: expected.to_owned() }
    })
}

/// Finds after how many lines, and columns of the last one, a value begins.
fn start_of(text: &[u8], value: &str) -> (usize, usize) {
    let at = text.windows(value.len().max(1)).rposition(|window| window == value.as_bytes()).unwrap_or(0);
    let before = text.get(..at).unwrap_or_default();
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    (lines, before.iter().rev().take_while(|byte| **byte != b'\n').count())
}

/// Finds the file that a path leads to, which need not exist: people link their config from elsewhere.
fn follow(path: &Path) -> std::io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&target) else { return Ok(target) };
        target = target.parent().map_or_else(|| next.clone(), |parent| parent.join(&next));
    }
    Err(std::io::Error::other("too many links"))
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Locks the folder itself, so that no file for it stays behind. Docker locks nothing; where a folder
/// cannot be locked (NFS, Windows) nor do we.
fn lock(folder: &Path) -> std::io::Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(std::io::Error::other(format!("somebody else has locked its folder for {} s", PATIENCE.as_secs())));
            }
        }
    }
}

/// Writes the file anew beside its place, and moves it there. `tempfile` gives it to its owner alone.
fn replace(target: &Path, folder: &Path, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".config.json-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    keep_owner(target, file.path());
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

/// Leaves the file to whom it belonged: root may log in for somebody else (`sudo`).
#[cfg(unix)]
fn keep_owner(target: &Path, new: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    if let (Ok(old), Ok(own)) = (fs::metadata(target), fs::metadata(new))
        && (old.uid(), old.gid()) != (own.uid(), own.gid())
    {
        let _ = chown(new, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn login(path: &Path, key: &str) -> Result<(), RemoteError> {
        edit(path, |auths| auths.set(key, &json!({ "auth": "dTpw" })))
    }

    #[test]
    fn everything_else_stays_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let text = concat!(
            "{\"psFormat\":\"table {{.ID}}\\u0041\",  \"big\": 123456789012345678901234567890, \"auths\": {\"a.lan\":\n{ \"auth\" :\"eDp5\",",
            "\"email\":null}},\n \"proxies\": {\"z\": 1.0, \"a\": [ ]}}"
        );
        fs::write(&path, text).unwrap();
        login(&path, "b.lan").unwrap();
        let expected = concat!(
            "{\n\t\"psFormat\": \"table {{.ID}}\\u0041\",\n\t\"big\": 123456789012345678901234567890,\n\t\"auths\": {\n",
            "\t\t\"a.lan\": { \"auth\" :\"eDp5\",\"email\":null},\n\t\t\"b.lan\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t},\n",
            "\t\"proxies\": {\"z\": 1.0, \"a\": [ ]}\n}\n"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        // The same once more changes nothing at all.
        login(&path, "b.lan").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(edit(&path, |auths| Ok(auths.remove(|key| key == "b.lan"))).unwrap(), 1);
        assert!(!fs::read_to_string(&path).unwrap().contains("b.lan"));
    }

    #[test]
    fn a_file_that_is_not_there_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("config.json");
        assert_eq!(edit(&path, |auths| Ok(auths.remove(|_| true))).unwrap(), 0);
        assert!(!path.exists());
        login(&path, "a.lan").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\n\t\"auths\": {\n\t\t\"a.lan\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        // Nothing lies about.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_damaged_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (text, place) in [
            ("{\n  \"auths\": {\n    \"a\": nonsense", ":3:11: expected valid JSON"),
            ("{\"auths\": {}", ":1:12: expected valid JSON"),
            ("[]", ":1:0: expected an object as docker writes it"),
            ("{\n\t\"auths\":\n  []}", ":3:2: expected an object as docker writes it"),
            ("{\"auths\": {}} trailing", ":1:15: expected valid JSON"),
        ] {
            fs::write(&path, text).unwrap();
            let error = login(&path, "b.lan").unwrap_err();
            assert_eq!(error.to_string(), format!("{}{place}", path.display()), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("config.json"), folder.path().join("dotfiles").join("docker.json"));
        std::os::unix::fs::symlink("dotfiles/docker.json", &path).unwrap();
        login(&path, "a.lan").unwrap();
        login(&path, "b.lan").unwrap();
        assert!(path.symlink_metadata().unwrap().is_symlink());
        assert!(fs::read_to_string(target).unwrap().contains("b.lan"));
    }

    #[test]
    fn logins_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let path = &path;
                scope.spawn(move || (0..8).for_each(|number| login(path, &format!("{thread}-{number}.lan")).unwrap()));
            }
        });
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(file["auths"].as_object().unwrap().len(), 64);
    }
}
