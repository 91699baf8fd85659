//! The lines that BuildKit's plain printer writes while `create` pushes.

use std::str::FromStr;
use std::time::Duration;

use oci::Digest;

use super::ImagetoolsError;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// In lines; a picture of a push that takes a second helps nobody.
    Lines,
    /// Not at all.
    Nothing,
}

impl FromStr for Display {
    type Err = ImagetoolsError;

    fn from_str(text: &str) -> Result<Self, ImagetoolsError> {
        match text {
            "auto" | "plain" | "tty" | "" => Ok(Self::Lines),
            "none" | "quiet" => Ok(Self::Nothing),
            "rawjson" => Err(ImagetoolsError::RawProgress),
            other => Err(ImagetoolsError::Progress(other.to_owned())),
        }
    }
}

/// One manifest on its way.
#[derive(Clone, Debug)]
pub struct Copying {
    /// Which.
    pub digest: Digest,
    /// The source that it comes from.
    pub from: String,
}

/// The work on one repository: a vertex in BuildKit's words.
#[derive(Clone, Debug)]
pub struct Vertex {
    number: usize,
    repository: String,
}

impl Vertex {
    /// Names the work; numbers begin at 1.
    pub const fn new(number: usize, repository: String) -> Self {
        Self { number, repository }
    }

    /// Returns the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Says what begins.
    pub fn begin(&self, entries: &[Copying]) -> Vec<String> {
        let Self { number, repository } = self;
        let copying = entries.iter().map(|entry| format!("#{number} 0.000 copying {} from {} to {repository}", entry.digest, entry.from));
        std::iter::once(format!("#{number} [internal] pushing {repository}")).chain(copying).collect()
    }

    /// Says that a tag of it was moved, and when.
    pub fn pushed(&self, digest: &Digest, tag: &str, after: Duration) -> String {
        format!("#{} {:.3} pushing {digest} to {tag}", self.number, after.as_secs_f64())
    }

    /// Says that all is done.
    pub fn done(&self, after: Duration) -> String {
        format!("#{} DONE {:.1}s", self.number, after.as_secs_f64())
    }

    /// Says what stopped it.
    pub fn failed(&self, why: &str) -> String {
        format!("#{} ERROR: {why}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_buildkit_prints_them() {
        let digest = Digest::of(b"x");
        let vertex = Vertex::new(1, "localhost:5611/demo/app".to_owned());
        let entries = [Copying { digest: digest.clone(), from: "localhost:5611/demo/app:arm64".to_owned() }];
        assert_eq!(
            vertex.begin(&entries),
            [
                "#1 [internal] pushing localhost:5611/demo/app".to_owned(),
                format!("#1 0.000 copying {digest} from localhost:5611/demo/app:arm64 to localhost:5611/demo/app"),
            ]
        );
        let after = Duration::from_millis(16);
        let pushed = vertex.pushed(&digest, "localhost:5611/demo/app:b1", after);
        assert_eq!(pushed, format!("#1 0.016 pushing {digest} to localhost:5611/demo/app:b1"));
        assert_eq!(vertex.done(after), "#1 DONE 0.0s");
    }
}
