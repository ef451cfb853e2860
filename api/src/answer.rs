//! Answers: rows as JSON, under the names that the lake's columns have.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use axum::Extension;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use query::read::Page;
use query::{Format, Rows};
use serde::Serialize;
use storage::Code;

use crate::form;
use crate::kept::Keepable;
use crate::problem::Problem;

/// A `T`, whose schema the document has, as JSON or in another form.
pub struct Answer<T> {
    body: Vec<u8>,
    headers: HeaderMap,
    shape: PhantomData<fn() -> T>,
}

impl<T> Answer<T> {
    /// JSON that was written already.
    pub fn json(body: Vec<u8>) -> Self {
        Self::of(Format::Json, body)
    }

    /// A body that was written already, in that form.
    pub fn of(form: Format, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static(form::media_type(form));
        headers.insert(CONTENT_TYPE, kind);
        Self {
            body,
            headers,
            shape: PhantomData,
        }
    }

    /// The same with another header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl<T> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let body = Bytes::from(self.body);
        let may_be_kept = Extension(Keepable(body.clone()));
        (may_be_kept, self.headers, body).into_response()
    }
}

/// Rows as an array of objects.
///
/// # Errors
/// Where a value cannot be encoded.
pub fn array(rows: &Rows) -> Result<Vec<u8>, Problem> {
    let mut text = query::output::write_rows(rows, Format::Json, Vec::new())?;
    // The line break at its end is for terminals; here it may stand within.
    text.truncate(text.trim_ascii_end().len());
    Ok(text)
}

/// Rows as a body of that form.
///
/// # Errors
/// Where a value cannot be encoded.
pub fn written(rows: &Rows, form: Format) -> Result<Vec<u8>, Problem> {
    Ok(query::output::write_rows(rows, form, Vec::new())?)
}

/// Rows as `{"items": […]}`.
///
/// # Errors
/// Where a value cannot be encoded.
pub fn items(rows: &Rows) -> Result<Vec<u8>, Problem> {
    Ok([b"{\"items\":", array(rows)?.as_slice(), b"}"].concat())
}

/// A page as `{"items": […], "next": …}`.
///
/// # Errors
/// Where a value cannot be encoded.
pub fn page(page: &Page) -> Result<Vec<u8>, Problem> {
    let next = match &page.next {
        Some(cursor) => format!("\"{cursor}\""),
        None => "null".to_owned(),
    };
    let items = array(&page.rows)?;
    Ok([
        b"{\"items\":",
        items.as_slice(),
        b",\"next\":",
        next.as_bytes(),
        b"}",
    ]
    .concat())
}

/// The first row as an object; `None` where there is none.
///
/// # Errors
/// Where a value cannot be encoded.
pub fn one(rows: &Rows) -> Result<Option<Vec<u8>>, Problem> {
    let Some(batch) = rows.batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(None);
    };
    let first = Rows {
        schema: Arc::clone(&rows.schema),
        batches: vec![batch.slice(0, 1)],
    };
    let array = array(&first)?;
    Ok(Some(array[1..array.len() - 1].to_vec()))
}

/// Some columns under other names, given as (column, name).
///
/// # Errors
/// Where a column is missing.
pub fn renamed(rows: &Rows, names: &[(&str, &str)]) -> Result<Rows, Problem> {
    let fault = |error: arrow::error::ArrowError| {
        Problem::new(Code::Internal, error.to_string(), "report this as a bug")
    };
    let places = names.iter().map(|(column, _)| rows.schema.index_of(column));
    let places = places.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let field = |(place, (_, name)): (&usize, &(&str, &str))| {
        let field: &Field = rows.schema.field(*place);
        field.clone().with_name(*name)
    };
    let fields: Vec<_> = places.iter().zip(names).map(field).collect();
    let schema = Arc::new(Schema::new(fields));
    let batches = rows.batches.iter().map(|batch| {
        let columns = places
            .iter()
            .map(|place| Arc::clone(batch.column(*place)))
            .collect();
        RecordBatch::try_new(Arc::clone(&schema), columns)
    });
    let batches = batches.collect::<Result<_, _>>().map_err(fault)?;
    Ok(Rows { schema, batches })
}

/// A value of ours as JSON.
///
/// # Errors
/// Where it cannot be encoded, which is a fault of ours.
pub fn value(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value)
        .map_err(|error| Problem::new(Code::Internal, error.to_string(), "report this as a bug"))
}

/// A value of ours as an answer that nobody may keep.
///
/// # Errors
/// As [`value`].
pub fn not_kept<T>(of: &impl Serialize) -> Result<Answer<T>, Problem> {
    let answer = Answer::json(value(of)?);
    Ok(answer.with(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}
