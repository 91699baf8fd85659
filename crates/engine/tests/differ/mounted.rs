//! Overlays that the kernel mounted: what programs do in them, and the layer of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use engine::differ::{DiffRules, Lower, Marks};
use layer::tar::Entry;

use super::fixture::{THEN, Upper, base, lines, rules};

/// What a step does in the root; everything that is new belongs to whoever runs it.
const STEP: &str = "
    rm gone && rm -r folder/all && mkdir folder/all && echo new > folder/all/new
    chmod 700 mode && chown -R 0:0 touched && cat touched/same > /dev/null
    rm -r was-folder && echo x > was-folder && rm was-file && mkdir was-file
    mv old new && ln linked again && echo more >> deep/er/est/file && mkdir made && rmdir made
    ln -s target link && rm -rf unmade";

fn overlay(unshare: &[&str], options: &str, marks: Marks) {
    let home = tempfile::tempdir().unwrap();
    let upper = Upper::new();
    let (lower, work, merged) = (Upper { home: tempfile::tempdir_in(home.path()).unwrap() }, home.path().join("w"), home.path().join("m"));
    for folder in ["folder", "folder/all", "mode", "touched", "was-folder", "deep", "deep/er", "deep/er/est"] {
        lower.folder(folder);
    }
    for file in ["gone", "folder/all/old", "folder/kept", "touched/same", "was-folder/f", "was-file", "old", "linked", "deep/er/est/file"] {
        lower.file(file, "1");
    }
    lower.then();
    [&work, &merged].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let mount = format!("lowerdir={},upperdir={},workdir={}", lower.home.path().display(), upper.home.path().display(), work.display());
    let mount = format!("mount -t overlay overlay -o {mount}{options} \"$0\" || exit 77; set -e; cd \"$0\"\n{STEP}");
    let ran = Command::new("unshare").args(unshare).args(["sh", "-c", &mount]).arg(&merged).output();
    // The kernel makes a folder there that nobody but root may open, and so not remove.
    let closed = work.join("work");
    if closed.exists() {
        fs::set_permissions(closed, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let ran = match ran {
        Ok(ran) if ran.status.code() != Some(77) && !ran.stderr.starts_with(b"unshare:") => ran,
        Ok(ran) => return testkit::skip(&format!("no overlay can be mounted here: {}", String::from_utf8_lossy(&ran.stderr).trim_end())),
        Err(problem) => return testkit::skip(&format!("cannot run unshare: {problem}")),
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let folder = |path: &str| Entry::directory(path);
    let file = |path: &str| Entry::file(path, 1);
    let base = base(&[
        folder("deep"),
        folder("deep/er"),
        folder("deep/er/est"),
        file("deep/er/est/file"),
        folder("folder"),
        folder("folder/all"),
        file("folder/all/old"),
        file("folder/kept"),
        file("gone"),
        file("linked"),
        folder("mode"),
        file("old"),
        folder("touched"),
        file("touched/same"),
        file("was-file"),
        folder("was-folder"),
        file("was-folder/f"),
    ]);
    let lower = [Lower::open(lower.home.path()).unwrap()];
    let rules = DiffRules { marks, lower: &lower, ..rules() };
    let (lay, _) = upper.diff(&base, &rules).unwrap();
    let expected = [
        "again 1",
        "deep/ as it was",
        "deep/er/ as it was",
        "deep/er/est/ as it was",
        "deep/er/est/file 6",
        "folder/",
        "folder/all/",
        "folder/all/new 4",
        "folder/all/.wh.old",
        ".wh.gone",
        "link -> target",
        "linked = again",
        "mode/ 700",
        "new 1",
        ".wh.old",
        "was-file/",
        "was-folder 2",
    ];
    assert_eq!(lines(&lay), expected);
    assert_eq!(lay[&"new".into()].entry.mtime, THEN);
}

#[test]
fn an_overlay_of_root_becomes_the_layer_that_it_is() {
    overlay(&["--mount"], "", Marks::Trusted);
}

#[test]
fn an_overlay_in_a_user_namespace_becomes_the_same_layer() {
    overlay(&["--user", "--map-root-user", "--mount"], ",userxattr", Marks::User);
}
