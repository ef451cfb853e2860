//! Bytes as text, for XML and CSV.

use std::borrow::Cow;

/// `bytes` as text: UTF-8 or UTF-16, what is neither replaced.
pub(super) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| unit(*pair))
            .collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_choose_the_encoding_and_go() {
        assert_eq!(text_of(b"\xef\xbb\xbfa"), "a");
        assert_eq!(text_of(b"\xff\xfea\0\xe9\0"), "aé");
        assert_eq!(text_of(b"\xfe\xff\0a"), "a");
        assert_eq!(text_of(b"a\xff"), "a\u{fffd}");
    }
}
