//! In which form an answer is given: JSON, or what the client likes better.
//!
//! The parameter `format` decides; without it the header `Accept` does
//! (RFC 9110, section 12.5.1). A header that takes none of the forms is passed
//! over, and the first form is given.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use query::Format;

use crate::problem::Problem;

/// The media type of a form.
pub const fn media_type(form: Format) -> &'static str {
    match form {
        Format::Json => "application/json",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Parquet => "application/vnd.apache.parquet",
        Format::Arrow => "application/vnd.apache.arrow.stream",
        Format::Table => "text/plain; charset=utf-8",
    }
}

/// The forms that answers come in.
const FORMS: &[Format] = &[Format::Json, Format::Csv, Format::Parquet, Format::Arrow];

/// How much a client likes each form, by its header `Accept`.
#[derive(Clone, Debug)]
pub struct Accepted {
    ranges: Vec<(String, u16)>,
}

impl Accepted {
    /// What these headers say.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        Self {
            ranges: lines.flat_map(|line| line.split(',')).map(range).collect(),
        }
    }

    /// The form to answer in, among those that the route has, of which the
    /// first is the usual one.
    ///
    /// # Errors
    /// A 400 where `format` names another one.
    pub fn choose(&self, offered: &[Format], format: Option<&str>) -> Result<Format, Problem> {
        if let Some(name) = format {
            let named = offered.iter().find(|form| form.name() == name);
            return named.copied().ok_or_else(|| {
                let names: Vec<_> = offered.iter().map(|form| form.name()).collect();
                let names = names.join(", ");
                Problem::argument(format!("format cannot be {name:?}: it is one of {names}"))
            });
        }
        // Of equal ones the first.
        let best = offered.iter().rev().max_by_key(|form| self.weight(**form));
        Ok(best.copied().unwrap_or(Format::Json))
    }

    /// What tells one client's liking from another's.
    pub fn weights(&self) -> String {
        let weights = FORMS.iter().map(|form| self.weight(*form).to_string());
        weights.collect::<Vec<_>>().join(",")
    }

    /// From 0 to 1,000, by the range that names the form most closely.
    fn weight(&self, form: Format) -> u16 {
        let full = media_type(form);
        let full = full.split(';').next().unwrap_or(full);
        let kind = full.split('/').next().unwrap_or_default();
        let any_of_kind = format!("{kind}/*");
        [full, any_of_kind.as_str(), "*/*"]
            .iter()
            .find_map(|name| {
                let found = self.ranges.iter().find(|(range, _)| range == name);
                found.map(|(_, weight)| *weight)
            })
            .unwrap_or(0)
    }
}

/// A media range and its weight, 1,000 where it has none.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|weight| weight.parse::<f32>().ok())
        .filter(|weight| (0.0..=1.0).contains(weight))
        .unwrap_or(1.0);
    (name, (weight * 1_000.0).round() as u16)
}

impl<S: Send + Sync> FromRequestParts<S> for Accepted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let offered = [Format::Json, Format::Arrow, Format::Csv];
        Accepted::of(&headers).choose(&offered, None).unwrap()
    }

    #[test]
    fn the_best_liked_form_is_given() {
        let arrow = "application/vnd.apache.arrow.stream";
        for (accept, form) in [
            ("*/*", Format::Json),
            (arrow, Format::Arrow),
            ("Application/VND.apache.arrow.stream", Format::Arrow),
            (&format!("application/json, {arrow}"), Format::Json),
            (&format!("application/json;q=0.9, {arrow}"), Format::Arrow),
            (&format!("{arrow};q=0.1, text/*;q=0.2"), Format::Csv),
            (&format!("{arrow};q=0, */*;q=0.1"), Format::Json),
            ("text/csv; header=present", Format::Csv),
            // Nothing that there is, and nothing that means anything.
            ("image/png", Format::Json),
            (";;q=,,q=x/", Format::Json),
        ] {
            assert_eq!(chosen(accept), form, "{accept}");
        }
    }

    #[test]
    fn the_parameter_stands_above_the_header() {
        let none = Accepted::of(&HeaderMap::new());
        let offered = [Format::Json, Format::Arrow];
        assert_eq!(none.choose(&offered, None).unwrap(), Format::Json);
        let arrow = none.choose(&offered, Some("arrow")).unwrap();
        assert_eq!(arrow, Format::Arrow);
        assert!(none.choose(&offered, Some("csv")).is_err());
    }
}
