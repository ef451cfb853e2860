//! Counts what is asked of the database, so that tests can hold a commit to
//! a constant cost.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many statements ran and how many rows came back, since the database
/// was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Statements, without BEGIN, COMMIT and ROLLBACK.
    pub statements: u64,
    /// Rows that came back.
    pub rows_read: u64,
}

/// What was asked of one database, by all clones and transactions.
#[derive(Debug, Default)]
pub(super) struct Journal {
    statements: AtomicU64,
    rows_read: AtomicU64,
    /// Each text once, so that tests can have them explained.
    #[cfg(any(test, feature = "testing"))]
    texts: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

impl Journal {
    /// A statement of this text is about to run.
    pub(super) fn statement(&self, text: &str) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        #[cfg(any(test, feature = "testing"))]
        {
            let mut texts = self.texts.lock().expect("no test panics while it holds it");
            texts.insert(text.to_owned());
        }
        #[cfg(not(any(test, feature = "testing")))]
        let _ = text;
    }

    /// So many rows came back.
    pub(super) fn rows(&self, rows: usize) {
        self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            statements: self.statements.load(Ordering::Relaxed),
            rows_read: self.rows_read.load(Ordering::Relaxed),
        }
    }

    /// The texts of all statements so far, sorted.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn texts(&self) -> Vec<String> {
        let texts = self.texts.lock().expect("no test panics while it holds it");
        texts.iter().cloned().collect()
    }
}
