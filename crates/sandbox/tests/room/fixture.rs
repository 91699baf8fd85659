//! A root with a static busybox, and running something in it as somebody.

use std::fs;
use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, RwLock};
use std::thread;

use sandbox::{Exit, Launcher, Owned, Process, Root, SandboxError, Spec, Starting, Upper, Users};
use tempfile::TempDir;
use testkit::refuse::{self, Refusal};

/// An ordinary user whom this machine does not know.
pub const NOBODY: u32 = 54_321;

const APPLETS: [&str; 38] = [
    "sh", "cat", "ls", "id", "env", "pwd", "hostname", "kill", "sleep", "grep", "touch", "mkdir", "rm", "readlink", "ip", "ps", "true",
    "chroot", "wc", "stat", "tr", "cut", "df", "chown", "dd", "mount", "tty", "stty", "su", "mknod", "ln", "mv", "chmod", "sed", "mkfifo",
    "mktemp", "cp", "tar",
];

/// Who starts sandboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Root, without a user namespace.
    Root,
    /// An ordinary user, who is root in a user namespace of one.
    Nobody,
}

/// How something ended, and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// Its standard output, without white space at the ends.
    pub stdout: String,
    /// The exit status, or what is written instead of one.
    pub end: Result<Exit, String>,
    /// Whose files should be, by path.
    pub owners: Vec<Owned>,
}

/// A root, and a folder for what changes.
pub struct Fixture {
    scratch: TempDir,
    who: Who,
}

/// Held for writing while a program is copied: a process that is forked meanwhile keeps it open, so that it cannot be run.
static FORKING: RwLock<()> = RwLock::new(());

/// Lists who can run something here; prints why the others cannot.
pub fn everyone() -> Vec<Who> {
    static HERE: OnceLock<Vec<Who>> = OnceLock::new();
    let here = HERE.get_or_init(|| {
        let Some(_) = busybox() else { return Vec::new() };
        let can = |who: &Who| match Fixture::of(*who).try_run("true") {
            Outcome { end: Ok(Exit::Code(0)), .. } => true,
            Outcome { end: Err(reason), .. } if reason.contains("namespace") => {
                testkit::skip(&format!("{who:?}: {reason}"));
                false
            }
            other => panic!("{who:?}: {other:?}"),
        };
        let wanted = if testkit::is_root() { vec![Who::Root, Who::Nobody] } else { vec![Who::Nobody] };
        wanted.into_iter().filter(can).collect()
    });
    if here.is_empty() {
        testkit::skip("no sandbox can run here: it takes a static busybox, and namespaces");
    }
    here.clone()
}

fn busybox() -> Option<PathBuf> {
    testkit::binary("busybox")
}

/// The program that becomes the init: the example, which `cargo test` builds.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/sandbox");
    assert!(program.is_file(), "expected the example sandbox, built by `cargo test -p polyarch-sandbox`");
    program
}

