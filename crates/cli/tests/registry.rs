//! `create`, `inspect` and `digest` against real registries: what arrives, what it costs, who wins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::sync::Arc;
use std::thread;

use program::{Home, Ran, Serving, images, index_of, tag_of};
use testkit::fixtures::{BuiltImage, Image, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{TokenOptions, TokenServer, User};

const EIGHT: [&str; 8] =
    ["linux/386", "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"];

/// Pushes images, each under its own tag, and returns the names.
fn push_each(home: &Home, repository: &str, images: &[BuiltImage]) -> Vec<String> {
    let layout = home.layout("parts", &images.iter().collect::<Vec<_>>());
    let push = |image: &BuiltImage| {
        let name = format!("{repository}:{}", tag_of(image));
        home.done(&["create", "--push", "-t", &name, &format!("oci:{}:{}", layout.display(), tag_of(image))]);
        name
    };
    images.iter().map(push).collect()
}

fn create(home: &Home, target: &str, more: &[&str], sources: &[String]) -> Ran {
    let mut words = vec!["create", "--push", "-t", target];
    words.extend(more);
    words.extend(sources.iter().map(String::as_str));
    home.run(&words)
}

fn writes(requests: &[String]) -> usize {
    requests.iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).count()
}

#[test]
fn eight_tags_cost_two_requests_each_and_four_and_nothing_new_costs_nine() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (home, filler) = (Home::new(), Home::new());
    let repository = format!("{}/acme/api", registry.host());
    let sources = push_each(&filler, &repository, &images(&EIGHT));
    let target = format!("{repository}:1.4");
    registry.clear_log();
    let first = create(&home, &target, &[], &sources);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let requests = registry.requests();
    assert!(requests.len() <= 2 * 8 + 4, "{} requests: {requests:#?}", requests.len());
    registry.clear_log();
    let second = create(&home, &target, &[], &sources);
    let requests = registry.requests();
    assert!(second.stderr.contains("unchanged"), "{}", second.stderr);
    assert_eq!((second.code, second.digest()), (0, first.digest()));
    assert!(requests.len() <= 8 + 1, "{} requests: {requests:#?}", requests.len());
    assert_eq!(writes(&requests), 0, "{requests:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_costs_two_requests_more() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let (home, filler) = (Home::new(), Home::new());
    let sources = push_each(&filler, &format!("{}/acme/api", registry.host()), &images(&EIGHT));
    let guarded: Vec<String> = sources.iter().map(|source| source.replace(&registry.host(), &guard.host())).collect();
    let target = format!("{}/acme/api:1.4", guard.host());
    guard.clear_log();
    let ran = create(&home, &target, &[], &guarded);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let requests = guard.requests();
    assert!(requests.len() <= 2 * 8 + 6, "{} requests: {requests:#?}", requests.len());
    guard.clear_log();
    let again = create(&home, &target, &[], &guarded);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    assert!(guard.requests().len() <= 8 + 3, "{:#?}", guard.requests());
}

#[test]
fn inspect_costs_one_request() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let repository = format!("{}/acme/api", registry.host());
    let sources = push_each(&home, &repository, &images(&EIGHT[..3]));
    let target = format!("{repository}:1");
    assert_eq!(create(&home, &target, &[], &sources).code, 0);
    registry.clear_log();
    let elsewhere = Home::new();
    let shown = elsewhere.done(&["inspect", &target]);
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert_eq!(registry.requests().len(), 1, "{:#?}", registry.requests());
    registry.clear_log();
    assert!(elsewhere.done(&["inspect", "--full", &target]).contains("CREATED"));
    assert!(registry.requests().len() <= 1 + 2 * 3, "{:#?}", registry.requests());
    registry.clear_log();
    assert!(elsewhere.done(&["digest", &target]).starts_with("sha256:"));
    assert_eq!(registry.requests().len(), 1);
}

