"""Prints every row of a lake, as stock DuckDB reads it.

    rows.py CATALOG [--at SNAPSHOT] [--without COLUMN,COLUMN] [--tables]

CATALOG is what follows `ducklake:` in an ATTACH, such as
`sqlite:/path/catalog.sqlite` or `postgres:dbname=lake host=/run/postgres`. Each
line of the output is a table's name, a tab, and one row as a JSON object; lines
are sorted, so that two lakes with equal rows print equal text. With `--tables`
only names and row counts are printed.

The extensions come from the wheels beside this interpreter; nothing is
downloaded. For a lake on S3 the variable LAKE_S3 holds a JSON object with
`endpoint` (host and port), `use_ssl`, `region`, `key_id` and `secret`.
"""

import argparse
import importlib
import json
import os
import pathlib

import duckdb

EXTENSIONS = ["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"]


def extension(name):
    """Path of the signed extension file in its wheel."""
    folder = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
    return next(folder.rglob(f"{name}.duckdb_extension"))


def quoted(text):
    """The text as a literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def connect():
    """A connection that reaches lakes on disk and, by LAKE_S3, on S3."""
    lake = duckdb.connect()
    # A name that is not found must fail, not be fetched.
    lake.execute("SET autoinstall_known_extensions = false")
    for name in EXTENSIONS:
        lake.execute(f"LOAD '{extension(name)}'")
    if "LAKE_S3" in os.environ:
        s3 = json.loads(os.environ["LAKE_S3"])
        lake.execute(
            "CREATE SECRET (TYPE s3, URL_STYLE 'path'"
            f", ENDPOINT {quoted(s3['endpoint'])}, USE_SSL {bool(s3['use_ssl'])}"
            f", REGION {quoted(s3['region'])}, KEY_ID {quoted(s3['key_id'])}"
            f", SECRET {quoted(s3['secret'])})"
        )
    return lake


def attach(catalog, snapshot=None):
    """A connection whose default catalog is the lake, read-only."""
    lake = connect()
    lake.execute("SET TimeZone = 'UTC'")
    options = "READ_ONLY" if snapshot is None else f"READ_ONLY, SNAPSHOT_VERSION {snapshot}"
    lake.execute(f"ATTACH {quoted('ducklake:' + catalog)} AS lake ({options})")
    lake.execute("USE lake")
    return lake


def columns(lake, table):
    """The names of a table's columns, in order."""
    return [name for name, *_ in lake.execute(f'DESCRIBE "{table}"').fetchall()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog")
    parser.add_argument("--at", type=int, metavar="SNAPSHOT")
    parser.add_argument("--without", default="", metavar="COLUMNS")
    parser.add_argument("--tables", action="store_true")
    arguments = parser.parse_args()

    lake = attach(arguments.catalog, arguments.at)
    without = set(arguments.without.split(","))
    names = lake.execute(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_catalog = 'lake' AND table_type = 'BASE TABLE' ORDER BY table_name"
    ).fetchall()
    lines = []
    for (name,) in names:
        if arguments.tables:
            count = lake.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            lines.append(f"{name}\t{count}")
            continue
        kept = ", ".join(f'"{column}"' for column in columns(lake, name) if column not in without)
        rows = lake.execute(f'SELECT to_json(r)::VARCHAR FROM (SELECT {kept} FROM "{name}") AS r')
        lines.extend(f"{name}\t{row}" for (row,) in rows.fetchall())
    for line in sorted(lines):
        print(line)


if __name__ == "__main__":
    main()
