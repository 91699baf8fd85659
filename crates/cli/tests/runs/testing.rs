//! `build --test`: what must succeed in an image before it has a name.

use crate::kitchen::{Kitchen, written};

#[test]
fn a_test_sees_the_finished_image_and_leaves_nothing_in_it() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN sed -i '1i www:x:7:7::/srv:/bin/sh' /etc/passwd\nENV MODE=release\nWORKDIR /srv\nCOPY Dockerfile /srv/\nUSER www\n\
         SHELL [\"/bin/ash\", \"-ec\"]\n";
    let plain = kitchen.build(lines, &[]);
    let tests = [
        "--test=echo $MODE $(pwd) $(id -un) $(ls); grep -c FROM Dockerfile",
        "--test=echo $0; touch /tmp/left; false || true",
        "--test=ls /tmp | wc -l",
        "--test=[\"/bin/echo\", \"$MODE\"]",
    ];
    let tested = kitchen.build(lines, &tests);
    assert_eq!((tested.code, plain.digest()), (0, tested.digest()), "{}", tested.stderr);
    let told: Vec<&str> = tested.stderr.lines().filter_map(|line| line.strip_prefix("[linux/amd64 --test ")).collect();
    let expected = [
        "1/4] release /srv www Dockerfile",
        "1/4] 1",
        "1/4] echo",
        "2/4] /bin/ash",
        "2/4] echo",
        "3/4] 0",
        "3/4] ls",
        "4/4] $MODE",
        "4/4] [",
    ];
    assert!(told.len() == expected.len() && told.iter().zip(expected).all(|(line, start)| line.starts_with(start)), "{told:?}");
    // What the shell of the image does with a failure in between is its own.
    let failed = kitchen.build(lines, &["--test=false; true"]);
    assert_eq!(failed.code, 4, "{}", failed.stderr);
    let log = kitchen.home.run(&["logs"]);
    assert!(log.stdout.contains("[linux/amd64 --test 1/1] false; true (failed after "), "{}", log.stdout);
    kitchen.is_tidy();
}

#[test]
fn a_test_that_fails_stops_the_build_before_any_tag_moves() {
    let Some(kitchen) = Kitchen::new() else { return };
    let before = kitchen.built("RUN echo first > /f\n", &[]);
    let digest = kitchen.home.done(&["digest", "store:made:1"]);
    assert!(!before.contains("--test"));
    let words = ["--quiet", "--test=true", "--test=cat /f; exit 3", "--test=echo never", "-o", "type=oci,dest=out.tar", "-o", "type=image"];
    let ran = kitchen.build("RUN echo second > /f\n", &words);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let expected = "error: cannot build made:1: the test for linux/amd64: process \"/bin/sh -c cat /f; exit 3\" did not complete successfully: \
                    exit code: 3\nthe last lines of [linux/amd64 --test 2/3]:\n  second\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert_eq!(kitchen.home.done(&["digest", "store:made:1"]), digest, "no tag has moved");
    assert!(!kitchen.home.path().join("out.tar").exists());
    // It is asked again, whatever is remembered.
    assert_eq!(kitchen.build("RUN echo second > /f\n", &words).code, 4);
    kitchen.built("RUN echo second > /f\n", &["--test=grep second /f"]);
    assert_ne!(kitchen.home.done(&["digest", "store:made:1"]), digest);
    kitchen.is_tidy();
}

#[test]
fn what_cannot_be_tested_says_so() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.put("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let ran = kitchen.home.run(&["build", "--platform=linux/s390x", "--test=true", "-t", "made:1", "context"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("warning: not tested: the image for linux/s390x, since this machine does not run it by itself: --test-all does\n"),
        "{}",
        ran.stderr
    );
    for platforms in ["--platform=linux/amd64", "--platform=linux/amd64,linux/386"] {
        let ran = kitchen.home.run(&["build", platforms, "--test=true", "-t", "made:2", "context"]);
        let hint = "hint: the image has no shell: write the program and its arguments as a list";
        assert!(ran.stderr.contains("/bin/sh: not found") && ran.stderr.contains(hint), "{}", ran.stderr);
        assert_ne!((ran.code, kitchen.home.run(&["digest", "store:made:2"]).code), (0, 0));
    }
    // A platform that may be missing is left out.
    let said = kitchen.built(
        "",
        &[
            "--platform=linux/amd64,linux/s390x",
            "--platform=linux/s390x",
            "--optional=linux/amd64",
            "--build-context=base=context",
            "--test=true",
        ],
    );
    assert!(said.contains("left out linux/amd64, which is optional: the test for linux/amd64"), "{said}");
    let ran = kitchen.build("", &["--test="]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn tests_of_a_base_that_nothing_is_put_into_know_its_users() {
    let Some(kitchen) = Kitchen::new() else { return };
    assert_eq!(written(&kitchen.built("USER lp\n", &["--test=id -un"])).first(), Some(&"lp"));
}
