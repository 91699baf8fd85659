//! The same files as buildah puts into an image, but for what BuildKit does otherwise.

use std::process::Command;

use crate::cases::{BASE, CASES, Known, home, known, only_known};
use crate::image::Image;
use crate::program::{Home, Ran};

/// What buildah 1.28 does otherwise than BuildKit, which is followed here.
const KNOWN: [Known; 10] = [
    known("files", "all/program: file 4755", "set-uid programs of a context stay that"),
    known("deep", "all/program: file 4755", "set-uid programs of a context stay that"),
    known("modes", "bin/program: file 4755", "set-uid programs of a context stay that"),
    known("chmod", "bin: folder 4711", "an octal --chmod is that of folders that are made, too"),
    known("chmod", "tree: folder 700", "an octal --chmod is that of folders that are made, too"),
    known("onto-links", "opt/file: ", "a link to a file gives way"),
    known("onto-links", "opt/v2/none", "a link to nowhere leads to the file that is made"),
    known("owned-archive", "x/in", "--chown is that of what an archive holds"),
    known("owned-archive", "x/no-folder", "--chown is that of what an archive holds, and of no folder that it only names"),
    known("triggered", "first: ", "the triggers of a stage in the same file run"),
];

/// buildah, with a storage of its own.
struct Buildah<'a> {
    home: &'a Home,
}

impl Buildah<'_> {
    fn done(&self, words: &[&str]) {
        let folder = self.home.path().join("buildah");
        let mut command = Command::new("buildah");
        command.current_dir(self.home.path()).env("HOME", self.home.path()).env_remove("REGISTRY_AUTH_FILE");
        command.arg("--root").arg(folder.join("root")).arg("--runroot").arg(folder.join("run"));
        // vfs needs no kernel's help.
        let ran = Ran::of(command.args(["--storage-driver", "vfs"]).args(words));
        assert_eq!(ran.code, 0, "buildah {words:?}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn buildah_makes_the_same_files_of_the_same_dockerfiles() {
    if testkit::binary("buildah").is_none() {
        return testkit::skip("buildah is not installed");
    }
    if !testkit::is_root() {
        return testkit::skip("buildah needs root, or subordinate user ids");
    }
    let home = home("local");
    let buildah = Buildah { home: &home };
    home.done(&["copy", &format!("store:{BASE}"), &format!("docker-archive:base.tar:{BASE}")]);
    buildah.done(&["pull", "-q", "docker-archive:base.tar"]);
    std::fs::create_dir(home.path().join("theirs")).unwrap();
    let mut found = Vec::new();
    for case in CASES {
        let mut words = vec!["bud", "-q", "--isolation", "chroot", "-t", case.name, "-f", case.name];
        let ignore_file = case.ignore_file();
        if case.ignore.is_some() {
            words.extend(["--ignorefile", &ignore_file]);
        }
        words.push(case.context);
        buildah.done(&words);
        let layout = home.path().join("theirs").join(case.name);
        buildah.done(&["push", "-q", case.name, &format!("oci:{}:1", layout.display())]);
        let (ours, theirs) = (case.build(&home), Image::of_layout(&layout));
        found.extend(ours.tree.differences(&theirs.tree).into_iter().map(|difference| format!("{}: {difference}", case.name)));
    }
    only_known(&found, &KNOWN);
}
