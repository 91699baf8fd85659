//! Tars of layers, and programs for machines.

use std::io::Read;

use layer::binary::{Binary, Sniffer};
use layer::index::{IndexLimits, PathIndex};
use layer::tar::{Entry, EntryKind, Limits, Reader, Rules, Writer, clean};
use layer::{Inflate, InflateLimits};

/// What contents may have together: enough for every seed, nothing for a bomb.
const CONTENT: u64 = 1 << 22;

/// Nothing in a tar of any bytes leads out, every limit holds, and what is read can be written and is read the same.
pub fn tar(bytes: &[u8]) {
    let limits = Limits { entries: 1000, content: CONTENT, holes: CONTENT, ..Limits::default() };
    let inflated = InflateLimits { bytes: 2 * CONTENT, ..InflateLimits::default() };
    let Ok(inflate) = Inflate::new(bytes, inflated) else { return };
    let mut reader = Reader::new(inflate, limits, Rules::of_added());
    let mut copy = Writer::new(Vec::new());
    let mut kept: Vec<(Entry, Vec<u8>)> = Vec::new();
    loop {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(error) if error.concerns_one_entry() => continue,
            Err(_) => break,
        };
        if !entry.path.is_empty() {
            assert_eq!(clean(&entry.path).as_ref(), Ok(&entry.path));
        }
        if let EntryKind::Hardlink { target } = &entry.kind {
            assert_eq!(clean(target).as_ref(), Ok(target));
        }
        let mut content = Vec::new();
        if reader.content().read_to_end(&mut content).is_err() {
            break;
        }
        if matches!(entry.kind, EntryKind::File { .. }) {
            assert_eq!(content.len() as u64, entry.size());
        } else {
            content.clear();
        }
        if copy.append_bytes(&entry, &content).is_ok() {
            kept.push((entry, content));
        }
    }
    let copy = copy.finish().unwrap();
    let mut again = Reader::new(copy.as_slice(), limits, Rules::of_added());
    for (entry, content) in kept {
        assert_eq!(again.next_entry().unwrap(), Some(entry));
        let mut found = Vec::new();
        again.content().read_to_end(&mut found).unwrap();
        assert_eq!(found, content);
    }
    assert_eq!(again.next_entry().unwrap(), None);

    let mut index = PathIndex::with(IndexLimits { paths: 1000, layer: limits, ..IndexLimits::default() });
    if index.add_layer(copy.as_slice()).is_ok() {
        let limits = IndexLimits { layer: limits, ..IndexLimits::default() };
        let back = PathIndex::from_bytes(&index.to_bytes(), limits).unwrap();
        assert!(back.below(b"").eq(index.below(b"")));
    }
}

/// A file of any bytes is the same for all who look, whole, piece by piece or kept, and every name that it tells is in it.
pub fn binary(bytes: &[u8]) {
    let whole = Binary::of(bytes.get(..64 << 10).unwrap_or(bytes));
    let mut sniffer = Sniffer::new();
    for piece in bytes.get(..64 << 10).unwrap_or(bytes).chunks(13) {
        sniffer.update(piece);
    }
    assert_eq!(sniffer.finish(), whole);
    let holds = |name: &[u8]| name.is_empty() || bytes.windows(name.len()).any(|window| window == name);
    match &whole {
        Binary::Elf(elf) => assert!(elf.interpreter.iter().chain(elf.needed.iter().flatten().take(4)).all(|name| holds(name))),
        Binary::Script { interpreter, .. } => assert!(holds(interpreter)),
        _ => {}
    }
    assert!(whole.machines().iter().all(|machine| !machine.to_string().is_empty()));
    let mut kept = Vec::new();
    whole.encode(&mut kept);
    assert_eq!(Binary::decode(&mut kept.as_slice()), Some(whole));
    // Any bytes are something that was kept, or nothing.
    let mut rest = bytes;
    if let Some(found) = Binary::decode(&mut rest) {
        let mut again = Vec::new();
        found.encode(&mut again);
        assert_eq!(Binary::decode(&mut again.as_slice()), Some(found));
    }
}
