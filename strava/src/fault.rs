//! The body of a refusal. Strava documents `{message, errors: [{resource,
//! field, code}]}`; what comes may also be a text in place of the list, RFC
//! 6749's `error`, HTML, or nothing. All of it is read, none of it relied on:
//! the status decides, this only tells refusals of one status apart.

use std::fmt;

use oauth2::ErrorResponse;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The most errors of one body that are looked at.
const MAX_ERRORS: usize = 16;
/// The most characters of a text that are kept.
const MAX_TEXT: usize = 160;

/// What a refusal says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The sentence at its head; may be empty.
    message: String,
    /// Its parts; may be none.
    errors: Vec<Part>,
}

/// One error of it. What is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The kind of thing, such as `AuthorizationCode`.
    pub resource: String,
    /// Its field, such as `code`.
    pub field: String,
    /// What is wrong, such as `expired`.
    pub code: String,
}

impl Part {
    /// Whether it says this of this, in upper or lower case.
    pub fn is(&self, resource: &str, field: &str) -> bool {
        self.resource.eq_ignore_ascii_case(resource) && self.field.eq_ignore_ascii_case(field)
    }

    /// Whether this is what is wrong, in upper or lower case.
    pub fn says(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

impl Fault {
    /// Reads a body, and takes out each of the secrets that it repeats.
    pub fn read(body: &[u8], secrets: &[&str]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of(&value, secrets),
            // HTML or plain text: a sentence may be told by it, nothing is
            // shown of it.
            Err(_) => Self {
                message: String::new(),
                errors: plain_part(body).into_iter().collect(),
            },
        }
    }

    fn of(value: &Value, secrets: &[&str]) -> Self {
        let Some(map) = value.as_object() else {
            return Self::default();
        };
        let text = |map: &Map<String, Value>, key: &str| {
            let text = map.get(key).and_then(Value::as_str).unwrap_or_default();
            shown(text, secrets)
        };
        let part = |value: &Value| match value {
            Value::Object(map) => Some(Part {
                resource: text(map, "resource"),
                field: text(map, "field"),
                code: text(map, "code"),
            }),
            Value::String(code) => Some(Part {
                code: shown(code, secrets),
                ..Part::default()
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        let mut errors: Vec<_> = match map.get("errors") {
            Some(Value::Array(list)) => list.iter().take(MAX_ERRORS).filter_map(part).collect(),
            Some(one) => part(one).into_iter().collect(),
            None => Vec::new(),
        };
        errors.extend(map.get("error").and_then(part));
        let message = ["message", "error_description"]
            .map(|key| text(map, key))
            .into_iter()
            .find(|text| !text.is_empty());
        Self {
            message: message.unwrap_or_default(),
            errors,
        }
    }

    /// The first of its errors that fits.
    pub fn find(&self, fits: impl Fn(&Part) -> bool) -> Option<&Part> {
        self.errors.iter().find(|part| fits(part))
    }

    /// Whether one of its errors fits.
    pub fn has(&self, fits: impl Fn(&Part) -> bool) -> bool {
        self.errors.iter().any(fits)
    }

    /// Whether these words, in lower case, stand anywhere in it.
    pub fn mentions(&self, words: &str) -> bool {
        let says = |text: &str| text.to_ascii_lowercase().contains(words);
        says(&self.message) || self.has(|part| says(&part.field) || says(&part.code))
    }
}

/// Sentences that are looked for in bodies that are no JSON.
const SENTENCES: &[&str] = &["limit of connected athletes"];

/// The part that a body without JSON stands for, if it has a known sentence.
fn plain_part(body: &[u8]) -> Option<Part> {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let sentence = SENTENCES
        .iter()
        .find(|sentence| text.contains(**sentence))?;
    Some(Part {
        code: (*sentence).to_owned(),
        ..Part::default()
    })
}

/// A text as it may be shown: without secrets, on one line, cut short. Secrets
/// go first, or a cut could leave a piece of one.
fn shown(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TEXT)
        .collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(part) = self.errors.first() {
            let words = [&part.resource, &part.field, &part.code];
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            for (position, word) in words.into_iter().enumerate() {
                let between = match position {
                    0 if self.message.is_empty() => "",
                    0 => ": ",
                    _ => " ",
                };
                write!(f, "{between}{word}")?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&Value::deserialize(deserializer)?, &[]))
    }
}

impl ErrorResponse for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        Fault::read(body.as_bytes(), &["deadbeef"]).to_string()
    }

    #[test]
    fn the_documented_shape_is_read() {
        let body = r#"{"message":"Bad Request","errors":[
            {"resource":"AuthorizationCode","field":"","code":"expired"}]}"#;
        assert_eq!(told(body), "Bad Request: AuthorizationCode expired");
        let fault = Fault::read(body.as_bytes(), &[]);
        assert!(fault.has(|part| part.is("authorizationcode", "") && part.says("Expired")));
    }

    #[test]
    fn other_shapes_are_read_too() {
        let hand_made = r#"{"errors":"Rate Limit Exceeded","status":429,"message":"Too Many"}"#;
        assert_eq!(told(hand_made), "Too Many: Rate Limit Exceeded");
        assert_eq!(told(r#"{"error":"invalid_client"}"#), "invalid_client");
        let one = r#"{"errors":{"resource":"A","field":"b","code":"c"}}"#;
        assert_eq!(told(one), "A b c");
        for nothing in [
            "",
            "[]",
            "null",
            "7",
            "{}",
            "<html>Oops</html>",
            r#"{"errors":[7,[]]}"#,
        ] {
            assert_eq!(told(nothing), "", "{nothing}");
        }
    }

    #[test]
    fn a_known_sentence_is_found_outside_json() {
        let html = b"<h1>The limit of connected athletes exceeded</h1>";
        assert!(Fault::read(html, &[]).mentions("limit of connected athletes"));
        assert!(!Fault::read(b"<h1>No</h1>", &[]).mentions("limit of connected athletes"));
    }

    #[test]
    fn what_is_repeated_of_a_secret_is_taken_out() {
        let body = r#"{"message":"no token deadbeef","errors":[
            {"resource":"deadbeef","field":"xdeadbeefx","code":"a\nb"}]}"#;
        assert_eq!(told(body), "no token …: … x…x a b");
        let long = format!(r#"{{"message":"{}deadbeef"}}"#, "x".repeat(MAX_TEXT - 4));
        assert!(!told(&long).contains("dead"), "a cut leaves no piece of it");
        assert_eq!(told(&long).chars().count(), MAX_TEXT - 3);
    }

    #[test]
    fn many_errors_are_cut() {
        let parts = r#"{"code":"a"},"#.repeat(1_000);
        let body = format!(r#"{{"errors":[{}]}}"#, parts.trim_end_matches(','));
        assert_eq!(Fault::read(body.as_bytes(), &[]).errors.len(), MAX_ERRORS);
    }
}
