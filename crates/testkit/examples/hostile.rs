//! Runs the hostile registry by hand: `hostile [MODE...] [--listen ADDRESS]`; Ctrl-C ends it.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::net::SocketAddr;
use std::process::ExitCode;

use testkit::hostile::{HostileRegistry, Mode};

fn read(mut words: impl Iterator<Item = String>) -> Result<(SocketAddr, Vec<Mode>), String> {
    let (mut listen, mut modes) = (SocketAddr::from(([127, 0, 0, 1], 0)), Vec::new());
    while let Some(word) = words.next() {
        if word == "--listen" {
            let address = words.next().ok_or("--listen needs an address")?;
            listen = address.parse().map_err(|_| format!("{address} is no address"))?;
        } else {
            modes.push(word.parse()?);
        }
    }
    Ok((listen, modes))
}

#[tokio::main]
async fn main() -> ExitCode {
    let (listen, modes) = match read(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let registry = HostileRegistry::start_at(listen, &modes).await;
    println!("{}", registry.host());
    let mut shown = 0;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let requests = registry.requests();
        for request in &requests[shown..] {
            eprintln!("{request}");
        }
        shown = requests.len();
    }
}
