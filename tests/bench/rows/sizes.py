"""The lake without raw bytes beside the same recordings as .fit.gz."""

from lakes import bytes_below, fresh, imported, lake, recordings
from setting import ROOT, Size
from table import Line


def lines(size: Size) -> list[Line]:
    real = fresh("real")
    log = ROOT / "data/log"
    imported(log, real)
    return [
        compare("one person's log, 519 real recordings", real, bytes_below(log, "*.fit.gz")),
        compare(
            f"{size.imported:,} generated recordings",
            lake(size.imported), bytes_below(recordings(size.imported), "*.fit.gz"),
        ),
    ]


def compare(what: str, folder, packed: int) -> Line:
    files = folder / "lake"
    size = bytes_below(files, "*.parquet")
    # Ended files count too: they lie there until maintenance removes them.
    tables: dict[str, int] = {}
    for path in files.rglob("*.parquet"):
        table = path.relative_to(files).parts[1]
        tables[table] = tables.get(table, 0) + path.stat().st_size
    largest = sorted(tables.items(), key=lambda entry: -entry[1])
    ratio = size / packed
    return Line(
        f"size of the lake: {what}", f"{size / 1e6:.1f} MB", f".fit.gz: {packed / 1e6:.1f} MB",
        f"{ratio:.2f} times", "0.33 times", round(ratio, 2) <= 0.33,
        [", ".join(f"{table} {bytes / 1e6:.2f} MB" for table, bytes in largest)],
    )
