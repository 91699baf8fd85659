//! The front of polyarch: words in, exit code out.
//!
//! The only room that reads the environment, the home folder, the clock and the terminal. It never
//! decides anything about images: every command turns words into values, hands them to the rooms
//! below, and prints what comes back. Start at `args`, then `commands`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod commands;
mod console;
mod context;
mod fronts;
mod grant;
mod help;
mod interrupts;
mod machines;
mod names;
mod open;
mod paths;
mod shim;
mod standing;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Parsing a large index allocates much; this halves the time against the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the end of a run waits for work on the disk that cannot be called back.
const LAST_JOBS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Before any thread and any file: started for that, this is the inside of a sandbox from here on.
    sandbox::init_if_asked();
    let words = match shim::words(std::env::args_os().collect()) {
        Ok(words) => words,
        Err(code) => return code,
    };
    let (words, spoken) = match fronts::split(&words) {
        Some((own, front, theirs)) => match front.read(theirs) {
            Ok(spoken) => (own, Some(spoken)),
            Err(code) => return code,
        },
        None => (words, None),
    };
    let command = match args::Polyarch::try_parse_from(&words) {
        Ok(command) => command,
        Err(error) => return console::usage_with(&console::without_passwords(error), commands::usage_code(&words)),
    };
    // Before there is a second thread: a user namespace can be entered by one alone.
    let stand = standing::settle(&command.verb);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return console::bug("cannot start the runtime", &error),
    };
    let code = runtime.block_on(commands::run(command, spoken, stand));
    // A job that writes owns its temporary file, which goes when the job ends: without the wait it would
    // stay. With nothing under way this returns at once; a read from a terminal or pipe, which may
    // never end, is waited for no longer than this.
    runtime.shutdown_timeout(LAST_JOBS);
    code
}
