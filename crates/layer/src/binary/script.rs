//! Scripts: the first line, as a kernel reads it.

/// How much of the line Linux looks at (`BINPRM_BUF_SIZE`, since 5.1).
const LINE: usize = 256;

/// Returns the interpreter's path and the one argument that may follow it.
pub(super) fn parse(bytes: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let line = bytes.get(..LINE).unwrap_or(bytes).strip_prefix(b"#!")?;
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next()?.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at_checked(end)?;
    let argument = argument.trim_ascii();
    (!interpreter.is_empty()).then(|| (interpreter.to_vec(), (!argument.is_empty()).then(|| argument.to_vec())))
}
