//! Flags of other tools that do nothing here: read as those tools read them, and refused by name.

use std::marker::PhantomData;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use fault::{Fault, Hint, Kind};

use super::build::truth;

/// Whether a flag has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Always.
    Value,
    /// `--flag` or `--flag=true`.
    Truth,
}

/// A flag that other tools have.
pub struct Foreign {
    pub long: &'static str,
    short: Option<char>,
    takes: Takes,
    /// Values that ask for what is done anyway; `*` is any.
    pub harmless: &'static [&'static str],
    /// Why it is not there, after "it is not there:".
    reason: &'static str,
    /// What to do.
    instead: &'static str,
}

pub const fn value(long: &'static str, harmless: &'static [&'static str], (reason, instead): (&'static str, &'static str)) -> Foreign {
    Foreign { long, short: None, takes: Takes::Value, harmless, reason, instead }
}

pub const fn truth_of(long: &'static str, harmless: &'static [&'static str], (reason, instead): (&'static str, &'static str)) -> Foreign {
    Foreign { long, short: None, takes: Takes::Truth, harmless, reason, instead }
}

pub const fn short(letter: char, flag: Foreign) -> Foreign {
    Foreign { short: Some(letter), ..flag }
}

/// The flags that a verb does not have.
pub trait Table: Clone + std::fmt::Debug + Default + Send + Sync + 'static {
    /// Every one of them.
    const FLAGS: &'static [Foreign];
}

/// A flag that was given and asks for something that is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} is not there: {reason}")]
pub struct RefusedFlag {
    flag: &'static str,
    reason: &'static str,
    instead: &'static str,
}

impl Fault for RefusedFlag {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(self.instead))
    }
}

/// The flags of the table, as far as they were given. None of their values is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused<T>(Option<RefusedFlag>, PhantomData<T>);

impl<T: Table> Refused<T> {
    /// Passes where every one that was given asks for what is done anyway.
    ///
    /// # Errors
    /// The first one in the table that asks for more.
    pub fn check(&self) -> Result<(), RefusedFlag> {
        self.0.clone().map_or(Ok(()), Err)
    }
}

impl<T: Table> Args for Refused<T> {
    fn augment_args(command: Command) -> Command {
        T::FLAGS.iter().fold(command, |command, flag| {
            let arg = Arg::new(flag.long).long(flag.long).hide(true).action(ArgAction::Append).value_parser(ValueParser::string());
            let arg = match flag.short {
                Some(letter) => arg.short(letter),
                None => arg,
            };
            command.arg(match flag.takes {
                Takes::Value => arg.num_args(1).allow_hyphen_values(true),
                Takes::Truth => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Table> FromArgMatches for Refused<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut refused = Self::default();
        refused.update_from_arg_matches(matches)?;
        Ok(refused)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for flag in T::FLAGS {
            let given = matches.try_get_many::<String>(flag.long).map_err(|_| clap::Error::new(ErrorKind::UnknownArgument))?;
            let asks = given.into_iter().flatten().any(|given| !is_harmless(flag, given));
            if asks && self.0.is_none() {
                self.0 = Some(RefusedFlag { flag: flag.long, reason: flag.reason, instead: flag.instead });
            }
        }
        Ok(())
    }
}

fn is_harmless(flag: &Foreign, given: &str) -> bool {
    let spelt = truth(given).map_or_else(|_| given.to_owned(), |given| given.to_string());
    flag.harmless.iter().any(|harmless| *harmless == "*" || *harmless == given || *harmless == spelt)
}
