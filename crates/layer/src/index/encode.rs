//! An index as bytes, so that a store can keep it beside a layer.
//!
//! `PIX1`, the number of layers, the root, the paths in their order, each without what it shares with the one before, and
//! the files of accounts. Numbers have seven bits in each byte, the lowest first.

use std::collections::BTreeMap;

use super::{ACCOUNTS, IndexLimits, Node, NodeKind, PathIndex};
use crate::error::LayerError;

const MAGIC: &[u8] = b"PIX1";

impl PathIndex {
    /// Writes the index as bytes: the same tree gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut output = MAGIC.to_vec();
        put(&mut output, u64::from(self.layers));
        put_node(&mut output, &self.root);
        put(&mut output, self.nodes.len() as u64);
        let mut last: &[u8] = b"";
        for (path, node) in &self.nodes {
            let shared = last.iter().zip(path).take_while(|(one, other)| one == other).count();
            put(&mut output, shared as u64);
            put_bytes(&mut output, path.get(shared..).unwrap_or_default());
            put_node(&mut output, node);
            last = path;
        }
        put(&mut output, self.accounts.len() as u64);
        for (path, content) in &self.accounts {
            put_bytes(&mut output, path);
            put_bytes(&mut output, content);
        }
        output
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`LayerError::Index`] for other bytes, and for more paths than the limits allow.
    pub fn from_bytes(bytes: &[u8], limits: IndexLimits) -> Result<Self, LayerError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LayerError::Index("it is of another version"))?;
        read(rest, limits).ok_or(LayerError::Index("its bytes make no sense"))
    }
}

fn read(mut bytes: &[u8], limits: IndexLimits) -> Option<PathIndex> {
    let input = &mut bytes;
    let layers = u32::try_from(take(input)?).ok()?;
    let root = take_node(input)?;
    let count = usize::try_from(take(input)?).ok().filter(|count| *count <= limits.paths)?;
    let mut nodes = BTreeMap::new();
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        let shared = usize::try_from(take(input)?).ok()?;
        let path = [last.get(..shared)?, take_bytes(input)?].concat();
        if path <= last || crate::tar::clean(&path).as_ref() != Ok(&path) || path.len() as u64 > limits.longest_path() {
            return None;
        }
        nodes.insert(path.clone(), take_node(input)?);
        last = path;
    }
    let mut accounts = BTreeMap::new();
    for _ in 0..take(input)? {
        let (path, content) = (take_bytes(input)?, take_bytes(input)?);
        if !ACCOUNTS.contains(&path) || content.len() as u64 > limits.accounts {
            return None;
        }
        accounts.insert(path.to_vec(), content.to_vec());
    }
    input.is_empty().then_some(PathIndex { nodes, root, accounts, limits, layers })
}

fn put(output: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        output.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    output.push(number as u8);
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put_bytes(output: &mut Vec<u8>, bytes: &[u8]) {
    put(output, bytes.len() as u64);
    output.extend_from_slice(bytes);
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes)
}

fn put_node(output: &mut Vec<u8>, node: &Node) {
    match &node.kind {
        NodeKind::File { size } => {
            output.push(0);
            put(output, *size);
        }
        NodeKind::Directory => output.push(1),
        NodeKind::Symlink { target } => {
            output.push(2);
            put_bytes(output, target);
        }
        NodeKind::Special => output.push(3),
    }
    // The sign of a time goes to its lowest bit.
    let mtime = ((node.mtime << 1) ^ (node.mtime >> 63)).cast_unsigned();
    for number in [u64::from(node.mode), node.uid, node.gid, mtime, u64::from(node.layer)] {
        put(output, number);
    }
}

fn take_node(input: &mut &[u8]) -> Option<Node> {
    let (kind, rest) = input.split_first()?;
    *input = rest;
    let kind = match kind {
        0 => NodeKind::File { size: take(input)? },
        1 => NodeKind::Directory,
        2 => NodeKind::Symlink { target: take_bytes(input)?.to_vec() },
        3 => NodeKind::Special,
        _ => return None,
    };
    let mode = u32::try_from(take(input)?).ok()?;
    let (uid, gid, mtime) = (take(input)?, take(input)?, take(input)?);
    let mtime = (mtime >> 1).cast_signed() ^ -(mtime & 1).cast_signed();
    Some(Node { kind, mode, uid, gid, mtime, layer: u32::try_from(take(input)?).ok()? })
}
