//! Maintenance: keeps the lake's files few, sorted and needed.
//!
//! Every step is a commit of its own, so that work which is cut off goes on
//! where it was, and whatever else writes meanwhile comes first: a step that
//! was overtaken is planned anew.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use storage::catalog::Lease;
use storage::lake::TableSize;
use storage::maintain::plan::Mode;
use storage::maintain::{Amount, Cleaning, GRACE, Rewrite, Rewritten};
use storage::objects::Abandoned;
use storage::table::Table;
use storage::{Error as StorageError, Storage};

use crate::context::Context;
use crate::error::Error;
use crate::progress::Silent;

/// How often a table is planned anew where all its steps were overtaken.
const ATTEMPTS: u32 = 5;

/// Up to how many bytes are rewritten while others who commit wait: well below
/// a second's work.
const FIRST_BYTES: u64 = 4 << 20;
/// How long a command waits for work that another process has claimed: a
/// little longer than the claim of a process lasts that was killed.
const CLAIM_WAIT: Duration = Duration::from_secs(20);
/// How often it looks.
const CLAIM_TICK: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much of it.
    pub mode: Mode,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// How long snapshots are kept; `None` lets none go and removes nothing.
    pub keep_snapshots: Option<Duration>,
}

/// What was let go and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CleanReport {
    /// Snapshots that expired.
    pub snapshots: u64,
    /// Old snapshots that someone leases.
    pub leased: u64,
    /// Files that no snapshot lists any more; they are removed a day later.
    pub unlisted_files: u64,
    /// Their length in bytes.
    pub unlisted_bytes: u64,
    /// Files whose day is over, which are removed now.
    pub removed_files: u64,
    /// Files that no snapshot ever listed, left by commits that never came.
    pub orphans: u64,
    /// The length of both in bytes.
    pub removed_bytes: u64,
    /// Raw recordings that no activity comes from, left by imports that never
    /// came to their end.
    pub raw: u64,
    /// Their length in bytes.
    pub raw_bytes: u64,
}

/// Files, bytes and live rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Live files.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// Their rows that are not deleted.
    pub rows: u64,
}

impl From<TableSize> for Size {
    fn from(size: TableSize) -> Self {
        Self {
            files: size.files as u64,
            bytes: size.bytes,
            rows: size.rows,
        }
    }
}

impl From<Amount> for Size {
    fn from(amount: Amount) -> Self {
        Self {
            files: amount.files,
            bytes: amount.bytes,
            rows: amount.rows,
        }
    }
}

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// As it was.
    pub before: Size,
    /// As it is now; in a dry run as it was.
    pub after: Size,
    /// Commits that rewrote files; in a dry run those that a first round
    /// would make.
    pub steps: u64,
    /// What those read.
    pub rewritten: Size,
    /// Steps that another writer overtook.
    pub overtaken: u64,
    /// Whether another process maintains the table, so that nothing was done.
    pub busy: bool,
}

/// What a run of maintenance did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was done, only planned.
    pub dry_run: bool,
    /// One line a table, in the order of declaration.
    pub tables: Vec<TableReport>,
    /// What was let go and removed; absent where that was not asked for, or
    /// another process is at it.
    pub cleaned: Option<CleanReport>,
    /// Whether it was asked to stop before its end; what was done is done, and
    /// another run goes on.
    pub interrupted: bool,
}

/// Maintains the lake.
///
/// # Errors
/// Where storage fails; what was done before stays done.
pub async fn maintain(context: &Context, options: &Options) -> Result<Report, Error> {
    let lake = &context.storage.lake;
    // A server leaves them to whoever began them, and may still be at it.
    if options.mode == Mode::Whole && !options.dry_run {
        crate::purge::finish_unfinished(context).await?;
    }
    let mut report = Report {
        dry_run: options.dry_run,
        ..Report::default()
    };
    for table in lake.maintained().to_vec() {
        if context.stop.asked() {
            report.interrupted = true;
            break;
        }
        let mut line = TableReport {
            table: table.name,
            before: size(context, table).await?,
            after: Size::default(),
            steps: 0,
            rewritten: Size::default(),
            overtaken: 0,
            busy: false,
        };
        rewrite(context, table, options, &mut line).await?;
        line.after = size(context, table).await?;
        report.tables.push(line);
    }
    if let Some(keep) = options.keep_snapshots
        && !context.stop.asked()
    {
        report.cleaned = clean(context, keep, options).await?;
    }
    report.interrupted |= context.stop.asked();
    Ok(report)
}

/// Lets old snapshots go and removes what nothing names.
async fn clean(
    context: &Context,
    keep_snapshots: Duration,
    options: &Options,
) -> Result<Option<CleanReport>, Error> {
    let storage = &context.storage;
    let Some(claim) = claim(context, "remove files", options).await? else {
        return Ok(None);
    };
    let cleaning = Cleaning {
        keep_snapshots,
        grace: GRACE,
        now_us: None,
        dry_run: options.dry_run,
    };
    let (cleaned, now_us) = storage.lake.clean(&cleaning).await?;
    let (raw, raw_bytes) = storage.raw.sweep(now_us, GRACE, options.dry_run).await?;
    let abandoned = remove_abandoned(storage, now_us, options.dry_run).await?;
    claim.release().await?;
    Ok(Some(CleanReport {
        snapshots: cleaned.expired.snapshots,
        leased: cleaned.expired.leased,
        unlisted_files: cleaned.expired.files,
        unlisted_bytes: cleaned.expired.bytes,
        removed_files: cleaned.swept.scheduled,
        orphans: cleaned.swept.orphans + abandoned.len() as u64,
        removed_bytes: cleaned.swept.bytes + abandoned.iter().map(Abandoned::bytes).sum::<u64>(),
        raw,
        raw_bytes,
    }))
}

