//! Numbers and bytes in few bytes, for what is kept of layers.
//!
//! A number has seven bits in each byte, the lowest first, and the eighth bit where more follow. Bytes stand behind
//! their length. Reading takes from the front of a slice; `None` is an end that comes too early, or no number of 64 bits.

/// Writes a number.
pub fn put_number(output: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        output.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    output.push(number as u8);
}

/// Writes a number that may be negative; its sign goes to the lowest bit.
pub fn put_signed(output: &mut Vec<u8>, number: i64) {
    put_number(output, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Writes bytes.
pub fn put_bytes(output: &mut Vec<u8>, bytes: &[u8]) {
    put_number(output, bytes.len() as u64);
    output.extend_from_slice(bytes);
}

/// Reads a number.
pub fn take_number(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(input)?;
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

/// Reads a number that may be negative.
pub fn take_signed(input: &mut &[u8]) -> Option<i64> {
    let number = take_number(input)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Reads bytes.
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes)
}

/// Reads one byte.
pub fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, signed: i64, bytes: Vec<u8>) {
            let mut output = Vec::new();
            put_number(&mut output, number);
            put_signed(&mut output, signed);
            put_bytes(&mut output, &bytes);
            let mut input = output.as_slice();
            prop_assert_eq!(take_number(&mut input), Some(number));
            prop_assert_eq!(take_signed(&mut input), Some(signed));
            prop_assert_eq!(take_bytes(&mut input), Some(bytes.as_slice()));
            prop_assert!(input.is_empty());
            // Cut off anywhere, something is missing.
            let mut input = output.get(..output.len() - 1).unwrap();
            let all = take_number(&mut input).and_then(|_| take_signed(&mut input)).and_then(|_| take_bytes(&mut input));
            prop_assert_eq!(all, None);
        }
    }

    #[test]
    fn more_than_64_bits_are_no_number() {
        assert_eq!(take_number(&mut [0xff; 9].iter().copied().chain([1]).collect::<Vec<u8>>().as_slice()), Some(u64::MAX));
        assert_eq!(take_number(&mut [0xff; 9].iter().copied().chain([2]).collect::<Vec<u8>>().as_slice()), None);
        assert_eq!(take_number(&mut [0x80; 12].as_slice()), None);
    }
}
