//! Debian's docker-registry and ours in memory, through this room, hold the contract of a place.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use remote::Intent;
use support::{open, settings};
use testkit::contract::{self, Fixture};
use testkit::hostile::HostileRegistry;
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{TokenOptions, TokenServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_registry() {
    let Some(probe) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    drop(probe);
    contract::all_but(DebianRegistry::GAPS, || async {
        let registry = DebianRegistry::start(&RegistryOptions::default()).unwrap();
        let place = open(settings().0, &format!("{}/acme/app", registry.host()), Intent::Write);
        Fixture::shared(place, registry)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_registry_behind_tokens() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    for clause in [contract::Clause::Indexes, contract::Clause::BigBlob, contract::Clause::Expected, contract::Clause::RemoveManifest] {
        contract::one(clause, || async {
            let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
            let place = open(settings().0, &format!("{}/acme/{}", guard.host(), format!("{clause:?}").to_lowercase()), Intent::Write);
            Fixture::shared(place, guard)
        })
        .await;
    }
}

/// The registry that is difficult where a mode says so is honest without one: only then it may judge us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hostile_registry_at_its_best() {
    contract::all(|| async {
        let registry = HostileRegistry::start(&[]).await;
        let place = open(settings().0, &format!("{}/acme/app", registry.host()), Intent::Write);
        Fixture::shared(place, registry)
    })
    .await;
}
