//! Bytes as lower-case hexadecimal digits, two for each.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes bytes.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from(DIGITS[usize::from(it)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads bytes; nothing where a character is no digit, or one has no second.
pub fn decode(digits: &str) -> Option<Vec<u8>> {
    if digits.len() % 2 == 1 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok();
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_were_written() {
        for bytes in [&[][..], &[0], &[1, 0xfe, 0x80]] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        for text in ["0g", "012", "+1", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
