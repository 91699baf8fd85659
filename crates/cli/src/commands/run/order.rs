//! From the words of `run` to what the engine is asked for. Files are read here.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use engine::program::Wish;
use fault::Failure;
use oci::Locator;
use sandbox::{Attributes, Bounds, Mount, MountKind, Network, Root, Streams};

use super::error::RunVerbError;
use crate::args::{LimitWord, MountWord, NetworkWord, Run};
use crate::commands::Session;
use crate::commands::build::running::DockerProxies;
use crate::context::Context;

/// How long a file of variables may be, in bytes.
const LONGEST: u64 = 16 << 20;

/// Variables in order; one without a value is taken away.
type Variables = Vec<(OsString, Option<OsString>)>;

/// Returns where the image is.
///
/// # Errors
/// A word that is no place.
pub fn image(arguments: &Run) -> Result<Locator, RunVerbError> {
    let word = arguments.words.first().cloned().unwrap_or_default();
    let text = word.into_string().map_err(|word| RunVerbError::NoText(word.to_string_lossy().into_owned()))?;
    Ok(text.parse()?)
}

/// Returns what is wanted of the program.
///
/// # Errors
/// A file that cannot be read, or that is to be mounted and is not there.
pub fn wish(session: &Session, arguments: &Run, streams: Streams) -> Result<Wish, Failure> {
    let hostname = match &arguments.hostname {
        Some(hostname) => hostname.0.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let usual = Wish::new(hostname);
    Ok(Wish {
        entrypoint: arguments.entrypoint.clone(),
        arguments: arguments.words.get(1..).unwrap_or_default().to_vec(),
        environment: variables(session, arguments)?,
        working: arguments.workdir.clone(),
        user: arguments.user.clone(),
        network: if arguments.network == NetworkWord::None { Network::None } else { Network::Host },
        hosts: arguments.hosts.iter().flat_map(|host| host.addresses.iter().map(|address| (host.name.clone(), *address))).collect(),
        shared_memory: arguments.shared_memory.map(|size| size.0).filter(|size| *size > 0).unwrap_or(usual.shared_memory),
        limits: LimitWord::settle(&arguments.limits),
        bounds: Bounds {
            processes: arguments.processes.map_or(usual.bounds.processes, |count| u64::try_from(count).ok().filter(|count| *count > 0)),
            memory: arguments.memory.map(|size| size.0).filter(|size| *size > 0),
        },
        confinement: arguments.confinement(),
        read_only: arguments.read_only,
        mounts: arguments.mounted()?.into_iter().map(mount).collect::<Result<_, _>>()?,
        streams,
        ..usual
    })
}

/// Proxies of docker's file, then files, then words: each counts over those before.
fn variables(session: &Session, arguments: &Run) -> Result<Variables, Failure> {
    let proxies = DockerProxies::read(session).variables(&[])?;
    let mut all: Variables = proxies.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect();
    for path in &arguments.variable_files {
        all.extend(of_file(&session.context, path)?);
    }
    for word in &arguments.variables {
        let value = word.value.clone().or_else(|| (session.context.variables)(&word.name.to_string_lossy()));
        all.push((word.name.clone(), value));
    }
    Ok(all)
}

fn of_file(context: &Context, path: &Path) -> Result<Variables, RunVerbError> {
    let read = || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(fs::File::open(path)?, LONGEST), &mut text)?;
        Ok(text)
    };
    let text = read().map_err(|problem| RunVerbError::Unreadable { path: path.to_owned(), problem })?;
    let found = parsed(&text, |name| (context.variables)(name));
    found.map_err(|(line, got)| RunVerbError::Line { path: path.to_owned(), line, got })
}

/// Reads a file of variables as docker does: one a line, its value as it stands, without any quoting. A name alone is what the
/// environment says of it, and nothing where that says nothing.
fn parsed(text: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<Variables, (usize, &'static str)> {
    let mut all = Variables::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        let name = if value.is_none() { name.trim_end() } else { name };
        if name.is_empty() {
            return Err((number + 1, "got no name"));
        }
        if name.contains(char::is_whitespace) {
            return Err((number + 1, "got white space in the name"));
        }
        if value.is_some_and(|value| value.contains('\0')) || name.contains('\0') {
            return Err((number + 1, "got a NUL"));
        }
        if let Some(value) = value.map(OsString::from).or_else(|| environment(name)) {
            all.push((name.into(), Some(value)));
        }
    }
    Ok(all)
}

fn mount(word: &MountWord) -> Result<Mount, RunVerbError> {
    let (target, kind) = match word {
        MountWord::Bind { source, target, read_only } => {
            let failed = |problem| RunVerbError::Source { path: source.clone(), target: target.clone(), problem };
            let path = std::path::absolute(source).map_err(failed)?;
            fs::metadata(&path).map_err(failed)?;
            let attributes = Attributes { read_only: *read_only, ..Attributes::default() };
            (target, MountKind::Bind { source: Root::Folder(path.into()), inside: None, attributes })
        }
        MountWord::Tmpfs { target, size, mode, attributes } => {
            (target, MountKind::Tmpfs { size: *size, mode: *mode, attributes: *attributes })
        }
    };
    Ok(Mount { target: target.into(), kind, keep_target: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_is_read_as_docker_reads_it() {
        let environment = |name: &str| (name == "HERE").then(|| OsString::from("of the environment"));
        let text = "\u{feff}# a comment\n\n  A=1 # no comment\nB=\"quoted\"\n  # another\nHERE\nGONE\nC=\nD=x=y\r\n\tE= e \n";
        let all = parsed(text, environment).unwrap();
        let shown: Vec<String> =
            all.iter().map(|(name, value)| format!("{}={}", name.display(), value.as_ref().unwrap().display())).collect();
        assert_eq!(shown, ["A=1 # no comment", "B=\"quoted\"", "HERE=of the environment", "C=", "D=x=y", "E= e "]);
        for (text, line) in [("A=1\n=2\n", 2), ("A B=1\n", 1), ("\nexport A=1", 2), ("A=\0\n", 1), ("A =1", 1)] {
            assert_eq!(parsed(text, environment).unwrap_err().0, line, "{text:?}");
        }
    }
}
