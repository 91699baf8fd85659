//! The smallest honest place passes the suite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use content::Memory;
use testkit::contract::{self, Fixture};

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_a_place() {
    contract::all(|| async { Fixture::new(Memory::new(), ()) }).await;
}