/// Removes what puts that were cut off left behind, which no list of objects
/// shows; answers what there was.
async fn remove_abandoned(
    storage: &Storage,
    now_us: i64,
    dry_run: bool,
) -> Result<Vec<Abandoned>, Error> {
    let before_us = now_us - GRACE.as_micros() as i64;
    let before = Timestamp::from_microsecond(before_us).unwrap_or(Timestamp::MIN);
    let abandoned = storage.objects.abandoned(before).await?;
    if !dry_run {
        for abandoned in &abandoned {
            storage.objects.remove_abandoned(abandoned).await?;
        }
    }
    Ok(abandoned)
}

/// Claims work, so that two processes do not both do it. A command waits as
/// long as a claim lasts whose process was killed; a server comes back later.
async fn claim(context: &Context, work: &str, options: &Options) -> Result<Option<Lease>, Error> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(claim) = context.storage.lake.claim(work).await? {
            return Ok(Some(claim));
        }
        match options.mode {
            Mode::Whole if waited < CLAIM_WAIT && !context.stop.asked() => {
                if waited.is_zero() {
                    let line = format!("waiting for another process to {work}");
                    context.progress.note(&line);
                }
                tokio::time::sleep(CLAIM_TICK).await;
                waited += CLAIM_TICK;
            }
            Mode::Whole | Mode::Served => return Ok(None),
        }
    }
}

async fn size(context: &Context, table: &Table) -> Result<Size, StorageError> {
    let view = context.storage.lake.latest().await?;
    Ok(view.size(table.name).map(Size::from).unwrap_or_default())
}

/// Rewrites what is to be rewritten in one table, a round of steps after the
/// other.
async fn rewrite(
    context: &Context,
    table: &'static Table,
    options: &Options,
    line: &mut TableReport,
) -> Result<(), Error> {
    let lake = &context.storage.lake;
    let steps = lake.rewrites(table, options.mode).await?;
    if options.dry_run {
        steps.iter().for_each(|step| count(line, step));
        return Ok(());
    }
    if steps.is_empty() {
        return Ok(());
    }
    let work = format!("maintain {}", table.name);
    let Some(claim) = claim(context, &work, options).await? else {
        line.busy = true;
        return Ok(());
    };
    let done = rounds(context, table, options, steps, line).await;
    // A process that is about to end would not get to it by itself, and the
    // next one would wait.
    let released = claim.release().await;
    done?;
    Ok(released?)
}

/// Does the steps, and those of the plans after them until there are none.
async fn rounds(
    context: &Context,
    table: &'static Table,
    options: &Options,
    mut steps: Vec<Rewrite>,
    line: &mut TableReport,
) -> Result<(), Error> {
    let lake = &context.storage.lake;
    let mut in_vain = 0;
    loop {
        if steps.is_empty() {
            return Ok(());
        }
        let files = steps.iter().map(|step| step.before.files).sum();
        context.progress.begin(table.name, files);
        let mut done = 0;
        for step in &steps {
            if context.stop.asked() {
                context.progress.end();
                return Ok(());
            }
            let mut became = lake.rewrite(step).await?;
            // A table that changes without pause would never let it through.
            if became == Rewritten::Overtaken && in_vain > 0 && step.before.bytes <= FIRST_BYTES {
                became = lake.rewrite_first(step).await?;
            }
            match became {
                Rewritten::Done(_) => {
                    done += 1;
                    count(line, step);
                }
                Rewritten::Overtaken => line.overtaken += 1,
            }
            context.progress.advance(step.before.files);
        }
        context.progress.end();
        in_vain = if done == 0 { in_vain + 1 } else { 0 };
        if in_vain == ATTEMPTS {
            context.progress.note(&format!(
                "{}: other writers were always first; the next run goes on",
                table.name
            ));
            return Ok(());
        }
        steps = lake.rewrites(table, options.mode).await?;
    }
}

fn count(line: &mut TableReport, step: &Rewrite) {
    line.steps += 1;
    line.rewritten.files += step.before.files;
    line.rewritten.bytes += step.before.bytes;
    line.rewritten.rows += step.before.rows;
}

/// How often a server looks whether its lake needs maintenance.
const TICK: Duration = Duration::from_secs(30);
/// How often it looks for snapshots and files to let go.
const CLEAN_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often it looks whether it should stop.
const STOP_TICK: Duration = Duration::from_millis(200);

/// Maintains the lake of a server until the job is asked to stop. What goes
/// wrong is logged and tried again at the next tick.
pub async fn keep_in_order(context: Context, keep_snapshots: Duration) {
    let context = Context {
        progress: Arc::new(Silent),
        ..context
    };
    let mut since = Duration::ZERO;
    let mut since_cleaned = CLEAN_EVERY;
    while !context.stop.asked() {
        tokio::time::sleep(STOP_TICK).await;
        since += STOP_TICK;
        since_cleaned += STOP_TICK;
        if since >= TICK {
            since = Duration::ZERO;
            let cleans = since_cleaned >= CLEAN_EVERY;
            if cleans {
                since_cleaned = Duration::ZERO;
            }
            let options = Options {
                mode: Mode::Served,
                dry_run: false,
                keep_snapshots: cleans.then_some(keep_snapshots),
            };
            if let Err(error) = maintain(&context, &options).await {
                tracing::warn!(%error, "the lake could not be maintained");
            }
        }
    }
}
