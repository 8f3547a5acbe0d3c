//! The small words that all of C2SP's formats are made of: base64, hashes in it, decimals.

use crate::merkle::NodeHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Standard base64 with padding (RFC 4648, section 4).
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The inverse; one text for the same bytes, so no stray bits.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A hash as a line of base64.
pub fn hash_to_base64(hash: &NodeHash) -> String {
    to_base64(&hash.0)
}

/// A hash of 32 bytes out of base64.
pub fn hash_from_base64(text: &str) -> Option<NodeHash> {
    Some(NodeHash(from_base64(text)?.try_into().ok()?))
}

/// A decimal without sign and leading zeros.
pub fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_one_form() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "18446744073709551616", "\u{661}"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_hash_is_of_32_bytes_and_written_in_one_way() {
        let hash = NodeHash([255; 32]);
        let text = hash_to_base64(&hash);
        assert_eq!(hash_from_base64(&text), Some(hash));
        // The last character carries two bits of padding.
        assert_eq!(hash_from_base64(&text.replace("8=", "9=")), None);
        assert_eq!(hash_from_base64(&to_base64(&[255; 31])), None);
    }
}
