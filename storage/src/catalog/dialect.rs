//! How the two databases differ: how values are written and read, and the one
//! construct that statements are translated for.
//!
//! DuckDB keeps UUIDs and times as text on SQLite, and as `uuid` and
//! `timestamptz` on PostgreSQL; casts between them mean different things in
//! the two, so values are always bound and never cast in SQL.

use std::borrow::Cow;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Arguments, Decode, Encode, Row as _, Type, TypeInfo, ValueRef};
use uuid::Uuid;

use super::value::{Row, Value};

/// PostgreSQL's type `unknown`: the server takes the type from the place.
const UNKNOWN: Oid = Oid(705);
/// PostgreSQL's type `uuid`.
const UUID: Oid = Oid(2950);
/// PostgreSQL's type `timestamptz`.
const TIMESTAMPTZ: Oid = Oid(1184);
/// 2000-01-01, where PostgreSQL's times begin, in microseconds since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// A statement as SQLite takes it. Statements are written for PostgreSQL;
/// ` = any($n)` over a bound list is all that SQLite says otherwise.
pub(super) fn sqlite_statement(sql: &str) -> Cow<'_, str> {
    const ANY: &str = "= any($";
    if !sql.contains(ANY) {
        return Cow::Borrowed(sql);
    }
    let mut pieces = sql.split(ANY);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        out.push_str("in (select value from json_each($");
        out.push_str(number);
        out.push_str("))");
        out.push_str(rest.strip_prefix(')').unwrap_or(rest));
    }
    Cow::Owned(out)
}

/// The text as both databases can hold it: PostgreSQL refuses U+0000, which
/// becomes U+FFFD.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// An instant as DuckDB writes it into a SQLite catalog, for example
/// `2026-11-25 02:56:03.57467+00`. Instants outside of years -9999..9999 are
/// clamped.
pub(super) fn format_time(us: i64) -> String {
    let instant = jiff::Timestamp::from_microsecond(us).unwrap_or(if us < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    instant.strftime("%Y-%m-%d %H:%M:%S%.f+00").to_string()
}

/// The instant that a text such as `2026-11-25 02:56:03.57467+00` names, in
/// microseconds since 1970.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(instant.as_microsecond())
}

/// The values as SQLite takes them.
pub(super) fn sqlite_arguments(values: &[Value]) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(*value),
            Value::Real(value) => arguments.add(*value),
            Value::Bool(value) => arguments.add(i64::from(*value)),
            Value::Text(value) => arguments.add(storable(value).into_owned()),
            Value::Uuid(value) => arguments.add(value.to_string()),
            Value::Time(value) => arguments.add(format_time(*value)),
            Value::Ints(values) => arguments.add(serde_json::to_string(values)?),
            Value::Texts(values) => arguments.add(serde_json::to_string(values)?),
        }?;
    }
    Ok(arguments)
}

/// A row of SQLite, each value by its own storage class.
pub(super) fn sqlite_row(row: &SqliteRow) -> Result<Row, BoxDynError> {
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let value = row.try_get_raw(column)?;
        let class = value.type_info().name().to_owned();
        values.push(if value.is_null() {
            Value::Null
        } else {
            match class.as_str() {
                "INTEGER" | "BOOLEAN" => Value::Int(<i64 as Decode<Sqlite>>::decode(value)?),
                "REAL" => Value::Real(<f64 as Decode<Sqlite>>::decode(value)?),
                "TEXT" => Value::Text(<String as Decode<Sqlite>>::decode(value)?),
                other => return Err(format!("column {column} is of class {other}").into()),
            }
        });
    }
    Ok(Row::new(values))
}

/// A value on its way to PostgreSQL.
struct PostgresValue<'a>(&'a Value);

