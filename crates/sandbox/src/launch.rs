//! Starting the init: ourselves, from a copy in memory, by way of a template.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{SealFlags, fcntl_add_seals};

use crate::cgroup::Cgroups;
use crate::channel::{Channel, in_memory};
use crate::limitation::Limitation;
use crate::process::Ends;
use crate::report::Order;
use crate::template::{self, Copied, TEMPLATE, Template};
use crate::{Input, Output, Process, SandboxError, Spec, Starting, Streams};

/// Becomes the init if this program was started for that, and does not return then.
///
/// Must be the first thing in `main`, before any thread and any file: the init forks, and closes what it did not open.
pub fn init_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|word| word == TEMPLATE) {
        template::run();
    }
}

/// Starts sandboxes from one copy of a program that calls [`init_if_asked`].
///
/// The copy is in memory and sealed, since a process can get at the program that it was made of: whoever runs `#!/proc/self/exe`
/// in a sandbox could otherwise write to the file on this machine's disk (CVE-2019-5736).
#[derive(Debug)]
pub struct Launcher {
    program: OwnedFd,
    /// Started when it is first needed, and again if it is lost.
    template: Mutex<Option<Arc<Template>>>,
}

impl Launcher {
    /// Copies the program that runs now.
    ///
    /// # Errors
    /// [`SandboxError::Start`] if it cannot be read, or if there is no memory.
    pub fn of_this_program() -> Result<Self, SandboxError> {
        Self::of(Path::new("/proc/self/exe"))
    }

    /// Copies a program, which calls [`init_if_asked`].
    ///
    /// # Errors
    /// As with [`of_this_program`](Self::of_this_program).
    pub fn of(program: &Path) -> Result<Self, SandboxError> {
        Ok(Self { program: copy(program).map_err(start)?, template: Mutex::new(None) })
    }

    /// Starts a process, and returns when it runs.
    ///
    /// # Errors
    /// As with [`begin`](Self::begin) and [`Starting::running`].
    pub fn start(&self, spec: &Spec) -> Result<Process, SandboxError> {
        self.begin(spec)?.running()
    }

    /// Begins to start a process, which can be ended from then on.
    ///
    /// # Errors
    /// [`SandboxError::Start`] if this program could not be started again; [`SandboxError::Refused`] if memory is to be bounded and
    /// cannot be.
    pub fn begin(&self, spec: &Spec) -> Result<Starting, SandboxError> {
        spec.streams.check()?;
        let cgroups = Cgroups::make(spec.bounds)?;
        let doors = cgroups.doors().map_err(start)?;
        let document = serde_json::to_vec(&(spec, &cgroups)).map_err(|error| SandboxError::Spec(error.to_string()))?;
        let document = in_memory("spec", &mut document.as_slice()).map_err(start)?;
        let (ours, theirs) = Channel::pair().map_err(io::Error::from).map_err(start)?;
        let (mut ends, mut input) = (Ends::default(), None);
        let mut outputs = None;
        if let Streams::Separate { input: from, output } = spec.streams {
            match from {
                Input::Empty => {}
                Input::Piped => {
                    let (read, write) = io::pipe().map_err(start)?;
                    (ends.stdin, input) = (Some(write), Some(OwnedFd::from(read)));
                }
                Input::Inherited => input = Some(io::stdin().as_fd().try_clone_to_owned().map_err(start)?),
            }
            outputs = Some(match output {
                Output::Piped => {
                    let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe().map_err(start)?, io::pipe().map_err(start)?);
                    ends.outputs = Some((stdout, stderr));
                    [stdout_end.into(), stderr_end.into()]
                }
                Output::Inherited => own_outputs().map_err(start)?,
            });
        }
        let [output, errors] = outputs.map_or_else(nowhere, Ok).map_err(start)?;
        let init = self.double([theirs.as_fd(), output.as_fd(), errors.as_fd()])?;
        // Ours of the other ends must be closed for the streams to end.
        drop((theirs, output, errors));
        let handed: Vec<BorrowedFd<'_>> = [Some(&document), input.as_ref()].into_iter().flatten().chain(&doors).map(AsFd::as_fd).collect();
        let sent = ours.say(&Order::Start, &handed).map_err(start);
        let starting = Starting::new(init, ours, ends, cgroups);
        sent.map(|()| starting)
    }

    /// Makes an init of the template.
    fn double(&self, streams: [BorrowedFd<'_>; 3]) -> Result<Copied, SandboxError> {
        let template = self.template(None).map_err(start)?;
        // Somebody may have killed it, say for want of memory.
        let copied = template.double(streams).or_else(|_| self.template(Some(&template))?.double(streams));
        copied.map_err(Limitation::Kernel.because())
    }

    /// Returns the template, another than one that was lost.
    fn template(&self, lost: Option<&Arc<Template>>) -> io::Result<Arc<Template>> {
        let mut template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        match &*template {
            Some(there) if lost.is_none_or(|lost| !Arc::ptr_eq(lost, there)) => Ok(Arc::clone(there)),
            _ => Ok(Arc::clone(template.insert(Arc::new(Template::start(&self.program)?)))),
        }
    }
}

fn own_outputs() -> io::Result<[OwnedFd; 2]> {
    Ok([io::stdout().as_fd().try_clone_to_owned()?, io::stderr().as_fd().try_clone_to_owned()?])
}

fn nowhere() -> io::Result<[OwnedFd; 2]> {
    let null = OwnedFd::from(File::options().write(true).open("/dev/null")?);
    Ok([null.try_clone()?, null])
}

fn copy(program: &Path) -> io::Result<OwnedFd> {
    let memory = in_memory("sandbox", &mut File::open(program)?)?;
    seal(&memory)?;
    // Nobody who holds it for writing can run it (ETXTBSY), so it is opened again.
    Ok(File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?.into())
}

/// Lets nobody change what is in memory any more.
///
/// The seal against writing fails while the kernel itself holds a page, to move it or to take it back (EBUSY). The one against future
/// writing asks for nothing, and is worth the same where nothing is mapped; kernels before 5.1 do not know it.
fn seal(memory: &OwnedFd) -> io::Result<()> {
    let always = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let sealed = fcntl_add_seals(memory, SealFlags::FUTURE_WRITE | always).or_else(|_| fcntl_add_seals(memory, SealFlags::WRITE | always));
    Ok(sealed?)
}

fn start(error: io::Error) -> SandboxError {
    SandboxError::Start { cause: error.into() }
}
