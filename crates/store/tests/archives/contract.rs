//! The one suite, on both kinds of archive.

use testkit::contract::{self, Fixture};

use super::Folder;
use super::tagged::OneRepository;

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_archive_keeps_the_contract() {
    contract::all(|| async {
        let folder = Folder::new();
        Fixture::new(folder.layout("a.tar"), folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_archive_keeps_the_contract() {
    contract::all(|| async {
        let folder = Folder::new();
        Fixture::new(OneRepository(folder.docker("a.tar")), folder)
    })
    .await;
}
