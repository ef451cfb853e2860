//! The `.slt` files beside the SQL of definitions, in DataFusion and in
//! DuckDB.
//!
//! A file is blocks between blank lines. A block's comments say its rule;
//! `statement` runs what follows, `query` compares its rows with the lines
//! below `----`, values with a blank between them. `{name}` is the SQL of the
//! definition of that name. Statements run in order, so a query sees the tables
//! of the last statement above it.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use pacelake_query::derived::DERIVED;

enum Block {
    Statement(String),
    Query(String, Vec<String>),
}

fn blocks(text: &str) -> Vec<Block> {
    let with_definitions = |sql: &str| {
        let put = |sql: String, d: &&pacelake_query::derived::Derived| {
            sql.replace(&format!("{{{}}}", d.name), d.sql)
        };
        DERIVED.iter().fold(sql.to_owned(), put)
    };
    let mut blocks = Vec::new();
    for block in text.split("\n\n") {
        let lines = block
            .lines()
            .skip_while(|line| line.starts_with('#') || line.is_empty());
        let block = lines.collect::<Vec<_>>().join("\n");
        if let Some(sql) = block.strip_prefix("statement\n") {
            blocks.push(Block::Statement(with_definitions(sql)));
        } else if let Some(query) = block.strip_prefix("query\n") {
            let (sql, rows) = query.split_once("\n----\n").expect("a query has `----`");
            let rows = rows.lines().map(str::to_owned).collect();
            blocks.push(Block::Query(with_definitions(sql), rows));
        } else {
            assert!(block.is_empty(), "neither a statement nor a query: {block}");
        }
    }
    blocks
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let value = |column: &dyn Array, row| match column.is_null(row) {
        true => "NULL".to_owned(),
        false => array_value_to_string(column, row).unwrap(),
    };
    let line = |row| {
        let values = batch.columns().iter().map(|column| value(column, row));
        values.collect::<Vec<_>>().join(" ")
    };
    (0..batch.num_rows()).map(line).collect()
}

async fn in_datafusion(text: &str) {
    let ctx = SessionContext::new();
    for block in blocks(text) {
        match block {
            Block::Statement(sql) => {
                ctx.sql(&sql).await.unwrap().collect().await.unwrap();
            }
            Block::Query(sql, expected) => {
                let found = ctx.sql(&sql).await.unwrap().collect().await.unwrap();
                let found: Vec<_> = found.iter().flat_map(shown).collect();
                assert_eq!(found, expected, "DataFusion: {sql}");
            }
        }
    }
}

/// Queries run after all statements in a process of DuckDB's, so each gets
/// those above it.
fn in_duckdb(text: &str) {
    let mut setup = Vec::new();
    for block in blocks(text) {
        match block {
            Block::Statement(sql) => setup.push(sql),
            Block::Query(sql, expected) => {
                let found = crate::duckdb::run(&setup, &BTreeMap::from([("rows", sql.clone())]));
                assert_eq!(shown(&found["rows"]), expected, "DuckDB: {sql}");
            }
        }
    }
}

#[tokio::test]
async fn stats_follow_their_rules() {
    let text = include_str!("../../src/derived/stats/stats.slt");
    in_datafusion(text).await;
    in_duckdb(text);
}

#[tokio::test]
async fn best_effort_ranks_follow_their_rules() {
    let text = include_str!("../../src/derived/best_effort_ranks/best_effort_ranks.slt");
    in_datafusion(text).await;
    in_duckdb(text);
}
