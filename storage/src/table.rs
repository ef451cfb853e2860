//! A lake table as data: schema, dictionary, CSV header and API field follow
//! from one value.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// One table of the lake.
#[derive(Debug)]
pub struct Table {
    /// Its name, the same in Parquet, SQL, HTTP and export.
    pub name: &'static str,
    /// What one row is, for the data dictionary.
    pub grain: &'static str,
    /// The columns that make a row unique.
    pub key: &'static [&'static str],
    /// How files are cut.
    pub partition: Partition,
    /// The order of rows within a file.
    pub sort: &'static [&'static str],
    /// All columns, in order.
    pub columns: &'static [Column],
}

/// How a table's files are cut into folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Not at all.
    None,
    /// By the year (UTC) of a timestamp column.
    Year(&'static str),
}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Lower snake case, with the unit as suffix.
    pub name: &'static str,
    /// How it is stored.
    pub kind: Kind,
    /// What one step of its value is.
    pub unit: Unit,
    /// One sentence for people.
    pub doc: &'static str,
    /// Whether a value may be absent.
    pub nullable: bool,
}

/// The types that lake columns have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integer.
    Int64,
    /// 32-bit integer.
    Int32,
    /// Double.
    Float64,
    /// Text.
    Utf8,
    /// True or false.
    Boolean,
    /// Microseconds since 1970, without zone.
    Timestamp,
    /// A calendar day.
    Date,
    /// A list of nullable 32-bit integers, one entry a sample.
    Int32List,
    /// A list of nullable 64-bit integers, one entry a sample.
    Int64List,
}

impl Kind {
    /// The Arrow type; list entries are named `element`, as Parquet has them.
    pub fn data_type(self) -> DataType {
        let list = |inner| DataType::List(Arc::new(Field::new("element", inner, true)));
        match self {
            Self::Int64 => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Float64 => DataType::Float64,
            Self::Utf8 => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Date => DataType::Date32,
            Self::Int32List => list(DataType::Int32),
            Self::Int64List => list(DataType::Int64),
        }
    }
}

/// What a column's value is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// An id, a name, a flag.
    None,
    /// An instant in UTC.
    Utc,
    /// A time or day on the clock where the activity started.
    Local,
    /// A number of things.
    Count,
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Metres.
    Metre,
    /// Centimetres.
    Centimetre,
    /// Metres per second.
    MetrePerSecond,
    /// Millimetres per second.
    MillimetrePerSecond,
    /// Metres per hour.
    MetrePerHour,
    /// Seconds per kilometre.
    SecondPerKilometre,
    /// Degrees of latitude or longitude.
    Degree,
    /// Ten-millionths of a degree.
    DegreeE7,
    /// Beats per minute.
    Bpm,
    /// Steps, strokes or turns per minute.
    Rpm,
    /// Watts.
    Watt,
    /// Degrees Celsius.
    Celsius,
    /// Hundredths.
    Percent,
    /// Kilocalories.
    Kilocalorie,
    /// The measure that the row names.
    Measure,
}

impl Unit {
    /// The suffix that a column of this unit ends in, where there is one.
    pub fn suffix(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Utc | Self::Local | Self::Count | Self::Measure => None,
            Self::Second => Some("_s"),
            Self::Millisecond => Some("_ms"),
            Self::Metre => Some("_m"),
            Self::Centimetre => Some("_cm"),
            Self::MetrePerSecond => Some("_m_s"),
            Self::MillimetrePerSecond => Some("_mm_s"),
            Self::MetrePerHour => Some("_m_per_h"),
            Self::SecondPerKilometre => Some("_s_per_km"),
            Self::Degree => Some("_deg"),
            Self::DegreeE7 => Some("_e7"),
            Self::Bpm => Some("_bpm"),
            Self::Rpm => Some("_rpm"),
            Self::Watt => Some("_w"),
            Self::Celsius => Some("_c"),
            Self::Percent => Some("_percent"),
            Self::Kilocalorie => Some("_kcal"),
        }
    }

    /// How people write it in the data dictionary.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Utc => "UTC",
            Self::Local => "local",
            Self::Count => "count",
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Metre => "m",
            Self::Centimetre => "cm",
            Self::MetrePerSecond => "m/s",
            Self::MillimetrePerSecond => "mm/s",
            Self::MetrePerHour => "m/h",
            Self::SecondPerKilometre => "s/km",
            Self::Degree => "°",
            Self::DegreeE7 => "1e-7 °",
            Self::Bpm => "1/min",
            Self::Rpm => "1/min",
            Self::Watt => "W",
            Self::Celsius => "°C",
            Self::Percent => "%",
            Self::Kilocalorie => "kcal",
            Self::Measure => "of the measure",
        }
    }
}

/// A column that always has a value.
pub const fn column(name: &'static str, kind: Kind, unit: Unit, doc: &'static str) -> Column {
    Column {
        name,
        kind,
        unit,
        doc,
        nullable: false,
    }
}

impl Column {
    /// The same column where values may be absent.
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

impl Table {
    /// The Arrow schema, in the order of the declaration.
    pub fn schema(&self) -> SchemaRef {
        let field = |c: &Column| Field::new(c.name, c.kind.data_type(), c.nullable);
        Arc::new(Schema::new(
            self.columns.iter().map(field).collect::<Vec<_>>(),
        ))
    }

    /// The declaration of one column.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}
