//! How much of Strava's limits is used: one account for all workers of all
//! processes, since the limits are the app's.
//!
//! A call is written down before it is made, so that it counts whether it is
//! answered, refused or lost; what Strava says of its own count corrects ours
//! upwards. Windows begin at the quarter hours and at midnight UTC. Around
//! their ends nothing is taken for a moment: a call that is under way there
//! may count in either.

use crate::catalog::{Catalog, Dialect, Tx};
use crate::error::Error;

const SECOND_US: i64 = 1_000_000;
/// Nothing is taken so shortly before or after a window ends: for calls under
/// way, and for clocks that differ.
const GUARD_US: i64 = 2 * SECOND_US;

/// Any number that nothing else in the database locks.
const LOCK: i64 = 0x7061_6365_6c62_7564;

/// The two windows of Strava's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetWindow {
    /// A quarter of an hour.
    Quarter,
    /// A day in UTC.
    Day,
}

impl BudgetWindow {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Quarter, Self::Day];

    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Day => "day",
        }
    }

    /// How long it is, in microseconds.
    pub fn length_us(self) -> i64 {
        match self {
            Self::Quarter => 900 * SECOND_US,
            Self::Day => 86_400 * SECOND_US,
        }
    }

    /// When the window that holds `at_us` begins.
    pub fn begins_us(self, at_us: i64) -> i64 {
        at_us - at_us.rem_euclid(self.length_us())
    }

    /// What Strava grants an app that asked for no more, until it says
    /// otherwise.
    fn usual(self) -> BudgetLimits {
        match self {
            Self::Quarter => BudgetLimits {
                read: 100,
                overall: 200,
            },
            Self::Day => BudgetLimits {
                read: 1_000,
                overall: 2_000,
            },
        }
    }
}

/// How many calls a window grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Of those that read, which ours are.
    pub read: i64,
    /// Of all.
    pub overall: i64,
}

/// How a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// When it began, microseconds since 1970.
    pub begins_at_us: i64,
    /// How much is used, refused calls included.
    pub used: BudgetLimits,
    /// How much it grants.
    pub limits: BudgetLimits,
    /// How many calls of it Strava refused.
    pub refused: i64,
}

impl BudgetUse {
    /// When it ends, microseconds since 1970.
    pub fn ends_at_us(&self, window: BudgetWindow) -> i64 {
        self.begins_at_us + window.length_us()
    }

    /// How many reads are left of a share of the limits, in percent.
    fn left(&self, percent: i64) -> i64 {
        let of = |limit: i64, used: i64| limit * percent / 100 - used;
        of(self.limits.read, self.used.read).min(of(self.limits.overall, self.used.overall))
    }
}

/// Both windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The quarter of an hour.
    pub quarter: BudgetUse,
    /// The day.
    pub day: BudgetUse,
}

impl Windows {
    fn of(&self, window: BudgetWindow) -> &BudgetUse {
        match window {
            BudgetWindow::Quarter => &self.quarter,
            BudgetWindow::Day => &self.day,
        }
    }

    fn of_mut(&mut self, window: BudgetWindow) -> &mut BudgetUse {
        match window {
            BudgetWindow::Quarter => &mut self.quarter,
            BudgetWindow::Day => &mut self.day,
        }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It may, and counts.
    Yes,
    /// Not before this instant, microseconds since 1970.
    NotBefore(i64),
}

impl Catalog {
    /// Takes one read of up to `percent` of the limits: a lesser share leaves
    /// the rest to those who ask with a greater one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn take_strava_read(&self, now_us: i64, percent: i64) -> Result<Taken, Error> {
        let mut tx = self.db.begin().await?;
        lock(&mut tx).await?;
        let mut windows = read_windows(&mut tx, now_us).await?;
        for window in BudgetWindow::ALL {
            // The stored window may be the next one, by another's clock.
            let begins_us = windows.of(window).begins_at_us;
            let ends_us = begins_us + window.length_us();
            if now_us < begins_us + GUARD_US {
                return Ok(Taken::NotBefore(begins_us + GUARD_US));
            }
            if now_us > ends_us - GUARD_US {
                return Ok(Taken::NotBefore(ends_us + GUARD_US));
            }
        }
        for window in BudgetWindow::ALL {
            let is = windows.of(window);
            if is.left(percent) <= 0 {
                return Ok(Taken::NotBefore(is.ends_at_us(window) + GUARD_US));
            }
        }
        for window in BudgetWindow::ALL {
            let is = windows.of_mut(window);
            is.used.read += 1;
            is.used.overall += 1;
        }
        write_windows(&mut tx, &windows).await?;
        tx.commit().await?;
        Ok(Taken::Yes)
    }

