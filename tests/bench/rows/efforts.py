"""Best efforts of all distances over a whole lake."""

import csv
from pathlib import Path

from clock import interleaved, median, run, say, spread
from lakes import lake
from setting import CACHE, HERE, MEASURE, PEERS_PYTHON, Size
from table import Line

ENGINES = ["numpy", "polars", "duckdb-asof", "duckdb-window"]
# The quickest of a process is taken: the first finds nothing in memory.
PASSES = 3
GOAL = "10 times"


def lines(size: Size) -> list[Line]:
    folder = lake(size.efforts)
    # Streams are ground: nothing of them is deleted in a fresh lake.
    files = "\n".join(sorted(str(path) for path in (folder / "lake").rglob("streams/**/*.parquet")))
    measured: list[dict] = []

    def ours() -> float:
        measured.append(run([MEASURE, "efforts", folder, PASSES, CACHE / "efforts-pacelake.csv"]).json())
        return min(measured[-1]["seconds"])

    def theirs(engine: str):
        script = HERE / "peers/python/best_efforts.py"
        result = CACHE / f"efforts-{engine}.csv"
        return lambda: min(run([PEERS_PYTHON, script, engine, PASSES, result], files).json()["seconds"])

    works = {"pacelake": ours} | {engine: theirs(engine) for engine in ENGINES}
    times = interleaved(size.rounds, works)
    mine = times.of("pacelake")
    there = {engine: times[engine] for engine in ENGINES if engine in times}
    work = f"best efforts over a whole lake, {size.efforts:,} activities"
    found = []
    if there:
        best = min(there, key=lambda engine: median(there[engine]))
        ratio = median([b / a for a, b in zip(mine, there[best])])
        notes = [f"{engine}: {spread(each)}" for engine, each in there.items()]
        notes += [agreement(engine) for engine in there]
        notes.append(
            "pacelake's time holds looking the activities up, climb and heart rate of each effort, "
            "jumps and the ledger's lines, and whole rows; the others give the time alone"
        )
        found.append(
            Line(
                work, spread(mine), f"{best}: {spread(there[best])}",
                f"{ratio:.1f} times faster", GOAL, ratio >= 10, notes,
            )
        )
    found += [
        Line(work, spread(mine), f"{engine}: missing", "", GOAL, None, [f"{engine}: {times.missing[engine]}"])
        for engine in ENGINES
        if engine in times.missing
    ]
    return [*found, decoding_alone(size, mine, measured)]


def decoding_alone(size: Size, mine: list[float], measured: list[dict]) -> Line:
    """Against the bare decoding of the columns, by the quicker of two ways."""
    columns, engine, axis = (
        [min(one[name]) for one in measured]
        for name in ("columns_seconds", "engine_seconds", "axis_seconds")
    )
    bare = [min(both) for both in zip(columns, engine)]
    ratio = median([a / b for a, b in zip(mine, bare)])
    return Line(
        f"only decoding the columns that they read, {size.efforts:,} activities",
        spread(mine), spread(bare), f"{ratio:.1f} times", "at most 4 times", ratio <= 4,
        [
            "what it is divided by is the lesser of the two that follow, round by round",
            f"the columns by the lake's own reading, as deriving reads them: {spread(columns)}",
            f"the same columns by DataFusion's scan: {spread(engine)}",
            f"time and distance alone, which is all that the others read: {spread(axis)}",
        ],
    )


def agreement(engine: str) -> str:
    """How many of its efforts are ours to the millisecond."""
    ours, theirs = (read(CACHE / f"efforts-{name}.csv") for name in ("pacelake", engine))
    both = ours.keys() & theirs.keys()
    same = sum(abs(ours[key] - theirs[key]) < 0.0015 for key in both)
    if not theirs or same < len(theirs) * 0.99:
        say(f"  {engine} finds other efforts: {same} of {len(theirs)} are ours")
    return f"{engine}: {same} of its {len(theirs)} efforts are pacelake's ({len(ours)}) to 1.5 ms"


def read(path: Path) -> dict[tuple[int, float], float]:
    with open(path) as rows:
        return {(int(a), float(m)): float(s) for a, m, s in csv.reader(rows)}
