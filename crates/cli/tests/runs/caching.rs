//! When a command is run, and when what it has written before is taken.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::kitchen::{Kitchen, written};

/// Counts the steps that were cached and those that were done, by the last line of the table.
fn counts(said: &str) -> (usize, usize) {
    let line = said.lines().find(|line| line.contains(" done, ")).unwrap_or_else(|| panic!("{said}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let before = |word: &str| words.iter().position(|other| other.starts_with(word)).and_then(|at| words[at - 1].parse().ok()).unwrap();
    (before("done"), before("cached"))
}

#[test]
fn what_depends_on_nothing_else_is_not_run_again() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.put("a", "1\n");
    let lines = "RUN echo once; echo made > /m\nCOPY a /a\nRUN cat /a /m\n";
    assert_eq!(written(&kitchen.built(lines, &[])), ["once", "1", "made"]);
    let again = kitchen.built(lines, &[]);
    assert_eq!((counts(&again), written(&again).len()), ((0, 3), 0), "{again}");
    // A file that is touched is the same file.
    let path = kitchen.home.path().join("context/a");
    fs::File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    assert_eq!(counts(&kitchen.built(lines, &[])), (0, 3));
    kitchen.put("a", "2\n");
    let changed = kitchen.built(lines, &[]);
    assert_eq!((written(&changed), counts(&changed)), (vec!["2", "made"], (2, 1)));
    // Neither how layers are compressed nor the time that is given to them is a reason.
    assert_eq!(written(&kitchen.built(lines, &["--compression", "zstd"])), [""; 0]);
    let ran = kitchen.build(lines, &["--build-arg", "SOURCE_DATE_EPOCH=5"]);
    assert_eq!((ran.code, written(&ran.stderr)), (0, vec![]), "{}", ran.stderr);
    kitchen.is_tidy();
}

#[test]
fn what_a_command_sees_is_a_reason_to_run_it() {
    let Some(kitchen) = Kitchen::new() else { return };
    let run = |before: &str, flags: &str, words: &[&str]| written(&kitchen.built(&format!("{before}RUN {flags}echo ran\n"), words)).len();
    assert_eq!(run("", "", &[]), 1);
    for before in ["ENV A=1\n", "ARG B=1\n", "WORKDIR /w\n", "USER 5\n", "SHELL [\"/bin/sh\",\"-ec\"]\n"] {
        assert_eq!((run(before, "", &[]), run(before, "", &[])), (1, 0), "{before}");
    }
    for flags in ["--network=none ", "--mount=type=tmpfs,target=/t ", "--mount=type=cache,target=/c "] {
        assert_eq!((run("", flags, &[]), run("", flags, &[])), (1, 0), "{flags}");
    }
    assert_eq!(run("", "", &["--shm-size=1m"]), 1);
    assert_eq!(run("", "", &["--add-host=a:1.2.3.4"]), 1);
    assert_eq!(run("", "", &["--add-host=a:4.3.2.1"]), 0, "an address is no reason, a name is");
    assert_eq!(run("LABEL a=b\nEXPOSE 80\nCMD x\n", "", &[]), 0, "what it cannot see is none");
    assert_eq!(run("", "", &["--no-cache"]), 1);
    assert_eq!(run("", "", &[]), 0);
}

#[test]
fn what_comes_after_the_same_again_is_not_run() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.put("main.c", "int main;\n");
    // As a compiler that knows no comments: the file that it makes is the same, at another time.
    let lines = "RUN --mount=target=/src grep -v '^//' /src/main.c > /program; echo compiled\nRUN echo tested; cat /program\n";
    assert_eq!(written(&kitchen.built(lines, &[])), ["compiled", "tested", "int main;"]);
    kitchen.put("main.c", "// new\nint main;\n");
    assert_eq!(written(&kitchen.built(lines, &[])), ["compiled"]);
    kitchen.put("main.c", "int other;\n");
    assert_eq!(written(&kitchen.built(lines, &[])), ["compiled", "tested", "int other;"]);
}

#[test]
fn equal_commands_of_a_build_are_run_once() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN echo one >> /f; cat /f\nFROM base AS other\nRUN echo one >> /f; cat /f\nFROM base\nCOPY --from=0 /f /a\nCOPY --from=other /f /b\n\
                 RUN cmp /a /b && echo equal\n";
    let said = kitchen.built(lines, &["--no-cache"]);
    assert_eq!(written(&said), ["one", "equal"]);
}

#[test]
fn stages_that_need_nothing_of_each_other_run_side_by_side() {
    let Some(kitchen) = Kitchen::new() else { return };
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return testkit::skip("one processor runs one command at a time");
    }
    // Each waits for the other through a cache that both have: alone, neither would end.
    let stage = |own: &str, other: &str| {
        format!(
            "RUN --mount=type=cache,id=meet,target=/m touch /m/{own}; i=0; while [ ! -e /m/{other} ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; \
             [ -e /m/{other} ] && touch /met\n"
        )
    };
    let lines = format!(
        "{}FROM base AS other\n{}FROM scratch\nCOPY --from=0 /met /a\nCOPY --from=other /met /b\n",
        stage("a", "b"),
        stage("b", "a")
    );
    kitchen.built(&lines, &["--no-cache"]);
}

#[test]
fn files_of_a_stage_that_ran_commands_are_copied_from_it() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN mkdir -p /out/d && echo deep > /out/d/f && ln -s d/f /out/l && touch /out/empty && chown 4:7 /out/d/f\nRUN rm /out/empty\n\
         FROM base\nCOPY --from=0 /out /got\nRUN cat /got/l; stat -c %u:%g /got/d/f; ls /got\n";
    for words in [&[][..], &["--no-cache-filter=stage-1"], &["--compression=zstd", "--no-cache-filter=stage-1"]] {
        let said = kitchen.built(lines, words);
        let lines = written(&said);
        // Where there is only one user, all looks like root's from inside.
        let owner = if testkit::is_root() { "4:7" } else { lines[1] };
        assert_eq!(lines, ["deep", owner, "d", "l"], "{words:?} {said}");
    }
}

#[test]
fn unpacked_layers_go_with_the_last_image_that_has_them() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN echo made > /m\n";
    kitchen.built(lines, &[]);
    let prune = || kitchen.home.done(&["store", "prune", "--apply", "--grace", "0s"]);
    assert!(!prune().contains("a layer as a folder"), "the image has a name");
    kitchen.home.done(&["rm", "made:1"]);
    assert!(prune().contains("a layer as a folder, which no named image has"));
    let usage = kitchen.home.done(&["cache", "du"]);
    assert!(!usage.contains("layers as folders"), "{usage}");
    kitchen.built(lines, &["--no-cache"]);
    kitchen.is_tidy();
}

#[test]
fn what_commands_stand_on_can_go_and_comes_again() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN --mount=type=cache,target=/c touch /c/x; echo made > /m\nRUN cat /m\n";
    kitchen.built(lines, &[]);
    let usage = kitchen.home.done(&["cache", "du"]);
    assert!(usage.contains("layers as folders") && usage.contains("cache mounts"), "{usage}");
    kitchen.home.done(&["cache", "prune", "--all"]);
    let usage = kitchen.home.done(&["cache", "du"]);
    assert!(!usage.contains("layers as folders") && !usage.contains("cache mounts"), "{usage}");
    assert_eq!(written(&kitchen.built(lines, &["--no-cache-filter=none"])), ["made"]);
    kitchen.is_tidy();
}
