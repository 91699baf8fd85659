//! Whole sessions of `docker manifest`, side by side with the real client: the same stdout, exit codes,
//! files and pushed bytes. What differs on purpose is in `manifest_better.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use program::clients::{Client, lists};
use program::{Home, Ran};
use serde_json::Value;
use testkit::fixtures::{Image, Index, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// Both tools, each with its own configuration, before one registry.
struct Pair {
    client: Client,
    home: Home,
    registry: DebianRegistry,
}

impl Pair {
    /// Fills a registry with images of the client's kind: single ones, an index of them, and, for
    /// clients that know them, OCI's.
    fn start(client: &Client) -> Option<Self> {
        let registry = DebianRegistry::start(&RegistryOptions::default())?;
        let pair = Self { client: client.clone(), home: Home::new(), registry };
        let kinds: &[bool] = if client.knows_oci() { &[true, false] } else { &[true] };
        for docker in kinds {
            pair.fill(*docker);
        }
        Some(pair)
    }

    fn fill(&self, docker: bool) {
        let prefix = if docker { "d-" } else { "" };
        let make = |platform: &str, tag: &str| {
            let image = Image::new(platform).text(tag);
            (tag.to_owned(), if docker { image.docker() } else { image }.build())
        };
        let mut images = vec![
            make("linux/amd64", "amd64"),
            make("linux/arm64", "arm64"),
            make("linux/arm/v7", "armv7"),
            make("linux/arm/v6", "armv6"),
            make("windows/amd64:10.0.20348.2340", "win"),
            make("linux/amd64", "amd64-b"),
        ];
        let silent = Image::new("linux/arm/v7").text("silent").config(|config| drop(config.as_object_mut().unwrap().remove("variant")));
        images.push(("silent".to_owned(), if docker { silent.docker() } else { silent }.build()));
        let index = images[..3].iter().fold(Index::new(), |index, (_, image)| index.image(image)).build();
        let index = if docker {
            let mut tree = index.tree();
            tree["mediaType"] = oci::MediaType::DockerList.as_str().into();
            oci::RawManifest::parse(tree.to_string().into(), None).unwrap()
        } else {
            index
        };
        let layout = self.home.path().join(format!("{prefix}layout"));
        let built: Vec<_> = images.iter().map(|(_, image)| image).collect();
        let roots: Vec<_> =
            images.iter().map(|(tag, image)| (&image.manifest, Some(tag.as_str()))).chain([(&index, Some("multi"))]).collect();
        write_layout(&layout, &roots, &built);
        for (repository, tags) in [
            ("demo/app", ["amd64", "arm64", "armv7", "armv6", "win", "amd64-b", "silent", "multi"].as_slice()),
            ("other/src", ["amd64", "arm64"].as_slice()),
        ] {
            for tag in tags {
                let name = format!("docker://{}/{repository}:{prefix}{tag}", self.registry.host());
                self.home.done(&["copy", &format!("oci:{}:{tag}", layout.display()), &name]);
            }
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    fn ours(&self, words: &[&str]) -> Ran {
        let config = self.home.path().join("ours");
        let mut command = self.home.command(&["--config"]);
        Ran::of(command.arg(config).args(words))
    }

    /// Runs words in both, where `R/` stands for the registry, and compares stdout, exit code and files.
    fn both(&self, line: &str) -> Ran {
        self.spoken(line).1
    }

    /// As [`Pair::both`], with what both said.
    fn spoken(&self, line: &str) -> (Ran, Ran) {
        let line = line.replace("R/", &format!("{}/", self.registry.host()));
        let words: Vec<&str> = line.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        let (theirs, ours) = (self.client.run(&self.home, &words), self.ours(&words));
        let context = format!("{line}\ndocker says: {}\nwe say: {}", theirs.stderr, ours.stderr);
        assert_eq!(ours.code, theirs.code, "{context}");
        let without_bytes = |text: &str| -> String {
            text.lines().filter(|line| !line.trim_start().starts_with("\"Raw\": ")).map(|line| format!("{line}\n")).collect()
        };
        if self.client.knows_oci() {
            assert_eq!(ours.stdout, theirs.stdout, "{context}");
        } else {
            assert_eq!(without_bytes(&ours.stdout), theirs.stdout, "{context}");
        }
        self.compare_files(&line);
        (theirs, ours)
    }

    fn compare_files(&self, line: &str) {
        let (theirs, mut ours) = (lists(&self.home.path().join("docker")), lists(&self.home.path().join("ours")));
        if !self.client.knows_oci() {
            for file in ours.values_mut() {
                file.as_object_mut().map(|fields| fields.remove("Raw"));
            }
        }
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{line}");
        for (name, file) in &theirs {
            // Values are compared, and the order of their keys by their text.
            assert_eq!((ours[name].to_string(), &ours[name]), (file.to_string(), file), "{line}: {name}");
        }
    }

    /// Pushes by docker and then by us, and compares the bytes that arrived.
    fn pushed(&self, line: &str, target: &str) -> Vec<u8> {
        let full = line.replace("R/", &format!("{}/", self.registry.host()));
        let words: Vec<&str> = full.split(' ').collect();
        let theirs = self.client.run(&self.home, &words);
        assert_eq!(theirs.code, 0, "{line}: {}", theirs.stderr);
        let name = format!("docker://{}", self.name(target));
        let bytes = || self.home.done(&["inspect", "--raw", &name]).into_bytes();
        let expected = bytes();
        // Ours must arrive, and not only be there from before.
        self.home.done(&["copy", &format!("docker://{}", self.name("demo/app:d-amd64")), &name]);
        let ours = self.ours(&words);
        assert_eq!((ours.code, &ours.stdout), (0, &theirs.stdout), "{line}: {}", ours.stderr);
        assert_eq!(String::from_utf8_lossy(&bytes()), String::from_utf8_lossy(&expected), "{line}");
        self.compare_files(line);
        expected
    }
}

fn for_each_client(run: impl Fn(&Pair, &str)) {
    for client in Client::all() {
        let Some(pair) = Pair::start(&client) else { return };
        let kinds: &[&str] = if client.knows_oci() { &["d-", ""] } else { &["d-"] };
        for kind in kinds {
            run(&pair, kind);
        }
    }
}

#[test]
fn a_whole_session_is_the_same() {
    for_each_client(|pair, k| {
        let list = format!("R/demo/app:{k}session");
        let image = |tag: &str| format!("R/demo/app:{k}{tag}");
        pair.both(&format!("manifest create --insecure {list} {} {}", image("arm64"), image("amd64")));
        pair.both(&format!("manifest create --insecure {list} {}", image("amd64")));
        pair.both(&format!("manifest create --insecure --amend {list} {} {} {}", image("armv6"), image("win"), image("silent")));
        pair.both(&format!("manifest create --insecure -a {list} {}", image("armv6")));
        pair.both(&format!("manifest inspect {list}"));
        pair.both(&format!("manifest inspect -v {list}"));
        pair.both(&format!("manifest inspect --verbose=true {list} {}", image("win")));
        pair.both(&format!("manifest inspect {list} {}", image("armv6")));
        pair.both(&format!("manifest inspect {list} {}", image("nosuch")));
        let arm64 = image("arm64");
        pair.both(&format!("manifest annotate {list} {arm64} --variant v8 --os-version 1.2 --os-features a,b --os-features c"));
        pair.both(&format!("manifest annotate {list} {arm64} --arch arm64 --os linux --os-features b"));
        pair.both(&format!("manifest annotate --os windows --arch amd64 {list} {}", image("silent")));
        pair.both(&format!("manifest annotate {list} {arm64} --arch nonsense"));
        pair.both(&format!("manifest annotate {list} {} --arch arm64", image("nosuch")));
        pair.both(&format!("manifest annotate R/demo/app:nolist {arm64} --arch arm64"));
        pair.both(&format!("manifest annotate {list} {arm64} --variant zzz"));
        pair.both(&format!("manifest annotate {list} {arm64} --variant '' --os-version '' --os ''"));
        pair.both(&format!("manifest inspect {list}"));
        let bytes = pair.pushed(&format!("manifest push --insecure {list}"), &format!("demo/app:{k}session"));
        assert!(String::from_utf8_lossy(&bytes).contains("\"variant\": \"zzz\""));
        // What is in the registry now, too, under a name that no local list has.
        pair.home.done(&[
            "copy",
            &format!("docker://{}", pair.name(&format!("demo/app:{k}session"))),
            &format!("docker://{}", pair.name(&format!("demo/app:{k}far"))),
        ]);
        pair.both(&format!("manifest inspect --insecure R/demo/app:{k}far"));
        pair.both(&format!("manifest inspect --insecure -v R/demo/app:{k}far"));
        pair.pushed(&format!("manifest push --insecure --purge {list}"), &format!("demo/app:{k}session"));
        pair.both(&format!("manifest push --insecure {list}"));
        pair.both(&format!("manifest rm {list}"));
        pair.both(&format!("manifest rm {list} R/demo/app:other"));
    });
}

#[test]
fn images_of_a_registry_are_shown_the_same() {
    for_each_client(|pair, k| {
        for tag in ["amd64", "armv7", "win", "silent", "multi"] {
            pair.both(&format!("manifest inspect --insecure R/demo/app:{k}{tag}"));
            pair.both(&format!("manifest inspect --insecure -v R/demo/app:{k}{tag}"));
        }
        let digest = pair.home.done(&["digest", &format!("docker://{}", pair.name(&format!("demo/app:{k}arm64")))]);
        pair.both(&format!("manifest inspect --insecure -v R/demo/app@{digest}"));
        pair.both(&format!("manifest inspect --insecure -v R/demo/app:{k}arm64@{digest}"));
        let index = pair.home.done(&["digest", &format!("docker://{}", pair.name(&format!("demo/app:{k}multi")))]);
        pair.both(&format!("manifest inspect --insecure -v R/demo/app@{index}"));
    });
}

#[test]
fn duplicates_and_digests_are_kept_as_they_are() {
    for_each_client(|pair, k| {
        let digest = pair.home.done(&["digest", &format!("docker://{}", pair.name(&format!("demo/app:{k}arm64")))]);
        let other = pair.home.done(&["digest", &format!("docker://{}", pair.name(&format!("demo/app:{k}amd64")))]);
        pair.both(&format!("manifest create --insecure R/demo/app:{k}twice R/demo/app:{k}amd64 R/demo/app:{k}amd64-b"));
        pair.pushed(&format!("manifest push --insecure R/demo/app:{k}twice"), &format!("demo/app:{k}twice"));
        pair.both(&format!("manifest create --insecure R/demo/app:{k}same R/demo/app:{k}arm64 R/demo/app@{digest}"));
        pair.pushed(&format!("manifest push --insecure R/demo/app:{k}same"), &format!("demo/app:{k}same"));
        pair.both(&format!("manifest create --insecure R/demo/app:{k}pinned R/demo/app:{k}arm64@{digest}"));
        pair.pushed(&format!("manifest push --insecure R/demo/app:{k}pinned"), &format!("demo/app:{k}pinned"));
        pair.both(&format!("manifest create --insecure R/demo/app:{k}wrong R/demo/app:{k}arm64@{other}"));
        pair.both(&format!("manifest create --insecure R/demo/app@{digest} R/demo/app:{k}arm64"));
    });
}

/// Docker before 23 writes children anew, with other digests than the list names.
#[test]
fn children_of_another_repository_arrive_and_are_named() {
    for client in Client::all().iter().filter(|client| client.knows_oci()) {
        let Some(pair) = Pair::start(client) else { return };
        for kind in ["d-", ""] {
            pair.both(&format!(
                "manifest create --insecure R/demo/app:{kind}cross R/other/src:{kind}arm64 R/demo/app:{kind}armv7 R/other/src:{kind}amd64"
            ));
            pair.pushed(&format!("manifest push --insecure R/demo/app:{kind}cross"), &format!("demo/app:{kind}cross"));
            // Into a repository that has nothing yet, by us first.
            pair.both(&format!("manifest create --insecure R/new/{kind}app:1 R/other/src:{kind}arm64"));
            let target = pair.name(&format!("new/{kind}app:1"));
            let ours = pair.ours(&["manifest", "push", "--insecure", &target]);
            assert_eq!(ours.code, 0, "{}", ours.stderr);
            let theirs = pair.client.run(&pair.home, &["manifest", "push", "--insecure", &target]);
            assert_eq!((ours.stdout, ours.code), (theirs.stdout, theirs.code));
        }
    }
}

/// What scripts look for in what docker says.
#[test]
fn errors_are_docker_s() {
    for_each_client(|pair, k| {
        let digest = pair.home.done(&["digest", &format!("docker://{}", pair.name("demo/app:d-arm64"))]);
        pair.both(&format!("manifest create --insecure R/demo/app:{k}e R/demo/app:{k}amd64"));
        for (line, words) in [
            ("manifest nonsense", "docker manifest"),
            ("manifest create a", "requires at least 2 arguments"),
            ("manifest create", "requires at least 2 arguments"),
            ("manifest inspect", "requires at least 1 and at most 2 arguments"),
            ("manifest inspect a b c", "requires at least 1 and at most 2 arguments"),
            ("manifest push", "1 argument"),
            ("manifest push a b", "1 argument"),
            ("manifest annotate a", "2 arguments"),
            ("manifest rm", "requires at least 1 argument"),
            ("manifest create --foo a b", "unknown flag: --foo"),
            ("manifest inspect -x a", "unknown shorthand flag: 'x' in -x"),
            ("manifest create --amend=maybe a b", "invalid argument \"maybe\" for "),
            ("manifest create --amend=maybe a b", " flag: strconv.ParseBool: parsing \"maybe\": invalid syntax"),
            ("manifest annotate a b --arch", "flag needs an argument: --arch"),
            ("manifest create UP b", "error parsing name for manifest list UP: invalid reference format"),
            ("manifest create R/demo/app:UP/x R/demo/app:amd64", "/demo/app:UP/x: invalid reference format"),
            ("manifest create a UP", "invalid reference format"),
            ("manifest annotate UP b", "annotate: error parsing name for manifest list UP: invalid reference format"),
            ("manifest annotate a UP", "annotate: error parsing name for manifest UP: invalid reference format"),
            ("manifest inspect UP", "invalid reference format"),
            ("manifest push UP", "invalid reference format"),
            ("manifest push nolist", "No such manifest: docker.io/library/nolist:latest"),
            ("manifest push --insecure=true --purge=1 R/demo/app:none", "No such manifest: R/demo/app:none"),
            ("manifest rm UP R/demo/app:none", "\nNo such manifest: R/demo/app:none"),
            ("manifest inspect R/demo/app:e2 R/demo/app:none", "No such manifest: R/demo/app:none"),
            ("manifest inspect --insecure R/demo/app:nosuch", "no such manifest: R/demo/app:nosuch"),
            ("manifest inspect --insecure R/no/such:repository", "no such manifest: R/no/such:repository"),
            ("manifest create --insecure R/demo/app:e1 R/demo/app:nosuch", "no such manifest: R/demo/app:nosuch"),
            ("manifest create --insecure R/demo/app:e3 R/demo/app:d-amd64@DIGEST", "manifest verification failed for digest DIGEST"),
            ("manifest create R/demo/app:Ke R/demo/app:amd64", "refusing to amend an existing manifest list with no --amend flag"),
            (
                "manifest annotate R/demo/app:Ke R/demo/app:none --arch arm",
                "manifest for image R/demo/app:none does not exist in R/demo/app:Ke",
            ),
            (
                "manifest annotate R/demo/app:Ke R/demo/app:Kamd64 --arch nonsense",
                "manifest entry for image has unsupported os/arch combination: ",
            ),
        ] {
            let line = line.replace("DIGEST", &digest).replace(":K", &format!(":{k}"));
            let words =
                words.replace("DIGEST", &digest).replace(":K", &format!(":{k}")).replace("R/", &format!("{}/", pair.registry.host()));
            let (theirs, ours) = pair.spoken(&line);
            assert!(theirs.stderr.contains(&words), "{line}: docker says {}", theirs.stderr);
            assert!(ours.stderr.contains(&words), "{line}: we say {}", ours.stderr);
        }
        pair.both("manifest inspect --insecure 127.0.0.1:1/x:y");
        // A list without entries.
        for config in ["docker", "ours"] {
            let folder = format!("{}_demo_app-{k}empty", pair.registry.host().replace(':', "-"));
            std::fs::create_dir_all(pair.home.path().join(config).join("manifests").join(folder)).unwrap();
        }
        pair.both(&format!("manifest inspect R/demo/app:{k}empty"));
        let (theirs, ours) = pair.spoken(&format!("manifest push --insecure R/demo/app:{k}empty"));
        assert_eq!(ours.stderr, theirs.stderr);
        pair.both(&format!("manifest create --insecure R/demo/app:{k}empty R/demo/app:{k}amd64"));
        pair.both(&format!("manifest create --amend --insecure R/demo/app:{k}empty R/demo/app:{k}amd64"));
        pair.both(&format!("manifest rm R/demo/app:{k}empty"));
    });
}

/// An artifact says no platform: docker takes it into a list and then does not push it.
#[test]
fn what_says_no_platform_is_taken_and_not_pushed() {
    for client in Client::all().iter().filter(|client| client.knows_oci()) {
        let Some(pair) = Pair::start(client) else { return };
        let artifact = Image::new("linux/amd64").artifact("application/vnd.acme.report").build();
        let layout = pair.home.path().join("artifact");
        write_layout(&layout, &[(&artifact.manifest, Some("1"))], &[&artifact]);
        let name = pair.name("demo/app:artifact");
        pair.home.done(&["copy", &format!("oci:{}:1", layout.display()), &format!("docker://{name}")]);
        pair.both("manifest create --insecure R/demo/app:art R/demo/app:artifact R/demo/app:amd64");
        pair.both("manifest inspect R/demo/app:art");
        pair.both("manifest push --insecure R/demo/app:art");
        pair.both("manifest annotate R/demo/app:art R/demo/app:artifact --os linux --arch arm64");
        pair.pushed("manifest push --insecure R/demo/app:art", "demo/app:art");
    }
}

/// Each tool goes on with what the other one began.
#[test]
fn both_tools_take_turns_on_one_list() {
    for client in Client::all() {
        let Some(pair) = Pair::start(&client) else { return };
        let config = pair.home.path().join("docker");
        let ours = |line: &str| {
            let line = line.replace("R/", &format!("{}/", pair.registry.host()));
            let ran = Ran::of(pair.home.command(&["--config"]).arg(&config).args(line.split(' ')));
            assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
            ran.stdout
        };
        let theirs = |line: &str| {
            let line = line.replace("R/", &format!("{}/", pair.registry.host()));
            let ran = client.run(&pair.home, &line.split(' ').collect::<Vec<_>>());
            assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
            ran.stdout
        };
        ours("manifest create R/demo/app:mixed R/demo/app:d-amd64");
        theirs("manifest create --insecure --amend R/demo/app:mixed R/demo/app:d-arm64");
        ours("manifest annotate R/demo/app:mixed R/demo/app:d-arm64 --os-version 7");
        theirs("manifest annotate R/demo/app:mixed R/demo/app:d-amd64 --os-version 8");
        assert_eq!(ours("manifest inspect R/demo/app:mixed"), theirs("manifest inspect R/demo/app:mixed"));
        let digest = theirs("manifest push --insecure R/demo/app:mixed");
        assert_eq!(ours("manifest push R/demo/app:mixed"), digest);
        let tree: Value = serde_json::from_str(&ours("manifest inspect R/demo/app:mixed")).unwrap();
        assert_eq!(
            (&tree["manifests"][0]["platform"]["os.version"], &tree["manifests"][1]["platform"]["os.version"]),
            (&"8".into(), &"7".into())
        );
        ours("manifest push --purge R/demo/app:mixed");
        assert!(lists(&config).is_empty());
    }
}
