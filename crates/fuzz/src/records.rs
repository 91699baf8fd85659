//! Inputs made of several pieces that name each other by digest, as text that a mutation keeps alive.
//!
//! No engine guesses a digest, so an input says whose digest it means. A line that begins with `=`
//! opens a record and names it; what follows is its content, up to the next one. `{2}` stands for the
//! hexadecimal digest of the third record, `{2#}` for its size: in a content those of earlier
//! records, in a name its own as well.

use oci::Digest;

/// The most records, so that a number is one digit.
const MOST: usize = 10;

/// One piece of an input.
#[derive(Debug)]
pub struct Record {
    /// What stands behind the `=`.
    pub name: Vec<u8>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Reads an input; what stands before the first record is nobody's.
pub fn read(input: &[u8]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut known: Vec<(String, usize)> = Vec::new();
    for piece in split(input).into_iter().take(MOST) {
        let (name, content) = match piece.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&piece[..end], &piece[end + 1..]),
            None => (piece, &[][..]),
        };
        let content = fill(content, &known);
        known.push((Digest::of(&content).hex().to_owned(), content.len()));
        records.push(Record { name: fill(name, &known), content });
    }
    records
}

/// Cuts before every `=` that begins a line, and leaves that out.
fn split(input: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..input.len()).filter(|place| input[*place] == b'=' && (*place == 0 || input[*place - 1] == b'\n')).collect();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([input.len()]);
    starts.iter().zip(ends).map(|(start, end)| &input[start + 1..end]).collect()
}

/// Puts digests and sizes where they are meant.
fn fill(text: &[u8], known: &[(String, usize)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let record = |digit: &u8| known.get(usize::from(digit.wrapping_sub(b'0')));
        match rest {
            [b'{', digit, b'}', left @ ..] if let Some((hex, _)) = record(digit) => {
                filled.extend_from_slice(hex.as_bytes());
                rest = left;
            }
            [b'{', digit, b'#', b'}', left @ ..] if let Some((_, size)) = record(digit) => {
                filled.extend_from_slice(size.to_string().as_bytes());
                rest = left;
            }
            _ => {
                filled.push(*first);
                rest = after;
            }
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_name_each_other() {
        let records = read(b"nobody's\n=a\none\ntwo\n=b/{1}/{0}{7}{x}\n{0}{0#}{1}\n=c");
        let names: Vec<String> = records.iter().map(|record| String::from_utf8_lossy(&record.name).into_owned()).collect();
        let (first, second) = (Digest::of(b"one\ntwo"), Digest::of(&records[1].content));
        assert_eq!(names, ["a".to_owned(), format!("b/{}/{}{{7}}{{x}}", second.hex(), first.hex()), "c".to_owned()]);
        assert_eq!(records[1].content, format!("{}7{{1}}", first.hex()).into_bytes());
        assert!(records[2].content.is_empty() && read(b"").is_empty());
    }
}
