//! What a command writes, line by line, within limits: one that writes for ever fills no memory and no disk.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of a command's output are told at most (BuildKit's limit).
const MOST: usize = 2 << 20;
/// What is told when that is reached.
const CLIPPED: &str = "[output clipped, log limit 2MiB reached]";
/// How many of its last lines are kept for whoever asks why it failed.
pub(super) const TAIL: usize = 40;
/// How long a line gets before it is cut, in bytes.
const LONGEST: usize = 16 << 10;

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The standard output.
    Output,
    /// The standard error.
    Error,
}

/// Hears each line.
pub type Listener = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// What both streams of a command have in common.
#[derive(Clone)]
pub(super) struct Output {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    told: usize,
    tail: VecDeque<String>,
}

impl Output {
    pub fn new(listener: Listener) -> Self {
        Self { listener, state: Arc::default() }
    }

    /// Reads a stream to its end, on this thread.
    pub fn read(&self, stream: Stream, mut from: impl Read) {
        let (mut line, mut chunk) = (Vec::new(), [0; 8 << 10]);
        // A stream that breaks has ended: what matters is how the process does.
        while let Ok(count) = from.read(&mut chunk) {
            let bytes = chunk.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.ends_with(b"\n") || line.len() >= LONGEST {
                    self.line(stream, &std::mem::take(&mut line));
                }
            }
        }
        if !line.is_empty() {
            self.line(stream, &line);
        }
    }

    /// Returns the last lines.
    pub fn tail(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).tail.iter().cloned().collect()
    }

    fn line(&self, stream: Stream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        // Held while it is told, so that lines come in one order for all.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tail.len() == TAIL {
            state.tail.pop_front();
        }
        state.tail.push_back(text.to_owned());
        if state.told >= MOST {
            return;
        }
        state.told += bytes.len();
        (self.listener)(stream, text);
        if state.told >= MOST {
            (self.listener)(stream, CLIPPED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: impl Read) -> (Vec<String>, Vec<String>) {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&lines);
        let output = Output::new(Arc::new(move |_, line| heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned())));
        output.read(Stream::Output, bytes);
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (lines, output.tail())
    }

    #[test]
    fn lines_are_told_one_by_one_and_the_last_ones_kept() {
        let (lines, tail) = told(&b"one\r\n\ntwo\xff\nthree"[..]);
        assert_eq!(lines, ["one", "", "two\u{fffd}", "three"]);
        assert_eq!(tail, lines);
        let many: String = (0..100).map(|number| format!("{number}\n")).collect();
        let (lines, tail) = told(many.as_bytes());
        assert_eq!((lines.len(), tail.len()), (100, TAIL));
        assert_eq!(tail.first().map(String::as_str), Some("60"));
    }

    #[test]
    fn what_never_ends_is_told_up_to_a_limit() {
        let (lines, tail) = told(std::io::repeat(b'x').take(10 << 20));
        assert_eq!(lines.last().map(String::as_str), Some(CLIPPED));
        assert!(lines.iter().all(|line| line.len() <= LONGEST + (8 << 10)));
        assert!(lines.iter().map(String::len).sum::<usize>() <= MOST + (32 << 10));
        assert_eq!(tail.len(), TAIL);
    }
}
