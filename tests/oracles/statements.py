"""Runs SQL in stock DuckDB and keeps the results as Parquet.

    statements.py FILE

FILE is JSON: `{"setup": [SQL, …], "queries": {PATH: SQL, …}}`. The setup runs
in order, then each query's rows are written to its path. Nothing of pacelake is
used, and nothing is downloaded.
"""

import json
import sys

import duckdb


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        work = json.load(file)
    engine = duckdb.connect()
    engine.execute("SET autoinstall_known_extensions = false")
    engine.execute("SET TimeZone = 'UTC'")
    for statement in work["setup"]:
        engine.execute(statement)
    for path, query in work["queries"].items():
        target = path.replace("'", "''")
        engine.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")


if __name__ == "__main__":
    main()
