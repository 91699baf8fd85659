//! What a program reads and writes, byte for byte, and its terminal.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use sandbox::{Handle, Input, Output, Process, Size, Streams, Terminal};
use tokio::sync::mpsc;

use super::error::RunVerbError;
use crate::args::Run;
use crate::context::Context;

/// How much is passed on at once, at most.
const CHUNK: usize = 32 << 10;
/// The size of a terminal that nobody looks at.
const USUAL: Size = Size { rows: 24, columns: 80 };

/// Decides what the program reads and writes. A terminal of this machine is handed to nobody: what passes it is passed on.
///
/// # Errors
/// [`RunVerbError::NoTerminal`]
pub fn decide(context: &Context, arguments: &Run) -> Result<Streams, RunVerbError> {
    if arguments.tty {
        if arguments.interactive && !context.keyboard {
            return Err(RunVerbError::NoTerminal);
        }
        return Ok(Streams::Terminal(size()));
    }
    let input = match (arguments.interactive, context.keyboard) {
        (false, _) => Input::Empty,
        (true, true) => Input::Piped,
        (true, false) => Input::Inherited,
    };
    let output = if context.terminal || context.screen { Output::Piped } else { Output::Inherited };
    Ok(Streams::Separate { input, output })
}

/// The size of the terminal that this program has, on whichever stream.
fn size() -> Size {
    let (input, output, errors) = (stdin(), stdout(), stderr());
    let found = [output.as_fd(), input.as_fd(), errors.as_fd()].into_iter().find_map(|stream| tcgetwinsize(stream).ok());
    found.map_or(USUAL, |size| Size { rows: size.ws_row, columns: size.ws_col })
}

/// Streams that are passed on.
pub struct Passing {
    /// Ends when everything that the program wrote was passed on.
    pub done: mpsc::Receiver<()>,
    terminal: Option<Terminal>,
    _raw: Option<Raw>,
}

impl Passing {
    /// Begins to pass on what there is to pass on.
    ///
    /// # Errors
    /// Where there are too many open files, or the terminal does not do what it is told.
    pub fn begin(process: &mut Process, interactive: bool) -> Result<Self, RunVerbError> {
        let failed = |what| move |problem| RunVerbError::Stream { what, problem };
        let input = || own(stdin().as_fd()).map_err(failed("standard input"));
        let output = || own(stdout().as_fd()).map_err(failed("standard output"));
        let (running, done) = mpsc::channel(1);
        let show = |from: Box<dyn Read + Send>, to: File| {
            let running = running.clone();
            thread::spawn(move || {
                pass(from, to);
                drop(running);
            });
        };
        if let Some(stdout) = process.stdout.take() {
            show(Box::new(stdout), output()?);
        }
        if let Some(errors) = process.stderr.take() {
            show(Box::new(errors), own(stderr().as_fd()).map_err(failed("standard error"))?);
        }
        // Nobody waits for what is read: it ends when somebody types something, or never.
        if let Some(to) = process.stdin.take() {
            let from = input()?;
            thread::spawn(move || pass(from, to));
        }
        let Some(terminal) = process.terminal.take() else { return Ok(Self { done, terminal: None, _raw: None }) };
        let other = || terminal.try_clone().map_err(failed("terminal"));
        show(Box::new(other()?), output()?);
        let raw = if interactive {
            let (from, to, handle) = (input()?, other()?, process.handle());
            let raw = Raw::begin().map_err(failed("terminal"))?;
            thread::spawn(move || type_on(from, to, &handle));
            Some(raw)
        } else {
            None
        };
        // It may have changed since it was asked for.
        let _ = terminal.resize(size());
        Ok(Self { done, terminal: Some(terminal), _raw: raw })
    }

    /// Takes over the size of the terminal, where the program has one of its own, which tells it.
    pub fn resize(&self) -> bool {
        self.terminal.as_ref().is_some_and(|terminal| terminal.resize(size()).is_ok())
    }
}

/// Returns a stream without anything in between.
fn own(stream: impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(|stream: OwnedFd| stream.into())
}

/// Passes on what is read until either side has ended.
fn pass(mut from: impl Read, mut to: impl Write) {
    read(&mut from, |bytes| to.write_all(bytes));
}

/// Types what is read. Of some characters the terminal makes signals, which are to do what they do anywhere.
fn type_on(mut from: impl Read, mut to: Terminal, handle: &Handle) {
    read(&mut from, |bytes| {
        let mut rest = bytes;
        while let Some((at, signal)) = rest.iter().enumerate().find_map(|(at, character)| Some((at, to.signal_of(*character)?))) {
            let (before, key) = rest.split_at(at);
            to.write_all(before)?;
            handle.before_typing(signal);
            let (key, after) = key.split_at(1);
            to.write_all(key)?;
            rest = after;
        }
        to.write_all(rest)
    });
}

fn read(from: &mut impl Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk) {
            Err(problem) if problem.kind() == ErrorKind::Interrupted => continue,
            // A stream that breaks has ended.
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        if each(chunk.get(..count).unwrap_or_default()).is_err() {
            return;
        }
    }
}

/// A terminal that makes nothing of what is typed; it does again when this is dropped.
struct Raw(Termios);

impl Raw {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // What was typed and not read is for whoever reads next.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
