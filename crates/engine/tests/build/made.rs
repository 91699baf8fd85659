//! What is made.

use std::sync::Arc;

use dockerfile::PatternList;
use engine::build::{Happening, Named};
use engine::context::Context;
use serde_json::json;
use testkit::fixtures;

use crate::world::{World, write};

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\napp:x:7:8::/:/bin/sh\n";

fn base(platform: &str) -> fixtures::BuiltImage {
    fixtures::Image::new(platform).file("etc/passwd", PASSWD).file("usr/lib/x", platform.to_owned()).build()
}

#[tokio::test]
async fn one_dockerfile_makes_an_image_for_each_platform() {
    let world = World::new(&[("amd64/hello", "one"), ("arm64/hello", "two"), ("common", "both")]);
    let file = "FROM scratch\nARG TARGETARCH\nCOPY common /\nCOPY $TARGETARCH/hello /hello\nENTRYPOINT [\"/hello\"]\n";
    let built = world.build(file, &["linux/amd64", "linux/arm64"]).await.unwrap();
    let mut images = Vec::new();
    for image in built.images {
        images.push(world.seen(image).await);
    }
    let platforms: Vec<String> = images.iter().map(|image| image.built.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(images[0].layer(1).await, ["hello: one"]);
    assert_eq!(images[1].layer(1).await, ["hello: two"]);
    assert_eq!((&images[1].config["architecture"], &images[1].config["os"]), (&json!("arm64"), &json!("linux")));
    assert_eq!(images[0].config["config"]["Entrypoint"], json!(["/hello"]));
    // The newest file decides when it was made, and nothing else does.
    assert_eq!(images[0].config["created"], "2020-09-13T12:26:40Z");
    assert_eq!(images[0].config["history"].as_array().unwrap().len(), 4);
    assert_eq!(images[0].config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_base_is_inherited_and_looked_into_once_for_each_platform() {
    let world = World::new(&[("file", "new")]).await_image("acme/base", &["linux/amd64", "linux/arm/v7"]).await;
    let built = world.build("FROM acme/base\nCOPY --chown=app file /usr/lib/\n", &["linux/amd64", "linux/arm/v7"]).await.unwrap();
    for image in built.images {
        let image = world.seen(image).await;
        assert_eq!((image.layers(), image.layer(1).await), (2, vec!["usr/".into(), "usr/lib/".into(), "usr/lib/file: new 7:8".into()]));
        assert_eq!(image.config["config"]["Cmd"], json!(["/hello"]));
        assert_eq!(image.config["created"], "2020-09-13T12:26:40Z");
    }
    assert_eq!(world.asked(), ["acme/base"], "an image is asked for once");
    let read = world.happened.lock().unwrap().iter().filter(|happening| matches!(happening, Happening::Reading { .. })).count();
    assert_eq!(read, 2);
}

#[tokio::test]
async fn a_base_that_nothing_is_put_into_is_not_opened() {
    let world = World::new(&[("file", "new")]).await_image("acme/base", &["linux/amd64"]).await;
    let image = world.one("FROM acme/base\nENV A=1\nCOPY --link file /x/\n").await;
    assert_eq!(image.layer(1).await, ["x/", "x/file: new"]);
    assert!(!world.happened.lock().unwrap().iter().any(|happening| matches!(happening, Happening::Reading { .. })));
}

#[tokio::test]
async fn the_same_files_are_the_same_image_whatever_the_clock_says() {
    let file = "FROM scratch\nWORKDIR /app\nCOPY . .\nCOPY <<EOF /app/note\nhello\nEOF\n";
    let mut digests = Vec::new();
    for _ in 0..2 {
        let world = World::new(&[("a/b", "1"), ("c", "2")]);
        // What the folder's own folders say of when they were changed is theirs, and the same.
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000);
        std::fs::File::open(world.folder.path().join("a")).unwrap().set_modified(then).unwrap();
        digests.push(world.one(file).await.digest());
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn source_date_epoch_is_every_now_and_the_newest_time() {
    let mut world = World::new(&[("a", "1")]);
    world.request.epoch = Some(1_000_000_000);
    let image = world.one("FROM scratch\nWORKDIR /app\nCOPY a .\n").await;
    assert_eq!(image.config["created"], "2001-09-09T01:46:40Z");
    assert!(image.config["history"].as_array().unwrap().iter().all(|line| line["created"] == "2001-09-09T01:46:40Z"));
}

#[tokio::test]
async fn labels_of_the_command_line_win_and_have_no_history() {
    let mut world = World::new(&[]);
    world.request.labels = vec![("a".into(), "cli".into()), ("z".into(), "1".into())];
    let image = world.one("FROM scratch\nLABEL a=file b=file\n").await;
    assert_eq!(image.config["config"]["Labels"], json!({"a": "cli", "b": "file", "z": "1"}));
    assert_eq!(image.config["history"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn files_are_taken_from_stages_and_images() {
    let world = World::new(&[("file", "new")]).await_image("acme/base", &["linux/amd64"]).await;
    let file = "FROM scratch AS one\nCOPY --chown=5:6 --chmod=700 file /d/a\nFROM one AS two\nCOPY file /d/b\nFROM scratch\n\
                COPY --from=two /d /e\nCOPY --from=acme/base /usr/lib/x /x\n";
    let image = world.one(file).await;
    assert_eq!(image.layers(), 2);
    assert_eq!(image.layer(0).await, ["e/", "e/a: new 700 5:6", "e/b: new"]);
    assert_eq!(image.layer(1).await, ["x: linux/amd64 755"]);
}

#[tokio::test]
async fn item_69_triggers_of_a_base_run_first_and_once() {
    let base = fixtures::Image::new("linux/amd64").config(|config| {
        config["config"]["OnBuild"] = json!(["COPY file /first", "ENV A=trigger"]);
    });
    let world = World::new(&[("file", "new")]).image("acme/base", vec![base.build()]).await;
    let image = world.one("FROM acme/base\nENV B=$A\n").await;
    assert_eq!(image.layer(1).await, ["first: new"]);
    assert_eq!(image.config["config"].get("OnBuild"), None);
    assert!(image.config["config"]["Env"].as_array().unwrap().contains(&json!("B=trigger")));
}

#[tokio::test]
async fn item_69_triggers_of_a_base_take_files_from_a_stage_that_nothing_else_needs() {
    let base = fixtures::Image::new("linux/amd64").config(|config| {
        config["config"]["OnBuild"] = json!(["COPY --from=build /made /first"]);
    });
    let world = World::new(&[("file", "new")]).image("acme/base", vec![base.build()]).await;
    let image = world.one("FROM scratch AS build\nCOPY file /made\nFROM acme/base\n").await;
    assert_eq!(image.layer(1).await, ["first: new"]);
    assert_eq!(world.asked(), ["acme/base"], "what is begun again asks nobody again");
}

#[tokio::test]
async fn item_76_named_contexts_are_folders_and_images() {
    let other = tempfile::tempdir().unwrap();
    write(other.path(), "in/f", b"other");
    let folder = Named::Files(Arc::new(Context::folder(other.path(), PatternList::default())));
    let world = World::new(&[("file", "new")]).await_image("somewhere", &["linux/amd64"]).await;
    let world = world.context("other", folder).context("acme/base", Named::Image("somewhere".into()));
    let image = world.one("FROM acme/base\nCOPY --from=other in/f /f\n").await;
    assert_eq!(image.layer(1).await, ["f: other"]);
    assert_eq!(world.asked(), ["somewhere"]);
    let image = world.one("FROM other\nCOPY file /in/g\n").await;
    assert_eq!(image.layer(0).await, ["in/", "in/f: other"]);
    assert_eq!(image.layer(1).await, ["in/", "in/g: new"]);
    assert_eq!(image.config["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn arguments_choose_bases_and_a_plan_shows_them() {
    let world = World::new(&[]).await_image("acme/base:2", &["linux/amd64"]).await.argument("VERSION", "2");
    let plan = world.plan("ARG VERSION=1\nFROM acme/base:$VERSION\nWORKDIR /x\n", &["linux/amd64"]).await.unwrap();
    let base = &plan.targets[0].bases[0];
    assert_eq!((base.line, base.asked.word(), base.found.is_ok()), (2, "acme/base:2", true));
    assert_eq!(plan.targets[0].outcome.as_ref().ok().unwrap().recipes[&0].steps.len(), 1);
}

#[tokio::test]
async fn item_90_paths_of_windows_are_those_of_its_one_drive() {
    let world = World::new(&[("file", "new")]);
    let file = "# escape=`\nFROM scratch\nWORKDIR C:\\app\nCOPY file .\\sub\\\n";
    let built = world.build(file, &["windows/amd64"]).await.unwrap();
    let image = world.seen(built.images.into_iter().next().unwrap()).await;
    assert_eq!(image.config["config"]["WorkingDir"], "\\app");
    let layer = image.layer(1).await;
    assert!(layer.contains(&"Files/app/sub/file: new".to_owned()) && layer.contains(&"Hives/ 0".to_owned()), "{layer:?}");
    assert_eq!(image.config["config"].get("Env"), None);
    let problem = match world.build("# escape=`\nFROM scratch\nWORKDIR D:\\app\n", &["windows/amd64"]).await {
        Ok(_) => panic!("there is no drive D:"),
        Err(problem) => problem.to_string(),
    };
    assert!(problem.contains("D:\\app is not on the system drive (C:)"), "{problem}");
}

#[tokio::test]
async fn a_program_keeps_its_rights_and_no_other_attribute() {
    let world = World::new(&[("app", "x")]);
    let path = world.folder.path().join("app");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // CAP_NET_BIND_SERVICE, permitted and effective (linux/capability.h, revision 2).
    let mut rights = vec![0_u8; 20];
    (rights[0], rights[3], rights[5]) = (1, 2, 4);
    let set = |name: &str, value: &[u8]| rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty());
    if set("security.capability", &rights).is_err() {
        return testkit::skip("only root gives programs rights");
    }
    let _ = set("user.note", b"n");
    let image = world.one("FROM scratch AS a\nCOPY app /\nFROM scratch\nCOPY --from=a /app /b\n").await;
    assert_eq!(image.attributes(0).await, [("security.capability".to_owned(), rights)]);
}

#[tokio::test]
async fn item_140_files_of_a_context_keep_their_attributes_where_that_is_wanted() {
    let mut world = World::new(&[("file", "x")]);
    let path = world.folder.path().join("file");
    if rustix::fs::setxattr(&path, "user.note", b"n", rustix::fs::XattrFlags::empty()).is_err() {
        return testkit::skip("the disk of temporary files keeps no attributes");
    }
    let file = "FROM scratch\nCOPY file /\n";
    assert_eq!(world.one(file).await.attributes(0).await, []);
    world.request.keeps_attributes = true;
    assert_eq!(world.one(file).await.attributes(0).await, [("user.note".to_owned(), b"n".to_vec())]);
}

#[tokio::test]
async fn a_stage_is_made_anew_also_where_it_is_the_only_one() {
    let mut world = World::new(&[("file", "x")]);
    let file = "FROM scratch AS app\nCOPY file /\n";
    world.one(file).await;
    assert_eq!(world.one(file).await.built.cached, 1);
    world.request.anew = engine::build::Anew::Stages(vec!["APP".into()]);
    assert_eq!(world.one(file).await.built.cached, 0);
    world.request.anew = engine::build::Anew::Stages(vec!["other".into()]);
    assert_eq!(world.one(file).await.built.cached, 1);
}

#[tokio::test]
async fn an_optional_platform_may_fail_and_is_told() {
    let mut world = World::new(&[("file", "new")]).await_image("acme/base", &["linux/amd64"]).await;
    world.optional = vec!["linux/arm64"];
    let built = world.build("FROM acme/base\n", &["linux/amd64", "linux/arm64"]).await.unwrap();
    assert_eq!((built.images.len(), built.left_out.len()), (1, 1));
    assert_eq!(built.left_out[0].0.to_string(), "linux/arm64");
}

impl World {
    async fn await_image(self, name: &str, platforms: &[&str]) -> Self {
        self.image(name, platforms.iter().map(|platform| base(platform)).collect()).await
    }
}

#[tokio::test]
async fn a_history_has_a_line_for_each_layer_whatever_the_base_s_has() {
    let told = |history: serde_json::Value| {
        fixtures::Image::new("linux/amd64").layer_count(2).config(move |config| config["history"] = history.clone())
    };
    let line = |empty: bool| json!({"created_by": "x", "empty_layer": empty});
    for history in
        [json!(null), json!([]), json!([line(true)]), json!([line(false)]), json!([line(false), line(true), line(false), line(false)])]
    {
        let shown = history.to_string();
        let world = World::new(&[("file", "new")]).lone("acme/base", told(history).build()).await;
        let image = world.one("FROM acme/base\nENV A=1\nCOPY file /x/\n").await;
        let lines = image.config["history"].as_array().unwrap();
        let full = lines.iter().filter(|line| line["empty_layer"] != json!(true)).count();
        assert_eq!((full, image.layers()), (3, 3), "{shown}: {lines:?}");
        assert!(lines.last().unwrap()["created_by"].as_str().unwrap().starts_with("COPY file"), "{shown}");
    }
}

#[tokio::test]
async fn a_config_that_nobody_would_read_is_refused() {
    let world = World::new(&[]);
    let value = "x".repeat(100_000);
    let labels: String = (0..50).map(|number| format!("LABEL l{number}={value}\n")).collect();
    let problem = world.refused(&format!("FROM scratch\n{labels}")).await;
    assert!(problem.to_string().contains("the config of the image is too large: expected at most 4194304 bytes, got 1"), "{problem}");
}
