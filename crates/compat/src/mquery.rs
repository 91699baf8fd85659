//! mquery: which platforms an image is for, as text.

use std::fmt::Write;

use oci::{Descriptor, Platform, RawManifest, annotation};

/// Writes the answer. `of_config` are the platforms that configs say: of each entry of an index that says
/// none itself, and of an image alone.
pub fn text(name: &str, root: &RawManifest, of_config: &[Option<Platform>]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "Image: {name} (digest: {})", root.digest());
    let listed = |index: &oci::ImageIndex| {
        let mut listed = String::new();
        for (number, entry) in index.manifests.iter().enumerate().filter(|(_, entry)| is_shown(entry)) {
            let own = entry.platform.as_ref().or_else(|| of_config.get(number).and_then(Option::as_ref));
            let _ = writeln!(listed, "   - {}", own.map_or_else(|| "unknown".to_owned(), shown));
        }
        listed
    };
    match root.as_index() {
        Some(index) => {
            let _ = write!(text, " * Manifest List: Yes (Image type: {})\n * Supported platforms:\n{}", root.media_type(), listed(index));
        }
        None => {
            let own = of_config.first().and_then(Option::as_ref);
            // The level of an image alone is not said.
            let own = own.map_or_else(|| "unknown".to_owned(), |own| format!("{}/{}", own.os, own.architecture));
            let _ = write!(text, " * Manifest List: No (Image type: {})\n * Supports: {own}\n", root.media_type());
        }
    }
    text.push('\n');
    text
}

/// Tells whether an entry is shown: what speaks of an image is none.
pub fn is_shown(entry: &Descriptor) -> bool {
    !entry.annotations.contains_key(annotation::REFERENCE_TYPE)
}

fn shown(platform: &Platform) -> String {
    let variant = platform.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
    let version = platform.os_version.as_ref().filter(|_| platform.os == "windows").map(|version| format!(":{version}"));
    format!("{}/{}{variant}{}", platform.os, platform.architecture, version.unwrap_or_default())
}

/// Says what went wrong.
pub fn failure(problem: &str) -> String {
    format!("ERROR: {problem}")
}

/// What is said where no name was given.
pub const NO_NAME: &str = "Must provide an image name as a command line parameter.";

#[cfg(test)]
mod tests {
    use testkit::fixtures::{Image, Index, attestation_entry, attestation_for};

    use super::*;

    #[test]
    fn an_index_lists_its_images_and_nothing_that_speaks_of_them() {
        let made = ["linux/amd64", "linux/arm/v7", "windows/amd64:10.0.20348.1"].map(|words| Image::new(words).build());
        let attestation = attestation_for(&made[0]);
        let unsaid = oci::Descriptor { platform: None, ..made[1].descriptor() };
        let index = made.iter().fold(Index::new(), |index, image| index.image(image));
        let index = index.add(attestation_entry(&attestation, &made[0])).add(unsaid).build();
        let mut of_config = vec![None; 4];
        of_config.push(Some(Platform::new("linux", "arm", Some("v6"))));
        let expected = format!(
            "Image: app:1 (digest: {})\n * Manifest List: Yes (Image type: application/vnd.oci.image.index.v1+json)\n * Supported \
             platforms:\n   - linux/amd64\n   - linux/arm/v7\n   - windows/amd64:10.0.20348.1\n   - linux/arm/v6\n\n",
            index.digest()
        );
        assert_eq!(text("app:1", &index, &of_config), expected);
    }

    #[test]
    fn an_image_alone_is_said_without_its_level() {
        let image = Image::new("linux/arm/v7").docker().build();
        let expected = format!(
            "Image: app:1 (digest: {})\n * Manifest List: No (Image type: \
             application/vnd.docker.distribution.manifest.v2+json)\n * Supports: linux/arm\n\n",
            image.digest()
        );
        assert_eq!(text("app:1", &image.manifest, &[Some(image.platform.clone())]), expected);
        assert!(text("app:1", &image.manifest, &[None]).ends_with(" * Supports: unknown\n\n"));
    }
}