/// Hole 3 of other tools: an index made of old digests.
#[test]
fn a_child_that_was_pushed_again_is_in_the_next_index() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let repository = format!("{}/acme/api", registry.host());
    let sources = push_each(&home, &repository, &images(&["linux/amd64", "linux/arm64"]));
    let target = format!("{repository}:1");
    let first = create(&home, &target, &[], &sources);
    let newer = Image::new("linux/arm64").text("newer").build();
    push_each(&home, &repository, std::slice::from_ref(&newer));
    let second = create(&home, &target, &[], &sources);
    assert_ne!(first.digest(), second.digest());
    assert!(home.done(&["inspect", &target]).contains(&newer.digest().to_string()));
    registry.clear_log();
    let third = create(&home, &target, &[], &sources);
    assert!(third.stderr.contains("unchanged"), "{}", third.stderr);
    assert_eq!((third.digest(), writes(&registry.requests())), (second.digest(), 0));
}

#[test]
fn layers_of_another_repository_of_the_registry_are_mounted_and_others_are_sent_once() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let near = push_each(&home, &format!("{}/acme/parts", registry.host()), &images(&["linux/amd64", "linux/arm64"]));
    let target = format!("{}/acme/api:1", registry.host());
    registry.clear_log();
    let ran = create(&home, &target, &["--json"], &near);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let copied: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    // A config and a layer of each image; the two manifests are sent.
    assert_eq!((&copied["copied"]["mounted"], &copied["copied"]["sent"]), (&4.into(), &2.into()), "{copied:#}");
    let requests = registry.requests();
    assert!(!requests.iter().any(|line| line.starts_with("PUT") && line.contains("/blobs/")), "{requests:#?}");
    // From another registry, everything is sent; what both need once.
    let Some(far) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let ran = create(&home, &format!("{}/acme/api:1", far.host()), &["--json"], std::slice::from_ref(&target));
    let copied: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&copied["copied"]["mounted"], &copied["copied"]["sent"]), (&0.into(), &6.into()), "{copied:#}");
    assert_eq!(home.done(&["digest", &target]), home.done(&["digest", &format!("{}/acme/api:1", far.host())]));
}

/// Runs two creates with different content for one tag at once, and returns both.
fn race(home: &Arc<Home>, target: &str, push: bool, condition: &str, sources: [&str; 2]) -> [Ran; 2] {
    let start = |source: &str| {
        let (home, target, condition, source) = (home.clone(), target.to_owned(), condition.to_owned(), source.to_owned());
        thread::spawn(move || {
            let mut words = vec!["create", "-t", &target, "--if-digest", &condition, &source];
            if push {
                words.insert(1, "--push");
            }
            home.run(&words)
        })
    };
    let racers = sources.map(start);
    racers.map(|racer| racer.join().unwrap())
}

/// Exactly one wins, and the other names the winner's digest.
fn one_winner(home: &Arc<Home>, name: impl Fn(usize) -> String, push: bool, times: usize) {
    let layout = home.layout("racers", &images(&["linux/amd64", "linux/arm64"]).iter().collect::<Vec<_>>());
    let sources = ["amd64", "arm64"].map(|tag| format!("oci:{}:{tag}", layout.display()));
    for number in 0..times {
        let target = name(number);
        let [one, other] = race(home, &target, push, "absent", [&sources[0], &sources[1]]);
        let (winner, loser) = if one.code == 0 { (one, other) } else { (other, one) };
        assert_eq!((winner.code, loser.code), (0, 3), "{}\n{}", winner.stderr, loser.stderr);
        assert!(loser.stderr.contains(winner.digest()), "the loser names {}: {}", winner.digest(), loser.stderr);
    }
}

#[test]
fn of_two_writers_to_one_name_of_the_store_one_wins() {
    let home = Arc::new(Home::new());
    one_winner(&home, |number| format!("race:{number}"), false, 100);
}

#[test]
fn of_two_writers_to_one_tag_of_serve_one_wins() {
    let (home, server) = (Arc::new(Home::new()), Home::new());
    let serving = Serving::start(&server, &[]);
    one_winner(&home, |number| format!("{}/race:{number}", serving.host), true, 100);
}

