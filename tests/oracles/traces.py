"""Looks for traces of an athlete, or of activities, in everything on disk.

    traces.py values CATALOG DATA_DIR --athlete ID [--activity ID …] > VALUES
    traces.py find   CATALOG DATA_DIR --athlete ID [--activity ID …] < VALUES
    traces.py snapshots CATALOG DATA_DIR
    traces.py others CATALOG DATA_DIR --athlete ID [--activity ID …] [--at SNAPSHOT …]

CATALOG is what follows `ducklake:` in an ATTACH, DATA_DIR the data directory.
`values` collects every value that only their rows have: in any Parquet file
under the data directory, named by a snapshot or not, and in any table of the
catalog. `find` says, after they were purged, where one of those values or one
of their rows is still found: in Parquet files, which are all decoded, in any
cell of any table of the catalog, in the names of files, and as plain bytes in
files of any kind. `others` prints, for each table at each snapshot, or at those
that are named, how many rows of all others there are and the sum of their
hashes; where activities are named, the athlete's rows of tables that are
computed from several activities are left out. All print JSON. Nothing of
pacelake is used.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import re
import sqlite3
import sys

import duckdb

from rows import attach, extension

# Longer texts are compared by their hash.
LONG = 200
# Ids stay in a purge's receipt.
RECEIPTS = {"purges", "purge_targets"}
# Tables of athletes, and the ledger, which has lines of athletes.
SEVERAL = {"stats", "best_effort_ranks", "derivations"}


def text(value):
    """A cell as text that is the same in Parquet, catalog and statistics."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, datetime.datetime):
        value = value.replace(tzinfo=None)
        plain = str(value)
        value = plain.rstrip("0") if "." in plain else plain
    value = str(value)
    if len(value) > LONG:
        return "sha1:" + hashlib.sha1(value.encode()).hexdigest()
    return value


def telling(value):
    """Whether a text tells enough that it cannot be met by chance."""
    if len(value) < 7:
        return False
    return bool(re.search(r"[A-Za-z_/]", value)) or len(value) >= 12 or "." in value


def parquet_files(data_dir):
    for path in sorted(pathlib.Path(data_dir).rglob("*")):
        if path.is_file() and ".parquet" in path.name:
            yield path


def parquet_rows(path):
    """Rows of a file as pairs of column and value."""
    # A name with `#` in it, which a cut-off write leaves, is read as well.
    try:
        result = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)])
    except duckdb.Error as error:
        print(f"{path}: {error}", file=sys.stderr)
        return
    columns = [column[0] for column in result.description]
    for row in result.fetchall():
        yield dict(zip(columns, row))


def catalog_rows(catalog):
    """Every row of every table of the catalog's database, with its table."""
    kind, _, target = catalog.partition(":")
    if kind == "sqlite":
        base = sqlite3.connect(f"file:{target}?mode=ro", uri=True)
        base.text_factory = lambda raw: raw.decode("utf-8", "replace")
        names = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            result = base.execute(f'SELECT * FROM "{name}"')
            columns = [column[0] for column in result.description]
            for row in result:
                yield name, dict(zip(columns, row))
        return
    base = duckdb.connect()
    base.execute("SET autoinstall_known_extensions = false")
    base.execute("SET TimeZone = 'UTC'")
    base.execute(f"LOAD '{extension('postgres_scanner')}'")
    base.execute(f"ATTACH '{target}' AS pg (TYPE postgres, READ_ONLY)")
    names = base.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'pg'"
        " AND schema_name IN ('public', 'pacelake')"
    ).fetchall()
    for schema, name in names:
        table = f'pg."{schema}"."{name}"'
        # Times with a zone need a module that is not there; as text they do.
        kinds = base.execute(f"DESCRIBE {table}").fetchall()
        columns = ", ".join(
            f'"{kind[0]}"::VARCHAR AS "{kind[0]}"' if "ZONE" in kind[1] else f'"{kind[0]}"'
            for kind in kinds
        )
        result = base.execute(f"SELECT {columns} FROM {table}")
        columns = [column[0] for column in result.description]
        for row in result.fetchall():
            yield name, dict(zip(columns, row))


