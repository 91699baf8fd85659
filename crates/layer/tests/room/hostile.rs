//! Archives that mean harm, and archives that are broken.

use std::io::{self, Read, Write};

use layer::tar::{AbsoluteNames, Entry, HardLinks, Limits, Reader, Rules, Symlinks, leads_outside};
use layer::{Inflate, InflateLimits, LayerError, Limit, Problem};
use proptest::prelude::*;

use crate::fixture;

/// A header that no honest writer makes.
struct Raw<'a> {
    name: &'a [u8],
    flag: u8,
    link: &'a [u8],
    size: u64,
}

const FILE: Raw<'static> = Raw { name: b"a", flag: b'0', link: b"", size: 0 };

fn header(raw: &Raw<'_>) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(raw.size);
    header.set_entry_type(tar::EntryType::new(raw.flag));
    header.as_mut_bytes()[..raw.name.len()].copy_from_slice(raw.name);
    header.as_mut_bytes()[157..157 + raw.link.len()].copy_from_slice(raw.link);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_pax_extensions(records.iter().map(|(key, value)| (*key, value.as_bytes()))).unwrap();
    let mut bytes = tar.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes
}

/// The problem of the first entry, and whether a good one behind it is still read.
fn problem(mut tar: Vec<u8>, rules: Rules) -> (Problem, bool) {
    tar.extend(header(&Raw { name: b"good", ..FILE }));
    tar.resize(tar.len() + 1024, 0);
    let mut reader = Reader::new(tar.as_slice(), Limits::default(), rules);
    let error = reader.next_entry().unwrap_err();
    let LayerError::Entry { problem, .. } = error else { panic!("{error}") };
    (problem, reader.next_entry().unwrap().is_some_and(|entry| entry.path == b"good"))
}

#[test]
fn names_that_lead_out_are_named_and_passed_over() {
    let strict = Rules::default();
    for (name, want) in [
        (&b"../etc/passwd"[..], Problem::Climbs),
        (b"a/../../b", Problem::Climbs),
        (b"a/..", Problem::Climbs),
        (b"/etc/passwd", Problem::Absolute),
        (b"", Problem::Empty),
        (b"./", Problem::Empty),
    ] {
        let name_of_file = Raw { name, size: 700, ..FILE };
        let mut tar = header(&name_of_file);
        tar.resize(512 + 1024, 7);
        let want_here = if name == b"./" { None } else { Some(want) };
        match want_here {
            Some(want) => assert_eq!(problem(tar, strict), (want, true), "{name:?}"),
            // With a slash at its end it is a directory: the root, which is fine.
            None => assert!(Reader::new(tar.as_slice(), Limits::default(), strict).next_entry().unwrap().unwrap().path.is_empty()),
        }
    }
    let long = pax(&[("path", "a\0b")]);
    assert_eq!(problem([long, header(&FILE)].concat(), strict), (Problem::Nul, true));
    assert_eq!(problem(header(&Raw { flag: b'Z', ..FILE }), strict), (Problem::Type('Z'), true));
}

#[test]
fn absolute_names_lose_their_slash_where_that_is_wanted() {
    let rules = Rules { absolute_names: AbsoluteNames::Strip, ..Rules::default() };
    let tar = header(&Raw { name: b"//etc/passwd", ..FILE });
    assert_eq!(Reader::new(tar.as_slice(), Limits::default(), rules).next_entry().unwrap().unwrap().path, b"etc/passwd");
    let tar = header(&Raw { name: b"/../etc/passwd", ..FILE });
    assert_eq!(problem(tar, rules), (Problem::Climbs, true));
}