impl Fixture {
    pub fn of(who: Who) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let fixture = Self { scratch, who };
        for folder in ["base/bin", "base/etc", "base/tmp", "base/home", "upper", "work", "outside"] {
            fs::create_dir_all(fixture.path(folder)).unwrap();
        }
        fs::set_permissions(fixture.path("base/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        let nobody_forks = FORKING.write().unwrap();
        fs::copy(busybox().unwrap(), fixture.path("base/bin/busybox")).unwrap();
        fs::copy(program(), fixture.path("program")).unwrap();
        drop(nobody_forks);
        for applet in APPLETS {
            symlink("busybox", fixture.path("base/bin").join(applet)).unwrap();
        }
        if who == Who::Nobody && testkit::is_root() {
            for folder in ["upper", "work", "outside", "base", "base/bin", "base/etc", "base/tmp", "base/home"] {
                chown(fixture.path(folder), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        fixture
    }

    /// Returns a path of this machine: below `base`, `upper`, `outside`...
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file, and makes the folders above it. It is the one's who starts sandboxes, since an overlay copies up nobody else's.
    pub fn write(&self, name: &str, content: &str) {
        let is_root_s = self.who == Who::Nobody && testkit::is_root();
        let mut made = Vec::new();
        let mut folder = self.path(name);
        while !folder.exists() {
            made.push(folder.clone());
            folder.pop();
        }
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        for path in made.iter().filter(|_| is_root_s) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Describes a shell with a script.
    pub fn spec(&self, script: &str) -> Spec {
        self.command(&["sh", "-c", script])
    }

    /// Describes a program.
    pub fn command(&self, words: &[&str]) -> Spec {
        let upper = Upper { folder: self.path("upper").into(), work: self.path("work").into() };
        let root = Root::Overlay { lowers: vec![self.path("base").into()], upper: Some(upper) };
        let users = match self.who {
            Who::Root => Users::Same,
            Who::Nobody if testkit::is_root() => Users::single(NOBODY, NOBODY),
            Who::Nobody => Users::single(rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
        };
        Spec { users, environment: vec![("PATH".into(), "/bin".into())], ..Spec::new(root, words) }
    }

    /// Runs a script that ends well, and returns what it writes.
    pub fn run(&self, script: &str) -> String {
        let outcome = self.try_run(script);
        assert_eq!(outcome.end, Ok(Exit::Code(0)), "{:?}: {script}: {outcome:?}", self.who);
        outcome.stdout
    }

    /// Runs a script.
    pub fn try_run(&self, script: &str) -> Outcome {
        self.outcome(&self.spec(script))
    }

    /// Runs a spec, and reads its output to the end.
    pub fn outcome(&self, spec: &Spec) -> Outcome {
        self.outcome_of(self.program(), spec)
    }

    /// Runs a spec by the program, however that is started.
    pub fn outcome_of(&self, program: Command, spec: &Spec) -> Outcome {
        self.outcome_by(program, spec, Command::spawn)
    }

    /// Runs a spec where system calls are refused.
    pub fn outcome_without(&self, refused: &[Refusal], errno: i32, spec: &Spec) -> Outcome {
        self.outcome_by(self.program(), spec, |program| refuse::spawn(program, refused, errno.unsigned_abs()))
    }

    fn outcome_by(&self, program: Command, spec: &Spec, spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>) -> Outcome {
        let mut program = program;
        let list = self.spec_for(&mut program, spec).with_added_extension("owners");
        let output = self.spawn_as(program, spawn).wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let end = match output.status.code() {
            // Who writes this down is the example.
            Some(200) => Ok(serde_json::from_str(stderr.lines().last().unwrap_or_default()).unwrap()),
            Some(201) => Err(stderr),
            Some(code) => Ok(Exit::Code(code)),
            None => panic!("the program was killed: {stderr}"),
        };
        let mut owners: Vec<Owned> = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
        owners.sort_by(|one, other| one.path.cmp(&other.path));
        Outcome { stdout: String::from_utf8_lossy(&output.stdout).trim().to_owned(), end, owners }
    }

    /// Starts the program that runs a spec, as whom the fixture is for.
    pub fn spawn(&self, spec: &Spec) -> Caller {
        self.spawn_by(self.program(), spec)
    }

    /// Starts the program that runs a spec, with pipes.
    pub fn spawn_by(&self, program: Command, spec: &Spec) -> Caller {
        let mut program = program;
        self.spec_for(&mut program, spec);
        self.spawn_as(program, Command::spawn)
    }

    fn spawn_as(&self, mut program: Command, spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>) -> Caller {
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let _files_are_closed = FORKING.read().unwrap();
        Caller(Some(spawn(&mut program).unwrap()))
    }

    /// Writes a spec down for the program, and says where. What that has to say of owners is written beside it.
    pub fn spec_for(&self, program: &mut Command, spec: &Spec) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let file = self.path(&format!("spec{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::write(&file, serde_json::to_vec(spec).unwrap()).unwrap();
        let list = file.with_added_extension("owners");
        fs::write(&list, "[]").unwrap();
        fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
        program.arg(&file);
        file
    }

    /// Returns the program, as whom the fixture is for.
    pub fn program(&self) -> Command {
        let program = self.path("program");
        let mut command = match self.who {
            Who::Nobody if testkit::is_root() => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "54321", "--regid", "54321", "--clear-groups", "--"]).arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.current_dir("/");
        command
    }

    /// Starts a spec from here, as whoever runs the tests.
    pub fn start(&self, spec: &Spec) -> Result<Process, SandboxError> {
        self.begin(spec)?.running()
    }

    /// Begins to start a spec from here.
    pub fn begin(&self, spec: &Spec) -> Result<Starting, SandboxError> {
        let launcher = Launcher::of(&self.path("program")).unwrap();
        let _files_are_closed = FORKING.read().unwrap();
        launcher.begin(spec)
    }
}

/// The program that runs a spec. It is killed when this is dropped, so that a test that fails leaves nothing that lives on.
pub struct Caller(Option<Child>);

impl Caller {
    /// Reads its output, and waits for its end.
    pub fn wait_with_output(mut self) -> std::io::Result<Output> {
        self.0.take().unwrap().wait_with_output()
    }
}

impl Deref for Caller {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for Caller {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads everything that a process writes, and waits for its end.
pub fn finish(mut process: Process) -> (String, Exit) {
    let mut stderr = process.stderr.take().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    let mut stdout = String::new();
    process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    reader.join().unwrap().unwrap();
    (stdout.trim().to_owned(), process.wait().unwrap())
}
