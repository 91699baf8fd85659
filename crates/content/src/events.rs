//! What the rooms tell about their work while they do it. How it looks is the front's business.

use std::fmt;
use std::sync::Arc;

use oci::{Descriptor, Digest, Platform};

use crate::Placed;

/// A blob that is about to be brought somewhere, and whose it is.
#[derive(Clone, Debug)]
pub struct Share {
    /// Which.
    pub blob: Descriptor,
    /// The platforms whose images need it, in the order of their index; empty where none is told.
    pub platforms: Vec<Platform>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// These blobs will be brought to a place, as far as they are not there. Each of them ends with
    /// [`Event::Blob`], or with an error of the whole.
    Planned {
        /// The blobs.
        blobs: Vec<Share>,
        /// The place.
        place: String,
    },
    /// Bytes of a blob are on their way. A blob that is sent again begins again.
    Passed {
        /// Which.
        blob: Digest,
        /// The bytes that have left its source in this try.
        bytes: u64,
        /// The place that they are for.
        place: String,
    },
    /// A blob is in its place.
    Blob {
        /// Which.
        blob: Descriptor,
        /// How it came there.
        placed: Placed,
        /// The place.
        place: String,
    },
    /// A manifest is in its place, under its digest.
    Manifest {
        /// Which.
        manifest: Descriptor,
        /// How it came there.
        placed: Placed,
        /// The place.
        place: String,
    },
    /// Something a person should read that stops nothing.
    Warning(String),
    /// What a registry wants people to know (its `Warning` header); once for a run, shown at its end.
    Notice(String),
    /// What only those want to know who ask for everything.
    Detail(String),
    /// One HTTP request and its answer, secrets left out.
    Request(String),
    /// A request is tried again, and why.
    Retry(String),
}

/// Where events go.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends every event to a listener.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Drops every event.
    pub fn none() -> Self {
        Self::to(|_| ())
    }

    /// Tells of something.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }

    /// Tells of something a person should read.
    pub fn warn(&self, text: impl Into<String>) {
        self.tell(Event::Warning(text.into()));
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Events")
    }
}
