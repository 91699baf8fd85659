//! What goes with the images of a plan to another place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod parts;

use std::sync::Arc;

use content::{Events, Expected, Limits, Memory, referring};
use index::{Target, Wish, carry_out, follow};
use oci::Selector;
use parts::{decide, part};
use testkit::fixtures::referred;

#[tokio::test]
async fn referrers_of_the_wanted_kinds_follow_and_no_others() {
    let (source, target) = (Memory::new(), Memory::new());
    let made = referred();
    made.put(&source, "app").await;
    let plan = decide(vec![part(&source, "app")], &Wish::default()).await.unwrap();
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(Selector::Name("app".to_owned()), Expected::Any)] }];
    let kinds = ["application/spdx+json", "application/vex+json", "application/vnd.dev.sigstore.bundle.v0.3+json"];
    follow(&plan, &targets, &kinds, Limits::default(), &Events::none()).await.unwrap();
    carry_out(&plan, &targets, Limits::default(), &Events::none()).await.unwrap();
    let subjects: Vec<_> = made.images.iter().map(|image| image.digest().clone()).chain([made.index.digest().clone()]).collect();
    let found = referring(&target, &subjects, Limits::default()).await.unwrap();
    let mut kinds: Vec<_> = found.found.iter().filter_map(|referrer| referrer.descriptor().artifact_type).collect();
    kinds.sort();
    // The bundle signs the index, which a plan makes anew.
    assert_eq!(kinds, ["application/spdx+json", "application/vex+json"]);
    // At home, everything is there already.
    let home = [Target { place: Arc::new(source), names: Vec::new() }];
    let copied = follow(&plan, &home, &["application/spdx+json"], Limits::default(), &Events::none()).await.unwrap();
    assert_eq!(copied.sent, 0);
}
