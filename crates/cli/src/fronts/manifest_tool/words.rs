//! The words of manifest-tool, as urfave/cli reads them.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Parser, Subcommand};
use compat::manifest_tool::usage::Topic;
use oci::go_quote;
use remote::Secret;

use crate::fronts::{go_bool, go_path};

/// What is asked.
#[derive(Debug, Parser)]
#[command(name = "manifest-tool", disable_help_subcommand = true, args_override_self = true)]
pub struct Words {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags of every verb; they stand before it, and behind it too.
#[derive(Args, Debug)]
pub struct Global {
    /// Tell every request, without secrets
    #[arg(long, global = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub debug: bool,
    /// Do not verify certificates, and speak HTTP where there is no TLS
    #[arg(long, global = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub insecure: bool,
    /// Speak HTTP
    #[arg(long, global = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub plain_http: bool,
    /// The user for the registry of the target, or of what is inspected; no other is shown it
    #[arg(long, global = true, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// The password that goes with it
    #[arg(long, global = true, value_name = "TEXT", allow_hyphen_values = true, value_parser = secret)]
    pub password: Option<Secret>,
    /// Folder of docker's config.json, or a file like it
    #[arg(long, global = true, value_name = "PATH", value_parser = go_path())]
    pub docker_cfg: Option<PathBuf>,
}

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what is in an image
    Inspect(Inspect),
    /// Make one tag of images that exist, and push it
    Push(Push),
}

/// The words of `inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// Print JSON, made of what was read
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub raw: bool,
    /// Put the config into the JSON
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub expand_config: bool,
    /// The image, with a tag or a digest
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What stands behind it is not read.
    #[arg(hide = true)]
    pub rest: Vec<String>,
}

/// The words of `push`.
#[derive(Args, Debug)]
pub struct Push {
    /// Kind of list: docker or oci
    #[arg(long = "type", global = true, value_name = "TYPE", default_value = "docker")]
    pub list: String,
    #[command(subcommand)]
    pub source: Option<PushSource>,
}

/// Where the list comes from.
#[derive(Debug, Subcommand)]
pub enum PushSource {
    /// Push what a YAML file says
    FromSpec(FromSpec),
    /// Push what a template and platforms say
    FromArgs(FromArguments),
}

/// Flags of both.
#[derive(Args, Debug)]
pub struct Common {
    /// Leave out images that do not exist
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub ignore_missing: bool,
    /// Publish images as the platforms they are said to be for, whatever their configs say
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = go_bool, hide_default_value = true)]
    pub force_platform: bool,
}

/// The words of `push from-spec`.
#[derive(Args, Debug)]
pub struct FromSpec {
    #[command(flatten)]
    pub common: Common,
    /// The file; - is the standard input
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// What stands behind it is not read.
    #[arg(hide = true)]
    pub rest: Vec<String>,
}

/// The words of `push from-args`.
#[derive(Args, Debug)]
pub struct FromArguments {
    /// Platforms: OS/ARCH[/VARIANT], separated by commas
    #[arg(long, value_name = "PLATFORM,...", value_delimiter = ',')]
    pub platforms: Vec<String>,
    /// The images' name, in which OS, ARCH and VARIANT stand for a platform's
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// The name of the list
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// More tags for it
    #[arg(long, value_name = "TAG,...", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Annotations of an OCI index
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    pub annotations: Vec<String>,
    #[command(flatten)]
    pub common: Common,
    /// What stands behind the flags is not read.
    #[arg(hide = true)]
    pub rest: Vec<String>,
}

/// Words that cannot be carried out, and the help that goes with them.
#[derive(Debug)]
pub enum Unread {
    /// Help was asked for.
    Help(Topic),
    /// The version was asked for.
    Version,
    /// A flag makes no sense.
    Flag(Topic, String),
    /// There is no such command.
    Command(String),
}

/// Flags that take the word behind them, whatever it looks like.
const WITH_VALUE: [&str; 9] = ["username", "password", "docker-cfg", "type", "platforms", "template", "target", "tags", "annotations"];

/// Reads the words behind the tool's name.
pub fn read(words: Vec<OsString>) -> Result<Words, Unread> {
    if words.first().is_some_and(|word| ["--version", "-version", "-v"].iter().any(|flag| word == *flag)) {
        return Err(Unread::Version);
    }
    let (words, topic) = tidy(words);
    let words = std::iter::once(OsString::from("manifest-tool")).chain(words);
    Words::try_parse_from(words).map_err(|error| unread(&error, topic))
}

