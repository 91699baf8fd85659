//! docs/migrate/imagetools.md says what really happens.

use std::path::Path;

use testkit::fixtures::{Image, Index, attestation_entry, attestation_for};
use testkit::transcript::Transcript;

use crate::program;
use crate::world::World;

#[test]
fn the_page_is_true() {
    let Some(world) = World::new() else { return };
    let made = |platform: &str, text: &str| Image::new(platform).text(text).build();
    let old = made("windows/amd64:10.0.17763.5458", "old");
    let new = made("windows/amd64:10.0.20348.2340", "new");
    let again = made("linux/amd64", "second");
    for (tag, image) in [("win2019", &old), ("win2022", &new), ("amd64-fixed", &again)] {
        world.put(tag, &image.manifest, &[image]);
    }
    let attestation = attestation_for(&world.amd);
    let index = Index::new().image(&world.amd).image(&world.arm64).add(attestation_entry(&attestation, &world.amd)).build();
    world.put("attested", &index, &[&world.amd, &world.arm64, &attestation]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate/imagetools.md");
    let host = world.registry.host();
    let folder = world.home.path().join("page");
    std::fs::create_dir(&folder).unwrap();
    Transcript::new(&program::binary()).current_dir(&folder).replace(&host, "reg.example.com").run_file(&page);
}
