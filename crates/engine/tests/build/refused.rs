//! What is refused, and when.

use fault::Fault;
use testkit::fixtures;

use crate::world::World;

fn base(platform: &str) -> fixtures::BuiltImage {
    fixtures::Image::new(platform).build()
}

/// A program for a machine by its `e_machine`.
fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

#[tokio::test]
async fn every_run_for_another_machine_is_listed_before_anything_is_asked() {
    let world = World::new(&[]);
    let file = "FROM acme/none AS unused\nRUN unused\nFROM acme/base AS build\nRUN make \\\n  all\nFROM scratch\nCOPY --from=build /x /x\nRUN last\n";
    let problem = match world.build(file, &["linux/s390x"]).await {
        Ok(_) => panic!("this machine is none for s390x"),
        Err(problem) => problem,
    };
    assert_eq!(
        problem.to_string(),
        "RUN for linux/s390x does not run here, since this machine is linux/amd64:\n  \
         Dockerfile:4: RUN make   all\n  Dockerfile:8: RUN last"
    );
    assert_eq!(world.asked(), [""; 0]);
}

#[tokio::test]
async fn a_base_that_lacks_platforms_is_told_for_each_with_what_it_offers() {
    let world = World::new(&[]).image("acme/base", vec![base("linux/amd64"), base("linux/arm/v6")]).await;
    let platforms = ["linux/amd64", "linux/arm64", "linux/s390x", "linux/arm/v7"];
    let problem = match world.build("FROM acme/base\n", &platforms).await {
        Ok(_) => panic!("two platforms are missing"),
        Err(problem) => problem,
    };
    let expected = "Dockerfile:1:6: no linux/arm64 image in acme/base\n  1 | FROM acme/base\n    |      ^^^^^^^^^\n\
                    Dockerfile:1:6: no linux/s390x image in acme/base\n  1 | FROM acme/base\n    |      ^^^^^^^^^";
    assert_eq!(problem.to_string(), expected);
    let hint = problem.hint().unwrap().to_string();
    assert_eq!(hint, "it offers linux/amd64, linux/arm/v6: choose another base, or `--optional linux/arm64`");
    assert_eq!(problem.kind(), fault::Kind::Answer);
}

#[tokio::test]
async fn buildkit_5677_a_last_stage_for_the_machine_that_builds_is_no_image_for_another() {
    let world = World::new(&[]).image("acme/base", vec![base("linux/amd64"), base("linux/arm64")]).await;
    let problem = match world.build("FROM --platform=$BUILDPLATFORM acme/base\n", &["linux/amd64", "linux/arm64"]).await {
        Ok(_) => panic!("the arm64 image would hold amd64 files"),
        Err(problem) => problem,
    };
    assert!(
        problem
            .to_string()
            .starts_with("Dockerfile:1:1: for linux/arm64: the stage that becomes the image is for linux/amd64, expected linux/arm64\n")
    );
    assert_eq!(world.asked(), [""; 0]);
}

#[tokio::test]
async fn item_84_a_lone_image_is_for_what_its_config_says() {
    let world = World::new(&[]).lone("acme/base", base("linux/amd64")).await;
    world.build("FROM acme/base\n", &["linux/amd64"]).await.unwrap();
    let problem = match world.build("FROM acme/base\n", &["linux/arm64"]).await {
        Ok(_) => panic!("the base is for amd64"),
        Err(problem) => problem,
    };
    assert!(problem.to_string().starts_with("Dockerfile:1:6: acme/base is for linux/amd64 by its config, expected linux/arm64\n"));
}

#[tokio::test]
async fn an_index_that_lies_about_an_image_is_found_out() {
    let image = fixtures::Image::new("linux/arm64").config(|config| config["architecture"] = "amd64".into()).build();
    let world = World::new(&[]).image("acme/base", vec![image]).await;
    let problem = match world.build("FROM acme/base\n", &["linux/arm64"]).await {
        Ok(_) => panic!("the config says amd64"),
        Err(problem) => problem,
    };
    assert!(problem.to_string().contains("acme/base is for linux/amd64 by its config, expected linux/arm64"));
}

#[tokio::test]
async fn an_image_whose_program_is_for_another_machine_is_refused() {
    // `e_machine` 183 is aarch64.
    let world = World::new(&[]);
    crate::world::write(world.folder.path(), "app", &elf(183));
    let problem = world.refused("FROM scratch\nCOPY --chmod=755 app /app\nENTRYPOINT [\"/app\"]\n").await;
    assert!(
        problem.to_string().starts_with("the image is labelled linux/amd64, and is not for it\n  it starts /app, which is for"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_base_whose_files_are_for_another_machine_than_it_says_is_refused() {
    let lies = fixtures::Image::new("linux/amd64").file("bin/app", elf(183)).file("etc/motd", "hello");
    let world = World::new(&[("file", "new")]).image("acme/base", vec![lies.build()]).await;
    let problem = world.refused("FROM acme/base\nCOPY file /etc/\nENTRYPOINT [\"app\"]\n").await;
    assert!(problem.to_string().contains("it starts /bin/app, which is for aarch64"), "{problem}");
    // What takes its place is what counts.
    world.one("FROM acme/base\nCOPY file /bin/app\nENTRYPOINT [\"app\"]\n").await;
}

#[tokio::test]
async fn what_is_wrong_is_shown_with_its_line() {
    let world = World::new(&[("there", "x")]);
    for (file, expected) in [
        ("FROM scratch\nCOPY thre /\n", "Dockerfile:2:1: \"/thre\": not found\n  2 | COPY thre /\n    | ^^^^^^^^^^^"),
        (
            "FROM scratch\nCOPY --chmod=99 there /\n",
            "Dockerfile:2:14: invalid chmod parameter: '99'. it should be octal string and between 0 and 07777",
        ),
        ("FROM scratch\nADD https://example.com/x /\n", "Dockerfile:2:1: no image https://example.com/x"),
        (
            "FROM scratch AS a\nFROM scratch\nCOPY --from=c /x /\nFROM scratch AS c\nFROM a\nCOPY --from=1 / /\n",
            "Dockerfile:3:13: cannot copy from stage \"c\", it needs to be defined before current stage \"stage-1\"",
        ),
    ] {
        let problem = world.refused(file).await.to_string();
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[tokio::test]
async fn a_run_of_a_trigger_for_another_machine_is_refused_with_the_line_that_brings_it() {
    let image = fixtures::Image::new("linux/s390x").config(|config| config["config"]["OnBuild"] = serde_json::json!(["RUN make"])).build();
    let world = World::new(&[]).image("acme/base", vec![image]).await;
    let problem = match world.build("FROM acme/base\n", &["linux/s390x"]).await {
        Ok(_) => panic!("this machine is none for s390x"),
        Err(problem) => problem,
    };
    assert!(problem.to_string().ends_with("linux/amd64:\n  Dockerfile:1: ONBUILD RUN make"), "{problem}");
}
