//! Values bound to statements and rows read from them, the same on SQLite
//! and PostgreSQL.

use uuid::Uuid;

use super::dialect;
use crate::error::Error;
use crate::id::{AccountId, ActivityId, AthleteId};

/// A value to bind to a placeholder, or one that was read.
///
/// UUIDs, times, booleans and lists have no common form in the two databases;
/// their variants say what is meant and the dialect writes it as DuckDB does.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL null, of whatever type the place asks for.
    Null,
    /// An integer. Every integer column of the catalog is a BIGINT.
    Int(i64),
    /// A double.
    Real(f64),
    /// A truth value: `boolean`, or 0 and 1 on SQLite.
    Bool(bool),
    /// Text.
    Text(String),
    /// A UUID: `uuid`, or lower-case text with hyphens on SQLite.
    Uuid(Uuid),
    /// An instant in microseconds since 1970, UTC: `timestamptz`, or text
    /// such as `2026-11-25 02:56:03.57467+00` on SQLite.
    Time(i64),
    /// Integers, for ` = any($n)`.
    Ints(Vec<i64>),
    /// Texts, for ` = any($n)`.
    Texts(Vec<String>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl From<AthleteId> for Value {
    fn from(value: AthleteId) -> Self {
        Self::Int(value.0)
    }
}

impl From<AccountId> for Value {
    fn from(value: AccountId) -> Self {
        Self::Int(value.0)
    }
}

impl From<ActivityId> for Value {
    fn from(value: ActivityId) -> Self {
        Self::Int(value.0)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a result. Columns are counted from 0 in the order of the
/// `select` list.
///
/// Each getter answers with an error where the value is of another kind; the
/// `opt_` ones take null as `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Vec<Value>);

/// What a getter was asked for but did not find.
fn mismatch(column: usize, wanted: &'static str) -> Error {
    Error::Column { column, wanted }
}

/// The getters of one type: as it is, and null as `None`.
macro_rules! getters {
    ($(#[$doc:meta])* $name:ident, $opt:ident, $type:ty, $wanted:literal, $($pattern:pat => $value:expr),+) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Column`] where the value is null or something else.
        pub fn $name(&self, column: usize) -> Result<$type, Error> {
            self.$opt(column)?.ok_or(mismatch(column, $wanted))
        }

        #[doc = concat!("Like [`", stringify!($name), "`](Self::", stringify!($name), "), null being `None`.")]
        ///
        /// # Errors
        /// [`Error::Column`] where the value is something else.
        pub fn $opt(&self, column: usize) -> Result<Option<$type>, Error> {
            match self.0.get(column) {
                Some(Value::Null) => Ok(None),
                $(Some($pattern) => $value.map(Some).ok_or(mismatch(column, $wanted)),)+
                Some(_) | None => Err(mismatch(column, $wanted)),
            }
        }
    };
}

impl Row {
    /// A row of these values.
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    getters! {
        /// An integer.
        int, opt_int, i64, "an integer",
        Value::Int(value) => Some(*value)
    }
    getters! {
        /// A double.
        real, opt_real, f64, "a double",
        Value::Real(value) => Some(*value)
    }
    getters! {
        /// A truth value, also where SQLite holds it as 0 or 1.
        bool, opt_bool, bool, "a truth value",
        Value::Bool(value) => Some(*value),
        Value::Int(value) => match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    getters! {
        /// Text.
        text, opt_text, &str, "text",
        Value::Text(value) => Some(value.as_str())
    }
    getters! {
        /// A UUID, also where SQLite holds it as text.
        uuid, opt_uuid, Uuid, "a UUID",
        Value::Uuid(value) => Some(*value),
        Value::Text(value) => Uuid::parse_str(value).ok()
    }
    getters! {
        /// An instant in microseconds since 1970, UTC, also where SQLite
        /// holds it as text.
        time, opt_time, i64, "a time",
        Value::Time(value) => Some(*value),
        Value::Text(value) => dialect::parse_time(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getters_take_what_either_database_holds() {
        let id = Uuid::from_u128(7);
        let postgres = Row::new(vec![
            Value::Bool(true),
            Value::Uuid(id),
            Value::Time(1_000_000),
            Value::Null,
        ]);
        let sqlite = Row::new(vec![
            Value::Int(1),
            Value::Text(id.to_string()),
            Value::Text("1970-01-01 00:00:01+00".into()),
            Value::Null,
        ]);
        for row in [postgres, sqlite] {
            assert!(row.bool(0).unwrap());
            assert_eq!(row.uuid(1).unwrap(), id);
            assert_eq!(row.time(2).unwrap(), 1_000_000);
            assert_eq!(row.opt_int(3).unwrap(), None);
            assert!(row.int(3).is_err());
            assert!(row.text(0).is_err());
            assert!(row.opt_text(4).is_err());
        }
    }
}