/// Writes every flag with two dashes and its value behind `=`, and finds out which command is meant.
fn tidy(words: Vec<OsString>) -> (Vec<OsString>, Topic) {
    let mut topic = Topic::Program;
    let mut tidied = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(text) = word.to_str() else {
            tidied.push(word);
            continue;
        };
        if text == "--" {
            tidied.push(word);
            tidied.extend(words);
            break;
        }
        let Some(flag) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            // `help push` is `push --help`.
            let asks = [Topic::Program, Topic::Push].contains(&topic) && ["help", "h"].contains(&text);
            tidied.push(if asks { OsString::from("--help") } else { word.clone() });
            topic = below(topic, text);
            continue;
        };
        let flag = flag.strip_prefix('-').unwrap_or(flag);
        let mut whole = OsString::from(if flag == "h" { "--help".to_owned() } else { format!("--{flag}") });
        if WITH_VALUE.contains(&flag)
            && let Some(value) = words.next()
        {
            whole.push("=");
            whole.push(value);
        }
        tidied.push(whole);
    }
    (tidied, topic)
}

fn below(topic: Topic, word: &str) -> Topic {
    match (topic, word) {
        (Topic::Program, "inspect") => Topic::Inspect,
        (Topic::Program, "push") => Topic::Push,
        (Topic::Push, "from-spec") => Topic::FromSpec,
        (Topic::Push, "from-args") => Topic::FromArguments,
        (topic, _) => topic,
    }
}

/// Puts what clap says into Go's words (flag, `FlagSet.Parse`).
fn unread(error: &clap::Error, topic: Topic) -> Unread {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    // clap shows what a flag takes behind its name.
    let flag = argument.split([' ', '=', '[']).next().unwrap_or_default().trim_start_matches('-').to_owned();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Unread::Help(topic),
        ErrorKind::UnknownArgument => Unread::Flag(topic, format!("flag provided but not defined: -{flag}")),
        ErrorKind::InvalidSubcommand => Unread::Command(text(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            Unread::Flag(topic, format!("flag needs an argument: -{flag}"))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue);
            Unread::Flag(topic, format!("invalid boolean value {} for -{flag}: parse error", go_quote(&value)))
        }
        _ => Unread::Flag(topic, error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()),
    }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Words, Unread> {
        read(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn flags_have_one_dash_or_two_and_values_look_like_anything() {
        let words = parsed(&["-plain-http", "--username=ann", "-password", "--not-a-flag", "push", "-type", "oci", "from-spec", "f"]);
        let words = words.unwrap();
        assert!(words.global.plain_http && !words.global.insecure);
        assert_eq!(words.global.username.as_deref(), Some("ann"));
        assert_eq!(words.global.password, Some(Secret::new("--not-a-flag")));
        assert!(!format!("{words:?}").contains("not-a-flag"), "{words:?}");
        assert!(matches!(words.verb, Some(Verb::Push(Push { list, source: Some(PushSource::FromSpec(_)) })) if list == "oci"));
        assert!(!parsed(&["--plain-http=false", "inspect", "a:1"]).unwrap().global.plain_http);
        assert!(parsed(&["inspect", "--insecure", "a:1"]).unwrap().global.insecure);
        // Of two, the last counts.
        let twice = parsed(&["--username", "a", "--debug", "--debug", "inspect", "--username", "b", "--raw", "--raw", "a:1"]).unwrap();
        assert_eq!(twice.global.username.as_deref(), Some("b"));
    }

    #[test]
    fn lists_have_commas_or_come_again() {
        let words = parsed(&["push", "from-args", "--platforms", "a/b,c/d", "--platforms=e/f", "--tags", "1,2"]).unwrap();
        let Some(Verb::Push(Push { source: Some(PushSource::FromArgs(words)), .. })) = words.verb else { panic!("{words:?}") };
        assert_eq!((words.platforms, words.tags), (vec!["a/b".into(), "c/d".into(), "e/f".into()], vec!["1".into(), "2".into()]));
    }

    #[test]
    fn what_makes_no_sense_is_said_in_gos_words() {
        let said = |words: &[&str]| match parsed(words) {
            Err(Unread::Flag(topic, text)) => format!("{topic:?}: {text}"),
            other => format!("{other:?}"),
        };
        assert_eq!(said(&["push", "from-args", "-x"]), "FromArguments: flag provided but not defined: -x");
        assert_eq!(said(&["inspect", "--raw=maybe", "a"]), "Inspect: invalid boolean value \"maybe\" for -raw: parse error");
        assert_eq!(said(&["push", "--type"]), "Push: flag needs an argument: -type");
        assert!(matches!(parsed(&["frobnicate"]), Err(Unread::Command(word)) if word == "frobnicate"));
        for (words, expected) in [
            (&["push", "from-spec", "-h"][..], Topic::FromSpec),
            (&["help"], Topic::Program),
            (&["push", "h"], Topic::Push),
            (&["help", "push", "from-args"], Topic::FromArguments),
        ] {
            assert!(matches!(parsed(words), Err(Unread::Help(topic)) if topic == expected), "{words:?}");
        }
        assert!(matches!(parsed(&["--version"]), Err(Unread::Version)));
    }
}
