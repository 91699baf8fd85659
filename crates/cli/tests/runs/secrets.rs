//! Secrets and agents: there for the command, and nowhere else.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::kitchen::{Kitchen, written};

const SECRET: &str = "correct-horse-battery-staple";

#[test]
fn a_secret_is_in_no_layer_key_log_or_history() {
    let Some(kitchen) = Kitchen::new() else { return };
    let file = kitchen.home.path().join("secret.txt");
    fs::write(&file, SECRET).unwrap();
    let lines = "RUN --mount=type=secret,id=s wc -c < /run/secrets/s; stat -c '%a %u:%g' /run/secrets/s; touch /run/secrets/s 2>/dev/null || echo no\n\
                 RUN --mount=type=secret,id=s,env=PASSWORD,target=/k/x,mode=0444 [ \"$PASSWORD\" = \"$(cat /k/x)\" ] && echo equal\n\
                 RUN --mount=type=secret,id=none ls /run/secrets 2>/dev/null; ls -d /run /k 2>/dev/null; echo end\n";
    let words = ["--secret=id=s,src=secret.txt", "--progress=plain"];
    let said = kitchen.built(lines, &words);
    assert_eq!(written(&said), ["28", "400 0:0", "no", "equal", "end"], "{said}");
    assert_eq!(kitchen.holds(SECRET, &file), None);
    // Another secret of that name is no reason to run it again.
    fs::write(&file, "another").unwrap();
    assert_eq!(written(&kitchen.built(lines, &words)), [""; 0]);
}

#[test]
fn a_secret_that_is_required_and_absent_is_told_before_anything_runs() {
    let Some(kitchen) = Kitchen::new() else { return };
    let said = kitchen.fails("RUN echo first\nRUN --mount=type=secret,id=token,required true\n", &[]);
    assert!(said.contains("Dockerfile:3:1: secret token: not found") && said.contains("--secret id=token,src=FILE"), "{said}");
    assert_eq!(written(&said), [""; 0]);
}

#[test]
fn a_failing_command_shows_no_secret() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut command = kitchen.home.command(&["build", "--build-context=base=oci-layout://base:amd64", "--secret=id=PASS", "context"]);
    kitchen.put("Dockerfile", "FROM base\nRUN --mount=type=secret,id=PASS,env=PASS false\n");
    let ran = crate::program::Ran::of(command.env("PASS", SECRET));
    assert!(ran.code != 0 && !ran.stderr.contains(SECRET), "{}", ran.stderr);
}

#[test]
fn an_agent_is_offered_at_a_socket_of_its_own() {
    let Some(kitchen) = Kitchen::new() else { return };
    let socket = kitchen.home.path().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut asked = [0; 5];
                if stream.read_exact(&mut asked).is_ok() {
                    stream.write_all(b"hello ").unwrap();
                    stream.write_all(&asked).unwrap();
                }
            });
        }
    });
    let lines = "RUN --mount=type=ssh,mode=0606 echo $SSH_AUTH_SOCK; stat -c %a $SSH_AUTH_SOCK; sleep 2\n\
                 RUN echo end$SSH_AUTH_SOCK; ls -d /run/buildkit 2>/dev/null; true\n";
    let roots = kitchen.home.path().join(".local/share/polyarch/roots");
    // No program of busybox speaks to sockets of files, so it is spoken to from outside, while the command runs.
    let answer = thread::spawn(move || asked(&roots));
    let said = kitchen.built(lines, &["--ssh", &format!("default={}", socket.display())]);
    assert_eq!(written(&said), ["/run/buildkit/ssh_agent.0", "606", "end"], "{said}");
    assert_eq!(answer.join().unwrap(), "hello agent");
    let said = kitchen.fails("RUN --mount=type=ssh,required true\n", &[]);
    assert!(said.contains("unset ssh forward key default"), "{said}");
}

/// Asks the agent that a command is offered.
fn asked(roots: &Path) -> String {
    for _ in 0..200 {
        let work = fs::read_dir(roots).into_iter().flatten().flatten().flat_map(|standing| fs::read_dir(standing.path().join("work")));
        let content = work.flatten().flatten().flat_map(|entry| fs::read_dir(entry.path().join("content")));
        let mut sockets = content.flatten().flatten().map(|entry| entry.path().join("agent-0"));
        if let Some(mut stream) = sockets.find_map(|socket| UnixStream::connect(socket).ok()) {
            stream.write_all(b"agent").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            return answer;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("no agent is offered");
}
