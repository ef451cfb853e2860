//! Which statements read a whole table: for the tests that keep the cost of
//! a commit and of a look-up flat while the catalog grows.

use sqlx::sqlite::Sqlite;

use super::db::Db;
use super::statement::{Statement, fetch_sqlite};

impl Db {
    /// Of the statements that ran so far and whose text contains one of
    /// `words`, those that SQLite plans by reading all of a table or index,
    /// each with the line of the plan that says so. Values listed in a
    /// statement are no table.
    ///
    /// # Panics
    /// On PostgreSQL, whose plans hang on what the tables hold; and where a
    /// statement cannot be planned.
    pub async fn full_scans(&self, words: &[&str]) -> Vec<String> {
        let mut scans = Vec::new();
        for text in self.journal().texts() {
            let begins = text.trim_start();
            let planned = ["select", "insert", "update", "delete", "with"]
                .iter()
                .any(|verb| begins.starts_with(verb));
            if !planned || !words.iter().any(|word| text.contains(word)) {
                continue;
            }
            let explain = Statement::explaining(&text);
            let plan = fetch_sqlite::<&sqlx::Pool<Sqlite>>(self.sqlite_readers(), explain, &[])
                .await
                .expect("what ran once can be planned");
            for line in plan {
                let detail = line.text(3).expect("a plan's fourth column is its text");
                // Parameters that are lists, by json_each under any name.
                let list = detail.contains("VIRTUAL TABLE")
                    || detail == "SCAN v"
                    || detail.contains("VALUES CLAUSE")
                    || detail.contains("CONSTANT ROW");
                if detail.starts_with("SCAN") && !list {
                    scans.push(format!("{detail}: {text}"));
                }
            }
        }
        scans
    }
}
