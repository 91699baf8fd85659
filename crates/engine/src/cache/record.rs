//! What is kept of a step's layer: all that a build needs to go on without reading it.
//!
//! A format's number, the layer, its newest time, the programs, the files of accounts.

use graph::TreePath;
use layer::Compressed;
use layer::binary::Binary;
use layer::compact::{put_bytes, put_number, put_signed, take_byte, take_bytes, take_number, take_signed};
use oci::{DiffId, Digest};

use crate::pack::{Packed, Program};

/// One more where anything below changes, [`Binary::encode`] included.
const FORMAT: u8 = 1;

/// Writes a record.
pub(super) fn encode(packed: &Packed) -> Vec<u8> {
    let Packed { layer: Compressed { diff_id, digest, size, uncompressed }, programs, newest, accounts } = packed;
    let mut output = vec![FORMAT];
    for digest in [&diff_id.0, digest] {
        put_bytes(&mut output, digest.to_string().as_bytes());
    }
    put_number(&mut output, *size);
    put_number(&mut output, *uncompressed);
    output.push(newest.is_some().into());
    put_signed(&mut output, newest.unwrap_or(0));
    put_number(&mut output, programs.len() as u64);
    for Program { path, is_executable, binary } in programs {
        put_bytes(&mut output, path.bytes());
        output.push((*is_executable).into());
        binary.encode(&mut output);
    }
    put_number(&mut output, accounts.len() as u64);
    for (path, content) in accounts {
        put_bytes(&mut output, path.bytes());
        put_bytes(&mut output, content);
    }
    output
}

/// Reads a record; `None` where it has another format.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Packed> {
    let input = &mut bytes;
    if take_byte(input)? != FORMAT {
        return None;
    }
    let (diff_id, digest) = (DiffId(take_digest(input)?), take_digest(input)?);
    let layer = Compressed { diff_id, digest, size: take_number(input)?, uncompressed: take_number(input)? };
    let (is_some, newest) = (take_byte(input)? != 0, take_signed(input)?);
    let program = |input: &mut &[u8]| {
        let (path, is_executable) = (take_path(input)?, take_byte(input)? != 0);
        Some(Program { path, is_executable, binary: Binary::decode(input)? })
    };
    let programs = take_list(input, program)?;
    let accounts = take_list(input, |input| Some((take_path(input)?, take_bytes(input)?.to_vec())))?;
    input.is_empty().then_some(Packed { layer, programs, newest: is_some.then_some(newest), accounts })
}

pub(super) fn take_digest(input: &mut &[u8]) -> Option<Digest> {
    std::str::from_utf8(take_bytes(input)?).ok()?.parse().ok()
}

fn take_path(input: &mut &[u8]) -> Option<TreePath> {
    take_bytes(input).map(TreePath::clean)
}

fn take_list<T>(input: &mut &[u8], take: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    // No room is made for a number that may be wrong.
    let count = take_number(input)?;
    (0..count).map(|_| take(input)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use layer::binary::{Architecture, Machine, System};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn packed() -> impl Strategy<Value = Packed> {
        let path = || "[a-z]{1,3}(/[a-zé]{1,4}){0,2}".prop_map(|text| TreePath::from(text.as_str()));
        let machine = any::<u16>().prop_map(|number| Machine { architecture: Architecture::Other { number }, system: System::Any });
        let binary = prop_oneof![
            machine.clone().prop_map(Binary::Pe),
            vec(machine, 0..3).prop_map(Binary::MachO),
            (any::<Vec<u8>>(), any::<Option<Vec<u8>>>()).prop_map(|(interpreter, argument)| Binary::Script { interpreter, argument }),
        ];
        let program = (path(), any::<bool>(), binary).prop_map(|(path, is_executable, binary)| Program { path, is_executable, binary });
        let layer = any::<(u64, u64, [u8; 32], [u8; 32])>().prop_map(|(size, uncompressed, one, other)| Compressed {
            diff_id: DiffId(Digest::from_sha256(one)),
            digest: Digest::from_sha256(other),
            size,
            uncompressed,
        });
        (layer, vec(program, 0..4), any::<Option<i64>>(), vec((path(), any::<Vec<u8>>()), 0..3))
            .prop_map(|(layer, programs, newest, accounts)| Packed { layer, programs, newest, accounts })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(packed in packed(), cut: prop::sample::Index) {
            let bytes = encode(&packed);
            prop_assert_eq!(decode(&bytes), Some(packed));
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), None);
            let longer = [bytes.as_slice(), b"x"].concat();
            prop_assert_eq!(decode(&longer), None);
            let mut other = bytes;
            other[0] += 1;
            prop_assert_eq!(decode(&other), None);
        }
    }
}
