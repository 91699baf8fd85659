//! What is told of how images came to be.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use content::Source;
use dockerfile::Address;
use engine::build::{Built, Named};
use engine::context::Context;
use engine::files::read_archive;
use engine::pack::Contents;
use engine::provenance::{Attested, Material, Mode, Moments, Order, Version, attest, beside};
use layer::tar::Entry;
use oci::{MediaType, Reference};
use serde_json::{Value, json};
use testkit::fixtures::{BuiltImage, Image, Index};

use crate::far::tar;
use crate::world::{COMMIT, Far, World};

const DOCKERFILE: &str = "\
FROM acme/base:2 AS compile
ARG VERSION
COPY <<EOF /version
$VERSION
EOF
FROM scratch AS whole
COPY --from=compile /version /version
COPY --from=tools /tool /tool
COPY --from=ghcr.io/acme/other@sha256:OTHER /etc/base /etc/other
FROM whole
COPY main /main
";

fn order(mode: Mode, version: Version) -> Option<Order> {
    Some(Order { mode, version, builder: "https://ci.example.com/7".to_owned(), is_reproducible: true, ..Order::default() })
}

fn base(platform: &str) -> BuiltImage {
    Image::new(platform).file("etc/base", "base\n").build()
}

/// The index of both bases, which their names mean.
fn bases() -> oci::RawManifest {
    Index::new().image(&base("linux/amd64")).image(&base("linux/arm64")).build()
}

async fn world(order: Option<Order>) -> (World, String) {
    let dockerfile = DOCKERFILE.replace("OTHER", bases().digest().hex());
    let other = format!("ghcr.io/acme/other@{}", bases().digest());
    let mut world = World::new(&[("main", "main\n"), ("tools/tool", "tool\n")]);
    let tools = Context::folder(&world.folder.path().join("tools"), dockerfile::PatternList::default());
    world = world
        .image("acme/base:2", vec![base("linux/amd64"), base("linux/arm64")])
        .await
        .image(&other, vec![base("linux/amd64"), base("linux/arm64")])
        .await
        .context("tools", Named::Files(Arc::new(tools)))
        .argument("VERSION", "7")
        .argument("FROM_WHERE", "https://me:secret@example.com/x");
    world.request.labels = vec![("who".to_owned(), "me".to_owned())];
    world.request.epoch = Some(1_700_000_000);
    world.request.provenance = order;
    (world, dockerfile)
}

async fn built(world: &World, dockerfile: &str, platforms: &[&str]) -> Built {
    world.build(dockerfile, platforms).await.unwrap_or_else(|problem| panic!("{problem}"))
}

async fn attested(world: &World, built: &Built, names: &[&str]) -> Vec<Attested> {
    let names: Vec<Reference> = names.iter().map(|name| name.parse().unwrap()).collect();
    attest(built, &names, &Moments::of_epoch(1_700_000_000), &world.store).await.unwrap()
}

