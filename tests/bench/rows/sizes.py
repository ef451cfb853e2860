"""The lake without raw bytes beside the same recordings as .fit.gz."""

from lakes import bytes_below, fresh, imported, lake, recordings
from setting import ROOT, Size
from table import Line, or_missing

GOAL = "0.33 times"


def lines(size: Size) -> list[Line]:
    log = ROOT / "data/log"
    generated = f"{size.imported:,} generated recordings"
    return [
        compared("one person's log, 519 real recordings", lambda: imported_log(log), lambda: log),
        compared(generated, lambda: lake(size.imported), lambda: recordings(size.imported)),
    ]


def imported_log(log):
    folder = fresh("real")
    imported(log, folder)
    return folder


def compared(what: str, folder, packed) -> Line:
    work = f"size of the lake: {what}"
    return or_missing(work, GOAL, lambda: measured(work, folder(), bytes_below(packed(), "*.fit.gz")))


def measured(work: str, folder, packed: int) -> Line:
    files = folder / "lake"
    size = bytes_below(files, "*.parquet")
    # Ended files count too: they lie there until maintenance removes them.
    tables: dict[str, int] = {}
    for path in files.rglob("*.parquet"):
        table = path.relative_to(files).parts[1]
        tables[table] = tables.get(table, 0) + path.stat().st_size
    largest = sorted(tables.items(), key=lambda entry: -entry[1])
    # With what was written to it last, which may still stand in a log beside it.
    catalog = bytes_below(folder, "catalog.sqlite") + bytes_below(folder, "catalog.sqlite-wal")
    ratio = size / packed
    return Line(
        work, f"{size / 1e6:.1f} MB", f".fit.gz: {packed / 1e6:.1f} MB",
        f"{ratio:.2f} times", GOAL, round(ratio, 2) <= 0.33,
        [
            ", ".join(f"{table} {bytes / 1e6:.2f} MB" for table, bytes in largest),
            f"catalog.sqlite, which is not counted: {catalog / 1e6:.2f} MB",
        ],
    )
