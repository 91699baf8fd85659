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
mod help;
mod names;
mod open;

use std::process::ExitCode;

use clap::Parser;

/// Parsing a large index allocates much; this halves the time against the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let command = match args::Polyarch::try_parse_from(words) {
        Ok(command) => command,
        Err(error) => return console::usage(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return console::bug("cannot start the runtime", &error),
    };
    let code = runtime.block_on(commands::run(command));
    // A read from a terminal or pipe cannot be cancelled; nobody waits for it.
    runtime.shutdown_background();
    code
}
