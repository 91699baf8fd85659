//! Compresses pieces on several threads and hands them back in their order.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::compression::Compression;
use crate::error::LayerError;

type Done = (u64, Result<Vec<u8>, LayerError>);

/// How many pieces may be under way for each thread: one that is compressed, one that waits.
const FOR_EACH: u64 = 2;

/// Threads that compress. Without any, the caller's thread does it.
pub(crate) struct Pool {
    compression: Compression,
    jobs: Option<Sender<(u64, Vec<u8>)>>,
    done: Receiver<Done>,
    workers: Vec<JoinHandle<()>>,
    /// The number of the next piece that comes in, and of the next that goes out.
    next_in: u64,
    next_out: u64,
    early: BTreeMap<u64, Vec<u8>>,
}

impl Pool {
    /// Starts threads; where the system gives none, the work is done without.
    pub(crate) fn new(compression: Compression, threads: usize) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let (finished, done) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let wanted = if threads < 2 || compression == Compression::None { 0 } else { threads };
        let workers: Vec<_> = (0..wanted)
            .map_while(|_| {
                let (waiting, finished) = (Arc::clone(&waiting), finished.clone());
                thread::Builder::new().name("layer".to_owned()).spawn(move || work(compression, &waiting, &finished)).ok()
            })
            .collect();
        let jobs = (!workers.is_empty()).then_some(jobs);
        Self { compression, jobs, done, workers, next_in: 0, next_out: 0, early: BTreeMap::new() }
    }

    /// Takes a piece, and hands on compressed ones whose turn it is. Waits while too many are under way, so that memory
    /// stays bounded.
    pub(crate) fn take(&mut self, piece: Vec<u8>, mut next: impl FnMut(&[u8]) -> Result<(), LayerError>) -> Result<(), LayerError> {
        let Some(jobs) = &self.jobs else {
            return if self.compression == Compression::None { next(&piece) } else { next(&self.compression.compress(&piece)?) };
        };
        jobs.send((self.next_in, piece)).map_err(|_| stopped())?;
        self.next_in += 1;
        self.drain(self.workers.len() as u64 * FOR_EACH, next)
    }

    /// Hands on all that is still under way.
    pub(crate) fn finish(&mut self, next: impl FnMut(&[u8]) -> Result<(), LayerError>) -> Result<(), LayerError> {
        self.drain(0, next)
    }

    /// Hands on pieces until at most so many are under way.
    fn drain(&mut self, at_most: u64, mut next: impl FnMut(&[u8]) -> Result<(), LayerError>) -> Result<(), LayerError> {
        loop {
            while let Some(member) = self.early.remove(&self.next_out) {
                next(&member)?;
                self.next_out += 1;
            }
            if self.next_in - self.next_out <= at_most {
                return Ok(());
            }
            let (number, member) = self.done.recv().map_err(|_| stopped())?;
            self.early.insert(number, member?);
        }
    }
}

/// Lets the threads end, and waits for them.
impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            drop(worker.join());
        }
    }
}

fn stopped() -> LayerError {
    LayerError::Compressor("a thread has stopped".to_owned())
}

fn work(compression: Compression, waiting: &Mutex<Receiver<(u64, Vec<u8>)>>, finished: &Sender<Done>) {
    loop {
        let Ok(job) = waiting.lock().map(|waiting| waiting.recv()) else { return };
        let Ok((number, piece)) = job else { return };
        if finished.send((number, compression.compress(&piece))).is_err() {
            return;
        }
    }
}
