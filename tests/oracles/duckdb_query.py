"""Runs SQL on a lake by stock DuckDB and prints the rows.

    duckdb_query.py CATALOG [--at SNAPSHOT | --write DATA_PATH [--inline ROWS]] < STATEMENTS

CATALOG is what follows `ducklake:` in an ATTACH. STATEMENTS is a JSON list of
SQL texts, run in order with the lake as default catalog `lake`. The output is
one JSON list, with the rows of each statement as a list of lists: doubles as
`f:` and their bits in hexadecimal, timestamps as `t:` and microseconds since
1970, dates as `d:` and days, so that nothing is lost on the way.

With `--write` the lake is made where it is absent and may be changed. For a
lake on S3 see rows.py.
"""

import argparse
import datetime
import json
import struct
import sys

from rows import attach, connect, quoted

EPOCH = datetime.datetime(1970, 1, 1)


def attach_for_writing(catalog, data_path, inline):
    """A connection whose default catalog is the lake, which may be changed."""
    lake = connect()
    lake.execute(
        f"ATTACH {quoted('ducklake:' + catalog)} AS lake"
        f" (DATA_PATH {quoted(data_path)}, DATA_INLINING_ROW_LIMIT {inline})"
    )
    lake.execute("USE lake")
    return lake


def exact(value):
    """The value as JSON that loses nothing."""
    if isinstance(value, float):
        return "f:" + struct.pack(">d", value).hex()
    if isinstance(value, datetime.datetime):
        return f"t:{(value - EPOCH) // datetime.timedelta(microseconds=1)}"
    if isinstance(value, datetime.date):
        return f"d:{(value - EPOCH.date()).days}"
    if isinstance(value, list):
        return [exact(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog")
    parser.add_argument("--at", type=int, metavar="SNAPSHOT")
    parser.add_argument("--write", metavar="DATA_PATH")
    parser.add_argument("--inline", type=int, default=0, metavar="ROWS")
    arguments = parser.parse_args()

    if arguments.write is None:
        lake = attach(arguments.catalog, arguments.at)
    else:
        lake = attach_for_writing(arguments.catalog, arguments.write, arguments.inline)
    results = []
    for statement in json.load(sys.stdin):
        rows = lake.execute(statement).fetchall()
        results.append([[exact(value) for value in row] for row in rows])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