class Theirs:
    """Whether a row is of whom is purged."""

    def __init__(self, athlete, activities):
        self.athlete = athlete
        self.activities = set(activities)

    def __contains__(self, row):
        if self.activities:
            return row.get("activity_id") in self.activities
        return row.get("athlete_id") == self.athlete


def values(arguments):
    theirs = Theirs(arguments.athlete, arguments.activity)
    purged, others = set(), set()

    def take(row):
        cells = {text(value) for value in row.values()}
        (purged if row in theirs else others).update(cells)

    for path in parquet_files(arguments.data_dir):
        for row in parquet_rows(path):
            take(row)
    for table, row in catalog_rows(arguments.catalog):
        # The statistics of files and tables hold everybody's values.
        if not table.startswith("ducklake_") or table.startswith("ducklake_inlined_data_"):
            take(row)
    ids = {str(activity) for activity in arguments.activity}
    only = {value for value in purged - others if value and telling(value)} - ids
    json.dump(sorted(only), sys.stdout)


def find(arguments):
    wanted = set(json.load(sys.stdin))
    theirs = Theirs(arguments.athlete, arguments.activity)
    places = []
    for path in parquet_files(arguments.data_dir):
        for row in parquet_rows(path):
            if row in theirs:
                places.append(f"{path}: a row of theirs: {list(row.items())[:3]}")
            for column, value in row.items():
                if text(value) in wanted:
                    places.append(f"{path}: {column} = {text(value)}")
    for table, row in catalog_rows(arguments.catalog):
        receipt = table in RECEIPTS or table == "audit" and row["action"] == "purge"
        if row in theirs and not receipt:
            places.append(f"{table}: a row of theirs: {row}")
        for column, value in row.items():
            if text(value) in wanted:
                places.append(f"{table}: {column} = {text(value)}")
    needles = [value.encode() for value in wanted if not value.startswith("sha1:")]
    # A number that is part of a longer one is another.
    pattern = re.compile(
        b"(?<![0-9.])(?:" + b"|".join(re.escape(needle) for needle in sorted(needles)) + b")(?![0-9])"
    )
    for path in sorted(pathlib.Path(arguments.data_dir).rglob("*")):
        if any(needle in str(path).encode() for needle in needles):
            places.append(f"{path}: its name")
        if path.is_file() and needles:
            found = pattern.search(path.read_bytes())
            if found:
                places.append(f"{path}: the bytes {found.group()!r}")
    json.dump(places, sys.stdout)


def snapshots(arguments):
    lake = attach(arguments.catalog)
    rows = lake.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()
    json.dump([row[0] for row in rows], sys.stdout)


def others(arguments):
    lake = attach(arguments.catalog)
    found = {}
    snapshots = lake.execute("SELECT snapshot_id FROM ducklake_snapshots('lake')").fetchall()
    for (snapshot,) in snapshots:
        if arguments.at and snapshot not in arguments.at:
            continue
        tables = lake.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_catalog = 'lake' AND table_type = 'BASE TABLE'"
        ).fetchall()
        for (table,) in tables:
            if not arguments.activity or table in SEVERAL:
                kept = f"athlete_id <> {arguments.athlete}"
            else:
                ids = ", ".join(str(activity) for activity in arguments.activity)
                kept = f"activity_id IS NULL OR activity_id NOT IN ({ids})"
            try:
                rows, total = lake.execute(
                    f'SELECT count(*), sum(hash(t)::HUGEINT) FROM (SELECT * FROM "{table}"'
                    f" AT (VERSION => {snapshot})) t WHERE {kept}"
                ).fetchone()
            except duckdb.CatalogException:
                # It was not there yet.
                continue
            found[f"{table} at {snapshot}"] = [rows, str(total)]
    json.dump(found, sys.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["values", "find", "snapshots", "others"])
    parser.add_argument("catalog")
    parser.add_argument("data_dir")
    parser.add_argument("--athlete", type=int)
    parser.add_argument("--activity", type=int, action="append", default=[])
    parser.add_argument("--at", type=int, action="append", default=[], metavar="SNAPSHOT")
    arguments = parser.parse_args()
    verbs = {"values": values, "find": find, "snapshots": snapshots, "others": others}
    verbs[arguments.what](arguments)


if __name__ == "__main__":
    main()
