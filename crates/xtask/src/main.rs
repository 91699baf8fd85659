//! `cargo xtask`: see `xtask --help`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use xtask::docs::Reference;
use xtask::{Trouble, bench, checkout, dist, docs, fuzz, tidy};

const USAGE: &str = "cargo xtask CHORE

tidy            check that the floors hold, that the map is true, and the house rules
docs            write docs/cli.md from what the program says of itself
docs --check    tell whether docs/cli.md is what the program says
dist            build the static file target/dist/polyarch and prove that it is one
bench           measure, as ratios within one run; [NAME...] of build, copy, create
fuzz            look for inputs that break a property of crates/fuzz
                [TARGET...] [--seconds N] each, 60 if not said; [--jobs N] at once; [--keep] what is new

exit codes: 0 done, 1 the answer is no, 2 bad usage, 3 the chore could not be done";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answer = match words.as_slice() {
        ["tidy"] => run_tidy(),
        ["docs"] => docs::write(&checkout()).map(|path| say(&format!("wrote {}", path.display()))),
        ["docs", "--check"] => check_docs(),
        ["dist"] => run_dist(),
        ["bench", names @ ..] => bench::run(&checkout(), names),
        ["fuzz", words @ ..] if let Some(wish) = fuzz::Wish::parse(words) => run_fuzz(&wish),
        ["help" | "--help" | "-h"] => Ok(say(USAGE)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::from(3)
        }
    }
}

fn say(text: &str) -> bool {
    println!("{text}");
    true
}

fn run_tidy() -> Result<bool, Trouble> {
    let findings = tidy::tidy(&checkout())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => eprintln!("tidy"),
        1 => eprintln!("1 finding"),
        count => eprintln!("{count} findings"),
    }
    Ok(findings.is_empty())
}

fn check_docs() -> Result<bool, Trouble> {
    match docs::check(&checkout())? {
        Reference::True => Ok(say("docs/cli.md is what the program says")),
        Reference::Stale(differences) => {
            println!("docs/cli.md is not what the program says; run `cargo xtask docs`\n{differences}");
            Ok(false)
        }
    }
}

fn run_dist() -> Result<bool, Trouble> {
    let report = dist::dist(&checkout())?;
    println!("{report}");
    Ok(report.problems().is_empty())
}

fn run_fuzz(wish: &fuzz::Wish) -> Result<bool, Trouble> {
    let reports = fuzz::run(&checkout(), wish, |report| println!("{report}"))?;
    Ok(reports.iter().all(|report| report.findings.is_empty()))
}