#[test]
fn links_that_lead_out_are_named() {
    let symlink = |link| header(&Raw { name: b"a", flag: b'2', link, size: 0 });
    let hardlink = |link| header(&Raw { name: b"a", flag: b'1', link, size: 0 });
    let strict = Rules::default();
    assert_eq!(problem(symlink(b"../etc/passwd"), strict), (Problem::SymlinkLeadsOut("../etc/passwd".into()), true));
    assert_eq!(problem(symlink(b"/../../etc"), strict), (Problem::SymlinkLeadsOut("/../../etc".into()), true));
    assert_eq!(problem(symlink(b""), strict), (Problem::LinkMissing(String::new()), true));
    for link in [&b"../etc/passwd"[..], b"/etc/passwd", b"a/../../b", b"", b"."] {
        assert_eq!(problem(hardlink(link), strict), (Problem::LinkLeadsOut(String::from_utf8(link.into()).unwrap()), true));
    }
    assert_eq!(problem(hardlink(b"nothing"), strict), (Problem::LinkMissing("nothing".into()), true));
    assert_eq!(problem(hardlink(b"../x"), Rules::of_layer()), (Problem::LinkLeadsOut("../x".into()), true));
    let mut reader = Reader::new(io::Cursor::new(hardlink(b"/nothing")), Limits::default(), Rules::of_layer());
    assert_eq!(reader.next_entry().unwrap().unwrap(), Entry::hardlink("a", "nothing"));
}

fn limit(tar: &[u8], limits: Limits) -> Limit {
    let mut reader = Reader::new(tar, limits, Rules::of_layer());
    loop {
        match reader.next_entry() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no limit"),
            Err(LayerError::Limit { limit, .. }) => {
                assert!(matches!(reader.next_entry(), Err(LayerError::Damaged { .. })));
                return limit;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn limits_hold_before_anything_is_kept() {
    let tar = fixture::tar(&fixture::entries());
    assert_eq!(limit(&tar, Limits { entries: 5, ..Limits::default() }), Limit::Entries);
    assert_eq!(limit(&tar, Limits { name: 120, ..Limits::default() }), Limit::Name);
    assert_eq!(limit(&tar, Limits { header: 500, ..Limits::default() }), Limit::Header);
    assert_eq!(limit(&tar, Limits { content: 1000, ..Limits::default() }), Limit::Content);
    // What is claimed is refused by the claim alone: none of it follows.
    assert_eq!(limit(&header(&Raw { flag: b'x', size: 8 << 30, ..FILE }), Limits::default()), Limit::Header);
    assert_eq!(limit(&header(&Raw { flag: b'L', size: 8 << 30, ..FILE }), Limits::default()), Limit::Name);
    assert_eq!(limit(&header(&Raw { size: 7 << 30, ..FILE }), Limits { content: 1 << 30, ..Limits::default() }), Limit::Content);
}

#[test]
fn a_hole_of_ten_gigabytes_is_refused() {
    let size = (10_u64 << 30).to_string();
    let map = "1\n0\n0\n";
    let records =
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "hole"), ("GNU.sparse.realsize", size.as_str())];
    let mut tar = [pax(&records), header(&Raw { name: b"GNUSparseFile.0/hole", size: 512, ..FILE })].concat();
    tar.extend(map.as_bytes());
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    assert_eq!(limit(&tar, Limits::default()), Limit::Holes);
    // Whoever allows it gets it, as zeros that come without end.
    let mut reader = Reader::new(tar.as_slice(), Limits { holes: 11 << 30, ..Limits::default() }, Rules::default());
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!((entry.path.as_slice(), entry.size()), (&b"hole"[..], 10 << 30));
    let mut start = [1; 100];
    reader.content().read_exact(&mut start).unwrap();
    assert_eq!(start, [0; 100]);
    assert_eq!(reader.next_entry().unwrap(), None);

    for (map, packed) in
        [("1\n0\n600\n", 512), ("2\n5\n5\n0\n5\n", 1024), ("1\nx\n0\n", 512), ("99999999999999999999999\n", 512), ("", 512)]
    {
        let mut tar = [pax(&records), header(&Raw { name: b"GNUSparseFile.0/hole", size: packed, ..FILE })].concat();
        tar.extend(map.as_bytes());
        tar.resize(tar.len().next_multiple_of(512).max(1536 + packed as usize), 0);
        assert_eq!(problem(tar, Rules::default()).0, Problem::Sparse, "{map:?}");
    }
}

#[test]
fn what_ends_too_early_is_damaged_wherever_it_ends() {
    let tar = fixture::tar(&fixture::entries());
    for length in (1..tar.len() - 1024).step_by(97) {
        let mut reader = Reader::new(&tar[..length], Limits::default(), Rules::of_layer());
        let end = loop {
            match reader.next_entry() {
                Ok(Some(_)) => {
                    if let Err(error) = io::copy(&mut reader.content(), &mut io::sink()) {
                        break error.to_string();
                    }
                }
                Ok(None) => break String::new(),
                Err(error) => break error.to_string(),
            }
        };
        // Without its end a tar is still whole, where it stops between two entries.
        assert!(end.contains("damaged archive at byte") || length % 512 == 0, "{length}: {end}");
    }
    let mut broken = tar;
    broken[3] ^= 1;
    let error = Reader::new(broken.as_slice(), Limits::default(), Rules::of_layer()).next_entry().unwrap_err();
    assert_eq!(error.to_string(), "damaged archive at byte 0: the checksum of a header is wrong");
}

#[test]
fn a_bomb_is_refused_by_its_size_and_by_its_ratio() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut io::repeat(0).take(64 << 20), &mut bomb).unwrap();
    let bomb = bomb.finish().unwrap();
    for (limits, want) in [
        (InflateLimits { bytes: 1 << 20, ..InflateLimits::default() }, Limit::Inflated),
        (InflateLimits { ratio: 100, free: 1 << 20, ..InflateLimits::default() }, Limit::Ratio),
    ] {
        let mut inflate = Inflate::new(bomb.as_slice(), limits).unwrap();
        let error = io::copy(&mut inflate, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let error = error.downcast::<LayerError>().unwrap();
        assert!(matches!(error, LayerError::Limit { limit, .. } if limit == want), "{error}");
    }
    // The same as one entry of an archive: the reader says it as it was said.
    let mut tar = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    tar.write_all(&header(&Raw { size: 1 << 30, ..FILE })).unwrap();
    io::copy(&mut io::repeat(0).take(8 << 20), &mut tar).unwrap();
    let tar = tar.finish().unwrap();
    let inflate = Inflate::new(tar.as_slice(), InflateLimits { bytes: 1 << 20, ..InflateLimits::default() }).unwrap();
    let mut reader = Reader::new(inflate, Limits::default(), Rules::default());
    reader.next_entry().unwrap().unwrap();
    let error = reader.next_entry().unwrap_err();
    assert_eq!(error.to_string(), "the archive: inflated bytes: more than 1048576");
}

