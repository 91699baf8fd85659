//! Clauses about forgetting, and about who refers to whom.

use oci::Digest;

use super::case::{Case, by_digest, named};
use crate::fixtures::Image;

pub(super) async fn name(case: &Case) {
    let image = Image::new("linux/amd64").build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    case.tag("v2", &image.manifest).await;
    let removed = case.place.remove(&named("v1")).await;
    if !case.abilities().remove {
        case.unsupported("removing a name", removed);
        case.equal("the tags", vec!["v1".to_owned(), "v2".to_owned()], case.tags().await);
        return;
    }
    case.ok("removing a name", removed);
    case.no_tag("after removing it", "v1").await;
    case.equal("the tags", vec!["v2".to_owned()], case.tags().await);
    let other = case.at("v2").await;
    case.ok("reading the image by digest", case.place.manifest(&by_digest(other.digest())).await);
}

pub(super) async fn manifest(case: &Case) {
    let (image, other) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
    for (image, tags) in [(&image, ["v1", "v2"]), (&other, ["v3", "v4"])] {
        case.put(image).await;
        for tag in tags {
            case.tag(tag, &image.manifest).await;
        }
    }
    let digest = case.at("v1").await.digest().clone();
    let removed = case.place.remove(&by_digest(&digest)).await;
    if !case.abilities().remove {
        case.unsupported("removing a manifest", removed);
        case.equal("the manifest after the refusal", &digest, case.at("v1").await.digest());
        return;
    }
    case.ok("removing a manifest", removed);
    case.missing("reading it by digest", case.place.manifest(&by_digest(&digest)).await);
    case.missing("reading its first name", case.place.manifest(&named("v1")).await);
    case.no_tag("after its manifest was removed", "v2").await;
    case.equal("the tags", vec!["v3".to_owned(), "v4".to_owned()], case.tags().await);
    // Putting it again brings it back: nothing remembers that it was removed.
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    case.equal("the tag after putting it again", &digest, case.at("v1").await.digest());
}

pub(super) async fn nothing(case: &Case) {
    let image = Image::new("linux/amd64").build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let nowhere = Digest::of(b"nowhere");
    for selector in [named("v2"), by_digest(&nowhere)] {
        let removed = case.place.remove(&selector).await;
        if case.abilities().remove {
            case.missing(format_args!("removing {selector}, which is not there"), removed);
        } else {
            case.unsupported(format_args!("removing {selector}"), removed);
        }
    }
    case.equal("the tags", vec!["v1".to_owned()], case.tags().await);
}

pub(super) async fn referrers(case: &Case) {
    let image = Image::new("linux/amd64").build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let subject = case.at("v1").await;
    let refer = || case.place.referrers(subject.digest());
    case.equal("the referrers before there are any", Vec::new(), case.ok("asking who refers", refer().await));
    if !case.abilities().referrers {
        return;
    }
    let signature = Image::new("linux/amd64")
        .artifact("application/vnd.example.signature")
        .subject(subject.descriptor())
        .file("signature", "signed")
        .build();
    let report = Image::new("linux/amd64").artifact("application/vnd.example.report").subject(subject.descriptor()).build();
    let stranger = Image::new("linux/amd64").artifact("application/vnd.example.report").subject(signature.descriptor()).build();
    for artifact in [&signature, &report, &stranger] {
        case.put(artifact).await;
    }
    let mut expected: Vec<_> = [&signature, &report].map(|artifact| artifact.manifest.descriptor()).map(short).to_vec();
    let mut got: Vec<_> = case.ok("asking who refers", refer().await).into_iter().map(short).collect();
    expected.sort();
    got.sort();
    case.equal("the referrers", expected, got);
    case.equal(
        "the referrers of nothing",
        Vec::new(),
        case.ok("asking who refers to nothing", case.place.referrers(&Digest::of(b"nowhere")).await),
    );
    case.same_bytes("the image", subject.bytes(), case.at("v1").await.bytes());
}

fn short(descriptor: oci::Descriptor) -> (Digest, u64, String, Option<String>) {
    (descriptor.digest, descriptor.size, descriptor.media_type.to_string(), descriptor.artifact_type)
}
