//! What is in a base: what is where, and which of it are programs.

use std::collections::BTreeMap;
use std::io::{self, Read};

use graph::TreePath;
use layer::LayerError;
use layer::binary::{Binary, inspect};
use layer::compact::{put_bytes, put_number, take_bytes, take_number};
use layer::index::{IndexLimits, PathIndex, Placed};
use layer::tar::Entry;

/// What is known of a base once its layers were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// What is where.
    pub paths: PathIndex,
    /// The programs, libraries and scripts among its files, by their real paths.
    pub programs: BTreeMap<TreePath, Binary>,
}

impl Survey {
    /// Puts a layer on top, and looks at what its files begin with.
    pub(super) fn add_layer(&mut self, tar: &mut dyn Read) -> Result<(), LayerError> {
        let Self { paths, programs } = self;
        paths.add_layer_with(tar, |entry, placed, content| note(programs, entry, placed, content))
    }

    /// Writes it in few bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut output = Vec::new();
        put_bytes(&mut output, &self.paths.to_bytes());
        put_number(&mut output, self.programs.len() as u64);
        for (path, binary) in &self.programs {
            put_bytes(&mut output, path.bytes());
            binary.encode(&mut output);
        }
        output
    }

    /// Reads what was written; `None` where it is something else.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes;
        let paths = PathIndex::from_bytes(take_bytes(input)?, IndexLimits::default()).ok()?;
        let mut programs = BTreeMap::new();
        for _ in 0..take_number(input)? {
            let path = TreePath::clean(take_bytes(input)?);
            programs.insert(path, Binary::decode(input)?);
        }
        input.is_empty().then_some(Self { paths, programs })
    }
}

fn note(programs: &mut BTreeMap<TreePath, Binary>, entry: &Entry, placed: &Placed, content: &mut dyn Read) -> io::Result<()> {
    // What a hard link is another name of may go with it.
    let linked = placed.linked.as_ref().and_then(|path| programs.get(&TreePath::clean(path)).cloned());
    for gone in &placed.gone {
        programs.remove(&TreePath::clean(gone));
    }
    let Some(at) = placed.at.as_ref().map(|path| TreePath::clean(path)) else { return Ok(()) };
    programs.remove(&at);
    let binary = if entry.size() > 0 { Some(inspect(content)?) } else { linked };
    if let Some(binary) = binary.filter(|binary| *binary != Binary::Other) {
        programs.insert(at, binary);
    }
    Ok(())
}
