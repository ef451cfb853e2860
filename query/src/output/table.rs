//! Rows as aligned columns, for eyes.
//!
//! Numbers stand to the right, doubles with at most seven decimals; nulls are
//! empty; long text and lists are cut with an ellipsis (but not in the last
//! column); control characters are escaped, so that no name can drive the
//! terminal. A cell may have several lines, as plans do. All rows are held
//! until the end: widths hang on them.

use std::io::Write;

use arrow::array::{Array, Float64Array, ListArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide a column may become, unless it is the last.
const MAX_WIDTH: usize = 60;

/// How many decimals of a double are shown: seven are a centimetre of latitude.
const DECIMALS: usize = 7;

/// How many entries of a list are shown.
const MAX_ENTRIES: usize = 5;

/// One cell: its lines.
type Cell = Vec<String>;

pub(super) struct Table<W> {
    schema: SchemaRef,
    rows: Vec<Vec<Cell>>,
    out: W,
}

impl<W: Write> Table<W> {
    pub(super) fn new(schema: SchemaRef, out: W) -> Self {
        Self {
            schema,
            rows: Vec::new(),
            out,
        }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let before = self.rows.len();
        self.rows.resize_with(before + batch.num_rows(), Vec::new);
        for (column, array) in batch.columns().iter().enumerate() {
            let widest = match column + 1 == batch.num_columns() {
                true => usize::MAX,
                false => MAX_WIDTH,
            };
            let cells = cells(array.as_ref(), widest)?;
            for (row, cell) in self.rows[before..].iter_mut().zip(cells) {
                row.push(cell);
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, ArrowError> {
        let fields = self.schema.fields();
        let names: Vec<Cell> = fields.iter().map(|f| lines(f.name(), usize::MAX)).collect();
        let right: Vec<bool> = fields.iter().map(|f| f.data_type().is_numeric()).collect();
        let mut widths = vec![0; names.len()];
        for row in self.rows.iter().chain([&names]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell
                    .iter()
                    .map(|line| line.width())
                    .fold(*width, usize::max);
            }
        }
        let rules = widths
            .iter()
            .map(|width| vec!["─".repeat(*width)])
            .collect();
        for row in [&names, &rules].into_iter().chain(&self.rows) {
            write_row(&mut self.out, row, &widths, &right)?;
        }
        if self.rows.is_empty() {
            writeln!(self.out, "(no rows)")?;
        }
        Ok(self.out)
    }
}

fn write_row(
    out: &mut impl Write,
    row: &[Cell],
    widths: &[usize],
    right: &[bool],
) -> Result<(), ArrowError> {
    let height = row.iter().map(Vec::len).max().unwrap_or(0);
    for n in 0..height {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            let text = cell.get(n).map_or("", String::as_str);
            let padding = " ".repeat(width.saturating_sub(text.width()));
            let (first, second) = match right {
                true => (padding.as_str(), text),
                false => (text, padding.as_str()),
            };
            line.extend([first, second, "  "]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The cells of one column; lists are always cut.
fn cells(array: &dyn Array, widest: usize) -> Result<Vec<Cell>, ArrowError> {
    let options = FormatOptions::default();
    if let Some(lists) = array.as_any().downcast_ref::<ListArray>() {
        let cell = |entries: Option<arrow::array::ArrayRef>| match entries {
            Some(entries) => Ok(lines(&list(entries.as_ref(), &options)?, MAX_WIDTH)),
            None => Ok(Vec::new()),
        };
        return lists.iter().map(cell).collect();
    }
    if let Some(doubles) = array.as_any().downcast_ref::<Float64Array>() {
        let cell = |value: Option<f64>| value.map(|value| vec![double(value)]).unwrap_or_default();
        return Ok(doubles.iter().map(cell).collect());
    }
    let formatter = ArrayFormatter::try_new(array, &options)?;
    (0..array.len())
        .map(|row| match array.is_null(row) {
            true => Ok(Vec::new()),
            false => Ok(lines(&formatter.value(row).try_to_string()?, widest)),
        })
        .collect()
}

/// A double with at most [`DECIMALS`] decimals; very large and very small ones
/// as they are.
fn double(value: f64) -> String {
    let exact = format!("{value:?}");
    let rounded = format!("{value:.DECIMALS$}");
    let trimmed = rounded.trim_end_matches('0');
    let shown = match trimmed.strip_suffix('.') {
        Some(whole) => format!("{whole}.0"),
        None => trimmed.to_owned(),
    };
    let keeps_it = value == 0.0 || value.abs() >= 0.1;
    if keeps_it && shown.len() < exact.len() {
        shown
    } else {
        exact
    }
}

/// The first entries of a list, and how many there are.
fn list(entries: &dyn Array, options: &FormatOptions) -> Result<String, ArrowError> {
    let shown = entries.slice(0, entries.len().min(MAX_ENTRIES));
    let formatter = ArrayFormatter::try_new(shown.as_ref(), options)?;
    let mut texts = Vec::with_capacity(MAX_ENTRIES + 1);
    for entry in 0..shown.len() {
        texts.push(match shown.is_null(entry) {
            true => "null".to_owned(),
            false => formatter.value(entry).try_to_string()?,
        });
    }
    if entries.len() > MAX_ENTRIES {
        texts.push(format!("… {} in all", entries.len()));
    }
    Ok(format!("[{}]", texts.join(", ")))
}

/// The lines of a text, each with its control characters escaped and cut to
/// `widest` columns.
fn lines(text: &str, widest: usize) -> Cell {
    let line = |line: &str| {
        let mut clean = String::with_capacity(line.len());
        for c in line.chars() {
            if c.is_control() {
                clean.extend(c.escape_default());
            } else {
                clean.push(c);
            }
        }
        cut(clean, widest)
    };
    text.lines().map(line).collect()
}

/// The beginning of a line that is too wide, with an ellipsis.
fn cut(line: String, widest: usize) -> String {
    if line.width() <= widest {
        return line;
    }
    let mut width = 0;
    let mut short: String = line
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width < widest
        })
        .collect();
    short.push('…');
    short
}
