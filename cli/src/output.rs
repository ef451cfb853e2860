//! Data goes to stdout, talk to stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jobs::progress::Progress;

/// Prints a line to stdout. A closed pipe is the reader's wish, and no panic.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($argument)*);
    }};
}
pub(crate) use say;

/// Prints an error as code, message and next step.
pub fn failure(error: &dyn storage::Failure) {
    let mut stderr = io::stderr().lock();
    // Nothing is left to tell it to where stderr is closed.
    let _ = writeln!(
        stderr,
        "error[{}]: {error}\n  try: {}",
        error.code().name(),
        error.try_next()
    );
}

/// A bar with rate and time left on a terminal, plain lines otherwise.
pub struct Talk {
    bar: Option<ProgressBar>,
    lines: Mutex<Lines>,
}

struct Lines {
    what: &'static str,
    total: u64,
    done: u64,
    began: Instant,
    told: Instant,
}

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Default for Talk {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            bar: io::stderr().is_terminal().then(ProgressBar::hidden),
            lines: Mutex::new(Lines {
                what: "",
                total: 0,
                done: 0,
                began: now,
                told: now,
            }),
        }
    }
}

impl Talk {
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        // A panic elsewhere leaves the counts as they are; they only inform.
        self.lines
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Talk {
    fn begin(&self, what: &'static str, total: u64) {
        let now = Instant::now();
        *self.lines() = Lines {
            what,
            total,
            done: 0,
            began: now,
            told: now,
        };
        let Some(bar) = &self.bar else { return };
        let style = ProgressStyle::with_template(
            "{prefix:>10} [{bar:30}] {pos}/{len}  {per_sec}  {eta} left  {msg}",
        );
        bar.reset();
        bar.set_length(total);
        bar.set_prefix(what);
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }

    fn advance(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(done);
            return;
        }
        let mut lines = self.lines();
        lines.done += done;
        if lines.told.elapsed() >= LINE_EVERY {
            lines.told = Instant::now();
            let rate = lines.done as f64 / lines.began.elapsed().as_secs_f64().max(0.001);
            let left = lines.total.saturating_sub(lines.done) as f64 / rate.max(0.001);
            eprintln!(
                "{}: {} of {}, {rate:.0} a second, about {left:.0} s left",
                lines.what, lines.done, lines.total
            );
        }
    }

    fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints rows to stdout.
///
/// # Errors
/// Where they cannot be written in that format. A closed pipe is no error: it
/// is the reader's wish.
pub fn rows(
    rows: &query::session::Rows,
    format: crate::args::Format,
) -> Result<(), Box<dyn storage::Failure + Send + Sync>> {
    let stdout = io::BufWriter::new(io::stdout());
    match query::output::write_rows(rows, format.into(), stdout) {
        Ok(mut out) => {
            let _ = out.flush();
            Ok(())
        }
        Err(error) if is_closed_pipe(&error) => Ok(()),
        Err(error) => Err(crate::commands::boxed(error)),
    }
}

/// Prints one value as JSON to stdout.
pub fn json<T: serde::Serialize>(value: &T) {
    let mut stdout = io::stdout().lock();
    // A closed pipe is the reader's wish.
    let _ = serde_json::to_writer(&mut stdout, value).map(|()| writeln!(stdout));
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::BrokenPipe
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Rows as JSON values.
///
/// # Errors
/// Where a value has no JSON form.
pub fn values(
    rows: &query::session::Rows,
) -> Result<Vec<serde_json::Value>, Box<dyn storage::Failure + Send + Sync>> {
    query::output::values(rows).map_err(crate::commands::boxed)
}

/// Only these columns, in this order; those that there are not are left out.
pub fn columns(rows: &query::session::Rows, names: &[&str]) -> query::session::Rows {
    let indices = names
        .iter()
        .filter_map(|name| rows.schema.index_of(name).ok());
    project(rows, &indices.collect::<Vec<_>>())
}

/// All columns but these.
pub fn without(rows: &query::session::Rows, names: &[&str]) -> query::session::Rows {
    let fields = rows.schema.fields().iter().enumerate();
    let kept = fields.filter(|(_, field)| !names.contains(&field.name().as_str()));
    project(rows, &kept.map(|(index, _)| index).collect::<Vec<_>>())
}

fn project(rows: &query::session::Rows, indices: &[usize]) -> query::session::Rows {
    let within = "indices are taken from the schema";
    query::session::Rows {
        schema: std::sync::Arc::new(rows.schema.project(indices).expect(within)),
        batches: rows
            .batches
            .iter()
            .map(|b| b.project(indices).expect(within))
            .collect(),
    }
}
