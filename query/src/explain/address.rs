//! Where a number is: its table, its key and its column.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};
use jiff::civil::Date;
use storage::table::{Column, Kind, Table};
use storage::tables::ACTIVITIES;
use storage::{ActivityId, AthleteId};

use super::statement;
use crate::derived::{DERIVED, Derived, Scope};
use crate::error::Error;
use crate::read::days;

/// The address of one number.
#[derive(Clone, Debug)]
pub struct Address {
    /// Its table.
    pub table: &'static Table,
    /// The values of the table's key, in its order and in its types.
    pub key: Vec<ScalarValue>,
    /// Its column.
    pub column: &'static Column,
}

impl Address {
    /// Reads an address; numbers of the key are read by value, so `1000` and
    /// `1e3` name the same distance.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a table that has nothing to explain, a
    /// column that it lacks, or a key that is not of the table's types.
    pub fn parse(table: &str, key: &[&str], column: &str) -> Result<Self, Error> {
        let found = explained().into_iter().find(|known| known.name == table);
        let found = found.ok_or_else(|| {
            let known: Vec<_> = explained().iter().map(|table| table.name).collect();
            invalid("table", table, format!("it is one of {}", known.join(", ")))
        })?;
        let column = found.column(column).ok_or_else(|| {
            let known: Vec<_> = found.columns.iter().map(|column| column.name).collect();
            let reason = format!("{table} has the columns {}", known.join(", "));
            invalid("column", column, reason)
        })?;
        if key.len() != found.key.len() {
            let reason = format!("the key of {table} is {}", found.key.join(", "));
            return Err(invalid("key", &key.join(" "), reason));
        }
        let key = found.key.iter().zip(key);
        let key = key.map(|(name, text)| {
            let column = found.column(name).expect("a key names columns");
            value(column, text)
        });
        Ok(Self {
            table: found,
            key: key.collect::<Result<_, _>>()?,
            column,
        })
    }

    /// The address of a column of the row with this key.
    pub(super) fn of(table: &'static Table, key: Vec<ScalarValue>, column: &str) -> Self {
        Self {
            table,
            key,
            column: table.column(column).expect("the table has the column"),
        }
    }

    /// The definition that the number comes from; `None`: its source says so.
    pub fn derived(&self) -> Option<&'static Derived> {
        let of_table = |derived: &&&Derived| derived.table.name == self.table.name;
        let derived = DERIVED.iter().find(of_table)?;
        let gives = self.table.name != ACTIVITIES.name
            || statement::columns(derived).contains(&self.column.name.to_owned());
        gives.then_some(*derived)
    }

    /// What is computed again as a whole.
    pub fn scope(&self) -> Scope {
        self.derived().map_or(Scope::Activity, |d| d.scope)
    }

    /// The activity, where the key names one.
    pub fn activity_id(&self) -> Option<ActivityId> {
        self.key_value("activity_id").map(ActivityId)
    }

    /// The athlete, where the key names one.
    pub fn athlete_id(&self) -> Option<AthleteId> {
        self.key_value("athlete_id").map(AthleteId)
    }

    fn key_value(&self, name: &str) -> Option<i64> {
        let at = self.table.key.iter().position(|key| *key == name)?;
        match self.key[at] {
            ScalarValue::Int64(id) => id,
            _ => None,
        }
    }

    /// What to say where there is no such row.
    pub fn no_row(&self) -> Error {
        Error::NotFound {
            what: format!("row {} in {}", self.key_text(), self.table.name),
        }
    }

    /// The key, for people.
    pub(super) fn key_text(&self) -> String {
        let part = |(name, value): (&str, &ScalarValue)| format!("{name} {value}");
        self.named_key().map(part).collect::<Vec<_>>().join(", ")
    }

    /// Name and value of each column of the key.
    pub(super) fn named_key(&self) -> impl Iterator<Item = (&'static str, &ScalarValue)> {
        self.table.key.iter().copied().zip(&self.key)
    }

    /// The value of a column of the key.
    pub(super) fn part(&self, name: &str) -> &ScalarValue {
        let mut named = self.named_key();
        let part = named.find_map(|(key, value)| (key == name).then_some(value));
        part.expect("the key has the column")
    }

    /// The condition that only its row meets.
    pub(super) fn is_row(&self) -> Expr {
        let equal = |(name, value): (&str, &ScalarValue)| col(name).eq(lit(value.clone()));
        let all = self.named_key().map(equal).reduce(Expr::and);
        all.expect("a key has columns")
    }
}

/// Every table with numbers that can be explained.
pub fn explained() -> Vec<&'static Table> {
    let mut tables: Vec<&'static Table> = vec![&ACTIVITIES];
    for derived in DERIVED {
        if tables.iter().all(|table| table.name != derived.table.name) {
            tables.push(derived.table);
        }
    }
    tables
}

fn invalid(name: &'static str, value: &str, reason: String) -> Error {
    Error::InvalidArgument {
        name,
        value: value.to_owned(),
        reason,
    }
}

fn value(column: &Column, text: &str) -> Result<ScalarValue, Error> {
    let unfit = |what: &str| invalid("key", text, format!("{} is {what}", column.name));
    let whole = || {
        let exact = text.parse::<i64>().ok();
        let by_value = || {
            let number = text.parse::<f64>().ok()?;
            // Beyond 2^53 a double does not name one whole number.
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        };
        exact.or_else(by_value)
    };
    match column.kind {
        Kind::Int64 => {
            let number = whole().ok_or_else(|| unfit("a whole number"))?;
            Ok(ScalarValue::Int64(Some(number)))
        }
        Kind::Int32 => {
            let number = whole().and_then(|number| i32::try_from(number).ok());
            let number = number.ok_or_else(|| unfit("a whole number"))?;
            Ok(ScalarValue::Int32(Some(number)))
        }
        Kind::Float64 => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| unfit("a number"))?;
            Ok(ScalarValue::Float64(Some(number)))
        }
        Kind::Date => {
            let day: Date = text
                .parse()
                .map_err(|_| unfit("a day, such as 2026-01-01"))?;
            Ok(ScalarValue::Date32(Some(days(day))))
        }
        Kind::Utf8 => Ok(ScalarValue::from(text)),
        Kind::Boolean | Kind::Timestamp | Kind::Int32List | Kind::Int64List => {
            Err(unfit("no part of a key that can be named"))
        }
    }
}
