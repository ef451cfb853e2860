"""An import into an empty lake, and the sum of its parts."""

from clock import Missing, interleaved, median, run, spread
from lakes import bytes_below, fresh, imported, recordings
from setting import MEASURE, PACELAKE, Size
from table import Line

PARTS = ["unpack_hash_keep_s", "decode_clean_s", "derive_s", "compress_s"]


def lines(size: Size) -> list[Line]:
    source = recordings(size.imported)
    rss, parts = [], []

    def whole() -> float:
        ran = imported(source, fresh("import"))
        rss.append(ran.max_rss_mb)
        return ran.seconds

    def apart() -> float:
        parts.append(run([MEASURE, "parts", source]).json())
        return sum(parts[-1][part] for part in PARTS)

    times = interleaved(size.rounds, {"pacelake": whole, "parts": apart})
    mine = times["pacelake"]
    if "parts" not in times:
        return [Line("import", spread(mine), "missing", "", "", None)]
    ratio = median([a / b for a, b in zip(mine, times["parts"])])
    each = ", ".join(f"{part.removesuffix('_s').replace('_', ' ')} {spread([p[part] for p in parts])}" for part in PARTS)
    work = f"import {size.imported:,} FIT activities, all derived"
    found = [
        Line(work, spread(mine), "itself", "", "under 10 s", median(mine) < 10 if size.imported == 2_000 else None),
        Line(
            work, spread(mine), f"its parts alone: {spread(times['parts'])}", f"{ratio:.2f} times",
            "at most 1.3 times", ratio <= 1.3, [each, f"{parts[-1]['samples']:,} samples"],
        ),
        Line(
            f"memory of that import, {bytes_below(source, '*') >> 20} MB of .fit.gz",
            f"{median(rss):.0f} MB", "", "", "under 500 MB", median(rss) < 500,
        ),
    ]
    return found + again(size, median(mine))


def again(size: Size, import_s: float) -> list[Line]:
    """Everything from the raw recordings, in the lake that was just made."""
    folder = fresh("import").parent / "rebuild"
    fresh("rebuild")
    imported(recordings(size.imported), folder)
    found = []
    for name, command, goal in (
        ("rebuild from raw bytes", ["rebuild"], "at most 1.0 times"),
        ("recompute everything in place", ["recompute", "--full"], ""),
    ):
        try:
            ran = run([PACELAKE, "--data-dir", folder, *command])
        except Missing as missing:
            found.append(Line(name, "missing", "", "", goal, None, [str(missing)]))
            continue
        ratio = ran.seconds / import_s
        found.append(
            Line(
                f"{name}, {size.imported:,} activities", spread([ran.seconds]), f"the import: {spread([import_s])}",
                f"{ratio:.2f} times", goal, ratio <= 1 if goal else None,
            )
        )
        found.append(
            Line(f"memory of {name}", f"{ran.max_rss_mb:.0f} MB", "", "", "under 1 GB", ran.max_rss_mb < 1_000)
        )
    return found
