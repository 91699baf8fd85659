//! What a thread writes, on its way to the runtime, which stores it.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many pieces wait to be stored at most: whoever writes more waits, too.
const WAITING: usize = 8;

/// Hands what is written to the runtime: one piece for each call, up to some mebibytes in all, so it should not be given single bytes.
///
/// Only for threads that may wait. Writing fails when nobody takes the pieces any more.
#[derive(Debug)]
pub struct Outbox {
    sender: Sender<Bytes>,
}

impl Outbox {
    /// Returns one, and what takes the pieces: none is left when the other end is dropped.
    pub fn new() -> (Self, Receiver<Bytes>) {
        let (sender, receiver) = channel(WAITING);
        (Self { sender }, receiver)
    }
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sender.blocking_send(Bytes::copy_from_slice(bytes)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_order_until_nobody_takes_them() {
        let (mut outbox, mut taken) = Outbox::new();
        let writing = tokio::task::spawn_blocking(move || {
            (0..100_u8).try_for_each(|number| outbox.write_all(&[number]))?;
            Ok::<_, io::Error>(outbox)
        });
        for number in 0..100_u8 {
            assert_eq!(taken.recv().await.as_deref(), Some(&[number][..]));
        }
        let mut outbox = writing.await.unwrap().unwrap();
        drop(taken);
        let refused = tokio::task::spawn_blocking(move || outbox.write_all(b"x")).await.unwrap();
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
