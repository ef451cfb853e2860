//! JSON values as Strava sends them: any may be absent, null or of another
//! type than documented, and none of that is an error here.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A text, or a number as text.
pub fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, also one written as a text or with a fraction of zero.
pub fn integer(map: &Map<String, Value>, key: &str) -> Option<i64> {
    match map.get(key)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A double that is a whole number below 2^53, where doubles are exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// A number, finite.
pub fn number(map: &Map<String, Value>, key: &str) -> Option<f64> {
    map.get(key)?.as_f64().filter(|number| number.is_finite())
}

/// A truth value, also one written as a text. Absent is `None`.
pub fn flag(map: &Map<String, Value>, key: &str) -> Option<bool> {
    match map.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => truth(text),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `true` and `false` as a text.
pub fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// An instant in RFC 3339.
pub fn time(map: &Map<String, Value>, key: &str) -> Option<Timestamp> {
    map.get(key)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn whole_numbers_come_in_several_spellings() {
        let ids = map(
            r#"{"a": 9007199254740993, "b": "9007199254740993", "c": 7.0, "d": 7.5,
                "e": 1e300, "f": 18446744073709551615, "g": null, "h": "x"}"#,
        );
        assert_eq!(integer(&ids, "a"), Some(9_007_199_254_740_993));
        assert_eq!(integer(&ids, "b"), Some(9_007_199_254_740_993));
        assert_eq!(integer(&ids, "c"), Some(7));
        for odd in ["d", "e", "f", "g", "h", "absent"] {
            assert_eq!(integer(&ids, odd), None, "{odd}");
        }
    }

    #[test]
    fn truth_comes_as_text_too() {
        let flags = map(r#"{"a": true, "b": "True", "c": "false", "d": 1, "e": null}"#);
        assert_eq!(flag(&flags, "a"), Some(true));
        assert_eq!(flag(&flags, "b"), Some(true));
        assert_eq!(flag(&flags, "c"), Some(false));
        assert_eq!((flag(&flags, "d"), flag(&flags, "e")), (None, None));
    }

    #[test]
    fn other_types_are_as_good_as_absent() {
        let odd =
            map(r#"{"a": [1], "b": {"c": 1}, "d": "2018-11-29T21:46:21.854786016Z", "e": 1.5}"#);
        assert_eq!((text(&odd, "a"), text(&odd, "b")), (None, None));
        assert_eq!((number(&odd, "a"), number(&odd, "e")), (None, Some(1.5)));
        assert_eq!(time(&odd, "d").unwrap().subsec_nanosecond(), 854_786_016);
        assert_eq!((time(&odd, "e"), time(&odd, "a")), (None, None));
        assert_eq!(text(&odd, "e").as_deref(), Some("1.5"));
    }
}
