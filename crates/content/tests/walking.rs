//! What lies below a manifest is found, whatever else lists it.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use content::{Limits, Memory, Sink, walk};
use oci::{Descriptor, MediaType, RawManifest};
use serde_json::json;
use testkit::fixtures::{Image, Index, put};

/// Found by the fuzz target `archive`: such an image was copied without its config and layers.
#[tokio::test]
async fn a_manifest_that_is_listed_as_bytes_too_is_a_manifest() {
    let (place, image) = (Memory::new(), Image::new("linux/amd64").build());
    put(&place, &image, None).await;
    place.insert_blob(Bytes::copy_from_slice(image.manifest.bytes()));
    let inner = Index::new().image(&image).build();
    place.put_manifest(&inner).await.unwrap();
    let bytes = Descriptor { media_type: MediaType::from("application/vnd.acme.thing"), ..image.manifest.descriptor() };
    for entries in [json!([bytes, inner.descriptor()]), json!([inner.descriptor(), bytes])] {
        let root = json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": entries});
        let root = RawManifest::parse(root.to_string().into(), None).unwrap();
        let tree = walk(&place, &root, None, Limits::default()).await.unwrap();
        assert_eq!(tree.manifests.len(), 3, "the root, the index and the image in it");
        let found: Vec<_> = tree.blobs.iter().map(|share| &share.blob.digest).collect();
        for blob in [&bytes.digest, &image.config.0.digest, &image.layers[0].0.digest] {
            assert!(found.contains(&blob), "{blob} is not among {found:?}");
        }
    }
}
