"""Asks DuckDB each question of a folder of SQL files, over the Parquet files of
a lake whose tables have no deleted rows, and prints how long each took.

    python questions.py DATA_DIR FOLDER SAMPLES_VIEW.sql PASSES
"""

import json
import sqlite3
import sys
import time
from pathlib import Path

import duckdb

LIVE = """
    select t.table_name, s.path || t.path || f.path
    from ducklake_data_file as f
    join ducklake_table as t on t.table_id = f.table_id and t.end_snapshot is null
    join ducklake_schema as s on s.schema_id = t.schema_id and s.end_snapshot is null
    where f.end_snapshot is null
    and not exists (
        select 1 from ducklake_delete_file as d
        where d.data_file_id = f.data_file_id and d.end_snapshot is null)
"""


def main() -> None:
    data_dir, folder, view, passes = sys.argv[1:5]
    catalog = sqlite3.connect(Path(data_dir) / "catalog.sqlite")
    files: dict[str, list[str]] = {}
    for table, path in catalog.execute(LIVE):
        files.setdefault(table, []).append(str(Path(data_dir) / "lake" / path))
    connection = duckdb.connect()
    for table, paths in files.items():
        connection.execute(
            f"create view {table} as select * from read_parquet({paths!r}, hive_partitioning = false)"
        )
    connection.execute(f"create view samples as {Path(view).read_text()}")
    answers = {}
    for question in sorted(Path(folder).glob("*.sql")):
        text = question.read_text()
        seconds = []
        for _ in range(int(passes)):
            start = time.perf_counter()
            rows = connection.execute(text).to_arrow_table()
            seconds.append(time.perf_counter() - start)
        answers[question.stem] = {"seconds": seconds, "rows": rows.num_rows}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
