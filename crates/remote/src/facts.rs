//! What was learned of a host by asking, so that it is not asked again in vain.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use content::Recall;

/// The fact that large uploads go in pieces, as it is remembered across runs.
const UPLOADS: &str = "uploads";
const IN_PIECES: &str = "in pieces";
/// The fact that what was put is not shown at once.
const SHOWS: &str = "shows";
const LATE: &str = "late";

/// What is known of one host. Only what does no harm where it is true no longer outlives the process:
/// a host that takes whole uploads again is noticed, and one that shows everything at once costs one
/// look for each tag.
pub(crate) struct Facts {
    host: String,
    recall: Arc<dyn Recall>,
    in_pieces: OnceLock<AtomicBool>,
    lags: OnceLock<AtomicBool>,
    /// Pairs of repositories, from and to.
    no_mounts: Mutex<HashSet<(String, String)>>,
}

impl Facts {
    pub(crate) fn new(host: &str, recall: Arc<dyn Recall>) -> Self {
        Self { host: host.to_owned(), recall, in_pieces: OnceLock::new(), lags: OnceLock::new(), no_mounts: Mutex::default() }
    }

    fn in_pieces(&self) -> &AtomicBool {
        self.in_pieces.get_or_init(|| AtomicBool::new(self.recall.fact(&self.host, UPLOADS).as_deref() == Some(IN_PIECES)))
    }

    /// Tells whether large uploads go in pieces.
    pub(crate) fn takes_pieces_only(&self) -> bool {
        self.in_pieces().load(Ordering::Relaxed)
    }

    /// Remembers that no large upload is taken whole.
    pub(crate) fn learn_pieces(&self) {
        if !self.in_pieces().swap(true, Ordering::Relaxed) {
            self.recall.keep_fact(&self.host, UPLOADS, IN_PIECES);
        }
    }

    /// Forgets it, where it was known: pieces were refused.
    pub(crate) fn forget_pieces(&self) -> bool {
        let known = self.in_pieces().swap(false, Ordering::Relaxed);
        if known {
            self.recall.keep_fact(&self.host, UPLOADS, "");
        }
        known
    }

    fn late(&self) -> &AtomicBool {
        self.lags.get_or_init(|| AtomicBool::new(self.recall.fact(&self.host, SHOWS).as_deref() == Some(LATE)))
    }

    /// Tells whether the host was seen not to show at once what was put.
    pub(crate) fn lags(&self) -> bool {
        self.late().load(Ordering::Relaxed)
    }

    /// Remembers that it needs its time.
    pub(crate) fn learn_lag(&self) {
        if !self.late().swap(true, Ordering::Relaxed) {
            self.recall.keep_fact(&self.host, SHOWS, LATE);
        }
    }

    /// Tells whether blobs of one repository are never mounted into another.
    pub(crate) fn mounts_nothing(&self, from: &str, to: &str) -> bool {
        self.no_mounts.lock().unwrap_or_else(PoisonError::into_inner).contains(&(from.to_owned(), to.to_owned()))
    }

    /// Remembers that they are not.
    pub(crate) fn learn_no_mounts(&self, from: &str, to: &str) {
        self.no_mounts.lock().unwrap_or_else(PoisonError::into_inner).insert((from.to_owned(), to.to_owned()));
    }
}
