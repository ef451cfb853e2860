//! Whether everything that must agree does: catalog and lake, ledger and
//! tables, sources and raw bytes, files and their entries; in full also every
//! value and what the raw bytes give.

mod full;

use std::collections::HashSet;

use query::agreement::Disagreement;
use query::session::{Limits, Session};
use serde::Serialize;
use storage::catalog::Pointer;
use storage::{ActivityId, ActivityKey, AthleteId, LakeView, Problem};

use crate::context::Context;
use crate::derive::is_fresh;
use crate::error::Error;

/// How many activities are compared at a time.
const PAGE: u32 = 4096;
/// How many lines of one subject are listed.
const LINES: usize = 100;
/// How often catalog and lake are read again because both changed meanwhile.
const ATTEMPTS: u32 = 20;

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
    /// Whether every value was compared with what the raw bytes give.
    pub in_full: bool,
    /// What was found, in order of comparison.
    pub lines: Vec<Line>,
}

impl Checked {
    /// Whether all agrees.
    pub fn is_sound(&self) -> bool {
        self.lines.iter().all(|line| line.grade == Grade::Note)
    }

    /// How many lines are problems.
    pub fn problems(&self) -> usize {
        let problems = |line: &&Line| line.grade == Grade::Problem;
        self.lines.iter().filter(problems).count()
    }

    fn add(&mut self, grade: Grade, subject: &str, message: String) {
        let subject = subject.to_owned();
        self.lines.push(Line {
            grade,
            subject,
            message,
        });
    }

    fn problem(&mut self, subject: &str, message: String) {
        self.add(Grade::Problem, subject, message);
    }

    fn note(&mut self, subject: &str, message: String) {
        self.add(Grade::Note, subject, message);
    }
}

/// What a check found, as data.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub activities: u64,
    pub sources: u64,
    pub in_full: bool,
    /// What is wrong with files and their entries.
    pub lake: Vec<Problem>,
    /// Rows that do not agree with the catalog or one another.
    pub rows: Vec<Disagreement>,
    /// Activities without a recording, and recordings without bytes.
    pub unmendable: Vec<(&'static str, String)>,
    /// Athletes whose ranks and statistics are not what they should be.
    pub athletes: Vec<(AthleteId, &'static str)>,
    /// What is worth knowing.
    pub notes: Vec<(&'static str, String)>,
}

impl Findings {
    /// Whether any file of the lake is damaged or missing.
    pub fn has_bad_files(&self) -> bool {
        !self.lake.iter().all(Problem::is_harmless)
    }

    fn into_checked(self) -> Checked {
        let mut checked = Checked {
            activities: self.activities,
            sources: self.sources,
            in_full: self.in_full,
            lines: Vec::new(),
        };
        let has_bad_files = self.has_bad_files();
        for problem in self.lake {
            let grade = match problem.is_harmless() {
                true => Grade::Note,
                false => Grade::Problem,
            };
            checked.add(grade, "lake", problem.to_string());
        }
        if has_bad_files && !self.in_full {
            // Rows of files that are missing or damaged cannot be read.
            checked.note("activities", "not compared; first mend the lake".to_owned());
        }
        let (mut table, mut listed, mut more) = ("", 0, 0);
        for disagreement in self.rows {
            if disagreement.table != table {
                listed = 0;
                end_of_kind(&mut checked, table, &mut more);
                table = disagreement.table;
            }
            listed += 1;
            match listed <= LINES {
                true => checked.problem(table, disagreement.message),
                false => more += 1,
            }
        }
        end_of_kind(&mut checked, table, &mut more);
        for (subject, message) in self.unmendable {
            checked.problem(subject, message);
        }
        for (athlete, message) in self.athletes {
            checked.problem(
                "derivations",
                format!("ranks and statistics of athlete {athlete} {message}"),
            );
        }
        for (subject, message) in self.notes {
            checked.note(subject, message);
        }
        checked
    }
}

fn end_of_kind(checked: &mut Checked, table: &str, more: &mut usize) {
    if *more > 0 {
        checked.problem(table, format!("and {more} more of the kind"));
        *more = 0;
    }
}

/// Compares everything that must agree; `in_full` also every value with what
/// the raw bytes give, which takes as long as a rebuild.
///
/// # Errors
/// Where something cannot be read at all; what merely disagrees is a line.
pub async fn check(context: &Context, in_full: bool) -> Result<Checked, Error> {
    Ok(find(context, in_full).await?.into_checked())
}

/// As [`check`], as data.
pub(crate) async fn find(context: &Context, in_full: bool) -> Result<Findings, Error> {
    let mut findings = Findings {
        in_full,
        lake: context.storage.lake.verify().await?,
        ..Findings::default()
    };
    let (view, pointers) = at_one_time(context).await?;
    findings.activities = pointers.len() as u64;
    if in_full {
        full::compare(context, &view, &pointers, &mut findings).await?;
    }
    check_sources(context, &pointers, &mut findings).await?;
    if findings.has_bad_files() {
        return Ok(findings);
    }
    let session = Session::open(&view, Limits::jobs()).await?;
    let disagreements = query::agreement::compare(&session, &pointers).await;
    findings.rows.extend(disagreements);
    for purge in context.storage.catalog.unfinished_purges().await? {
        let message = format!(
            "a purge of athlete {} is not finished; `pacelake purge --unfinished` ends it",
            purge.athlete_id
        );
        findings.unmendable.push(("purges", message));
    }
    for athlete in context.storage.catalog.athletes().await? {
        if !athlete.is_being_purged() && !is_fresh(&view, &athlete, context.today(&athlete)).await?
        {
            let stale =
                "are older than the activities; `pacelake recompute` brings them up to date";
            findings.athletes.push((athlete.athlete_id, stale));
        }
    }
    Ok(findings)
}

/// The newest snapshot and the activities that the catalog had when it was
/// made: what is committed meanwhile is in both or in neither.
async fn at_one_time(context: &Context) -> Result<(LakeView, Vec<Pointer>), Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let before = context.storage.catalog.athletes().await?;
        let view = context.storage.lake.latest().await?;
        let pointers = pointers(context).await?;
        let after = context.storage.catalog.athletes().await?;
        let same = before
            .iter()
            .map(|athlete| (athlete.athlete_id, athlete.revision))
            .eq(after
                .iter()
                .map(|athlete| (athlete.athlete_id, athlete.revision)));
        if same || attempt == ATTEMPTS {
            return Ok((view, pointers));
        }
    }
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
    findings: &mut Findings,
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
                let message = format!("activity {activity} has no source");
                findings.unmendable.push(("sources", message));
            }
            findings.sources += sources.len() as u64;
            used.extend(sources.into_iter().map(|source| source.sha256));
        }
        let mut missing: Vec<&String> = used.difference(&kept).collect();
        missing.sort();
        for sha256 in missing {
            let message = format!("the recording {sha256} of athlete {id} is missing");
            findings.unmendable.push(("raw", message));
        }
        let unused = kept.difference(&used).count();
        if unused > 0 {
            findings.notes.push((
                "raw",
                format!("{unused} kept recordings of athlete {id} belong to no activity"),
            ));
        }
    }
    Ok(())
}
