//! The progress of copies, for whoever looks: a picture on a terminal, lines elsewhere, or nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use content::{Event, Placed};
use indicatif::ProgressDrawTarget;
use oci::{Digest, Platform};

use super::bytes;
use super::picture::Picture;
use crate::args::{Global, ProgressFlag};

/// From here on a blob has a line of its own where nobody asked for any: with fewer bytes it is over
/// before it is read, and the summary counts it.
const LARGE: u64 = 1_000_000;
/// Platforms that are named; the rest is counted.
const NAMED: usize = 2;

/// What a run shows of its copies. Clones share it.
#[derive(Clone)]
pub struct Progress(Arc<Shown>);

enum Shown {
    Picture(Picture),
    Lines {
        /// The smallest blob that has a line.
        from: u64,
        /// Whose the blobs are that are not there yet.
        owners: Mutex<HashMap<Digest, String>>,
    },
    Nothing,
}

impl Progress {
    /// Decides by the flags, and by what stderr is.
    pub fn new(global: &Global) -> Self {
        let lines = |from| Shown::Lines { from, owners: Mutex::default() };
        Self(Arc::new(match global.progress {
            _ if global.quiet => Shown::Nothing,
            ProgressFlag::Quiet | ProgressFlag::Rawjson => Shown::Nothing,
            ProgressFlag::Plain => lines(0),
            ProgressFlag::Auto if global.verbose => lines(LARGE),
            // Hidden where stderr is no terminal, or one that cannot move its cursor.
            ProgressFlag::Auto | ProgressFlag::Tty => match ProgressDrawTarget::stderr() {
                target if target.is_hidden() => lines(LARGE),
                target => Shown::Picture(Picture::on(target)),
            },
        }))
    }

    /// Tells whether a picture is drawn.
    pub fn is_picture(&self) -> bool {
        matches!(&*self.0, Shown::Picture(_))
    }

    /// Takes in what happened; returns the line to say about it, if any.
    pub fn take_in(&self, event: &Event) -> Option<String> {
        match &*self.0 {
            Shown::Picture(picture) => {
                picture.take_in(event);
                None
            }
            Shown::Lines { from, owners } => line(*from, &mut owners.lock().unwrap_or_else(PoisonError::into_inner), event),
            Shown::Nothing => None,
        }
    }

    /// Shows that a step of a build begins; nothing where steps are told in lines, when they are done.
    pub fn begin(&self, platform: &str, step: &str) {
        if let Shown::Picture(picture) = &*self.0 {
            picture.begin(platform, step);
        }
    }

    /// Shows what a step of a build has written; returns whether a line is to be said about it.
    pub fn tail(&self, platform: &str, step: &str, text: &str) -> bool {
        match &*self.0 {
            Shown::Picture(picture) => {
                picture.tail(platform, step, text);
                false
            }
            Shown::Lines { .. } => true,
            Shown::Nothing => false,
        }
    }

    /// Shows that a step of a build is done; returns whether a line is to be said about it.
    pub fn done(&self, platform: &str, step: &str) -> bool {
        match &*self.0 {
            Shown::Picture(picture) => {
                picture.done(platform, step);
                false
            }
            Shown::Lines { .. } => true,
            Shown::Nothing => false,
        }
    }

    /// Prints something while the picture is out of the way.
    pub fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        match &*self.0 {
            Shown::Picture(picture) => picture.aside(print),
            _ => print(),
        }
    }

    /// Takes the picture away; what comes later is not drawn any more.
    pub fn end(&self) {
        if let Shown::Picture(picture) = &*self.0 {
            picture.end();
        }
    }
}

fn line(from: u64, owners: &mut HashMap<Digest, String>, event: &Event) -> Option<String> {
    match event {
        Event::Planned { blobs, .. } => {
            owners.extend(blobs.iter().map(|share| (share.blob.digest.clone(), named(&share.platforms))));
            None
        }
        Event::Blob { blob, placed, place } => {
            let owners = owners.remove(&blob.digest).filter(|owners| !owners.is_empty());
            let how = match placed {
                Placed::Present => return None,
                Placed::Mounted => "mounted in",
                Placed::Sent => "sent to",
            };
            let line = format!("{} ({}) {how} {place}", blob.digest.short(), bytes(blob.size));
            (blob.size >= from).then(|| owners.map_or(line.clone(), |owners| format!("{line} for {owners}")))
        }
        _ => None,
    }
}

/// Names platforms: `linux/amd64, linux/arm64 and 6 more`.
pub fn named(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().take(NAMED).map(ToString::to_string).collect();
    match platforms.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use content::{Event, Placed, Share};
    use oci::{Descriptor, MediaType};

    use super::*;

    fn blob(text: &str, size: u64) -> Descriptor {
        Descriptor { size, ..Descriptor::of(MediaType::OciLayerGzip, text.as_bytes()) }
    }

    fn placed(blob: &Descriptor, placed: Placed) -> Event {
        Event::Blob { blob: blob.clone(), placed, place: "ghcr.io/acme/api".to_owned() }
    }

    #[test]
    fn a_line_for_what_was_sent_or_mounted_and_none_for_its_pieces() {
        let mut owners = HashMap::new();
        let (one, two, small) = (blob("one", 12_300_000), blob("two", 1_000_000), blob("small", 999_999));
        let platforms = ["linux/amd64", "linux/arm64", "linux/s390x"].map(|name| name.parse().unwrap()).to_vec();
        let place = || "ghcr.io/acme/api".to_owned();
        let mut tell = |event: &Event| line(LARGE, &mut owners, event);
        assert_eq!(tell(&Event::Planned { blobs: vec![Share { blob: one.clone(), platforms }], place: place() }), None);
        assert_eq!(tell(&Event::Passed { blob: one.digest.clone(), bytes: 4_000_000, place: place() }), None);
        let short = one.digest.short();
        let sent = format!("{short} (12.3 MB) sent to ghcr.io/acme/api for linux/amd64, linux/arm64 and 1 more");
        assert_eq!(tell(&placed(&one, Placed::Sent)), Some(sent));
        assert_eq!(tell(&placed(&two, Placed::Mounted)), Some(format!("{} (1.00 MB) mounted in ghcr.io/acme/api", two.digest.short())));
        assert_eq!(tell(&placed(&two, Placed::Present)), None);
        assert_eq!(tell(&placed(&small, Placed::Sent)), None);
        assert!(line(0, &mut HashMap::new(), &placed(&small, Placed::Sent)).is_some());
        assert!(owners.is_empty());
    }
}
