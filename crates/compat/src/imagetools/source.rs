//! SOURCE: a reference, a digest alone, or a descriptor as JSON.

use index::Gathered;
use oci::{Annotations, Digest, Locator, Platform};
use serde::Deserialize;
use serde_json::Value;

use super::ImagetoolsError;
use crate::cut;

/// One source, with the place that it is in.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub locator: Locator,
    /// What a descriptor says of it.
    pub stated: Option<Stated>,
}

/// What a descriptor says of a source; what it leaves out is as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stated {
    digest: Digest,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    annotations: Option<Annotations>,
    /// The platform that it is said to be for.
    #[serde(default)]
    pub platform: Option<Platform>,
}

/// A source as it was written.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// Somewhere.
    Place(Locator),
    /// In the repository that everything else is in.
    Digest(Digest),
    /// There too, with more said of it.
    Descriptor(Box<Stated>),
}

/// Reads a source.
pub(crate) fn read(text: &str) -> Result<Written, ImagetoolsError> {
    let bad =
        |why: &str, hint: Option<String>| ImagetoolsError::Source { text: cut(&oci::without_password(text)), why: why.to_owned(), hint };
    if text.trim_start().starts_with('{') {
        return descriptor(text).map(|stated| Written::Descriptor(Box::new(stated))).map_err(|why| bad(&why, None));
    }
    if let Ok(digest) = text.parse() {
        return Ok(Written::Digest(digest));
    }
    if let Some(hex) = text.strip_prefix("sha256:") {
        // A tag of a repository of that name is not meant; buildx refuses it too.
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        return Err(bad(if is_hex { "invalid checksum digest length" } else { "invalid checksum digest format" }, None));
    }
    match text.parse() {
        Ok(locator) => Ok(Written::Place(locator)),
        Err(_) if text.is_empty() => Err(bad("invalid reference format", None)),
        Err(problem) => Err(bad("invalid reference format", Some(problem.to_string()))),
    }
}

fn descriptor(text: &str) -> Result<Stated, String> {
    let tree: Value = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
    if let Some(version) = tree.get("schemaVersion") {
        return Err(format!("expected an OCI content descriptor, got a manifest or index (schemaVersion {version})"));
    }
    if tree.get("digest").is_none() {
        return Err("expected an OCI content descriptor, got one without a digest".to_owned());
    }
    serde_json::from_value(tree).map_err(|problem| problem.to_string())
}

impl Stated {
    /// Returns the digest.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Lets a source be what its descriptor says, as far as that can be: its annotations stand in the index instead of
    /// those that were there.
    ///
    /// # Errors
    /// Where the descriptor and the manifest contradict each other, and where something would be lost.
    pub fn apply(&self, gathered: &mut Gathered) -> Result<(), ImagetoolsError> {
        let label = || gathered.part.label.clone();
        let got = gathered.root.bytes().len() as u64;
        if self.size != 0 && self.size != got {
            return Err(ImagetoolsError::OtherSize { label: label(), stated: self.size, got });
        }
        let media_type = gathered.root.media_type().as_str();
        if !self.media_type.is_empty() && self.media_type != media_type {
            return Err(ImagetoolsError::OtherType { label: label(), stated: self.media_type.clone(), got: media_type.to_owned() });
        }
        let annotations = self.annotations.clone().unwrap_or_default();
        if gathered.root.as_index().is_some() {
            let what = [("annotations", !annotations.is_empty()), ("platform", self.platform.is_some())];
            return match what.into_iter().find(|(_, lost)| *lost) {
                Some((what, _)) => Err(ImagetoolsError::LostWords { label: label(), what }),
                None => Ok(()),
            };
        }
        if let Some(only) = gathered.candidates.first_mut().filter(|_| !annotations.is_empty()) {
            only.descriptor.annotations = annotations;
            gathered.whole = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn digests_references_and_descriptors() {
        let digest = Digest::of(b"x");
        assert!(matches!(read(&digest.to_string()).unwrap(), Written::Digest(read) if read == digest));
        assert!(matches!(read("alpine:3").unwrap(), Written::Place(Locator::Name(_))));
        assert!(matches!(read("oci-layout://dist:1").unwrap(), Written::Place(Locator::Layout { .. })));
        let text = format!(r#"{{"digest":"{digest}","platform":{{"os":"linux","architecture":"arm","variant":"v6"}},"annotations":null}}"#);
        let Written::Descriptor(stated) = read(&text).unwrap() else { panic!("no descriptor") };
        assert_eq!(stated.digest(), &digest);
        assert_eq!(stated.platform.unwrap().to_string(), "linux/arm/v6");
    }

    #[test]
    fn what_is_none_is_refused_in_buildx_words() {
        let valid = "valid sources are digests, references and descriptors";
        assert_eq!(refused(""), format!(r#"failed to parse source "", {valid}: invalid reference format"#));
        assert_eq!(
            refused(r#"{"schemaVersion":2,"mediaType":"x"}"#),
            format!(
                r#"failed to parse source "{{\"schemaVersion\":2,\"mediaType\":\"x\"}}", {valid}: expected an OCI content descriptor, got a manifest or index (schemaVersion 2)"#
            )
        );
        assert!(refused("UPPER").ends_with(": invalid reference format"));
        assert!(refused("sha256:12").ends_with(": invalid checksum digest length"));
        assert!(refused("sha256:xy").ends_with(": invalid checksum digest format"));
        for garbage in ["{", "{}", r#"{"digest":7}"#, r#"{"digest":"sha256:1"}"#, r#"{"digest":"x"} trailing"#] {
            assert!(refused(garbage).starts_with("failed to parse source"), "{garbage}");
        }
        let long = format!("{{{}", "x".repeat(5_000));
        assert!(refused(&long).len() < 1_300);
    }
}
