"""An import into an empty lake, the sum of its parts, and everything made again
from the same recordings; memory of each, in a lake and in one of a quarter.
"""

from clock import Missing, around, interleaved, median, run, spread
from lakes import bytes_below, fresh, imported, recordings
from setting import MEASURE, PACELAKE, Size
from table import Line, or_missing

# What an import cannot be quicker than. Unpacking, hashing and keeping the raw
# bytes is told apart from it.
PARTS = ["decode_clean_s", "derive_s", "compress_s"]
ASIDE = "unpack_hash_keep_s"

IMPORT, QUARTER, REBUILD, APART = "pacelake", "pacelake, a quarter", "pacelake, rebuild", "parts"


def lines(size: Size) -> list[Line]:
    sources = {IMPORT: recordings(size.imported), QUARTER: recordings(size.imported // 4)}
    folders = {IMPORT: "import", QUARTER: "import-quarter"}
    lakes: dict = {}
    memory: dict[str, list[float]] = {}
    parts: list[dict] = []

    def kept(name: str, ran) -> float:
        memory.setdefault(name, []).append(ran.max_rss_mb)
        return ran.seconds

    def importing(name: str) -> float:
        lakes.pop(name, None)
        folder = fresh(folders[name])
        seconds = kept(name, imported(sources[name], folder))
        lakes[name] = folder
        return seconds

    def rebuilding() -> float:
        # The lake that the import of this round made.
        return kept(REBUILD, again(lakes, IMPORT, ["rebuild"]))

    def apart() -> float:
        parts.append(run([MEASURE, "parts", sources[IMPORT]]).json())
        return sum(parts[-1][part] for part in PARTS)

    times = interleaved(
        size.rounds,
        {
            IMPORT: lambda: importing(IMPORT),
            REBUILD: rebuilding,
            QUARTER: lambda: importing(QUARTER),
            APART: apart,
        },
    )
    work = f"import {size.imported:,} FIT activities, all derived"

    def whole() -> Line:
        mine = times.of(IMPORT)
        met = median(mine) < 10 if size.imported == 2_000 else None
        return Line(work, spread(mine), "itself", "", "under 10 s", met)

    def by_parts() -> Line:
        mine, sums = times.of(IMPORT), times.of(APART)
        ratio = median([a / b for a, b in zip(mine, sums)])
        return Line(
            work, spread(mine), f"its parts alone: {spread(sums)}", f"{ratio:.2f} times",
            "at most 1.3 times", ratio <= 1.3,
            [
                "the parts: " + ", ".join(part(name, parts) for name in PARTS),
                f"not among them: {part(ASIDE, parts)}",
                f"{parts[-1]['samples']:,} samples",
            ],
        )

    def import_memory() -> Line:
        both = [memory_of(memory, times, name) for name in (IMPORT, QUARTER)]
        packed = [bytes_below(sources[name], "*.fit.gz") >> 20 for name in (IMPORT, QUARTER)]
        return Line(
            f"memory of that import, {packed[0]} MB of .fit.gz", around(both[0], "MB"),
            f"a quarter of it, {packed[1]} MB of .fit.gz: {around(both[1], 'MB')}",
            f"{median(both[0]) / median(both[1]):.2f} times",
            "under 500 MB, whatever the lake's size", max(map(median, both)) < 500,
        )

    def rebuild() -> Line:
        mine, first = times.of(REBUILD), times.of(IMPORT)
        ratio = median([a / b for a, b in zip(mine, first)])
        return Line(
            f"rebuild from raw bytes, {size.imported:,} activities", spread(mine),
            f"the import: {spread(first)}", f"{ratio:.2f} times", "at most 1.0 times", ratio <= 1,
        )

    def rebuild_memory() -> Line:
        held = memory_of(memory, times, REBUILD)
        return Line(
            "memory of rebuild from raw bytes", around(held, "MB"), "", "", "under 1 GB", median(held) < 1_000
        )

    return [
        or_missing(work, "under 10 s", whole),
        or_missing(work, "at most 1.3 times", by_parts),
        or_missing("memory of that import", "under 500 MB, whatever the lake's size", import_memory),
        or_missing("rebuild from raw bytes", "at most 1.0 times", rebuild),
        or_missing("memory of rebuild from raw bytes", "under 1 GB", rebuild_memory),
        *recomputed(size, lakes, times),
    ]


def recomputed(size: Size, lakes: dict, times) -> list[Line]:
    """Once at each size, after the rounds: it has no goal in time."""
    ran: dict = {}
    failed: dict[str, str] = {}
    for name in (IMPORT, QUARTER):
        try:
            ran[name] = again(lakes, name, ["recompute", "--full"])
        except Missing as missing:
            failed[name] = str(missing)

    def of(name: str):
        if name in failed:
            raise Missing(failed[name])
        return ran[name]

    def time() -> Line:
        mine, first = of(IMPORT).seconds, times.of(IMPORT)
        return Line(
            f"recompute everything in place, {size.imported:,} activities", spread([mine]),
            f"the import: {spread(first)}", f"{mine / median(first):.2f} times", "", None,
            ["run once, after the rounds; its ratio is to the median of the imports"],
        )

    def memory() -> Line:
        whole, quarter = (of(name).max_rss_mb for name in (IMPORT, QUARTER))
        return Line(
            "memory of recompute everything in place", around([whole], "MB"),
            f"a quarter of the lake: {around([quarter], 'MB')}", f"{whole / quarter:.2f} times",
            "under 1 GB", max(whole, quarter) < 1_000, ["run once at each size"],
        )

    return [
        or_missing("recompute everything in place", "", time),
        or_missing("memory of recompute everything in place", "under 1 GB", memory),
    ]


def again(lakes: dict, name: str, command: list[str]):
    """Runs a command in the lake that an import made."""
    if name not in lakes:
        raise Missing("there is no lake: its import failed")
    return run([PACELAKE, "--data-dir", lakes[name], *command])


def memory_of(memory: dict[str, list[float]], times, name: str) -> list[float]:
    """The memory of the runs of one work; raises Missing where it has failed."""
    times.of(name)
    return memory[name]


def part(name: str, parts: list[dict]) -> str:
    return f"{name.removesuffix('_s').replace('_', ' ')} {spread([each[name] for each in parts])}"
