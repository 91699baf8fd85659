//! Writes planned files as one tar.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use graph::TreePath;
use layer::LayerError;
use layer::tar::{Entry, Writer};

use super::error::ExportError;
use super::plan::Plan;
use super::thread::{Waited, on_thread};
use super::written::Written;
use crate::pack::{Contents, PackError};

/// How many bytes are gathered before they are written.
const GATHERED: usize = 128 << 10;

/// Writes planned files as a tar: folders before what is in them, owners, devices and attributes as they are. `name` is what
/// messages call the output.
///
/// # Errors
/// Names the file that cannot be read, or the output that takes no more.
pub async fn write_tar(plan: Arc<Plan>, name: &Path, output: impl Write + Send + 'static) -> Result<Written, ExportError> {
    plan.prepare().await?;
    let name = name.to_owned();
    on_thread(move |waited| tar(&plan, &name, output, waited)).await
}

/// Writes planned files as a tar, to a file that has its name when it is whole. What is no file, such as a pipe, is written to.
///
/// # Errors
/// As [`write_tar`].
pub async fn write_tar_file(plan: Arc<Plan>, path: &Path) -> Result<Written, ExportError> {
    plan.prepare().await?;
    let path = path.to_owned();
    on_thread(move |waited| {
        let failed = |problem| ExportError::written(&path, problem);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => Err(ExportError::NoFile(path)),
            Ok(found) if !found.is_file() => {
                let output = OpenOptions::new().write(true).open(&path).map_err(failed)?;
                tar(&plan, &path, output, waited)
            }
            Ok(_) => beside(&plan, &fs::canonicalize(&path).map_err(failed)?, waited),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => beside(&plan, &path, waited),
            Err(problem) => Err(failed(problem)),
        }
    })
    .await
}

fn beside(plan: &Plan, path: &Path, waited: &Waited) -> Result<Written, ExportError> {
    let failed = |problem| ExportError::written(path, problem);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    // As any other file: the umask decides who may read it.
    let permissions = fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".polyarch-").permissions(permissions).tempfile_in(folder).map_err(failed)?;
    let written = tar(plan, path, file.as_file_mut(), waited)?;
    file.persist(path).map_err(|problem| failed(problem.error))?;
    Ok(written)
}

fn tar(plan: &Plan, name: &Path, output: impl Write, waited: &Waited) -> Result<Written, ExportError> {
    let mut taring =
        Taring { plan, name, waited, tar: Writer::new(BufWriter::with_capacity(GATHERED, output)), written: Written::default() };
    for (path, entry) in plan.items() {
        waited.check()?;
        taring.one(path, entry)?;
    }
    let Taring { tar, written, .. } = taring;
    tar.finish().map_err(|problem| refused(name, waited, problem))?;
    Ok(written)
}

struct Taring<'a, W: Write> {
    plan: &'a Plan,
    name: &'a Path,
    waited: &'a Waited,
    tar: Writer<BufWriter<W>>,
    written: Written,
}

impl<W: Write> Taring<'_, W> {
    fn one(&mut self, path: &TreePath, entry: &Entry) -> Result<(), ExportError> {
        let refused = |problem| refused(self.name, self.waited, problem);
        match self.plan.source(path) {
            Some((files, inside)) if entry.size() > 0 => {
                let mut outcome = Ok(());
                let (tar, waited) = (&mut self.tar, self.waited);
                files.read(&inside, &mut |reader| {
                    outcome = tar.append(entry, Watched { reader, waited });
                    Ok(())
                })?;
                outcome.map_err(refused)?;
            }
            _ => self.tar.append_empty(entry).map_err(refused)?,
        }
        self.written.entries += 1;
        self.written.bytes += entry.size();
        Ok(())
    }
}

/// Bytes that end where nobody waits for them.
struct Watched<'a> {
    reader: &'a mut dyn Read,
    waited: &'a Waited,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.waited.check().map_err(io::Error::other)?;
        self.reader.read(buffer)
    }
}

fn refused(name: &Path, waited: &Waited, problem: LayerError) -> ExportError {
    match problem {
        _ if waited.check().is_err() => ExportError::Stopped,
        LayerError::Write(problem) => ExportError::written(name, problem),
        problem => PackError::Layer(problem).into(),
    }
}
