//! Definitions beside what they must agree with: naive twins, DuckDB, and
//! properties that hold for every activity.

mod athlete_tables;
mod climbs;
mod duckdb;
mod outings;
mod properties;
mod random;
mod same_in_sql;
mod sql_rules;
mod twins;
