"""Prints every row of a lake, as stock DuckDB reads it.

    rows.py CATALOG [--at SNAPSHOT] [--without COLUMN,COLUMN] [--tables]

CATALOG is what follows `ducklake:` in an ATTACH, such as
`sqlite:/path/catalog.sqlite` or `postgres:dbname=lake host=/run/postgres`. Each
line of the output is a table's name, a tab, and one row as a JSON object; lines
are sorted, so that two lakes with equal rows print equal text. With `--tables`
only names and row counts are printed.

The extensions come from the wheels beside this interpreter; nothing is
downloaded.
"""

import argparse
import importlib
import json
import pathlib

import duckdb

EXTENSIONS = ["ducklake", "sqlite_scanner", "postgres_scanner"]


def extension(name):
    """Path of the signed extension file in its wheel."""
    folder = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
    return next(folder.rglob(f"{name}.duckdb_extension"))


def attach(catalog, snapshot=None):
    """A connection whose default catalog is the lake, read-only."""
    lake = duckdb.connect()
    # A name that is not found must fail, not be fetched.
    lake.execute("SET autoinstall_known_extensions = false")
    lake.execute("SET TimeZone = 'UTC'")
    for name in EXTENSIONS:
        lake.execute(f"LOAD '{extension(name)}'")
    options = "READ_ONLY" if snapshot is None else f"READ_ONLY, SNAPSHOT_VERSION {snapshot}"
    target = catalog.replace("'", "''")
    lake.execute(f"ATTACH 'ducklake:{target}' AS lake ({options})")
    lake.execute("USE lake")
    return lake


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
        result = lake.execute(f'SELECT * FROM "{name}"')
        columns = [column[0] for column in result.description]
        for row in result.fetchall():
            named = {c: v for c, v in zip(columns, row) if c not in without}
            lines.append(f"{name}\t{json.dumps(named, default=str)}")
    for line in sorted(lines):
        print(line)


if __name__ == "__main__":
    main()