/// Hole 15 of other tools: of two appends at once, one is lost and nobody hears of it.
fn every_append_lands(home: &Arc<Home>, name: impl Fn(usize) -> String, push: bool) {
    let layout =
        home.layout("appended", &images(&["linux/s390x", "linux/amd64", "linux/arm64", "linux/riscv64"]).iter().collect::<Vec<_>>());
    let append = |target: &str, change: &str, tag: &str| {
        let (home, source) = (home.clone(), format!("oci:{}:{tag}", layout.display()));
        let (target, change) = (target.to_owned(), change.to_owned());
        move || {
            let mut words = vec!["create", "-t", &target, &source];
            words.extend((!change.is_empty()).then_some(change.as_str()));
            words.extend(push.then_some("--push"));
            home.run(&words)
        }
    };
    for number in 0..10 {
        let target = name(number);
        assert_eq!(append(&target, "", "s390x")().code, 0);
        let racers = ["amd64", "arm64", "riscv64"].map(|tag| thread::spawn(append(&target, "--append", tag)));
        for racer in racers {
            let ran = racer.join().unwrap();
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
        let shown = home.done(&["inspect", "--format", "{{len .platforms}}", &target]);
        assert_eq!(shown, "4", "{target}");
    }
}

#[test]
fn three_appends_to_one_name_of_the_store_all_land() {
    every_append_lands(&Arc::new(Home::new()), |number| format!("grow:{number}"), false);
}

#[test]
fn three_appends_to_one_tag_of_serve_all_land() {
    let server = Home::new();
    let serving = Serving::start(&server, &[]);
    every_append_lands(&Arc::new(Home::new()), |number| format!("{}/grow:{number}", serving.host), true);
}

/// docker-registry has no conditional PUT, so both may think they won; but never a mix, and whoever
/// sees the other's digest says so.
#[test]
fn a_registry_without_conditions_never_holds_a_mix() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Arc::new(Home::new());
    let images = images(&["linux/amd64", "linux/arm64", "linux/s390x", "linux/riscv64"]);
    let [one, two] = [[0, 1], [2, 3]].map(|pair| {
        let pair = pair.map(|number: usize| &images[number]);
        let index = index_of(&pair);
        let path = home.path().join(format!("layout-{}", index.digest().hex()));
        write_layout(&path, &[(&index, Some("all"))], &pair);
        (format!("oci:{}:all", path.display()), index.digest().to_string())
    });
    for number in 0..20 {
        let target = format!("{}/race:{number}", registry.host());
        let ran = race(&home, &target, true, "absent", [&one.0, &two.0]);
        let now = home.done(&["digest", &target]);
        assert!(now == one.1 || now == two.1, "{now}");
        assert!(ran.iter().any(|ran| ran.code == 0), "{ran:#?}");
        for ran in ran {
            assert!(ran.code == 0 || ran.stderr.contains("moved: expected"), "{}", ran.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_only_read_can_inspect_and_is_told_why_not_more() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let reader = User { name: "reader".to_owned(), password: "open-sesame".to_owned(), identity_token: None, actions: vec!["pull"] };
    let guard =
        TokenServer::start(registry.address(), TokenOptions { users: vec![reader], anonymous: vec![], ..TokenOptions::default() }).await;
    let home = Home::new();
    let sources = push_each(&home, &format!("{}/acme/api", registry.host()), &images(&["linux/amd64"]));
    let name = sources[0].replace(&registry.host(), &guard.host());
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    // reader:open-sesame
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "cmVhZGVyOm9wZW4tc2VzYW1l"}}}}}}"#, guard.host());
    std::fs::write(home.path().join(".docker/config.json"), config).unwrap();
    let inspected = home.run(&["inspect", "--verbose", &name]);
    assert_eq!(inspected.code, 0, "{}", inspected.stderr);
    assert_eq!(guard.asked(), ["repository:acme/api:pull"]);
    let refused = create(&home, &format!("{}/acme/api:all", guard.host()), &["--verbose"], std::slice::from_ref(&name));
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("denied") && refused.stderr.contains("pull,push"), "{}", refused.stderr);
    for said in [&inspected, &refused] {
        assert!(!said.stderr.contains("open-sesame") && !said.stderr.contains("cmVhZGVyOm9wZW4"), "{}", said.stderr);
    }
}
