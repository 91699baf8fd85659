//! `copy`, `push`, `pull`, `save` and `load` between real places: what arrives, and what it costs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::process::Stdio;

use program::{Home, Ran, Serving, images, index_of, tag_of};
use serde_json::Value;
use testkit::dockerd::Dockerd;
use testkit::fixtures::{Image, Index, attestation_entry, attestation_for, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// A layout `app` with an index `1.0` of three platforms, one of them with an attestation.
fn app(home: &Home) -> String {
    let made = images(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    let attestation = attestation_for(&made[0]);
    let index = made.iter().fold(Index::new(), Index::image).add(attestation_entry(&attestation, &made[0])).build();
    let all: Vec<_> = made.iter().chain([&attestation]).collect();
    write_layout(&home.path().join("app"), &[(&index, Some("1.0"))], &all);
    index.digest().to_string()
}

fn done(home: &Home, words: &[&str]) -> Ran {
    let ran = home.run(words);
    assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
    ran
}

#[test]
fn an_image_goes_around_and_comes_back_as_it_was() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (home, far) = (Home::new(), Home::new());
    let digest = app(&home);
    let serving = Serving::start(&far, &[]);
    let stations = [
        "oci:app:1.0".to_owned(),
        "store:app:1.0".to_owned(),
        format!("docker://{}/acme/app:1.0", registry.host()),
        "oci-archive:app.tar:1.0".to_owned(),
        format!("{}/acme/app:1.0", serving.host),
        "docker-archive:docker.tar:acme/app:1.0".to_owned(),
        "oci:back:1.0".to_owned(),
    ];
    for pair in stations.windows(2) {
        let ran = done(&home, &["copy", &pair[0], &pair[1]]);
        assert!(ran.stdout.trim().ends_with(&digest), "{pair:?}: {}", ran.stdout);
        assert!(ran.stderr.contains("3 platforms: linux/amd64, linux/arm64, linux/arm/v7"), "{}", ran.stderr);
    }
    let (first, last) = (home.done(&["inspect", "--raw", "oci:app:1.0"]), home.done(&["inspect", "--raw", "oci:back:1.0"]));
    assert_eq!(first, last);
}

#[test]
fn a_second_run_asks_each_side_once() {
    let (home, far, near) = (Home::new(), Home::new(), Home::new());
    app(&home);
    let (source, target) = (Serving::start(&far, &[]), Serving::start(&near, &[]));
    let (from, to) = (format!("{}/acme/app:1.0", source.host), format!("{}/mirror/app:1.0", target.host));
    done(&home, &["copy", "oci:app:1.0", &from]);
    done(&home, &["copy", &from, &to]);
    let _ = (source.requests(), target.requests());
    let again = done(&home, &["copy", &from, &to]);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    for server in [&source, &target] {
        let asked: Vec<String> = server.requests().into_iter().filter(|line| line.contains("/v2/")).collect();
        assert!(asked.len() == 1 && asked[0].starts_with("HEAD "), "{asked:#?}");
    }
}

#[test]
fn an_image_of_one_platform_costs_a_registry_eight_requests() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let image = Image::new("linux/amd64").build();
    home.layout("one", &[&image]);
    // What the scheme is, is found out before.
    let to = format!("docker://{}/acme/one:1.0", registry.host());
    registry.clear_log();
    done(&home, &["copy", "oci:one", &to]);
    let requests = registry.requests();
    assert!(requests.len() <= 8, "the tag, two blobs of three requests, the tag again: {requests:#?}");
    assert_eq!(home.done(&["digest", &to]).trim(), image.digest().to_string());
}

#[test]
fn some_platforms_arrive_as_an_index_that_a_strict_registry_takes() {
    // It refuses an index with a child that is not there.
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    app(&home);
    let to = format!("{}/acme/app:arm", registry.host());
    let ran = done(&home, &["copy", "--platform", "linux/arm64,arm", "oci:app:1.0", &to]);
    assert!(ran.stderr.contains("2 of 3 platforms: linux/arm64, linux/arm/v7 (not linux/amd64)"), "{}", ran.stderr);
    let shown: Value = serde_json::from_str(&home.done(&["inspect", "--json", &to])).unwrap();
    let platforms: Vec<&str> = shown["platforms"].as_array().unwrap().iter().map(|one| one["platform"].as_str().unwrap()).collect();
    assert_eq!(platforms, ["linux/arm64", "linux/arm/v7"]);
    let again = done(&home, &["copy", "--platform", "linux/arm64,linux/arm/v7", "oci:app:1.0", &to]);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
}

