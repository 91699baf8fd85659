//! The trail that handing on leaves in the environment: a wrapper that is called docker and calls us
//! again would otherwise be called for ever.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Holds a process, how many were in it by then, and the programs passed, put together as PATH is.
pub const VARIABLE: &str = "POLYARCH_HANDED_ON";

/// How many dockers may run in one another before they are taken for a circle.
const MOST_NESTED: u32 = 8;

/// What was handed on to before us.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trail {
    nested: u32,
    passed: Vec<PathBuf>,
}

impl Trail {
    /// Reads what the environment has.
    ///
    /// A process keeps its number when it becomes another program, so under that number the trail goes
    /// on. Under another number it is a docker that somebody runs from within docker, and starts afresh;
    /// but a wrapper that waits for us looks the same, so that ends some time.
    pub fn read(variable: Option<&OsStr>, process: u32) -> Self {
        let mut parts = variable.map(env::split_paths).into_iter().flatten();
        let mut number = || parts.next()?.to_str()?.parse::<u32>().ok();
        let (Some(before), Some(nested)) = (number(), number()) else { return Self::default() };
        if before == process || nested >= MOST_NESTED {
            return Self { nested, passed: parts.collect() };
        }
        Self { nested: nested + 1, passed: Vec::new() }
    }

    /// Returns the programs on it, the last one last.
    pub fn passed(&self) -> &[PathBuf] {
        &self.passed
    }

    /// Goes on to a program, and returns what the environment is to have then.
    pub fn on(mut self, process: u32, own: Option<PathBuf>, program: PathBuf) -> OsString {
        self.passed.extend(own.into_iter().chain([program]));
        let numbers = [process, self.nested].map(|number| PathBuf::from(number.to_string()));
        // What PATH could not hold was not found on PATH.
        let parts = numbers.into_iter().chain(self.passed).filter(|part| env::join_paths([part]).is_ok());
        env::join_paths(parts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_goes_on_and_another_starts_afresh_until_there_are_too_many() {
        let on = |trail: Trail, process| trail.on(process, Some("/own".into()), "/w/docker".into());
        let mut mark = on(Trail::read(None, 7), 7);
        let same = Trail::read(Some(&mark), 7);
        assert_eq!((same.nested, same.passed()), (0, ["/own", "/w/docker"].map(PathBuf::from).as_slice()));
        for process in 8..8 + MOST_NESTED {
            let fresh = Trail::read(Some(&mark), process);
            assert_eq!((fresh.nested, fresh.passed()), (process - 7, [].as_slice()));
            mark = on(fresh, process);
        }
        assert_eq!(Trail::read(Some(&mark), 99).passed().len(), 2);
    }

    #[test]
    fn a_trail_that_says_nothing_is_none() {
        for text in ["", ":", "x:0:/a", "7", "7:-1", "4294967296:0:/a"] {
            assert_eq!(Trail::read(Some(OsStr::new(text)), 7), Trail::default(), "{text}");
        }
    }
}
