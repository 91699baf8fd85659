//! The texts that BuildKit writes into an image's history for each instruction, from values that are expanded.
//!
//! `FROM`, `ONBUILD`, and a working directory or a user that come from the base leave no entry. Every function returns
//! the text of `created_by`; the comment beside it is [`COMMENT`].

use crate::duration::format_duration;
use crate::quote::quote_list;
use crate::scope::StageScope;

/// The comment of every entry.
pub const COMMENT: &str = "buildkit.dockerfile.v0";

/// What follows the text of an instruction that makes a layer from a command or from files.
const MARK: &str = " # buildkit";

/// Returns the text of a `RUN`, whose words are those of [`Run::words`](crate::Run::words).
///
/// ```
/// use dockerfile::{StageScope, history};
///
/// let words = ["/bin/sh", "-c", "make"].map(str::to_owned);
/// assert_eq!(history::run(&words, &StageScope::default()), "RUN /bin/sh -c make # buildkit");
/// ```
pub fn run(words: &[String], scope: &StageScope) -> String {
    let mut all = scope.run_prefix();
    all.extend_from_slice(words);
    format!("RUN {}{MARK}", all.join(" "))
}

/// What a `COPY` or `ADD` came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copied<'t> {
    /// `ADD` rather than `COPY`.
    pub add: bool,
    /// `--parents`
    pub parents: bool,
    /// `--chown`, expanded.
    pub chown: Option<&'t str>,
    /// `--chmod`, expanded.
    pub chmod: Option<&'t str>,
    /// The paths, patterns and URLs, expanded.
    pub sources: &'t [String],
    /// The names of the heredocs among the sources.
    pub inline: &'t [String],
    /// Where to, expanded.
    pub destination: &'t str,
}

/// Returns the text of a `COPY` or `ADD`: without `--from`, `--link` and `--exclude`, without logins of addresses, and with heredocs
/// behind the paths.
pub fn copy(copied: &Copied<'_>) -> String {
    let mut text = if copied.add { "ADD".to_owned() } else { "COPY".to_owned() };
    if copied.parents {
        text.push_str(" --parents");
    }
    for (flag, value) in [("chown", copied.chown), ("chmod", copied.chmod)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!(" --{flag}={value}"));
        }
    }
    for source in copied.sources {
        // A login is for the host alone.
        text.push_str(&format!(" {}", crate::address::shown(source)));
    }
    for name in copied.inline {
        text.push_str(&format!(" <<{name}"));
    }
    format!("{text} {}{MARK}", copied.destination)
}

fn pairs(name: &str, pairs: &[(String, Option<String>)]) -> String {
    let written = pairs.iter().map(|(key, value)| match value {
        Some(value) => format!(" {key}={value}"),
        None => format!(" {key}"),
    });
    std::iter::once(name.to_owned()).chain(written).collect()
}

/// Returns the text of an `ENV`, whose pairs are those of [`Applied`](crate::Applied).
pub fn env(applied: &[(String, Option<String>)]) -> String {
    pairs("ENV", applied)
}

/// Returns the text of a `LABEL`.
pub fn label(applied: &[(String, Option<String>)]) -> String {
    pairs("LABEL", applied)
}

/// Returns the text of an `ARG`; a name without a value stands alone.
pub fn arg(applied: &[(String, Option<String>)]) -> String {
    pairs("ARG", applied)
}

/// Returns the text of a `CMD`, with the shell before a text.
pub fn cmd(words: &[String]) -> String {
    format!("CMD {}", quote_list(words.iter().map(String::as_str)))
}

/// Returns the text of an `ENTRYPOINT`, with the shell before a text.
pub fn entrypoint(words: &[String]) -> String {
    format!("ENTRYPOINT {}", quote_list(words.iter().map(String::as_str)))
}

/// Returns the text of a `WORKDIR`: the path it came to, see [`workdir_path`].
pub fn workdir(path: &str) -> String {
    format!("WORKDIR {path}")
}

/// Returns the text of a `USER`.
pub fn user(name: &str) -> String {
    format!("USER {name}")
}

/// Returns the text of a `SHELL`: Go's `%v`, without quotes.
pub fn shell(words: &[String]) -> String {
    format!("SHELL [{}]", words.join(" "))
}

/// Returns the text of a `VOLUME`.
pub fn volume(paths: &[String]) -> String {
    format!("VOLUME [{}]", paths.join(" "))
}

/// Returns the text of an `EXPOSE`, whose ports are those of [`expose`](crate::expose).
pub fn expose(ports: &[String]) -> String {
    format!("EXPOSE [{}]", ports.join(" "))
}

/// Returns the text of a `STOPSIGNAL`.
pub fn stopsignal(signal: &str) -> String {
    format!("STOPSIGNAL {signal}")
}

/// Returns the text of a `MAINTAINER`.
pub fn maintainer(name: &str) -> String {
    format!("MAINTAINER {name}")
}

/// Returns the text of a `HEALTHCHECK`: the Go struct that docker keeps.
pub fn healthcheck(check: &crate::Healthcheck) -> String {
    let (durations, retries) = match check {
        crate::Healthcheck::None => ([0; 4], 0),
        crate::Healthcheck::Command { interval, timeout, start_period, start_interval, retries, .. } => {
            ([*interval, *timeout, *start_period, *start_interval], *retries)
        }
    };
    let [interval, timeout, start_period, start_interval] = durations.map(format_duration);
    let test = healthcheck_test(check).join(" ");
    format!(
        "HEALTHCHECK {{Test:[{test}] Interval:{interval} Timeout:{timeout} StartPeriod:{start_period} StartInterval:{start_interval} Retries:{retries}}}"
    )
}

/// Returns the words of a check as the config has them: `NONE`, `CMD` and words, or `CMD-SHELL` and a text.
pub fn healthcheck_test(check: &crate::Healthcheck) -> Vec<String> {
    match check {
        crate::Healthcheck::None => vec!["NONE".to_owned()],
        crate::Healthcheck::Command { command: crate::CommandLine::Shell(text), .. } => vec!["CMD-SHELL".to_owned(), text.text.clone()],
        crate::Healthcheck::Command { command: crate::CommandLine::Exec(words), .. } => {
            std::iter::once("CMD".to_owned()).chain(words.iter().map(|word| word.text.clone())).collect()
        }
    }
}

/// Returns the working directory that an expanded `WORKDIR` leads to. One that begins with `/` stays as it was written,
/// also with a slash at its end; another is below the one before.
///
/// ```
/// use dockerfile::history::workdir_path;
///
/// assert_eq!(workdir_path("", "a"), "/a");
/// assert_eq!(workdir_path("/a", "b/../c"), "/a/c");
/// assert_eq!(workdir_path("/a", "/tmp/"), "/tmp/");
/// ```
pub fn workdir_path(current: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => crate::clean(&format!("/{current}/{path}")),
    }
}
