//! What every write did, and why.

use serde::Serialize;
use uuid::Uuid;

use super::value::{Row, Value};
use super::{Athlete, Catalog, Tx};
use crate::error::Error;
use crate::id::{ActivityId, AthleteId};

/// What became of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An activity was born.
    Created,
    /// An activity was changed.
    Updated,
    /// Nothing changed, since it was known.
    Skipped,
    /// It is of a kind that is passed over.
    Ignored,
    /// It could not be taken in.
    Failed,
    /// It went for ever, from every snapshot.
    Purged,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Updated,
        Self::Skipped,
        Self::Ignored,
        Self::Failed,
        Self::Purged,
    ];

    /// Its name in tables, JSON and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Purged => "purged",
        }
    }

    /// The outcome of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// One line of the audit: what was done to one item, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// A UUID of version 7: entries are ordered by it.
    pub audit_id: Uuid,
    /// When, in microseconds since 1970, UTC.
    pub at_us: i64,
    /// Whose data it concerns.
    pub athlete_id: AthleteId,
    /// The activity that it made, changed or matched.
    pub activity_id: Option<ActivityId>,
    /// What was being done, such as `import` or `recompute`.
    pub action: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The item, such as a file's path.
    pub path: String,
    /// SHA-256 of the item's raw bytes, if they were read.
    pub sha256: Option<String>,
    /// The error's code, if it failed.
    pub code: Option<String>,
    /// Why, in a sentence for people.
    pub reason: String,
    /// What to try next, if it failed.
    pub try_next: Option<String>,
    /// The run of a command or worker that it was part of.
    pub run_id: Uuid,
}

impl AuditEntry {
    fn values(&self) -> Vec<Value> {
        vec![
            self.audit_id.into(),
            self.at_us.into(),
            self.athlete_id.into(),
            self.activity_id.into(),
            self.action.as_str().into(),
            self.outcome.name().into(),
            self.path.as_str().into(),
            self.sha256.as_deref().into(),
            self.code.as_deref().into(),
            self.reason.as_str().into(),
            self.try_next.as_deref().into(),
            self.run_id.into(),
        ]
    }

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            audit_id: row.uuid(0)?,
            at_us: row.int(1)?,
            athlete_id: AthleteId(row.int(2)?),
            activity_id: row.opt_int(3)?.map(ActivityId),
            action: row.text(4)?.to_owned(),
            outcome: Outcome::parse(row.text(5)?).ok_or(Error::Column {
                column: 5,
                wanted: "an outcome",
            })?,
            path: row.text(6)?.to_owned(),
            sha256: row.opt_text(7)?.map(str::to_owned),
            code: row.opt_text(8)?.map(str::to_owned),
            reason: row.text(9)?.to_owned(),
            try_next: row.opt_text(10)?.map(str::to_owned),
            run_id: row.uuid(11)?,
        })
    }
}

/// Which entries of the audit are wanted; `None` means any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this athlete.
    pub athlete_id: Option<AthleteId>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// About this activity.
    pub activity_id: Option<ActivityId>,
    /// Of this run.
    pub run_id: Option<Uuid>,
    /// Older than this entry: the last one of the page before.
    pub before: Option<Uuid>,
    /// How many at most.
    pub limit: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            athlete_id: None,
            outcome: None,
            activity_id: None,
            run_id: None,
            before: None,
            limit: 100,
        }
    }
}

impl Catalog {
    /// Writes entries that belong to no commit: what was skipped, ignored or
    /// failed. An entry that is already there stays as it is.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_audit(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        insert(&mut tx, entries).await?;
        tx.commit().await
    }

    /// [`write_audit`](Self::write_audit) of one athlete, unless a purge of
    /// theirs has begun since they were read; answers whether they were
    /// written.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_audit_of(
        &self,
        athlete: &Athlete,
        entries: &[AuditEntry],
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        // Writing nothing new locks the row: a purge waits, or we for it.
        let same = tx
            .execute(
                "update athletes set purges = $2 where athlete_id = $1 and purges = $2",
                &[athlete.athlete_id.into(), athlete.purges.into()],
            )
            .await?;
        if same == 0 {
            return Ok(false);
        }
        insert(&mut tx, entries).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The entries that `filter` asks for, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Error> {
        let mut pieces = vec![
            "select audit_id, at_us, athlete_id, activity_id, action, outcome, path, sha256, \
             code, reason, try_next, run_id from audit where true",
        ];
        // Each condition has its own placeholder. One that is not used is
        // bound to a number that nothing reads: PostgreSQL wants a type.
        let mut bind = |condition: &'static str, value: Option<Value>| match value {
            Some(value) => {
                pieces.push(condition);
                value
            }
            None => Value::Int(0),
        };
        let values = [
            bind(" and athlete_id = $1", filter.athlete_id.map(Value::from)),
            bind(
                " and outcome = $2",
                filter.outcome.map(|outcome| outcome.name().into()),
            ),
            bind(" and activity_id = $3", filter.activity_id.map(Value::from)),
            bind(" and run_id = $4", filter.run_id.map(Value::from)),
            bind(" and audit_id < $5", filter.before.map(Value::from)),
            Value::from(i64::from(filter.limit)),
        ];
        pieces.push(" order by audit_id desc limit $6");
        self.db
            .fetch_joined(&pieces, &values)
            .await?
            .iter()
            .map(AuditEntry::read)
            .collect()
    }
}

impl Catalog {
    /// What was written of these activities, until an instant (microseconds
    /// since 1970, UTC): the entries of commits that made or changed one,
    /// oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit_of(
        &self,
        athlete_id: AthleteId,
        activities: &[ActivityId],
        until_us: i64,
    ) -> Result<Vec<AuditEntry>, Error> {
        let ids = activities.iter().map(|id| id.0).collect();
        // The athlete is looked at below: in the statement it would lead the
        // planner to all that they ever did.
        let rows = self
            .db
            .fetch(
                "select audit_id, at_us, athlete_id, activity_id, action, outcome, path, \
                 sha256, code, reason, try_next, run_id from audit \
                 where activity_id = any($1) and activity_id is not null and at_us <= $2 \
                 and outcome in ('created', 'updated') order by at_us, audit_id",
                &[Value::Ints(ids), until_us.into()],
            )
            .await?;
        let entries = rows.iter().map(AuditEntry::read);
        let is_theirs = |entry: &Result<AuditEntry, Error>| {
            let entry = entry.as_ref();
            entry.map_or(true, |entry| entry.athlete_id == athlete_id)
        };
        entries.filter(is_theirs).collect()
    }
}

/// Writes entries in the transaction of a commit.
pub(super) async fn insert(tx: &mut Tx, entries: &[AuditEntry]) -> Result<(), Error> {
    let rows: Vec<_> = entries.iter().map(AuditEntry::values).collect();
    tx.execute_rows(
        "insert into audit (audit_id, at_us, athlete_id, activity_id, action, outcome, path, \
         sha256, code, reason, try_next, run_id)",
        &rows,
        "on conflict do nothing",
    )
    .await?;
    Ok(())
}