impl Type<Postgres> for PostgresValue<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for PostgresValue<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Value::Real(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Value::Bool(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Value::Text(value) => Encode::<Postgres>::encode_by_ref(&&*storable(value), buffer),
            Value::Uuid(value) => {
                buffer.extend_from_slice(value.as_bytes());
                Ok(IsNull::No)
            }
            Value::Time(us) => {
                let since_2000 = us.saturating_sub(POSTGRES_EPOCH_US);
                buffer.extend_from_slice(&since_2000.to_be_bytes());
                Ok(IsNull::No)
            }
            Value::Ints(values) => Encode::<Postgres>::encode_by_ref(values, buffer),
            Value::Texts(values) => Encode::<Postgres>::encode_by_ref(values, buffer),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.0 {
            Value::Null => PgTypeInfo::with_oid(UNKNOWN),
            Value::Int(_) => <i64 as Type<Postgres>>::type_info(),
            Value::Real(_) => <f64 as Type<Postgres>>::type_info(),
            Value::Bool(_) => <bool as Type<Postgres>>::type_info(),
            Value::Text(_) => <str as Type<Postgres>>::type_info(),
            Value::Uuid(_) => PgTypeInfo::with_oid(UUID),
            Value::Time(_) => PgTypeInfo::with_oid(TIMESTAMPTZ),
            Value::Ints(_) => <Vec<i64> as Type<Postgres>>::type_info(),
            Value::Texts(_) => <Vec<String> as Type<Postgres>>::type_info(),
        })
    }
}

/// The values as PostgreSQL takes them.
pub(super) fn postgres_arguments(values: &[Value]) -> Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    for value in values {
        Arguments::add(&mut arguments, PostgresValue(value))?;
    }
    Ok(arguments)
}

/// A row of PostgreSQL, each value by its column's type.
pub(super) fn postgres_row(row: &PgRow) -> Result<Row, BoxDynError> {
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let value = row.try_get_raw(column)?;
        values.push(if value.is_null() {
            Value::Null
        } else {
            postgres_value(column, value)?
        });
    }
    Ok(Row::new(values))
}

/// One value of PostgreSQL that is not null.
fn postgres_value(column: usize, value: PgValueRef<'_>) -> Result<Value, BoxDynError> {
    let oid = value.type_info().oid().map_or(0, |oid| oid.0);
    Ok(match oid {
        16 => Value::Bool(<bool as Decode<Postgres>>::decode(value)?),
        20 => Value::Int(<i64 as Decode<Postgres>>::decode(value)?),
        21 => Value::Int(<i16 as Decode<Postgres>>::decode(value)?.into()),
        23 => Value::Int(<i32 as Decode<Postgres>>::decode(value)?.into()),
        700 => Value::Real(<f32 as Decode<Postgres>>::decode(value)?.into()),
        701 => Value::Real(<f64 as Decode<Postgres>>::decode(value)?),
        // text, char(n), varchar(n) and name
        25 | 1042 | 1043 | 19 => Value::Text(value.as_str()?.to_owned()),
        2950 => Value::Uuid(Uuid::from_slice(value.as_bytes()?)?),
        // timestamp and timestamptz, both UTC here
        1114 | 1184 => {
            let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
            Value::Time(since_2000.saturating_add(POSTGRES_EPOCH_US))
        }
        other => return Err(format!("column {column} is of type {other}; cast it to text").into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_duckdb_writes_them() {
        // Seen in a catalog that DuckDB 1.5.5 wrote.
        for text in [
            "2026-11-25 02:56:03.57467+00",
            "2026-11-25 02:56:03.477272+00",
            "2026-11-25 02:56:03+00",
        ] {
            let us = parse_time(text).unwrap();
            assert_eq!(format_time(us), text);
        }
        assert_eq!(parse_time("1970-01-01 02:00:01+02"), Some(1_000_000));
        assert_eq!(format_time(-1), "1969-12-31 23:59:59.999999+00");
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn lists_are_translated_and_nothing_else_is() {
        assert_eq!(
            sqlite_statement("select 1 from t where a = any($12) and b = $1 and c = any($3)"),
            "select 1 from t where a in (select value from json_each($12)) and b = $1 \
             and c in (select value from json_each($3))"
        );
        assert!(matches!(sqlite_statement("select $1"), Cow::Borrowed(_)));
    }

    #[test]
    fn nul_characters_are_replaced() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable("ab"), "ab");
    }
}