async fn statement(world: &World, attested: &Attested) -> Value {
    let layer = attested.manifest.as_image().unwrap().layers[0].clone();
    let bytes = world.store.blob(&layer).await.unwrap().read_all(u64::MAX).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn an_attestation_is_an_artifact_about_its_image() {
    let (world, dockerfile) = world(order(Mode::Min, Version::One)).await;
    let built = built(&world, &dockerfile, &["linux/amd64", "linux/arm64"]).await;
    let all = attested(&world, &built, &[]).await;
    assert_eq!(all.iter().map(|one| one.platform.to_string()).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    let image = &built.images[0].manifest;
    let manifest: Value = serde_json::from_slice(all[0].manifest.bytes()).unwrap();
    let keys: Vec<&String> = manifest.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject"]);
    assert_eq!(manifest["artifactType"], "application/vnd.docker.attestation.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], json!(MediaType::OciEmpty));
    assert_eq!((&manifest["config"]["data"], &manifest["config"]["size"]), (&json!("e30="), &json!(2)));
    let subject = json!({"mediaType": MediaType::OciManifest, "digest": image.digest(), "size": image.bytes().len(),
        "platform": {"architecture": "amd64", "os": "linux"}});
    assert_eq!(manifest["subject"], subject);
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
    assert_eq!(layer["annotations"], json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}));
    let entry = serde_json::to_value(all[0].entry()).unwrap();
    let expected = json!({"mediaType": MediaType::OciManifest, "digest": all[0].manifest.digest(), "size": all[0].manifest.bytes().len(),
        "annotations": {"vnd.docker.reference.digest": image.digest(), "vnd.docker.reference.type": "attestation-manifest"},
        "platform": {"architecture": "unknown", "os": "unknown"}});
    assert_eq!(entry, expected);
    // Without a name, the statement itself is about nothing: the manifest around it says what it is about.
    assert_eq!(statement(&world, &all[0]).await["subject"], json!([]));
}

#[tokio::test]
async fn the_least_that_is_told() {
    let (world, dockerfile) = world(order(Mode::Min, Version::One)).await;
    let built = built(&world, &dockerfile, &["linux/arm64"]).await;
    let all = attested(&world, &built, &["ghcr.io/acme/app:1", "app"]).await;
    let told = statement(&world, &all[0]).await;
    let digest = json!({"sha256": built.images[0].manifest.digest().hex()});
    let subject = json!([
        {"name": "pkg:docker/ghcr.io/acme/app@1?platform=linux%2Farm64", "digest": digest},
        {"name": "pkg:docker/app@latest?platform=linux%2Farm64", "digest": digest},
    ]);
    assert_eq!((&told["_type"], &told["subject"]), (&json!("https://in-toto.io/Statement/v1"), &subject));
    // The digests of indexes: what the names meant, whatever the platform.
    let index = bases();
    let sha256 = index.digest().hex();
    let expected = json!({
        "buildDefinition": {
            "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
            "externalParameters": {
                "configSource": {"path": "Dockerfile"},
                "request": {
                    "frontend": "dockerfile.v0",
                    "args": {"context:tools": "local:tools"},
                    "locals": [{"name": "context"}, {"name": "dockerfile"}, {"name": "tools"}],
                },
            },
            "internalParameters": {
                "builderPlatform": "linux/amd64",
                "polyarch": {
                    "version": env!("CARGO_PKG_VERSION"),
                    "compression": {"type": "gzip", "level": 5, "by": layer::Compression::default().compressor()},
                },
            },
            "resolvedDependencies": [
                {"uri": format!("pkg:docker/acme/base@2?digest=sha256:{sha256}&platform=linux%2Farm64"), "digest": {"sha256": sha256}},
                {
                    "uri": format!("pkg:docker/ghcr.io/acme/other?digest=sha256:{sha256}&platform=linux%2Farm64"),
                    "digest": {"sha256": sha256},
                },
            ],
        },
        "runDetails": {
            "builder": {"id": "https://ci.example.com/7"},
            "metadata": {
                "startedOn": "2023-11-14T22:13:20Z",
                "finishedOn": "2023-11-14T22:13:20Z",
                "buildkit_metadata": {},
                "buildkit_completeness": {"request": false, "resolvedDependencies": false},
                "buildkit_reproducible": true,
            },
        },
    });
    assert_eq!(told["predicate"], expected, "{:#}", told["predicate"]);
}

#[tokio::test]
async fn the_most_that_is_told() {
    let (world, dockerfile) = world(order(Mode::Max, Version::One)).await;
    let built = built(&world, &dockerfile, &["linux/amd64"]).await;
    let told = statement(&world, &attested(&world, &built, &[]).await[0]).await;
    let definition = &told["predicate"]["buildDefinition"];
    let arguments = json!({
        "build-arg:FROM_WHERE": "https://xxxxx:xxxxx@example.com/x",
        "build-arg:SOURCE_DATE_EPOCH": "1700000000",
        "build-arg:VERSION": "7",
        "context:tools": "local:tools",
        "label:who": "me",
    });
    assert_eq!(definition["externalParameters"]["request"]["args"], arguments);
    let steps = definition["internalParameters"]["buildConfig"]["steps"].as_array().unwrap();
    assert_eq!(
        steps.iter().map(shown).collect::<Vec<_>>(),
        [
            "step0 compile FROM acme from pkg:docker/acme/base@2",
            "step1 compile COPY <<EO over step0:0",
            "step2 whole COPY /ver over step1:0",
            "step3 whole COPY /too over step2:0",
            "step4 whole COPY /etc over step3:0 from pkg:docker/ghcr.io/acme/other",
            "step5 stage-2 COPY main over step4:0",
        ]
    );
    let beside = &told["predicate"]["runDetails"]["metadata"]["buildkit_metadata"];
    let lines = |step: &str| {
        let range = &beside["source"]["locations"][step]["locations"][0]["ranges"][0];
        (range["start"]["line"].as_u64().unwrap(), range["end"]["line"].as_u64().unwrap())
    };
    assert_eq!([lines("step0"), lines("step1"), lines("step5")], [(1, 1), (3, 5), (11, 11)]);
    // Every layer of the image, under the step that made it.
    let layers: Vec<&Value> = beside["layers"].as_object().unwrap().values().map(|layers| &layers[0][0]["digest"]).collect();
    let image = built.images[0].manifest.as_image().unwrap();
    assert_eq!(json!(layers), json!(image.layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()));
    let info = &beside["source"]["infos"][0];
    assert_eq!((&info["filename"], &info["language"]), (&json!("Dockerfile"), &json!("Dockerfile")));
    assert_eq!(String::from_utf8(STANDARD.decode(info["data"].as_str().unwrap()).unwrap()).unwrap(), dockerfile);
    assert_eq!(told["predicate"]["runDetails"]["metadata"]["buildkit_completeness"]["request"], true);
}

/// Shows a step: the beginning of what it does, the steps below it, and the images that it takes files from.
fn shown(step: &Value) -> String {
    let texts = |key: &str, word: &str| -> String {
        let all = step[key].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().split('?').next().unwrap());
        let all = all.collect::<Vec<_>>().join(" ");
        if all.is_empty() { all } else { format!(" {word} {all}") }
    };
    let text = |key: &str| step[key].as_str().unwrap();
    let instruction = text("instruction").get(..9).unwrap();
    format!("{} {} {instruction}{}{}", text("id"), text("stage"), texts("inputs", "over"), texts("images", "from"))
}

