//! One request, before it is sent.

use oci::MAX_MANIFEST_SIZE;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::auth::Scopes;
use crate::payload::Payload;

/// What is asked of a registry. It can be sent as often as needed.
pub(crate) struct Ask<'a> {
    pub method: Method,
    pub target: Target,
    pub repository: &'a str,
    pub scopes: Scopes,
    pub headers: HeaderMap,
    pub payload: Payload<'a>,
    pub wanted: Wanted,
    pub repeat: Repeat,
}

/// Where a request goes.
pub(crate) enum Target {
    /// Below the registry's root, beginning with `/v2/`.
    Path(String),
    /// An address that the registry gave.
    Url(Url),
}

/// What becomes of the body of a good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Read whole; it is a small document.
    Document,
    /// Read whole; a list may be longer than a document.
    List,
    /// Left for the caller to stream.
    Stream,
}

impl Wanted {
    /// The most bytes that are read.
    pub(crate) const fn limit(self) -> u64 {
        match self {
            // A registry that knows no pages sends its 500,000 tags at once.
            Self::List => 4 * MAX_MANIFEST_SIZE,
            Self::Document | Self::Stream => MAX_MANIFEST_SIZE,
        }
    }
}

/// When a failed request is sent again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// After every failure that may pass: sending it twice does no harm.
    Always,
    /// Only when the registry cannot have done it: it was not reached, or said "later".
    Refused,
    /// Never: the caller begins anew.
    Never,
}

impl<'a> Ask<'a> {
    /// Makes a request without body that is safe to repeat.
    pub(crate) fn new(method: Method, target: Target, repository: &'a str, scopes: Scopes) -> Self {
        Self {
            method,
            target,
            repository,
            scopes,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            wanted: Wanted::Document,
            repeat: Repeat::Always,
        }
    }

    /// Adds a header. A value that cannot be one is left out; ours are all made of checked words.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sends this along.
    pub(crate) fn with_payload(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }

    /// Chooses when it is sent again.
    pub(crate) const fn repeating(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Expects a list.
    pub(crate) const fn listing(mut self) -> Self {
        self.wanted = Wanted::List;
        self
    }

    /// Leaves the body of the answer to be streamed.
    pub(crate) const fn streaming(mut self) -> Self {
        self.wanted = Wanted::Stream;
        self
    }
}
