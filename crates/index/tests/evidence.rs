//! What speaks for an image, on places in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use content::{Limits, Memory};
use index::{Depth, Evidence, EvidenceKind, Tie, describe, evidence};
use oci::RawManifest;
use testkit::fixtures::{Artifact, Image, Index, attestation_entry, put, referred};

async fn look(place: &Memory, root: &RawManifest) -> Evidence {
    let description = describe(place, "image", root, Depth::Document).await.unwrap();
    evidence(place, root, &description, Limits::default()).await.unwrap()
}

fn matrix(evidence: &Evidence) -> Vec<(&str, Vec<u64>)> {
    let counts = |row: &index::EvidenceRow| EvidenceKind::ALL.into_iter().map(|kind| row.count(kind)).collect();
    evidence.rows.iter().map(|row| (row.name.as_str(), counts(row))).collect()
}

#[tokio::test]
async fn the_matrix_counts_each_piece_where_it_belongs() {
    let (place, world) = (Memory::new(), referred());
    world.put(&place, "v1").await;
    let found = look(&place, &world.index).await;
    let expected = [
        // A sigstore bundle and an old tag; a collection of unknown things.
        ("index", vec![2, 0, 0, 0, 1]),
        // Notary's; BuildKit's and an old tag; an SPDX document. What signs that document is not counted here.
        ("linux/amd64", vec![1, 2, 1, 0, 0]),
        // BuildKit's; an old tag; VEX; an artifact of unknown types.
        ("linux/arm64", vec![0, 1, 1, 1, 1]),
    ];
    assert_eq!(matrix(&found), expected);
    assert!(found.left_out.is_empty());
    assert_eq!(found.found.len(), 2 + world.pairs().len());
    let nested = found.found.iter().find(|piece| piece.digest == *world.artifacts[3].digest()).unwrap();
    assert_eq!((&nested.subject, &nested.kinds[..]), (world.artifacts[2].digest(), &[EvidenceKind::Signature][..]));
    let ties: Vec<&Tie> = found.found.iter().flat_map(|piece| &piece.ties).collect();
    assert_eq!(ties.iter().filter(|tie| ***tie == Tie::Embedded).count(), 2);
    assert!(ties.contains(&&Tie::Tag { tag: world.tagged[0].0.clone() }));
}

#[tokio::test]
async fn a_lone_image_is_one_row() {
    let (place, image) = (Memory::new(), Image::new("linux/arm64").build());
    put(&place, &image, Some("v1")).await;
    assert_eq!(matrix(&look(&place, &image.manifest).await), [("linux/arm64", vec![0; 5])]);
    let signature = Artifact::with_config("application/vnd.cncf.notary.signature").subject(&image.manifest.descriptor()).build();
    put(&place, &signature, None).await;
    assert_eq!(matrix(&look(&place, &image.manifest).await), [("linux/arm64", vec![1, 0, 0, 0, 0])]);
}

#[tokio::test]
async fn an_attestation_that_is_not_there_is_of_no_known_kind() {
    let (place, world) = (Memory::new(), referred());
    world.put(&place, "v1").await;
    place.forget(world.images[2].digest());
    assert_eq!(matrix(&look(&place, &world.index).await)[1], ("linux/amd64", vec![1, 1, 1, 0, 1]));
}

#[tokio::test]
async fn the_shape_for_other_programs() {
    let (place, image) = (Memory::new(), Image::new("linux/amd64").build());
    let signature = Artifact::with_config("application/vnd.cncf.notary.signature").subject(&image.manifest.descriptor()).build();
    for image in [&image, &signature] {
        put(&place, image, None).await;
    }
    let mut value = serde_json::to_value(look(&place, &image.manifest).await).unwrap();
    let found = value["found"][0].take();
    assert_eq!(
        value["rows"][0],
        serde_json::json!({
            "name": "linux/amd64", "digest": image.digest(), "signature": 1, "provenance": 0, "sbom": 0, "vex": 0, "other": 0
        })
    );
    assert_eq!(
        found,
        serde_json::json!({
            "digest": signature.digest(), "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": signature.manifest.bytes().len(), "artifactType": "application/vnd.cncf.notary.signature",
            "subject": image.digest(), "kinds": ["signature"], "ties": [{ "by": "subject" }]
        })
    );
}

/// BuildKit's attestations since its version 0.30: in the index, and an artifact that names its subject.
#[tokio::test]
async fn an_attestation_that_names_its_subject_is_one_piece() {
    let (place, image) = (Memory::new(), Image::new("linux/amd64").build());
    let attestation = Artifact::of("application/vnd.docker.attestation.manifest.v1+json")
        .layer("application/vnd.in-toto+json", "{}")
        .on_layer("in-toto.io/predicate-type", "https://slsa.dev/provenance/v1")
        .subject(&image.manifest.descriptor())
        .build();
    let root = Index::new().image(&image).add(attestation_entry(&attestation, &image)).build();
    for image in [&image, &attestation] {
        put(&place, image, None).await;
    }
    let found = look(&place, &root).await;
    assert_eq!(matrix(&found), [("index", vec![0; 5]), ("linux/amd64", vec![0, 1, 0, 0, 0])]);
    assert_eq!(found.found.iter().map(|piece| piece.ties.as_slice()).collect::<Vec<_>>(), [[Tie::Embedded, Tie::Subject]]);
}
