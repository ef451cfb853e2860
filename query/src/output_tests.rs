//! Each format against text written by hand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

/// Two rows that hold every type; the second is null where it can be.
fn rows() -> Rows {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(3)]),
        None,
    ]);
    let columns: [(&str, ArrayRef, bool); 7] = [
        (
            "id",
            Arc::new(Int64Array::from(vec![(1 << 53) - 1, 2])),
            false,
        ),
        (
            "value",
            Arc::new(Float64Array::from(vec![f64::NAN, 0.5])),
            true,
        ),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("a \"b\",\u{1b}c"), None])),
            true,
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None])),
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_782), None])),
            true,
        ),
        (
            "yes",
            Arc::new(BooleanArray::from(vec![Some(true), None])),
            true,
        ),
        ("list", Arc::new(lists), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    Rows {
        schema: batch.schema(),
        batches: vec![batch],
    }
}

fn text(rows: &Rows, format: Format) -> String {
    String::from_utf8(write_rows(rows, format, Vec::new()).unwrap()).unwrap()
}

#[test]
fn json_writes_nulls_and_is_read_back_by_serde() {
    let expected = serde_json::json!([
        {
            "id": 9_007_199_254_740_991_i64, "value": null, "name": "a \"b\",\u{1b}c",
            "at": "1970-01-01T00:00:01.500", "day": "2024-02-29", "yes": true,
            "list": [1, null, 3],
        },
        {
            "id": 2, "value": 0.5, "name": null, "at": null, "day": null, "yes": null,
            "list": null,
        },
    ]);
    let read: serde_json::Value = serde_json::from_str(&text(&rows(), Format::Json)).unwrap();
    assert_eq!(read, expected);
}

#[test]
fn csv_quotes_and_writes_lists_as_json() {
    let expected = "\
id,value,name,at,day,yes,list
9007199254740991,NaN,\"a \"\"b\"\",\u{1b}c\",1970-01-01T00:00:01.500,2024-02-29,true,\"[1,null,3]\"
2,0.5,,,,,
";
    assert_eq!(text(&rows(), Format::Csv), expected);
}

#[test]
fn tables_align_and_escape() {
    let expected = [
        r#"              id  value  name           at                       day         yes   list"#,
        r#"────────────────  ─────  ─────────────  ───────────────────────  ──────────  ────  ────────────"#,
        r#"9007199254740991    NaN  a "b",\u{1b}c  1970-01-01T00:00:01.500  2024-02-29  true  [1, null, 3]"#,
        r#"               2    0.5"#,
        "",
    ];
    assert_eq!(text(&rows(), Format::Table), expected.join("\n"));
}

#[test]
fn parquet_is_read_back_unchanged() {
    let rows = rows();
    let file = write_rows(&rows, Format::Parquet, Vec::new()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap();
    let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let table = |batches: Vec<RecordBatch>| {
        let schema = Arc::clone(&rows.schema);
        text(&Rows { schema, batches }, Format::Json)
    };
    assert_eq!(table(read), table(rows.batches.clone()));
}

#[test]
fn an_arrow_stream_is_read_back_unchanged() {
    let rows = rows();
    let stream = write_rows(&rows, Format::Arrow, Vec::new()).unwrap();
    let reader = StreamReader::try_new(stream.as_slice(), None).unwrap();
    assert_eq!(reader.schema(), rows.schema);
    let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(format!("{read:?}"), format!("{:?}", rows.batches));
}

#[test]
fn no_rows_still_have_their_form() {
    let empty = Rows {
        batches: Vec::new(),
        ..rows()
    };
    assert_eq!(text(&empty, Format::Json), "[]\n");
    assert_eq!(text(&empty, Format::Csv), "id,value,name,at,day,yes,list\n");
    assert!(text(&empty, Format::Table).ends_with("(no rows)\n"));
}

#[test]
fn batches_join_to_one_array() {
    let twice = rows();
    let batches = vec![twice.batches[0].slice(0, 1), twice.batches[0].slice(1, 1)];
    let split = Rows {
        schema: Arc::clone(&twice.schema),
        batches,
    };
    for format in [Format::Table, Format::Json, Format::Csv] {
        assert_eq!(text(&split, format), text(&twice, format), "{format}");
    }
}

#[test]
fn doubled_names_are_refused_where_names_are_addresses() {
    let one: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let field = Field::new("a", DataType::Int32, false);
    let schema = Arc::new(Schema::new(vec![field.clone(), field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&one), one]).unwrap();
    let rows = Rows {
        schema,
        batches: vec![batch],
    };
    for format in [Format::Json, Format::Parquet] {
        assert!(write_rows(&rows, format, Vec::new()).is_err(), "{format}");
    }
    assert_eq!(text(&rows, Format::Csv), "a,a\n1,1\n");
}

#[test]
fn formats_are_named() {
    for (name, format) in FORMATS {
        assert_eq!(name.parse::<Format>().unwrap(), *format);
        assert_eq!(format.to_string(), *name);
    }
    assert!("xml".parse::<Format>().is_err());
}

/// As JSON text is commonly parsed, this one comes out as its neighbour.
#[test]
fn values_are_the_doubles_themselves() {
    let number = 11.326036666666667_f64;
    let column: ArrayRef = Arc::new(Float64Array::from(vec![Some(number), None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("speed_m_s", column, true)]).unwrap();
    let rows = Rows {
        schema: batch.schema(),
        batches: vec![batch],
    };
    let values = super::values(&rows).unwrap();
    let read = values[0]["speed_m_s"].as_f64().unwrap();
    assert_eq!(read.to_bits(), number.to_bits());
    assert!(values[1]["speed_m_s"].is_null());
}