#[tokio::test]
async fn a_base_has_its_layers() {
    let (world, _) = world(order(Mode::Max, Version::One)).await;
    let built = built(&world, "FROM acme/base:2 AS one\nCOPY main /main\nFROM one\nCOPY main /again\n", &["linux/amd64"]).await;
    let told = statement(&world, &attested(&world, &built, &[]).await[0]).await;
    let layers = &told["predicate"]["runDetails"]["metadata"]["buildkit_metadata"]["layers"];
    let named: Vec<(&str, &Value)> =
        layers.as_object().unwrap().iter().map(|(step, layers)| (step.as_str(), &layers[0][0]["digest"])).collect();
    let image = built.images[0].manifest.as_image().unwrap();
    let digests: Vec<Value> = image.layers.iter().map(|layer| json!(layer.digest)).collect();
    assert_eq!(named, [("step0:0", &digests[0]), ("step1:0", &digests[1]), ("step2:0", &digests[2])]);
}

#[tokio::test]
async fn the_older_version_has_the_same_in_other_places() {
    let (world, dockerfile) = world(order(Mode::Max, Version::Zero)).await;
    let built = built(&world, &dockerfile, &["linux/amd64"]).await;
    let told = statement(&world, &attested(&world, &built, &[]).await[0]).await;
    assert_eq!(told["_type"], "https://in-toto.io/Statement/v0.1");
    assert_eq!(told["predicateType"], "https://slsa.dev/provenance/v0.2");
    let predicate = &told["predicate"];
    assert_eq!(predicate["buildType"], "https://mobyproject.org/buildkit@v1");
    assert_eq!(predicate["builder"]["id"], "https://ci.example.com/7");
    assert_eq!(predicate["invocation"]["configSource"], json!({"entryPoint": "Dockerfile"}));
    assert_eq!(predicate["invocation"]["parameters"]["args"]["build-arg:VERSION"], "7");
    assert_eq!(predicate["invocation"]["environment"]["platform"], "linux/amd64");
    assert_eq!(predicate["materials"].as_array().unwrap().len(), 2);
    assert_eq!(predicate["buildConfig"]["steps"].as_array().unwrap().len(), 6);
    let metadata = &predicate["metadata"];
    assert_eq!(metadata["completeness"], json!({"parameters": true, "environment": true, "materials": false}));
    assert_eq!((&metadata["reproducible"], &metadata["buildStartedOn"]), (&json!(true), &json!("2023-11-14T22:13:20Z")));
    assert_eq!(metadata["https://mobyproject.org/buildkit@v1#metadata"]["source"]["infos"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_told_unasked() {
    let (world, dockerfile) = world(None).await;
    let built = built(&world, &dockerfile, &["linux/amd64"]).await;
    assert!(attested(&world, &built, &["app"]).await.is_empty());
}

#[tokio::test]
async fn beside_files_every_file_is_a_subject() {
    let (mut world, _) = world(order(Mode::Min, Version::One)).await;
    world.request.wants_files = true;
    let built = built(&world, "FROM scratch\nCOPY main /a/main\nCOPY main /b\n", &["linux/amd64"]).await;
    let (files, account) = (built.images[0].files.clone().unwrap(), built.images[0].provenance.as_ref().unwrap());
    let moments = Moments::of_epoch(7);
    let more = beside(files.clone(), "how.json", account, &moments).await.unwrap();
    let path = graph::TreePath::from("how.json");
    let entry = more.tree().get(&path).unwrap();
    assert_eq!((entry.mode, entry.mtime), (0o600, 7));
    let mut text = String::new();
    let mut reading = |reader: &mut dyn std::io::Read| {
        reader.read_to_string(&mut text).unwrap();
        Ok(())
    };
    more.read(&path, &mut reading).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let digest = json!({"sha256": oci::Digest::of(b"main\n").hex()});
    assert_eq!(told["subject"], json!([{"name": "a/main", "digest": digest}, {"name": "b", "digest": digest}]));
    let taken = beside(more, "how.json", account, &moments).await.err().unwrap();
    assert_eq!(taken.to_string(), "the image has a file /how.json itself: the provenance of its files would take its place");
}

fn git(text: &str) -> Material {
    match Address::parse(text) {
        Ok(Some(Address::Git(address))) => Material::of_commit(&address, COMMIT),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_added_from_elsewhere_is_told_behind_the_images() {
    for version in [Version::One, Version::Zero] {
        let (mut world, _) = world(order(Mode::Min, version)).await;
        let archive = tar(&[(Entry::file("sub/a", 1), b"a")]);
        let files = read_archive(archive.as_slice(), "tree", world.folder.path()).unwrap().unwrap();
        world.far.insert("https://host/file", Far::File(b"far".to_vec(), 0));
        world.far.insert("https://host/a.git#main:sub", Far::Tree(Arc::new(files)));
        let adds = "FROM acme/base:2\nADD https://host/file https://me:secret@host/file?token=t /one/\n\
                    ADD https://host/a.git#main:sub /two/\n";
        let used = built(&world, adds, &["linux/amd64"]).await;
        let unused = built(&world, &format!("{adds}FROM acme/base:2\n"), &["linux/amd64"]).await;
        let mut told = Vec::new();
        for built in [used, unused] {
            let statement = statement(&world, &attested(&world, &built, &[]).await[0]).await;
            let dependencies = match version {
                Version::One => &statement["predicate"]["buildDefinition"]["resolvedDependencies"],
                Version::Zero => &statement["predicate"]["materials"],
            };
            told.push(dependencies.as_array().unwrap().clone());
        }
        let expected = [
            json!({"uri": "https://host/a.git#main", "digest": {"sha1": COMMIT}}),
            json!({"uri": "https://host/file", "digest": {"sha256": oci::Digest::of(b"far").hex()}}),
        ];
        assert_eq!(told[0][1..], expected, "of a stage that is needed");
        assert_eq!(told[1].len(), 1, "of none that is not needed");
    }
}

#[tokio::test]
async fn where_nothing_is_of_this_machine_all_is_told() {
    let dockerfile = "FROM acme/base:2\nCOPY main /main\nCOPY --from=far x /x\n";
    for version in [Version::One, Version::Zero] {
        let (mut world, _) = world(order(Mode::Min, version)).await;
        world.material = Some(git("https://me@host/a.git#v1:sub"));
        let archive = tar(&[(Entry::file("x", 1), b"x")]);
        let files = read_archive(archive.as_slice(), "tree", world.folder.path()).unwrap().unwrap();
        let far = Context::seen("https://host/b.git", Arc::new(files)).of(Some(git("https://host/b.git")));
        world = world.context("far", Named::Files(Arc::new(far)));
        let built = built(&world, dockerfile, &["linux/amd64"]).await;
        let predicate = statement(&world, &attested(&world, &built, &[]).await[0]).await["predicate"].take();
        let (source, request, dependencies) = match version {
            Version::One => {
                let definition = &predicate["buildDefinition"];
                let outside = &definition["externalParameters"];
                (&outside["configSource"], &outside["request"], &definition["resolvedDependencies"])
            }
            Version::Zero => (&predicate["invocation"]["configSource"], &predicate["invocation"]["parameters"], &predicate["materials"]),
        };
        let name = if version == Version::One { "path" } else { "entryPoint" };
        assert_eq!(*source, json!({"uri": "https://host/a.git#v1:sub", "digest": {"sha1": COMMIT}, name: "Dockerfile"}));
        assert_eq!(request["locals"], json!([]));
        assert_eq!(request["args"]["context:far"], "https://host/b.git");
        let uris: Vec<&str> = dependencies.as_array().unwrap().iter().skip(1).map(|found| found["uri"].as_str().unwrap()).collect();
        assert_eq!(uris, ["https://host/a.git#v1", "https://host/b.git"]);
        let said = match version {
            Version::One => {
                let metadata = &predicate["runDetails"]["metadata"];
                [&metadata["buildkit_completeness"]["resolvedDependencies"], &metadata["buildkit_hermetic"]]
            }
            Version::Zero => {
                let metadata = &predicate["metadata"];
                [&metadata["completeness"]["materials"], &metadata["https://mobyproject.org/buildkit@v1#hermetic"]]
            }
        };
        assert_eq!(said, [true, true]);
    }
}
