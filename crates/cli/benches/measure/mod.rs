//! What a program took, as the benches measure it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one program took.
pub struct Took {
    pub seconds: f64,
    /// The most memory that it held, in MB.
    pub memory: f64,
}

/// Runs it several times, and takes the time in the middle and the most memory.
pub fn median(times: usize, work: impl FnMut() -> Took) -> Took {
    let mut all: Vec<Took> = std::iter::repeat_with(work).take(times).collect();
    all.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let memory = all.iter().map(|took| took.memory).fold(0.0, f64::max);
    Took { seconds: all[times / 2].seconds, memory }
}

/// Runs a program to its end, and looks meanwhile at the most memory that the kernel saw it hold.
pub fn run(command: &mut Command) -> Took {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0.0_f64;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{command:?}");
            return Took { seconds: start.elapsed().as_secs_f64(), memory };
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let most = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        memory = memory.max(most.unwrap_or(0.0) / 1000.0);
        std::thread::sleep(Duration::from_millis(2));
    }
}
