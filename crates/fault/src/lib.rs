//! What went wrong: the kind of a problem, the hint that goes with it, and the exit code it leads to.
//!
//! Every room defines its own error types and gives them a [`Kind`] and, where the user has a choice,
//! a [`Hint`]. This room never prints and never decides to stop. Start at [`Fault`].

mod exit;

pub use exit::{ExitCode, TABLE};

use std::error::Error;
use std::fmt;

/// Says whose turn it is after a problem; it alone decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The words given make no sense: nothing was sent, nothing was read.
    Usage,
    /// Everything worked and the answer is no (a check failed, a tag is stale).
    Answer,
    /// A registry, a disk or a daemon refused, is unreachable, or holds something broken.
    Place,
    /// A step of a build failed.
    Build,
    /// polyarch broke one of its own rules.
    Bug,
    /// The user or the system asked to stop.
    Interrupted,
}

/// What the user can do now: a command to type or a choice to make, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint(String);

impl Hint {
    /// Makes a hint of a sentence such as ``run `polyarch ls` to see what is here``.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An error that knows its kind and its hint.
///
/// `Display` is one lower-case line without a full stop that says what stopped the wish; [`lines`](Fault::lines) are more,
/// where there are any. What is behind it comes by [`Error::source`] and is printed after `cause:`.
pub trait Fault: Error + Send + Sync + 'static {
    /// Returns whose turn it is now.
    fn kind(&self) -> Kind;

    /// Returns what the user can do, where there is something.
    fn hint(&self) -> Option<Hint> {
        None
    }

    /// Returns the message line by line, never none: what stopped the wish, then where that is, as the line of a file with
    /// a mark under it. Only the lines returned are lines: a break within one is text from elsewhere, and is never obeyed.
    fn lines(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

/// A fault of any type, for the seams where rooms that do not know each other meet.
#[derive(Debug)]
pub struct AnyFault(Box<dyn Fault>);

impl AnyFault {
    /// Wraps a fault.
    pub fn new(fault: impl Fault) -> Self {
        Self(Box::new(fault))
    }

    /// Returns the fault inside, if it is of this type: for a caller who knows that room, and can go
    /// on in another way.
    pub fn downcast_ref<T: Fault>(&self) -> Option<&T> {
        let error: &dyn Error = &*self.0;
        error.downcast_ref()
    }
}

impl fmt::Display for AnyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl Error for AnyFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Fault for AnyFault {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn hint(&self) -> Option<Hint> {
        self.0.hint()
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines()
    }
}

/// A problem on its way up to the person: what was wished, and the fault that stopped it.
///
/// Libraries return their own types; the front collects them in this one.
pub struct Failure {
    wish: Option<String>,
    fault: Box<dyn Fault>,
}

impl Failure {
    /// Names the wish ("create acme/api:1.4"), unless one nearer to the cause is named already.
    #[must_use]
    pub fn wishing(mut self, wish: impl Into<String>) -> Self {
        self.wish.get_or_insert_with(|| wish.into());
        self
    }

    /// Returns what the user wanted, as words that follow "cannot".
    pub fn wish(&self) -> Option<&str> {
        self.wish.as_deref()
    }

    /// Returns the fault itself.
    pub fn fault(&self) -> &dyn Fault {
        &*self.fault
    }

    /// Returns the fault without its wish, for a seam where any fault will do.
    pub fn into_fault(self) -> AnyFault {
        AnyFault(self.fault)
    }

    /// Returns the message line by line: the wish and what stopped it, then where that is.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.fault.lines();
        if let (Some(wish), Some(first)) = (&self.wish, lines.first_mut()) {
            *first = format!("cannot {wish}: {first}");
        }
        lines
    }

    /// Returns the chain of causes, nearest first, without one that only repeats its predecessor.
    pub fn causes(&self) -> Vec<String> {
        let mut said = self.fault.to_string();
        let mut causes = Vec::new();
        let mut next = self.fault.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.contains(&text) {
                causes.push(text.clone());
            }
            said = text;
            next = cause.source();
        }
        causes
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Self {
        Self { wish: None, fault: Box::new(fault) }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Failure").field("wish", &self.wish).field("fault", &self.fault).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wish {
            Some(wish) => write!(formatter, "cannot {wish}: {}", self.fault),
            None => write!(formatter, "{}", self.fault),
        }
    }
}

/// Adds the wish to an error on its way up.
pub trait Wishing<T> {
    /// Turns the error into a [`Failure`] that says what was wished.
    ///
    /// # Errors
    /// Returns the same error, with the wish added.
    fn wishing(self, wish: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Wishing<T> for Result<T, E> {
    fn wishing(self, wish: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| error.into().wishing(wish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Denied(std::io::Error);
    impl fmt::Display for Denied {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("denied")
        }
    }
    impl Error for Denied {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    impl Fault for Denied {
        fn kind(&self) -> Kind {
            Kind::Place
        }
    }

    #[derive(Debug)]
    struct Misspelt;
    impl fmt::Display for Misspelt {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("Dockerfile:1: unknown instruction: FORM")
        }
    }
    impl Error for Misspelt {}
    impl Fault for Misspelt {
        fn kind(&self) -> Kind {
            Kind::Usage
        }
        fn lines(&self) -> Vec<String> {
            vec![self.to_string(), "  1 | FORM scratch".to_owned()]
        }
    }

    #[test]
    fn the_wish_stands_on_the_first_line_alone() {
        let failure = Failure::from(AnyFault::new(Misspelt)).wishing("build");
        assert_eq!(failure.lines(), ["cannot build: Dockerfile:1: unknown instruction: FORM", "  1 | FORM scratch"]);
    }

    #[test]
    fn a_failure_reads_wish_then_reason_then_cause() {
        let failure: Failure = Denied(std::io::Error::other("no token")).into();
        let failure = failure.wishing("push app:1").wishing("an outer wish");
        assert_eq!(failure.to_string(), "cannot push app:1: denied");
        assert_eq!(failure.lines(), ["cannot push app:1: denied"]);
        assert_eq!(failure.causes(), ["no token"]);
        assert_eq!(ExitCode::of(failure.fault().kind()).number(), 3);
    }
}
