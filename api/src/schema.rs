//! The document's schemas of rows, from the lake's declarations.
//!
//! A column is described once, where its table is declared; here it becomes a
//! property with its type, unit and sentence.

pub mod admin;
pub mod corrected;
pub mod diff;
pub mod explained;
pub mod queue;
pub mod strava;

use std::borrow::Cow;

use query::read::{self, Shape};
use storage::table::{Column, Kind, Unit};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A name and what it stands for in the document.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $shape:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                object(&$shape).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

rows! {
    /// One activity in a list.
    ActivitySummary: read::activities::list_shape();
    /// One activity with all of its columns.
    Activity: read::activities::one_shape();
    /// One split.
    Split: read::parts::split_shape();
    /// One climb.
    Climb: read::parts::climb_shape();
    /// The fastest effort over one distance.
    BestEffort: read::parts::best_effort_shape();
    /// An activity's samples, one list a channel.
    Streams: optional(read::streams::shape());
    /// One lap.
    Lap: read::parts::lap_shape();
    /// One finding.
    Finding: read::parts::finding_shape();
    /// The best peak of one measure over one duration.
    PeakRecord: read::peaks::shape();
    /// The best effort of one rank.
    RankedEffort: read::ranks::shape();
    /// Totals of one period.
    PeriodStats: read::stats::shape();
}

/// A name for a list of rows, whole or in pages.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $how:ident of $row:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $how(&$row::name()).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push(($row::name().into(), $row::schema()));
            }
        }
    )*};
}

lists! {
    /// Some activities.
    ActivityPage: page of ActivitySummary;
    /// All splits of an activity in one unit.
    SplitList: list of Split;
    /// All climbs of an activity.
    ClimbList: list of Climb;
    /// All best efforts of an activity.
    BestEffortList: list of BestEffort;
    /// All laps of an activity.
    LapList: list of Lap;
    /// All findings of an activity.
    FindingList: list of Finding;
    /// All records of peaks.
    PeakRecordList: list of PeakRecord;
    /// Best efforts by sport, distance and rank.
    RankedEffortList: list of RankedEffort;
    /// Some periods.
    PeriodStatsPage: page of PeriodStats;
}

/// `{"items": […]}`.
fn list(row: &str) -> ObjectBuilder {
    let items = ArrayBuilder::new()
        .items(Ref::from_schema_name(row))
        .description(Some("The rows, in order."));
    ObjectBuilder::new()
        .property("items", items)
        .required("items")
}

/// `{"items": […], "next": …}`.
fn page(row: &str) -> ObjectBuilder {
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "Give it as `after` to get the page that follows; null: this was the last.",
        ));
    list(row).property("next", next).required("next")
}

/// The object that one row of a shape is; every column is there in each row.
fn object(shape: &Shape) -> Object {
    let mut object = ObjectBuilder::new().description(Some(sentence(shape.grain)));
    for column in &shape.columns {
        object = object
            .property(column.name, property(column))
            .required(column.name);
    }
    object.build()
}

/// The same shape where every column may be null: its tables' lists are only
/// there where they were asked for.
fn optional(mut shape: Shape) -> Shape {
    for column in &mut shape.columns {
        column.nullable = true;
    }
    shape
}

/// The description of one column.
pub fn property(column: &Column) -> RefOr<Schema> {
    let (kind, format) = json_type(column);
    let description = match column.unit.label() {
        "" => column.doc.to_owned(),
        unit => format!("{} Unit: {unit}.", column.doc),
    };
    let mut types = vec![kind.clone()];
    if column.nullable {
        types.push(Type::Null);
    }
    if kind == Type::Array {
        let entry = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .format(format);
        let mut list = ArrayBuilder::new()
            .items(entry)
            .description(Some(description));
        if column.nullable {
            list = list.schema_type(SchemaType::from_iter(types));
        }
        return list.into();
    }
    let schema_type = match types.as_slice() {
        [one] => SchemaType::new(one.clone()),
        _ => SchemaType::from_iter(types),
    };
    ObjectBuilder::new()
        .schema_type(schema_type)
        .format(format)
        .description(Some(description))
        .into()
}

fn json_type(column: &Column) -> (Type, Option<SchemaFormat>) {
    let known = |format| Some(SchemaFormat::KnownFormat(format));
    match column.kind {
        Kind::Int64 => (Type::Integer, known(KnownFormat::Int64)),
        Kind::Int32 => (Type::Integer, known(KnownFormat::Int32)),
        Kind::Float64 => (Type::Number, known(KnownFormat::Double)),
        Kind::Utf8 => (Type::String, None),
        Kind::Boolean => (Type::Boolean, None),
        Kind::Timestamp if column.unit == Unit::Utc => (Type::String, known(KnownFormat::DateTime)),
        // RFC 3339 has no time without a zone.
        Kind::Timestamp => (
            Type::String,
            Some(SchemaFormat::Custom("local-date-time".into())),
        ),
        Kind::Date => (Type::String, known(KnownFormat::Date)),
        Kind::Int32List => (Type::Array, known(KnownFormat::Int32)),
        Kind::Int64List => (Type::Array, known(KnownFormat::Int64)),
    }
}

/// A grain as a sentence.
fn sentence(grain: &str) -> String {
    let mut letters = grain.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
