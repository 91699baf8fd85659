//! The contract of a place, kept by the local store and by a layout folder.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::SystemTime;

use store::{Layout, NameOrigin, Store};
use testkit::contract::{self, Fixture};

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_keeps_the_contract() {
    contract::all(|| async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store"), Arc::new(SystemTime::now)).unwrap();
        Fixture::shared(store.repository(&"reg.example:5000/team/app".parse().unwrap(), NameOrigin::Made), folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_folder_keeps_the_contract() {
    contract::all(|| async {
        let folder = tempfile::tempdir().unwrap();
        Fixture::new(Layout::create_or_open(folder.path().join("deep/layout")).unwrap(), folder)
    })
    .await;
}
