//! Starts what a spec in a file says, as JSON, and passes on what it reads and writes. Whose files should be is written to the file
//! of that name and `.owners`.
//!
//! With `--enter USERS` it enters a user namespace first, where USERS is JSON too; with `-- COMMAND` it becomes that command instead,
//! even if it could not enter, so that one sees what has become of it.
//!
//! It also measures: `cargo run --release -p polyarch-sandbox --example sandbox -- --measure ROOT`, where ROOT has a static
//! `/bin/busybox`.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use sandbox::{Exit, Launcher, Root, Spec, Upper, Users};

const RUNS: usize = 50;

fn main() -> ExitCode {
    sandbox::init_if_asked();
    let mut words = std::env::args_os().skip(1).peekable();
    let mut entered = Ok(());
    if words.next_if(|word| word == "--enter").is_some() {
        entered = sandbox::enter(&serde_json::from_slice(words.next().unwrap().as_encoded_bytes()).unwrap());
    }
    if let Err(error) = &entered {
        eprintln!("{error}");
    }
    if words.next_if(|word| word == "--").is_some() {
        panic!("{}", Command::new(words.next().unwrap()).args(words).exec());
    }
    if entered.is_err() {
        return ExitCode::from(201);
    }
    if words.next_if(|word| word == "--measure").is_some() {
        measure(&words.next().unwrap());
        return ExitCode::SUCCESS;
    }
    let mut file = words.next().unwrap();
    let document = std::fs::read(&file).unwrap();
    file.push(".owners");
    match run(&serde_json::from_slice(&document).unwrap(), &file) {
        Ok(Exit::Code(code)) => ExitCode::from(u8::try_from(code).unwrap()),
        Ok(exit) => {
            eprintln!("{}", serde_json::to_string(&exit).unwrap());
            ExitCode::from(200)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(201)
        }
    }
}

fn run(spec: &Spec, list: &OsStr) -> Result<Exit, sandbox::SandboxError> {
    let mut process = Launcher::of_this_program()?.start(spec)?;
    // Neither of these ends before its other side does, which may be never.
    if let Some(mut stdin) = process.stdin.take() {
        thread::spawn(move || io::copy(&mut io::stdin(), &mut stdin));
    }
    if let Some(mut terminal) = process.terminal.as_ref().map(|terminal| terminal.try_clone().unwrap()) {
        thread::spawn(move || io::copy(&mut io::stdin(), &mut terminal));
    }
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let other = stderr.map(|mut stderr| thread::spawn(move || io::copy(&mut stderr, &mut io::stderr())));
    if let Some(mut stdout) = stdout {
        io::copy(&mut stdout, &mut io::stdout()).unwrap();
    }
    if let Some(terminal) = &mut process.terminal {
        io::copy(terminal, &mut io::stdout()).unwrap();
    }
    if let Some(other) = other {
        other.join().unwrap().unwrap();
    }
    let ended = process.finish()?;
    if let Some(owners) = &ended.owners {
        std::fs::write(list, serde_json::to_vec(owners).unwrap()).unwrap();
    }
    Ok(ended.exit)
}

/// Compares a sandbox with a bare chroot, as the median of many runs.
fn measure(root: &OsStr) {
    let scratch = tempfile::tempdir().unwrap();
    let launcher = Launcher::of_this_program().unwrap();
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut number = 0;
    let mut folders = || {
        number += 1;
        let folder = |kind: &str| scratch.path().join(format!("{kind}{number}"));
        let upper = Upper { folder: folder("upper").into(), work: folder("work").into() };
        std::fs::create_dir(&upper.folder).unwrap();
        std::fs::create_dir(&upper.work).unwrap();
        upper
    };
    if uid == 0 {
        let chroot = median(|| assert!(Command::new("chroot").arg(root).args(["/bin/busybox", "true"]).status().unwrap().success()));
        println!("chroot: {chroot:?}");
    }
    for (name, users) in [("own users", Users::single(uid, gid)), ("same users", Users::Same)] {
        if users == Users::Same && uid != 0 {
            continue;
        }
        let took = median(|| {
            let root = Root::Overlay { lowers: vec![root.to_owned()], upper: Some(folders()) };
            let spec = Spec { users: users.clone(), ..Spec::new(root, ["/bin/busybox", "true"]) };
            assert_eq!(launcher.start(&spec).unwrap().wait().unwrap(), Exit::Code(0));
        });
        println!("sandbox, {name}: {took:?}");
    }
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let begin = Instant::now();
            run();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}
