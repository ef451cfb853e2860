//! The data dictionary: every table of the lake, from its declaration.

use storage::table::{Kind, Partition, Table};

use crate::derived::{DERIVED, tables};

/// The dictionary as Markdown.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Tables of the lake\n\nWritten by `pacelake document` from the declarations; do not \
         edit. The same names hold in Parquet, SQL, HTTP and CSV.\n",
    );
    for table in tables() {
        write_table(&mut text, table);
    }
    text.push_str(
        "\n## samples\n\nA view: `streams` unnested, one row a sample, in natural units \
         (seconds, degrees, metres). It is stored in the lake, so that DuckDB has it too.\n",
    );
    text
}

fn write_table(text: &mut String, table: &Table) {
    text.push_str(&format!(
        "\n## {}\n\nOne row: {}. ",
        table.name, table.grain
    ));
    text.push_str(&format!("Key: `{}`. ", table.key.join("`, `")));
    if let Partition::Year(column) = table.partition {
        text.push_str(&format!("Cut by year of `{column}`. "));
    }
    text.push_str(&format!("Sorted by `{}`.\n", table.sort.join("`, `")));
    for derived in DERIVED
        .iter()
        .filter(|derived| derived.table.name == table.name)
    {
        text.push_str(&format!(
            "\nDefinition `{}`, version {}, computed per {} from `{}`. {}\n",
            derived.name,
            derived.version,
            derived.scope.name(),
            derived.inputs.join("`, `"),
            derived.sentence
        ));
    }
    text.push_str("\n| column | type | unit | what |\n|---|---|---|---|\n");
    for column in table.columns {
        let null = if column.nullable { ", or null" } else { "" };
        text.push_str(&format!(
            "| `{}` | {}{null} | {} | {} |\n",
            column.name,
            type_name(column.kind),
            column.unit.label(),
            column.doc
        ));
    }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int64 => "BIGINT",
        Kind::Int32 => "INTEGER",
        Kind::Float64 => "DOUBLE",
        Kind::Utf8 => "VARCHAR",
        Kind::Boolean => "BOOLEAN",
        Kind::Timestamp => "TIMESTAMP",
        Kind::Date => "DATE",
        Kind::Int32List => "INTEGER[]",
        Kind::Int64List => "BIGINT[]",
    }
}
