//! Sparse files of all four forms, as GNU tar writes them.

use std::io::Read;
use std::process::Command;

use layer::tar::{Limits, Reader, Rules};
use layer::{LayerError, Limit};

/// Makes a sparse file of ten megabytes with bytes at three places, and has GNU tar pack it.
fn pack(form: &[&str]) -> Option<(Vec<u8>, Vec<u8>)> {
    use std::os::unix::fs::FileExt;
    let program = testkit::binary("tar")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(10 << 20).unwrap();
    for number in 0..40_u64 {
        file.write_all_at(format!("here {number}").as_bytes(), number * 200_000).unwrap();
    }
    file.write_all_at(b"end", (10 << 20) - 3).unwrap();
    let output = Command::new(program)
        .arg("--create")
        .args(form)
        .args(["--sparse", "--hole-detection=raw", "--directory"])
        .arg(folder.path())
        .arg("sparse")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.len() < 1 << 20, "{} bytes", output.stdout.len());
    Some((output.stdout, std::fs::read(&path).unwrap()))
}

#[test]
fn holes_of_every_form_are_zeros_within_a_limit() {
    for form in [
        &["--format=gnu"][..],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ] {
        let Some((tar, content)) = pack(form) else { return testkit::skip("no tar") };
        let mut reader = Reader::new(tar.as_slice(), Limits::default(), Rules::default());
        let entry = reader.next_entry().unwrap().unwrap();
        assert_eq!((entry.path.as_slice(), entry.size()), (&b"sparse"[..], 10 << 20), "{form:?}");
        let mut found = Vec::new();
        reader.content().read_to_end(&mut found).unwrap();
        assert!(found == content, "{form:?}");
        assert_eq!(reader.next_entry().unwrap(), None);

        let limits = Limits { holes: 1 << 20, ..Limits::default() };
        let error = Reader::new(tar.as_slice(), limits, Rules::default()).next_entry().unwrap_err();
        assert!(matches!(&error, LayerError::Limit { limit: Limit::Holes, name, .. } if name.ends_with("sparse")), "{error}");
        let limits = Limits { segments: 10, ..Limits::default() };
        let error = Reader::new(tar.as_slice(), limits, Rules::default()).next_entry().unwrap_err();
        assert!(matches!(error, LayerError::Limit { limit: Limit::Segments, .. }), "{error}");
    }
}
