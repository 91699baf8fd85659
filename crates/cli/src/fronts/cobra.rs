//! How docker and buildx, which read their words by cobra and pflag, say that a word makes no sense.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What docker's tools end with when a flag makes no sense (cli-plugins, `FlagErrorFunc`).
const BAD_FLAG: u8 = 125;

/// Prints help that was asked for, or what is wrong in the words of pflag, and returns the exit code.
/// `command` is the command with its name, such as `docker manifest create`.
pub fn usage(error: &clap::Error, command: &str) -> ExitCode {
    if !error.use_stderr() {
        return crate::console::usage(error);
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    // clap shows what a flag takes behind its name.
    let flag = argument.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
    let problem = match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with("--") => format!("unknown flag: {flag}"),
        ErrorKind::UnknownArgument => format!("unknown shorthand flag: {:?} in {argument}", argument.chars().nth(1).unwrap_or('-')),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => format!("flag needs an argument: {flag}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("invalid argument {:?} for {flag:?} flag{cause}", text(ContextKind::InvalidValue))
        }
        ErrorKind::InvalidSubcommand => {
            say(&format!("docker: unknown command: {command} {}", text(ContextKind::InvalidSubcommand)), command);
            return ExitCode::FAILURE;
        }
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    say(&problem, command);
    ExitCode::from(BAD_FLAG)
}

fn say(problem: &str, command: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{problem}\n\nRun '{command} --help' for more information");
}