#[test]
fn truncated_members_are_errors() {
    let mut blob = Vec::new();
    let mut layer = layer::LayerWriter::create(&mut blob, layer::Settings::default());
    for number in 0..3 {
        let content = fixture::noise(2 << 20, number);
        layer.append_bytes(&Entry::file(format!("f{number}"), content.len() as u64), &content).unwrap();
    }
    layer.finish().unwrap();
    for length in [blob.len() - 1, blob.len() - 10, blob.len() / 2, 20, 5] {
        let mut inflate = Inflate::new(&blob[..length], InflateLimits::default()).unwrap();
        let read = io::copy(&mut inflate, &mut io::sink());
        assert!(read.is_err() || length == 5 && read.unwrap() == 5, "{length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), at in 0..6000_usize, byte: u8) {
        let mut whole = fixture::tar(&fixture::entries());
        let at = at % whole.len();
        whole[at] = byte;
        // Give some of them a checksum that is right.
        let block = at / 512 * 512;
        if let Some(header) = whole.get_mut(block..block + 512) {
            let sum: u32 = header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        bytes.truncate(3000);
        for tar in [&whole, &bytes] {
            let rules = Rules { hard_links: HardLinks::Any, symlinks: Symlinks::Inside, ..Rules::default() };
            let limits = Limits { content: 1 << 24, holes: 1 << 20, ..Limits::default() };
            let mut reader = Reader::new(tar.as_slice(), limits, rules);
            for _ in 0..100 {
                match reader.next_entry() {
                    Ok(Some(entry)) => {
                        prop_assert_eq!(layer::tar::clean(&entry.path).ok(), if entry.path.is_empty() { None } else { Some(entry.path.clone()) });
                        if let layer::tar::EntryKind::Symlink { target } = &entry.kind {
                            prop_assert!(!leads_outside(&entry.path, target));
                        }
                        drop(io::copy(&mut reader.content(), &mut io::sink()));
                    }
                    Ok(None) => break,
                    Err(error) if error.concerns_one_entry() => {}
                    Err(_) => break,
                }
            }
        }
    }
}
