//! Hex and base64, each in the one spelling of the format.
//!
//! Hex is lower case. Base64 is standard, padded, and its last bits are zero: what decodes is what would be written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes as lower-case hex.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `N` bytes that `2 * N` lower-case hex digits stand for.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The bytes as standard base64 with padding.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that a standard base64 text with padding stands for.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_is_read() {
        assert_eq!(from_hex::<2>("0aff"), Some([10, 255]));
        assert_eq!(to_hex(&[10, 255]), "0aff");
        for other in ["0aFF", "0af", "0aff0", "0agg", "é0a", ""] {
            assert_eq!(from_hex::<2>(other), None, "{other}");
        }
        assert_eq!(from_base64("YQ=="), Some(vec![b'a']));
        for other in ["YQ", "YR==", "YQ==\n", "Y-=="] {
            assert_eq!(from_base64(other), None, "{other}");
        }
    }
}
