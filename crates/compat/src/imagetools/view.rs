//! The default view of `inspect`.

use oci::{Descriptor, Platform, RawManifest};

use super::Shown;
use super::table::Labelled;

/// Writes what a document is, and the entries of an index.
pub fn view(names: &Shown, document: &RawManifest) -> String {
    let mut lines = Labelled::default();
    lines.line("Name:", &names.whole);
    lines.line("MediaType:", document.media_type().as_str());
    lines.line("Digest:", document.digest().to_string());
    lines.end_block();
    let Some(index) = document.as_index() else { return lines.finish() };
    lines.line("", "");
    lines.line("Manifests:", "");
    lines.end_block();
    for (number, entry) in index.manifests.iter().enumerate() {
        if number > 0 {
            lines.line("", "");
        }
        write_entry(&mut lines, names, entry);
    }
    lines.finish()
}

fn write_entry(lines: &mut Labelled, names: &Shown, entry: &Descriptor) {
    lines.line("  Name:", names.child(&entry.digest));
    lines.line("  MediaType:", entry.media_type.as_str());
    if let Some(platform) = &entry.platform {
        lines.line("  Platform:", format(platform));
        if let Some(version) = &platform.os_version {
            lines.line("  OSVersion:", version);
        }
        if !platform.os_features.is_empty() {
            lines.line("  OSFeatures:", platform.os_features.join(", "));
        }
    }
    if !entry.urls.is_empty() {
        lines.line("  URLs:", entry.urls.join(", "));
    }
    if !entry.annotations.is_empty() {
        lines.line("  Annotations:", "");
        lines.end_block();
        // Go's maps have no order, and buildx prints another one each time.
        for (key, value) in &entry.annotations {
            lines.line(format!("    {key}:"), value);
        }
        lines.end_block();
    }
}

/// Writes a platform as containerd does, without a version.
pub(crate) fn format(platform: &Platform) -> String {
    if platform.os.is_empty() {
        return "unknown".to_owned();
    }
    let parts = [Some(platform.os.as_str()), Some(platform.architecture.as_str()), platform.variant.as_deref()];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::imagetools::shown;
    use testkit::fixtures::{Image, Index, attestation_entry, attestation_for};

    fn names() -> Shown {
        shown(&"reg.example.com/app:1".parse().unwrap())
    }

    #[test]
    fn a_lone_manifest_is_three_lines() {
        let image = Image::new("linux/arm64").build();
        let expected = format!(
            "Name:      reg.example.com/app:1\nMediaType: application/vnd.oci.image.manifest.v1+json\nDigest:    {}\n",
            image.digest()
        );
        assert_eq!(view(&names(), &image.manifest), expected);
    }

    #[test]
    fn the_width_changes_where_annotations_end_a_block() {
        let (amd, arm) = (Image::new("linux/amd64").build(), Image::new("linux/arm/v7").build());
        let attestation = attestation_for(&amd);
        let index = Index::new().image(&amd).add(attestation_entry(&attestation, &amd)).image(&arm).build();
        let (one, two, three) = (amd.digest(), attestation.digest(), arm.digest());
        let expected = format!(
            "Name:      reg.example.com/app:1
MediaType: application/vnd.oci.image.index.v1+json
Digest:    {}
{space:11}
Manifests:{space:1}
  Name:        reg.example.com/app:1@{one}
  MediaType:   application/vnd.oci.image.manifest.v1+json
  Platform:    linux/amd64
{space:15}
  Name:        reg.example.com/app:1@{two}
  MediaType:   application/vnd.oci.image.manifest.v1+json
  Platform:    unknown/unknown
  Annotations:{space:1}
    vnd.docker.reference.digest: {one}
    vnd.docker.reference.type:   attestation-manifest
{space:13}
  Name:      reg.example.com/app:1@{three}
  MediaType: application/vnd.oci.image.manifest.v1+json
  Platform:  linux/arm/v7
",
            index.digest(),
            space = ""
        );
        assert_eq!(view(&names(), &index), expected);
    }

    #[test]
    fn windows_says_its_version_and_an_entry_without_platform_says_none() {
        let windows = Image::new("windows/amd64:10.0.20348.2340").build();
        let mut featured = windows.descriptor();
        featured.platform.as_mut().unwrap().os_features = vec!["win32k".to_owned()];
        let unsaid = Descriptor { platform: None, ..windows.descriptor() };
        let text = view(&names(), &Index::new().add(featured).add(unsaid).build());
        assert!(text.contains("  Platform:   windows/amd64\n  OSVersion:  10.0.20348.2340\n  OSFeatures: win32k\n"), "{text}");
        assert!(text.ends_with("  MediaType:  application/vnd.oci.image.manifest.v1+json\n"), "{text}");
    }
}
