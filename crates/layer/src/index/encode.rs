//! An index as bytes, so that a store can keep it beside a layer.
//!
//! `PIX1`, the number of layers, the root, the paths in their order, each without what it shares with the one before, and
//! the files of accounts.

use std::collections::BTreeMap;

use super::{ACCOUNTS, IndexLimits, Node, NodeKind, PathIndex};
use crate::compact::{put_bytes, put_number, put_signed, take_byte, take_bytes, take_number, take_signed};
use crate::error::LayerError;

const MAGIC: &[u8] = b"PIX1";

impl PathIndex {
    /// Writes the index as bytes: the same tree gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut output = MAGIC.to_vec();
        put_number(&mut output, u64::from(self.layers));
        put_node(&mut output, &self.root);
        put_number(&mut output, self.nodes.len() as u64);
        let mut last: &[u8] = b"";
        for (path, node) in &self.nodes {
            let shared = last.iter().zip(path).take_while(|(one, other)| one == other).count();
            put_number(&mut output, shared as u64);
            put_bytes(&mut output, path.get(shared..).unwrap_or_default());
            put_node(&mut output, node);
            last = path;
        }
        put_number(&mut output, self.accounts.len() as u64);
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
    let layers = u32::try_from(take_number(input)?).ok()?;
    let root = take_node(input)?;
    let count = usize::try_from(take_number(input)?).ok().filter(|count| *count <= limits.paths)?;
    let mut nodes = BTreeMap::new();
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        let shared = usize::try_from(take_number(input)?).ok()?;
        let path = [last.get(..shared)?, take_bytes(input)?].concat();
        if path <= last || crate::tar::clean(&path).as_ref() != Ok(&path) || path.len() as u64 > limits.longest_path() {
            return None;
        }
        nodes.insert(path.clone(), take_node(input)?);
        last = path;
    }
    let mut accounts = BTreeMap::new();
    for _ in 0..take_number(input)? {
        let (path, content) = (take_bytes(input)?, take_bytes(input)?);
        if !ACCOUNTS.contains(&path) || content.len() as u64 > limits.accounts {
            return None;
        }
        accounts.insert(path.to_vec(), content.to_vec());
    }
    input.is_empty().then_some(PathIndex { nodes, root, accounts, limits, layers })
}

fn put_node(output: &mut Vec<u8>, node: &Node) {
    match &node.kind {
        NodeKind::File { size } => {
            output.push(0);
            put_number(output, *size);
        }
        NodeKind::Directory => output.push(1),
        NodeKind::Symlink { target } => {
            output.push(2);
            put_bytes(output, target);
        }
        NodeKind::Special => output.push(3),
    }
    for number in [u64::from(node.mode), node.uid, node.gid] {
        put_number(output, number);
    }
    put_signed(output, node.mtime);
    put_number(output, u64::from(node.layer));
}

fn take_node(input: &mut &[u8]) -> Option<Node> {
    let kind = match take_byte(input)? {
        0 => NodeKind::File { size: take_number(input)? },
        1 => NodeKind::Directory,
        2 => NodeKind::Symlink { target: take_bytes(input)?.to_vec() },
        3 => NodeKind::Special,
        _ => return None,
    };
    let mode = u32::try_from(take_number(input)?).ok()?;
    let (uid, gid, mtime) = (take_number(input)?, take_number(input)?, take_signed(input)?);
    Some(Node { kind, mode, uid, gid, mtime, layer: u32::try_from(take_number(input)?).ok()? })
}