#[test]
fn all_tags_go_along_and_what_they_share_goes_once() {
    let (home, far) = (Home::new(), Home::new());
    let serving = Serving::start(&far, &[]);
    let made = images(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    let all: Vec<_> = made.iter().collect();
    write_layout(&home.path().join("many"), &[(&index_of(&all), Some("all")), (&index_of(&all[..2]), Some("two"))], &all);
    for image in &made {
        done(&home, &["copy", &home.layout("parts", &[image]).display().to_string(), &format!("{}/a/b:{}", serving.host, tag_of(image))]);
    }
    done(&home, &["copy", "--all-images", "oci:many", &format!("{}/a/b", serving.host)]);
    let (from, to) = (format!("{}/a/b", serving.host), format!("{}/c/d", serving.host));
    let ran = done(&home, &["copy", "-a", "--json", &from, &to]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let targets: Vec<&str> = report["images"].as_array().unwrap().iter().map(|image| image["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["all", "amd64", "arm64", "s390x", "two"].map(|tag| format!("{to}:{tag}")));
    let pulled = done(&home, &["pull", "-a", &to]);
    assert_eq!(pulled.stdout.lines().count(), 5);
    let again = done(&home, &["pull", "-a", &to]);
    assert!(again.stderr.contains("0 images pulled, 5 unchanged"), "{}", again.stderr);
}

#[test]
fn push_takes_what_is_here_to_its_name_or_to_another() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let digest = app(&home);
    let name = format!("{}/acme/app:1.0", registry.host());
    done(&home, &["copy", "oci:app:1.0", &format!("store:{name}")]);
    assert_eq!(done(&home, &["push", &name]).stdout, format!("{name}@{digest}\n"));
    done(&home, &["tag", &name, "app:1.0"]);
    let other = format!("{}/other/app:2.0", registry.host());
    let pushed = done(&home, &["push", "app:1.0", &other]);
    assert_eq!(pushed.stdout, format!("{other}@{digest}\n"));
    assert!(pushed.stderr.contains("pushed to"), "{}", pushed.stderr);
    assert!(done(&home, &["push", "app:1.0", &other]).stderr.contains("unchanged"));
    let shown = home.done(&["digest", &format!("docker://{other}")]);
    assert_eq!(shown.trim(), digest);
    // Pulling the target must not turn the same line into a push of both to their own names.
    done(&home, &["pull", &other]);
    let unclear = home.run(&["push", "app:1.0", &other]);
    assert!(unclear.code == 2 && unclear.stderr.contains(&format!("hint: polyarch copy store:app:1.0 {other}\n")), "{}", unclear.stderr);
    assert!(done(&home, &["copy", "store:app:1.0", &other]).stderr.contains("unchanged"));
}

#[test]
fn what_was_pulled_is_read_from_here_while_it_is_still_that_and_without_a_network() {
    let (home, far) = (Home::new(), Home::new());
    let digest = app(&home);
    let name = {
        let serving = Serving::start(&far, &[]);
        let name = format!("{}/acme/app:1.0", serving.host);
        done(&home, &["copy", "oci:app:1.0", &name]);
        assert_eq!(done(&home, &["pull", &name]).stdout, format!("{name}@{digest}\n"));
        let _ = serving.requests();
        let shown = done(&home, &["inspect", &name]);
        assert!(shown.stderr.contains("found in the local store, as pulled"), "{}", shown.stderr);
        let asked: Vec<String> = serving.requests().into_iter().filter(|line| line.contains("/v2/")).collect();
        assert!(asked.len() == 1 && asked[0].starts_with("HEAD "), "{asked:#?}");
        // Somebody moves the tag: the copy here is old.
        done(&home, &["copy", "--platform", "linux/amd64", "oci:app:1.0", &name]);
        assert_ne!(home.done(&["digest", &name]).trim(), digest);
        name
    };
    let away = done(&home, &["digest", &name]);
    assert_eq!(away.stdout.trim(), digest);
    assert!(away.stderr.contains("warning:") && away.stderr.contains("as it was pulled"), "{}", away.stderr);
}

#[test]
fn pull_does_not_take_the_name_of_an_image_that_was_made_here() {
    let (home, far) = (Home::new(), Home::new());
    app(&home);
    let serving = Serving::start(&far, &[]);
    let name = format!("{}/acme/app:1.0", serving.host);
    done(&home, &["copy", "oci:app:1.0", &name]);
    done(&home, &["copy", "--platform", "linux/amd64", "oci:app:1.0", &format!("store:{name}")]);
    let before = home.done(&["ls"]);
    let refused = home.run(&["pull", &name]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("was made here") && refused.stderr.contains("polyarch tag"), "{}", refused.stderr);
    assert_eq!(home.done(&["ls"]), before);
}

#[test]
fn save_writes_to_a_pipe_what_load_reads_from_one() {
    let Some(engine) = Dockerd::shared() else { return };
    let home = Home::new();
    app(&home);
    done(&home, &["copy", "oci:app:1.0", "store:piped:1.0"]);
    let mut saving = home.command(&["save", "piped:1.0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut loading = home.command(&["load", "-i", "-"]);
    loading.env("DOCKER_HOST", engine.host()).stdin(saving.stdout.take().unwrap());
    let loaded = loading.output().unwrap();
    assert!(saving.wait().unwrap().success());
    let said = String::from_utf8(loaded.stderr).unwrap();
    assert!(loaded.status.success() && said.contains("keeps one platform per image: linux/amd64 of 3"), "{said}");
    let mut other = home.command(&["load", "--platform", "linux/arm64", "piped:1.0"]);
    let other = Ran::of(other.env("DOCKER_HOST", engine.host()));
    assert!(other.code == 0 && other.stderr.contains("1 of 3 platforms: linux/arm64"), "{}", other.stderr);
}

#[test]
fn an_archive_that_was_there_is_replaced_whole_or_not_at_all() {
    let home = Home::new();
    app(&home);
    std::fs::write(home.path().join("old.tar"), "not an archive").unwrap();
    let failed = home.run(&["save", "oci:app:none", "-o", "old.tar"]);
    assert_eq!(failed.code, 3, "{}", failed.stderr);
    assert_eq!(std::fs::read(home.path().join("old.tar")).unwrap(), b"not an archive");
    done(&home, &["save", "oci:app:1.0", "-o", "old.tar"]);
    done(&home, &["inspect", "oci-archive:old.tar"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("new.tar", home.path().join("link.tar")).unwrap();
        done(&home, &["save", "oci:app:1.0", "-o", "link.tar"]);
        assert!(home.path().join("new.tar").is_file() && home.path().join("link.tar").is_symlink());
        assert_eq!(home.run(&["save", "--json", "oci:app:1.0", "-o", "/dev/stdout"]).code, 2);
    }
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".polyarch")), "{left:?}");
}

#[test]
fn an_archive_holds_every_image_that_was_saved_or_is_not_written() {
    let home = Home::new();
    let digest = app(&home);
    done(&home, &["copy", "oci:app:1.0", "store:app:1.0"]);
    let other = done(&home, &["copy", "--platform", "linux/arm64", "oci:app:1.0", "store:app:2.0"]).stdout;
    let (first, second) = (format!("store:app@{digest}"), format!("store:app@{}", other.trim().split_once('@').unwrap().1));
    let refused = home.run(&["save", &first, &second, "-o", "both.tar"]);
    assert!(refused.code == 2 && refused.stderr.contains("would both be without a name in the archive"), "{}", refused.stderr);
    assert!(!home.path().join("both.tar").exists());
    done(&home, &["save", "store:app:1.0", &second, "-o", "both.tar"]);
    // A layout's tag is no name: an engine would take it for the repository `1.0`.
    done(&home, &["save", "oci:app:1.0", "-o", "one.tar"]);
    assert_eq!(home.run(&["load", "-i", "one.tar"]).code, 2);
    let piped = done(&home, &["save", "--json", "store:app:1.0", "-o", "/dev/null"]);
    assert_eq!(serde_json::from_str::<Value>(&piped.stdout).unwrap()["images"][0]["digest"], *digest);
}

#[test]
fn names_are_those_that_an_engine_knows_and_a_digest_is_kept_to() {
    let home = Home::new();
    let digest = app(&home);
    let far = Home::new();
    let serving = Serving::start(&far, &[]);
    let name = format!("{}/acme/app", serving.host);
    done(&home, &["copy", "oci:app:1.0", &format!("{name}:1.0")]);
    let all = done(&home, &["copy", "--all-tags", &name, "docker-archive:all.tar"]);
    assert_eq!(all.stdout.trim(), format!("docker-archive:all.tar:{name}:1.0@{digest}"));
    let again = done(&home, &["copy", "--all-tags", &name, "docker-archive:all.tar"]);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    let refused = home.run(&["copy", "--all-images", "oci:app", "docker-archive:images.tar"]);
    assert!(refused.code == 2 && refused.stderr.contains("copy oci:app:1.0 docker-archive:images.tar:NAME:TAG"), "{}", refused.stderr);
    let by_digest = done(&home, &["copy", "oci:app:1.0", &format!("{name}@{digest}")]);
    assert!(by_digest.stderr.contains(&format!("next: polyarch inspect {name}@{digest}")), "{}", by_digest.stderr);
    let other = format!("store:app:9@sha256:{}", "0".repeat(64));
    let refused = home.run(&["copy", "oci:app:1.0", &other]);
    assert!(refused.code != 0 && refused.stderr.contains("expected the result to be"), "{}", refused.stderr);
    // Not `latest`: that is another image's name.
    let refused = home.run(&["load", &format!("{name}@{digest}")]);
    assert!(refused.code == 2 && refused.stderr.contains("has no name that Docker could know it by"), "{}", refused.stderr);
    let refused = home.run(&["load", "-i", "all.tar", "./other"]);
    assert!(refused.code == 2 && refused.stderr.contains("expected a name"), "{}", refused.stderr);
}

#[test]
fn all_tags_add_to_the_targets_list_of_referrers() {
    let Some(without) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let made = images(&["linux/amd64"]);
    let index = index_of(&made.iter().collect::<Vec<_>>());
    let kinds = [("from", "application/spdx+json"), ("to", "application/vnd.acme.signature")];
    for (name, kind) in kinds {
        let speaks = Image::new("linux/amd64").artifact(kind).subject(index.descriptor()).build();
        write_layout(&home.path().join(name), &[(&index, Some("1.0")), (&speaks.manifest, None)], &[&made[0], &speaks]);
        done(&home, &["copy", "--referrers", &format!("oci:{name}:1.0"), &format!("{}/{name}:1.0", without.host())]);
    }
    let [from, to] = kinds.map(|(name, _)| format!("{}/{name}", without.host()));
    let said = done(&home, &["copy", "--all-tags", &from, &to]);
    // The list is no image: its tag is not among what was copied.
    assert_eq!(said.stdout.lines().count(), 1, "{}", said.stdout);
    let told: Value = serde_json::from_str(&home.done(&["inspect", "--referrers", "--json", &format!("{to}:1.0")])).unwrap();
    assert_eq!(told["referrers"]["found"].as_array().unwrap().len(), 2, "{told:#}");
}

#[test]
fn referrers_follow_their_image_through_a_registry_without_their_api() {
    let Some(without) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let made = images(&["linux/amd64", "linux/arm64"]);
    let index = index_of(&made.iter().collect::<Vec<_>>());
    let signature = Image::new("linux/amd64").artifact("application/vnd.acme.signature").subject(index.descriptor()).build();
    let sbom = Image::new("linux/amd64").artifact("application/spdx+json").subject(made[1].descriptor()).build();
    let cosign = Image::new("linux/amd64").artifact("application/vnd.dev.cosign.artifact.sig.v1+json").build();
    let tag = format!("sha256-{}.sig", made[0].digest().hex());
    let roots = [(&index, Some("1.0")), (&cosign.manifest, Some(tag.as_str())), (&signature.manifest, None), (&sbom.manifest, None)];
    write_layout(&home.path().join("signed"), &roots, &[&made[0], &made[1], &signature, &sbom, &cosign]);
    let homes = [Home::new(), Home::new(), Home::new()];
    let [first, third, fourth] = homes.each_ref().map(|home| Serving::start(home, &[]));
    let hosts = [first.host.clone(), without.host(), third.host.clone()];
    let names: Vec<String> = hosts.iter().map(|host| format!("{host}/acme/app:1.0")).collect();
    let mut source = "oci:signed:1.0".to_owned();
    for name in &names {
        let ran = done(&home, &["copy", "--referrers", &source, name]);
        assert!(ran.stderr.contains("3 referrers, 3 of them new there"), "{name}: {}", ran.stderr);
        let again = done(&home, &["copy", "--referrers", &source, name]);
        assert!(again.stderr.contains("3 referrers, 0 of them new there"), "{name}: {}", again.stderr);
        source.clone_from(name);
    }
    let part = done(&home, &["copy", "--referrers", "--platform", "linux/arm64", &source, &format!("{}/part/app:1.0", fourth.host)]);
    assert!(part.stderr.contains("1 referrer, 1 of them new there"), "{}", part.stderr);
    // The signature of both together says nothing of one.
    let said = format!("left out 1 referrer of the whole index {}", index.digest().short());
    assert!(part.stderr.contains(&said), "{}", part.stderr);
}
