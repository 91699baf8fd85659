//! The ports of `EXPOSE`.

use fault::{Fault, Hint, Kind};

use crate::expand::{Environment, ExpandError, Rules, expand};
use crate::source::{Span, Word};

/// What the words of an `EXPOSE` mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// The ports as the config has them: `80/tcp`.
    pub ports: Vec<String>,
    /// The words that name an address or a port of the host, which mean nothing here.
    pub mappings: Vec<String>,
    /// The words whose protocol is not in lower case.
    pub casing: Vec<String>,
    /// The variables that are not set.
    pub unset: std::collections::BTreeSet<String>,
}

/// A port that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExposeError {
    /// A word that cannot be expanded.
    #[error("{error}")]
    Expand {
        /// Why not.
        error: Box<ExpandError>,
        /// Where the word stands.
        span: Span,
    },
    /// A port that is none.
    #[error("invalid containerPort: {port}")]
    Port {
        /// The port.
        port: String,
        /// Where the word stands.
        span: Span,
    },
    /// A protocol that does not exist.
    #[error("invalid proto: {protocol}")]
    Protocol {
        /// The protocol.
        protocol: String,
        /// Where the word stands.
        span: Span,
    },
}

impl ExposeError {
    /// Returns the place it is about, to be shown by [`Source::show`](crate::Source::show).
    pub fn span(&self) -> Span {
        match self {
            Self::Expand { span, .. } | Self::Port { span, .. } | Self::Protocol { span, .. } => *span,
        }
    }
}

impl Fault for ExposeError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Expand { error, .. } => error.hint(),
            Self::Port { .. } => Some(Hint::new("write a port or a range: 80, 8000-8010/udp")),
            Self::Protocol { .. } => Some(Hint::new("the protocols are tcp, udp and sctp")),
        }
    }
}

/// Expands the words, cuts them at blanks, and counts ranges out.
///
/// The words are sorted first, as they were written: so BuildKit does, and so the history reads.
///
/// ```
/// use dockerfile::{Rules, Span, Word, expose};
///
/// let words = ["90/UDP", "80-81"].map(|text| Word::new(text, Span::default()));
/// assert_eq!(expose(&words, &(), Rules::word('\\'))?.ports, ["80/tcp", "81/tcp", "90/udp"]);
/// # Ok::<(), dockerfile::ExposeError>(())
/// ```
///
/// # Errors
/// Names a word that cannot be expanded, or that is no port.
pub fn expose<E: Environment + ?Sized>(words: &[Word], environment: &E, rules: Rules) -> Result<Exposed, ExposeError> {
    let mut sorted: Vec<&Word> = words.iter().collect();
    sorted.sort_by(|left, right| left.text.cmp(&right.text));
    let mut exposed = Exposed::default();
    for word in sorted {
        let expansion =
            expand(&word.text, environment, rules).map_err(|error| ExposeError::Expand { error: Box::new(error), span: word.span })?;
        exposed.unset.extend(expansion.unset);
        for text in expansion.words {
            exposed.add(&text, word.span)?;
        }
    }
    Ok(exposed)
}

impl Exposed {
    fn add(&mut self, text: &str, span: Span) -> Result<(), ExposeError> {
        let (address, protocol) = text.split_once('/').map_or((text, "tcp"), |(address, protocol)| (address, protocol));
        let lower = protocol.to_lowercase();
        if !matches!(lower.as_str(), "tcp" | "udp" | "sctp") {
            return Err(ExposeError::Protocol { protocol: protocol.to_owned(), span });
        }
        if lower != protocol {
            self.casing.push(text.to_owned());
        }
        let range = address.rsplit(':').next().unwrap_or_default();
        if range.len() < address.len() {
            self.mappings.push(text.to_owned());
        }
        let bad = || ExposeError::Port { port: range.to_owned(), span };
        let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first).ok_or_else(bad)?, number(last).ok_or_else(bad)?);
        if last < first {
            return Err(bad());
        }
        for port in first..=last {
            let port = format!("{port}/{lower}");
            if !self.ports.contains(&port) {
                self.ports.push(port);
            }
        }
        Ok(())
    }
}
