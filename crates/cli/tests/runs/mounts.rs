//! `RUN --mount`, and what else a command sees that is in no layer.

use crate::kitchen::{Kitchen, written};

#[test]
fn files_are_bound_and_what_is_written_to_them_is_thrown_away() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.put("src/main", "hello\n");
    kitchen.put("src/hidden", "secret");
    kitchen.put(".dockerignore", "src/hidden\n");
    let lines = "RUN --mount=target=/w,source=src cat /w/main; ls /w; touch /w/x 2>/dev/null || echo no\n\
                 RUN --mount=target=/w,source=src,rw touch /w/x && ls /w\nRUN --mount=target=/w/main,source=src/main cat /w/main\n\
                 RUN ls / | grep -c '^w$'; true\n";
    let said = kitchen.built(lines, &[]);
    assert_eq!(written(&said), ["hello", "main", "no", "main", "x", "hello", "0"], "{said}");
    // What is bound counts by what is in it.
    kitchen.put("other", "is not bound");
    assert_eq!(written(&kitchen.built(lines, &[])), [""; 0]);
    kitchen.put("src/main", "again\n");
    assert_eq!(written(&kitchen.built(lines, &[])).first(), Some(&"again"));
}

#[test]
fn a_source_that_is_not_there_is_told_with_its_line() {
    let Some(kitchen) = Kitchen::new() else { return };
    let said = kitchen.fails("RUN --mount=target=/w,source=none true\n", &[]);
    assert!(said.contains("Dockerfile:2:") && said.contains("\"/none\": not found"), "{said}");
}

#[test]
fn a_cache_lives_on_between_builds_and_is_no_layer() {
    let Some(kitchen) = Kitchen::new() else { return };
    let count = "RUN --mount=type=cache,target=/c echo x >> /c/f; wc -l < /c/f\n";
    assert_eq!(written(&kitchen.built(count, &[])), ["1"]);
    assert_eq!(written(&kitchen.built(count, &["--no-cache"])), ["2"], "--no-cache does not empty it");
    let shared = "RUN --mount=type=cache,target=/elsewhere,id=mine echo y > /elsewhere/f\nRUN --mount=type=cache,target=/c,id=mine,ro cat /c/f; touch /c/g || true\n";
    assert!(written(&kitchen.built(shared, &[])).contains(&"y"));
    let seeded = "COPY --from=base /etc/passwd /seed/passwd\nFROM base\nRUN --mount=type=cache,target=/c,from=0,source=/seed,sharing=locked,mode=0700 ls /c; stat -c %a /c\n";
    assert_eq!(written(&kitchen.built(seeded, &[])), ["passwd", "700"]);
    let private = "RUN --mount=type=cache,target=/c,sharing=private echo x >> /c/p; wc -l < /c/p\n";
    assert_eq!((written(&kitchen.built(private, &[])), written(&kitchen.built(private, &["--no-cache"]))), (vec!["1"], vec!["2"]));
    assert!(kitchen.built("RUN [ ! -e /c ] && echo gone\n", &[]).contains("gone"));
}

#[test]
fn the_surroundings_are_those_of_the_flags() {
    let Some(kitchen) = Kitchen::new() else { return };
    let lines = "RUN grep -c . /etc/resolv.conf > /dev/null; grep db /etc/hosts; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; ulimit -n; hostname\n";
    let words = ["--add-host=db:10.0.0.7", "--shm-size=1m", "--ulimit=nofile=77", "--build-arg=BUILDKIT_SANDBOX_HOSTNAME=box"];
    assert_eq!(written(&kitchen.built(lines, &words)), ["10.0.0.7    db", "1024", "77", "box"]);
    let alone = "RUN --network=none ls /sys/class/net\n";
    assert_eq!(written(&kitchen.built(alone, &[])), ["lo"]);
    assert_eq!(written(&kitchen.built("RUN ls /sys/class/net; echo\n", &["--network=none"])), ["lo", ""]);
    assert_eq!(
        written(&kitchen.built("RUN echo $HTTP_PROXY $no_proxy\n", &["--build-arg=HTTP_PROXY=http://p:1", "--build-arg=NO_PROXY=x"])),
        ["http://p:1 x"]
    );
}

#[test]
fn rights_have_to_be_given() {
    let Some(kitchen) = Kitchen::new() else { return };
    for (flag, right) in [("--network=host", "network.host"), ("--security=insecure", "security.insecure")] {
        let said = kitchen.fails(&format!("RUN {flag} true\n"), &[]);
        assert!(said.contains(&format!("{right} is not allowed")) && said.contains(&format!("--allow {right}")), "{said}");
        kitchen.built(&format!("RUN {flag} true\n"), &["--allow", right]);
    }
    let mounts =
        "RUN mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt; mount -t tmpfs none /mnt 2>/dev/null && echo may || echo may not\n";
    assert_eq!(written(&kitchen.built(mounts, &[])).last(), Some(&"may not"));
    let insecure = "RUN --security=insecure mkdir /mnt; mount -t tmpfs none /mnt && echo may\n";
    assert_eq!(written(&kitchen.built(insecure, &["--allow=security.insecure"])), ["may"]);
}
