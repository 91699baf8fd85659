//! Nobody waits any more: the thread stops, and takes away what is not whole.

use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::export::{ExportError, write_folder, write_tar_file};
use engine::files::Files;
use engine::pack::{Contents, PackError, Reading};
use graph::TreePath;
use layer::tar::Entry;

use super::fixture::{MERGED, found, planned};

/// A file whose bytes come when they are let to; tells when they are asked for. Its last part goes when the thread is done.
struct Slow {
    asked: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl Contents for Slow {
    fn read(&self, _: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        self.asked.send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        reading(&mut std::io::repeat(b'x').take(1 << 20))
    }
}

#[tokio::test]
async fn what_is_not_whole_is_taken_away() {
    for is_tar in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let (asked, was_asked) = channel();
        let (let_go, go) = channel();
        let tree = [Entry::directory("d").mode(0o500), Entry::file("d/x", 1 << 20)].into_iter().collect();
        let files = Arc::new(Files::of(tree, Arc::new(Slow { asked, go: Mutex::new(go) })));
        let plan = planned(&[("linux/amd64", &files)], MERGED).await.unwrap();
        drop(files);
        let folder = home.path().to_owned();
        let task = tokio::spawn(async move {
            match is_tar {
                true => write_tar_file(plan, &folder.join("out.tar")).await,
                false => write_folder(plan, &folder).await,
            }
        });
        let was_asked = tokio::task::spawn_blocking(move || {
            was_asked.recv_timeout(Duration::from_secs(60)).unwrap();
            was_asked
        });
        let was_asked = was_asked.await.unwrap();
        let under_way = |line: &String| line.contains(".polyarch-");
        assert!(found(home.path()).iter().any(under_way));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let_go.send(()).unwrap();
        // Fails when the last who can send is gone: the thread is done.
        tokio::task::spawn_blocking(move || was_asked.recv_timeout(Duration::from_secs(60)).unwrap_err()).await.unwrap();
        assert_eq!(found(home.path()), if is_tar { vec![] } else { vec!["d/".to_owned()] });
    }
    assert_eq!(ExportError::Stopped.to_string(), "stopped before all files were written");
}
