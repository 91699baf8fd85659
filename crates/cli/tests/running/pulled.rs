//! Images that are pulled to be run.

use testkit::fixtures::{Image, Index, write_layout};

use crate::kitchen::Kitchen;
use crate::program::{Ran, Serving};

/// A registry with an image for three platforms, of which only one can be unpacked here.
struct Shop {
    kitchen: Kitchen,
    registry: Serving,
    shop: Kitchen,
}

impl Shop {
    fn new() -> Option<Self> {
        let (kitchen, shop) = (Kitchen::new()?, Kitchen::new()?);
        let registry = Serving::start(&shop.home, &[]);
        let made = Self { kitchen, registry, shop };
        made.offer("one");
        Some(made)
    }

    fn offer(&self, word: &str) {
        let said = word.to_owned();
        let config = move |config: &mut serde_json::Value| {
            config["config"] = serde_json::json!({"Entrypoint": ["/bin/echo", said]});
        };
        let own = Image::new("linux/amd64").tar(testkit::busybox_layer().unwrap()).config(config).build();
        let others = [Image::new("linux/arm64").text(word).build(), Image::new("linux/s390x").text(word).build()];
        let index = Index::new().image(&others[0]).image(&own).image(&others[1]).build();
        let path = self.shop.home.path().join(word);
        write_layout(&path, &[(&index, Some("1"))], &[&own, &others[0], &others[1]]);
        self.shop.home.done(&["copy", &format!("oci:{word}:1"), "store:app:1"]);
    }

    fn name(&self) -> String {
        format!("{}/app:1", self.registry.host)
    }

    fn run(&self, flags: &[&str]) -> Ran {
        let name = self.name();
        self.kitchen.home.run(&[&["run", "--plain-http"], flags, &[&name]].concat())
    }
}

#[test]
fn what_is_missing_is_pulled_once_and_only_for_this_machine() {
    let Some(shop) = Shop::new() else { return };
    let name = shop.name();
    let ran = shop.run(&["--pull=never"]);
    assert_eq!(ran.code, 125, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("no image {name} in the local store")), "{}", ran.stderr);
    let ran = shop.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "one\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().next(), Some(&*format!("asking {name}")), "{}", ran.stderr);
    let asked = shop.registry.requests();
    assert!(!asked.is_empty());
    let here = shop.kitchen.home.done(&["inspect", "--json", &format!("store:{name}")]);
    let here: serde_json::Value = serde_json::from_str(&here).unwrap();
    let platforms: Vec<&str> = here["platforms"].as_array().unwrap().iter().map(|entry| entry["platform"].as_str().unwrap()).collect();
    assert_eq!(platforms, ["linux/amd64"]);
    shop.offer("two");
    let _ = shop.registry.requests();
    let ran = shop.run(&["--pull", "missing"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "one\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, format!("found in the local store, as pulled: {name}\n"));
    assert_eq!(shop.run(&["--pull=never"]).stdout, "one\n");
    assert_eq!(shop.registry.requests(), Vec::<String>::new(), "nobody is asked for what is here");
    assert_eq!(shop.run(&["--pull=always"]).stdout, "two\n");
    assert_eq!(shop.run(&[]).stdout, "two\n");
}

#[test]
fn platforms_that_were_pulled_before_stay() {
    let Some(shop) = Shop::new() else { return };
    let (name, stored) = (shop.name(), format!("store:{}", shop.name()));
    shop.kitchen.home.done(&["pull", "--plain-http", &name]);
    shop.offer("two");
    assert_eq!(shop.run(&["--pull=always"]).stdout, "two\n");
    let whole = |home: &crate::program::Home, name: &str| home.done(&["digest", name]);
    assert_eq!(whole(&shop.kitchen.home, &stored), whole(&shop.shop.home, "store:app:1"));
    shop.kitchen.home.done(&["pull", "--plain-http", "--platform=linux/s390x", &name]);
    let ran = shop.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "two\n"), "a copy without this platform is none: {}", ran.stderr);
    let ran = shop.kitchen.home.run(&["digest", "--platform=linux/s390x", &stored]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(shop.kitchen.home.run(&["digest", "--platform=linux/arm64", &stored]).code, 3);
}

#[test]
fn a_registry_and_a_digest_are_asked_without_a_name_here() {
    let Some(shop) = Shop::new() else { return };
    let name = shop.name();
    let digest = shop.shop.home.done(&["digest", "store:app:1"]);
    for word in [format!("docker://{name}"), format!("{}@{digest}", name.trim_end_matches(":1"))] {
        let ran = shop.kitchen.home.run(&["run", "--plain-http", &word]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "one\n"), "{word}: {}", ran.stderr);
    }
    assert!(!shop.kitchen.home.done(&["ls", "--json"]).contains(&name));
    let ran = shop.kitchen.home.run(&["run", "--plain-http", &format!("{}/none:1", shop.registry.host)]);
    assert!(ran.code == 125 && ran.stderr.contains("no image") && ran.stderr.contains("none:1"), "{}", ran.stderr);
}

#[test]
fn what_was_made_here_is_run_and_never_pulled_over() {
    let Some(shop) = Shop::new() else { return };
    shop.kitchen.built("ENTRYPOINT [\"echo\", \"made here\"]\n", &[]);
    let name = shop.name();
    shop.kitchen.home.done(&["tag", "made:1", &name]);
    let ran = shop.run(&[]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("made here\n", "found in the local store\n"));
    assert_eq!(shop.registry.requests(), Vec::<String>::new());
    let ran = shop.run(&["--pull=always"]);
    assert!(ran.code == 125 && ran.stderr.contains("was made here and is another image"), "{}", ran.stderr);
}
