//! What the rooms tell about their work while they do it. How it looks is the front's business.

use std::fmt;
use std::sync::Arc;

use oci::Descriptor;

use crate::Placed;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
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
