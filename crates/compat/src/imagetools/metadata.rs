//! The file of `--metadata-file`.

use oci::{Locator, RawManifest};
use serde_json::json;

use super::shown;

/// Writes what was pushed: its descriptor, and the repositories that have it. No line's end, as buildx.
pub fn metadata(document: &RawManifest, tags: &[Locator]) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in tags.iter().map(|tag| shown(tag).repository) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = json!({
        "containerimage.descriptor": {
            "mediaType": document.media_type().as_str(),
            "digest": document.digest(),
            "size": document.bytes().len(),
        },
        "image.name": names.join(","),
    });
    oci::go_json(&value, "  ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use testkit::fixtures::Index;

    #[test]
    fn keys_and_shape_are_those_of_buildx() {
        let document = Index::new().build();
        let tags: Vec<Locator> = ["r.example.com/a:1", "r.example.com/a:2", "r.example.com/b:1"].map(|tag| tag.parse().unwrap()).into();
        let (media_type, digest, size) = (document.media_type().as_str(), document.digest(), document.bytes().len());
        assert_eq!(
            metadata(&document, &tags),
            format!(
                "{{\n  \"containerimage.descriptor\": {{\n    \"mediaType\": \"{media_type}\",\n    \"digest\": \"{digest}\",\n    \
                 \"size\": {size}\n  }},\n  \"image.name\": \"r.example.com/a,r.example.com/b\"\n}}"
            )
        );
    }
}
