//! Transcripts are run, compared and rewritten; the binary is a shell.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::transcript::{OnDifference, Transcript};

/// Writes a page with one console block.
fn page(block: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    fs::write(&path, format!("# A page\n\n$ not a command\n\n```console\n{block}```\n\nThe end.\n")).unwrap();
    (folder, path)
}

fn shell() -> Transcript {
    Transcript::new(&testkit::binary("sh").unwrap())
}

fn differences(block: &str) -> String {
    let (_folder, path) = page(block);
    shell().check(&path, OnDifference::Report).unwrap_err()
}

#[test]
fn a_true_page_passes() {
    let (_folder, path) = page(concat!(
        "$ polyarch -c 'echo out; echo err >&2; exit 3'\n> err\nout\n[exit 3]\n",
        "$ printf 'a\\n\\n> b\\n' | sed 's/^>/+/'\na\n\n+ b\n",
        "$ echo one \\\n  two\none two\n",
        "$ printf '1\\n2\\n3\\n4\\n'\n1\n...\n4\n",
        "$ echo sha256:0123456789 here\nsha256:01... here\n",
        "$ printf '\\n' >&2\n>\n",
        "$ true\n",
        "$ kill -9 $$\n[exit 137]\n",
    ));
    shell().run_file(&path);
}

#[test]
fn the_world_is_clean_and_kept_between_commands() {
    let (_folder, path) = page(concat!(
        "$ echo kept > file; ls \"$HOME\"; echo \"$WORD\" \"${CARGO_MANIFEST_DIR-cleared}\"\nword cleared\n",
        "$ cat file\nkept\n",
        "$ echo http://SERVER/\nhttp://SERVER/\n",
        "$ test SERVER = 127.0.0.1:34567 || echo same\nsame\n",
        "$ cargo run -- -c 'echo alias'\nalias\n",
    ));
    // The page says SERVER, the command gets the address: `test` compares it with itself.
    let transcript = shell().env("WORD", "word").replace("127.0.0.1:34567", "SERVER").alias("cargo run --", "polyarch");
    let problem = transcript.check(&path, OnDifference::Report).unwrap_err();
    assert!(problem.contains("|| echo same"), "{problem}");
    assert!(problem.contains("- same"), "{problem}");
    assert_eq!(problem.matches(": $ ").count(), 1, "only that one differs: {problem}");
}

#[test]
fn a_difference_is_shown_with_its_place() {
    let problem = differences("$ true\n$ printf 'a\\nx\\nc\\n'\na\nb\nc\n");
    assert!(problem.contains("page.md:7: $ printf"), "{problem}");
    assert!(problem.contains("stdout:\n      8   a\n      9 - b\n        + x\n     10   c\n"), "{problem}");
    assert!(!problem.contains("stderr:"), "{problem}");
    assert!(differences("$ exit 3\n").contains("exit code: expected 0, got 3"));
    assert!(differences("$ true\n[exit 3]\n").contains("exit code: expected 3, got 0"));
    assert!(differences("$ echo to stderr >&2\nto stderr\n").contains("stderr:\n        + to stderr"));
    assert!(differences("$ echo more\nmore\nexpected\n").contains("- expected"));
    assert!(differences("$ echo more; echo unexpected\nmore\n").contains("+ unexpected"));
    assert!(differences("$ true\n> expected\n").contains("- expected"));
}

#[test]
fn a_page_is_rewritten_around_what_still_fits() {
    let (_folder, path) = page(concat!(
        "$ echo id 123; echo new; echo last; echo note >&2; exit 4\n> old note\nid ...\nold\n...\n",
        "$ echo fine\nf...\n",
        "$ echo first; echo warned >&2\n",
    ));
    shell().check(&path, OnDifference::Rewrite).unwrap();
    let expected = concat!(
        "# A page\n\n$ not a command\n\n```console\n",
        "$ echo id 123; echo new; echo last; echo note >&2; exit 4\n> note\nid ...\n...\n[exit 4]\n",
        "$ echo fine\nf...\n",
        "$ echo first; echo warned >&2\n> warned\nfirst\n",
        "```\n\nThe end.\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    shell().run_file(&path);
}

#[test]
fn what_is_left_running_ends_with_the_page() {
    let (folder, path) = page("$ sh -c 'echo $$ > pid; exec sleep 1000' &\n$ while ! test -s pid; do sleep 0.01; done\n");
    shell().current_dir(folder.path()).run_file(&path);
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    for _ in 0..200 {
        // Whoever adopts it may take a moment to bury it: a zombie has ended.
        if state().is_empty() || state().contains(") Z ") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("sleep still runs: {}", state());
}

fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    fs::write(&path, text).unwrap();
    let check = |path: &Path| shell().check(path, OnDifference::Report);
    let panic = std::panic::catch_unwind(|| check(&path)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_page_that_tests_nothing_is_refused() {
    assert!(refusal("# No block\n").contains("nothing would be tested"));
    assert!(refusal("```console\noutput\n```\n").contains("page.md:2: output without a command"));
    assert!(refusal("```console\n$ true\n").contains("does not end"));
}
