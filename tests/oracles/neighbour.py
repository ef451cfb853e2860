"""DuckDB at work on a lake while others write to it.

    neighbour.py CATALOG DATA_PATH ROUNDS < STATEMENTS

STATEMENTS is a JSON list of SQL texts; each round runs all of them, with
`{round}` replaced by its number. A statement that lost against another writer
is run again, as DuckDB's own message asks for. The output is JSON: for each
statement how often it ran, how often it lost, and its last rows.
"""

import json
import sys
import time

import duckdb

from duckdb_query import attach_for_writing

# What DuckDB 1.5.5 says where another writer was first.
LOST = ("conflict", "Failed to commit", "could not serialize", "deadlock detected")
ATTEMPTS = 200


def run(lake, statement):
    """How often it lost, and its rows."""
    for lost in range(ATTEMPTS):
        try:
            return lost, lake.execute(statement).fetchall()
        except duckdb.Error as error:
            if not any(word in str(error) for word in LOST):
                raise
            print(f"lost: {statement}: {str(error)[:200]}", file=sys.stderr)
            # Someone else commits now; at once it would lose again.
            time.sleep(0.01)
    raise SystemExit(f"lost {ATTEMPTS} times: {statement}")


def main():
    catalog, data_path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    statements = json.load(sys.stdin)
    told = [{"statement": text, "ran": 0, "lost": 0, "rows": []} for text in statements]
    lake = attach_for_writing(catalog, data_path, 0)
    for number in range(rounds):
        for line in told:
            lost, rows = run(lake, line["statement"].replace("{round}", str(number)))
            line["ran"] += 1
            line["lost"] += lost
            line["rows"] = [[str(value) for value in row] for row in rows]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
