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
    mine = times.pop("pacelake")
    notes = [f"{engine}: {spread(each)}" for engine, each in times.items()]
    notes += [agreement(engine) for engine in times]
    bare = [min(one["columns_seconds"]) for one in measured]
    axis = [min(one["axis_seconds"]) for one in measured]
    notes.append(f"decoding time and distance alone, which is all that the others read: {spread(axis)}")
    notes.append(
        "pacelake's time holds looking the activities up, climb and heart rate of each effort, "
        "jumps and the ledger's lines, and whole rows; the others give the time alone"
    )
    against_bare = median([a / b for a, b in zip(mine, bare)])
    found = [
        Line(
            f"only decoding the columns that they read, {size.efforts:,} activities",
            spread(mine), spread(bare), f"{against_bare:.1f} times", "at most 4 times", against_bare <= 4,
        )
    ]
    if times:
        best = min(times, key=lambda engine: median(times[engine]))
        pairs = [b / a for a, b in zip(mine, times[best])]
        found.insert(
            0,
            Line(
                f"best efforts over a whole lake, {size.efforts:,} activities",
                spread(mine), f"{best}: {spread(times[best])}",
                f"{median(pairs):.1f} times faster", "10 times", median(pairs) >= 10, notes,
            ),
        )
    return found


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
