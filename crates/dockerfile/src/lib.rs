//! Reads a Dockerfile: text to typed instructions with their places, and to every problem of the file at once.
//!
//! This room also says what the words mean: it expands variables, follows the scopes of `ARG` and `ENV`, finds the stages
//! that a target needs, reads ignore patterns, modes and durations, and writes the texts of an image's history. The
//! language is that of BuildKit's stable channel, version 1.26, and so are the words of its errors. It never reads a
//! file, a clock or the environment, it never builds, and it pulls no frontend. Start at [`parse`], then [`StageScope`]
//! and [`Graph`].

mod address;
mod automatic;
mod chmod;
mod directive;
mod duration;
mod expand;
mod expose;
mod graph;
mod heredoc;
pub mod history;
mod ignore;
mod instruction;
mod lines;
pub mod lint;
mod mount;
mod parse;
mod problem;
mod quote;
mod scope;
mod signal;
mod source;
mod suggest;
mod syntax;
mod wildcard;
mod words;

pub use address::{Address, AddressError, AddressReason, GitAddress, GitTimes, HttpAddress, Login, check_commit, shown as shown_address};
pub use automatic::{AutomaticArguments, automatic_arguments};
pub use chmod::{Change, Chmod, ChmodError};
pub use directive::{CheckOptions, Directives, Rulebook, detect_syntax};
pub use duration::{format_duration, parse_duration};
pub use expand::{Environment, ExpandError, ExpandReason, Expansion, Quotes, Rules, Unset, expand};
pub use expose::{ExposeError, Exposed, expose};
pub use graph::{Base, Graph, GraphError, Need, Provider, Use, needs};
pub use heredoc::Heredoc;
pub use ignore::{IncludeList, Inclusion, PatternError, PatternList, PatternReason, Verdict, clean, parents_pivot};
pub use instruction::{
    Add, CommandLine, Copy, CopySource, Declaration, Dockerfile, Header, Healthcheck, Instruction, Location, Network, Pairs, Run, Script,
    Security, Stage, Statement,
};
pub use mount::{CacheMount, Mount, MountError, MountField, MountKey, ResolvedMount, SecretMount, Sharing, SshMount, parse_size};
pub use parse::{parse, parse_trigger};
pub use problem::{Problem, Problems, Reason};
pub use quote::{quote, quote_list};
pub use scope::{Applied, Globals, ScopeError, StageScope};
pub use signal::{SignalError, check_signal};
pub use source::{Position, Source, Span, Word};
pub use suggest::nearest_name;
pub use syntax::{Syntax, SyntaxConcern, VERSION};
pub use wildcard::{has_wildcard, wildcard_match};
