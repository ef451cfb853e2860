//! Values of fields, with what FIT calls invalid taken as absent.

use rustyfit::profile::typedef::FitBaseType;
use rustyfit::proto::{Field, Value};

/// A single whole number; `None` where it is invalid, an array or no number.
pub(super) fn whole(field: &Field) -> Option<i64> {
    // The types with a z have 0 for invalid, the others their greatest value.
    let zero_is_invalid = matches!(
        field.base_type,
        FitBaseType::UINT8Z | FitBaseType::UINT16Z | FitBaseType::UINT32Z | FitBaseType::UINT64Z
    );
    let (value, invalid) = match field.value {
        Value::Int8(v) => (i64::from(v), i64::from(i8::MAX)),
        Value::Uint8(v) => (i64::from(v), i64::from(u8::MAX)),
        Value::Int16(v) => (i64::from(v), i64::from(i16::MAX)),
        Value::Uint16(v) => (i64::from(v), i64::from(u16::MAX)),
        Value::Int32(v) => (i64::from(v), i64::from(i32::MAX)),
        Value::Uint32(v) => (i64::from(v), i64::from(u32::MAX)),
        _ => return None,
    };
    (value != if zero_is_invalid { 0 } else { invalid }).then_some(value)
}

/// A number in its unit: stored whole, multiplied by `scale`, moved by
/// `offset`.
pub(super) fn scaled(field: &Field, scale: f64, offset: f64) -> Option<f64> {
    whole(field).map(|value| value as f64 / scale - offset)
}

/// A number of 32 bits.
pub(super) fn small(field: &Field) -> Option<i32> {
    whole(field).and_then(|value| i32::try_from(value).ok())
}

/// A time as FIT stores it.
pub(super) fn time(field: &Field) -> Option<u32> {
    whole(field).and_then(|value| u32::try_from(value).ok())
}

/// A coordinate in degrees; one semicircle is 180 / 2^31 degrees.
pub(super) fn degrees(field: &Field) -> Option<f64> {
    whole(field).map(|value| value as f64 * (180.0 / 2_147_483_648.0))
}

/// A text without its padding; `None` where nothing is left.
pub(super) fn text(field: &Field) -> Option<&str> {
    let text = match &field.value {
        Value::String(text) => text,
        // Text with a second one behind its end: the first counts.
        Value::ArrayString(texts) => texts.first()?,
        _ => return None,
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then_some(text)
}

/// The bytes of an array of them.
pub(super) fn bytes(field: &Field) -> Option<&[u8]> {
    match &field.value {
        Value::ArrayUint8(bytes) => Some(bytes),
        _ => None,
    }
}