    /// Corrects the account by what Strava said of it: `said` has limits and
    /// use of both windows, at the instant `asked_us` at which the call was
    /// made. What was used since stays counted.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn settle_strava(
        &self,
        asked_us: i64,
        said: &[(BudgetWindow, BudgetLimits, BudgetLimits)],
        was_refused: bool,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        lock(&mut tx).await?;
        let before = read_windows(&mut tx, asked_us).await?;
        let mut windows = before;
        for window in BudgetWindow::ALL {
            let is = windows.of_mut(window);
            if is.begins_at_us != window.begins_us(asked_us) {
                continue;
            }
            if let Some((_, limits, used)) = said.iter().find(|(of, _, _)| *of == window) {
                is.limits = *limits;
                is.used.read = is.used.read.max(used.read);
                is.used.overall = is.used.overall.max(used.overall);
            }
            is.refused += i64::from(was_refused);
        }
        if was_refused {
            // Where it is not said which limit it was, it is the nearest.
            let day_is_over = windows.day.left(100) <= 0;
            let window = match day_is_over {
                true => BudgetWindow::Day,
                false => BudgetWindow::Quarter,
            };
            let spent = windows.of_mut(window);
            if spent.begins_at_us == window.begins_us(asked_us) {
                spent.used.read = spent.used.read.max(spent.limits.read);
            }
        }
        if windows != before {
            write_windows(&mut tx, &windows).await?;
        }
        tx.commit().await
    }

    /// How much is used now.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_windows(&self, now_us: i64) -> Result<Windows, Error> {
        let mut tx = self.db.begin_read().await?;
        let windows = read_windows(&mut tx, now_us).await?;
        tx.rollback().await?;
        Ok(windows)
    }
}

/// Nobody else reads the account, to write it, until the transaction ends. On
/// SQLite one that writes is the only one anyway.
async fn lock(tx: &mut Tx) -> Result<(), Error> {
    if tx.dialect() == Dialect::Postgres {
        tx.execute("select pg_advisory_xact_lock($1)", &[LOCK.into()])
            .await?;
    }
    Ok(())
}

/// The windows that hold `now_us`, or later ones that someone began whose
/// clock is ahead.
async fn read_windows(tx: &mut Tx, now_us: i64) -> Result<Windows, Error> {
    let rows = tx
        .fetch(
            "select window_name, begins_at_us, read_used, read_limit, overall_used, \
             overall_limit, refused from strava_budget",
            &[],
        )
        .await?;
    let fresh = |window: BudgetWindow, limits: BudgetLimits| BudgetUse {
        begins_at_us: window.begins_us(now_us),
        used: BudgetLimits {
            read: 0,
            overall: 0,
        },
        limits,
        refused: 0,
    };
    let mut windows = Windows {
        quarter: fresh(BudgetWindow::Quarter, BudgetWindow::Quarter.usual()),
        day: fresh(BudgetWindow::Day, BudgetWindow::Day.usual()),
    };
    for row in &rows {
        let name = row.text(0)?;
        let Some(window) = BudgetWindow::ALL.into_iter().find(|w| w.name() == name) else {
            continue;
        };
        let limits = BudgetLimits {
            read: row.int(3)?,
            overall: row.int(5)?,
        };
        let begins_at_us = row.int(1)?;
        *windows.of_mut(window) = match begins_at_us >= window.begins_us(now_us) {
            true => BudgetUse {
                begins_at_us,
                used: BudgetLimits {
                    read: row.int(2)?,
                    overall: row.int(4)?,
                },
                limits,
                refused: row.int(6)?,
            },
            false => fresh(window, limits),
        };
    }
    Ok(windows)
}

async fn write_windows(tx: &mut Tx, windows: &Windows) -> Result<(), Error> {
    let rows: Vec<_> = BudgetWindow::ALL
        .into_iter()
        .map(|window| {
            let is = windows.of(window);
            vec![
                window.name().into(),
                is.begins_at_us.into(),
                is.used.read.into(),
                is.limits.read.into(),
                is.used.overall.into(),
                is.limits.overall.into(),
                is.refused.into(),
            ]
        })
        .collect();
    tx.execute_rows(
        "insert into strava_budget (window_name, begins_at_us, read_used, read_limit, \
         overall_used, overall_limit, refused)",
        &rows,
        "on conflict (window_name) do update set begins_at_us = excluded.begins_at_us, \
         read_used = excluded.read_used, read_limit = excluded.read_limit, \
         overall_used = excluded.overall_used, overall_limit = excluded.overall_limit, \
         refused = excluded.refused",
    )
    .await?;
    Ok(())
}
