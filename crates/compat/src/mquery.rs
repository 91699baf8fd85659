//! mquery: which platforms an image is for, as text.

use oci::{Descriptor, Platform, RawManifest, annotation};

/// Writes the answer, line by line. `of_config` are the platforms that configs say: of each entry of an
/// index that says none itself, and of an image alone.
pub fn text(name: &str, root: &RawManifest, of_config: &[Option<Platform>]) -> Vec<String> {
    let said = |number: usize| of_config.get(number).and_then(Option::as_ref);
    let mut lines = vec![format!("Image: {name} (digest: {})", root.digest())];
    match root.as_index() {
        Some(index) => {
            lines.push(format!(" * Manifest List: Yes (Image type: {})", root.media_type()));
            lines.push(" * Supported platforms:".to_owned());
            for (number, entry) in index.manifests.iter().enumerate().filter(|(_, entry)| is_shown(entry)) {
                let own = entry.platform.as_ref().or_else(|| said(number));
                lines.push(format!("   - {}", own.map_or_else(|| "unknown".to_owned(), shown)));
            }
        }
        None => {
            // The level of an image alone is not said.
            let own = said(0).map_or_else(|| "unknown".to_owned(), |own| format!("{}/{}", own.os, own.architecture));
            lines.push(format!(" * Manifest List: No (Image type: {})", root.media_type()));
            lines.push(format!(" * Supports: {own}"));
        }
    }
    lines.push(String::new());
    lines
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

    fn joined(root: &RawManifest, of_config: &[Option<Platform>]) -> String {
        text("app:1", root, of_config).join("\n") + "\n"
    }

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
        assert_eq!(joined(&index, &of_config), expected);
    }

    #[test]
    fn an_image_alone_is_said_without_its_level() {
        let image = Image::new("linux/arm/v7").docker().build();
        let expected = format!(
            "Image: app:1 (digest: {})\n * Manifest List: No (Image type: \
             application/vnd.docker.distribution.manifest.v2+json)\n * Supports: linux/arm\n\n",
            image.digest()
        );
        assert_eq!(joined(&image.manifest, &[Some(image.platform.clone())]), expected);
        assert!(joined(&image.manifest, &[None]).ends_with(" * Supports: unknown\n\n"));
    }
}
