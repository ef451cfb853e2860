//! Whether everything that must agree does: catalog and lake, ledger and
//! tables, sources and raw bytes, files and their entries.

use std::collections::HashSet;

use query::session::{Limits, Session};
use serde::Serialize;
use storage::catalog::Pointer;
use storage::{ActivityId, ActivityKey, AthleteId};

use crate::context::Context;
use crate::derive::is_fresh;
use crate::error::Error;

/// How many activities are compared at a time.
const PAGE: u32 = 4096;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Two things that must agree do not.
    Problem,
    /// Worth knowing, and right as it is: what a crash left, unreferenced.
    Note,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// How grave.
    pub grade: Grade,
    /// What was compared, such as `activities` or `raw`.
    pub subject: String,
    /// What is wrong.
    pub message: String,
}

/// The whole list, and how much was compared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// How many activities.
    pub activities: u64,
    /// How many recordings.
    pub sources: u64,
    /// What was found, in order of comparison.
    pub lines: Vec<Line>,
}

impl Checked {
    /// Whether all agrees.
    pub fn is_sound(&self) -> bool {
        self.lines.iter().all(|line| line.grade == Grade::Note)
    }

    fn problem(&mut self, subject: &str, message: String) {
        self.lines.push(Line {
            grade: Grade::Problem,
            subject: subject.to_owned(),
            message,
        });
    }

    fn note(&mut self, subject: &str, message: String) {
        self.lines.push(Line {
            grade: Grade::Note,
            subject: subject.to_owned(),
            message,
        });
    }
}

/// Compares everything that must agree.
///
/// # Errors
/// Where something cannot be read at all; what merely disagrees is a line.
pub async fn check(context: &Context) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    // The catalog first: what is committed meanwhile is in the lake, and not
    // taken for a stranger.
    let view = context.storage.lake.latest().await?;
    let pointers = pointers(context).await?;
    let session = Session::open(
        &view,
        Limits {
            rows: usize::MAX,
            ..Limits::default()
        },
    )
    .await?;

    for problem in context.storage.lake.verify().await? {
        if problem.is_harmless() {
            checked.note("lake", problem.to_string());
        } else {
            checked.problem("lake", problem.to_string());
        }
    }
    if !checked.is_sound() {
        // Rows of files that are missing or damaged cannot be read.
        checked.note("activities", "not compared; first mend the lake".to_owned());
        return Ok(checked);
    }
    for purge in context.storage.catalog.unfinished_purges().await? {
        checked.problem(
            "purges",
            format!(
                "a purge of athlete {} is not finished; `pacelake purge --unfinished` ends it",
                purge.athlete_id
            ),
        );
    }
    checked.activities = pointers.len() as u64;
    for comparison in query::agreement::compare(&session, &pointers).await? {
        checked.problem(comparison.table, comparison.message);
    }
    check_sources(context, &pointers, &mut checked).await?;
    for athlete in context.storage.catalog.athletes().await? {
        if !athlete.is_being_purged() && !is_fresh(&view, &athlete, context.today(&athlete)).await?
        {
            checked.problem(
                "derivations",
                format!(
                    "ranks and statistics of athlete {} are older than the activities; \
                     `pacelake recompute` brings them up to date",
                    athlete.athlete_id
                ),
            );
        }
    }
    Ok(checked)
}

async fn pointers(context: &Context) -> Result<Vec<Pointer>, Error> {
    let mut all: Vec<Pointer> = Vec::new();
    let mut after: Option<ActivityKey> = None;
    loop {
        let page = context.storage.catalog.pointers_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(last.key);
        all.extend(page);
    }
}

async fn check_sources(
    context: &Context,
    pointers: &[Pointer],
    checked: &mut Checked,
) -> Result<(), Error> {
    for athlete in context.storage.catalog.athletes().await? {
        let id: AthleteId = athlete.athlete_id;
        let kept: HashSet<String> = context.storage.raw.list(id).await?.into_iter().collect();
        let mut used: HashSet<String> = HashSet::new();
        let ids: Vec<ActivityId> = pointers
            .iter()
            .filter(|pointer| pointer.key.athlete_id == id)
            .map(|pointer| pointer.key.activity_id)
            .collect();
        for page in ids.chunks(PAGE as usize) {
            let sources = context.storage.catalog.sources_of(id, page).await?;
            let served: HashSet<ActivityId> = sources.iter().map(|s| s.activity_id).collect();
            for activity in page.iter().filter(|activity| !served.contains(activity)) {
                checked.problem("sources", format!("activity {activity} has no source"));
            }
            checked.sources += sources.len() as u64;
            used.extend(sources.into_iter().map(|source| source.sha256));
        }
        let mut missing: Vec<&String> = used.difference(&kept).collect();
        missing.sort();
        for sha256 in missing {
            checked.problem(
                "raw",
                format!("the recording {sha256} of athlete {id} is missing"),
            );
        }
        let unused = kept.difference(&used).count();
        if unused > 0 {
            checked.note(
                "raw",
                format!("{unused} kept recordings of athlete {id} belong to no activity"),
            );
        }
    }
    Ok(())
}
