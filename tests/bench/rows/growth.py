"""One more activity, from the command to visible, in lakes of growing size."""

from clock import interleaved, median, run, spread
from lakes import lake, recordings
from setting import CACHE, PACELAKE, Size
from table import Line

# Short ones: the cost of one more hangs on how many there are, not how long.
MINUTES = 3


def lines(size: Size) -> list[Line]:
    rounds = size.rounds * 3
    more = sorted(recordings(rounds, MINUTES, seed=99).rglob("*.fit.gz"))
    lakes = {n: clone(lake(n, MINUTES)) for n in size.growth}
    taken = {n: iter(more) for n in lakes}

    def one(n: int):
        def work() -> float:
            return run([PACELAKE, "--data-dir", lakes[n], "import", next(taken[n])]).seconds

        return work

    times = interleaved(rounds, {f"pacelake at {n:,}": one(n) for n in lakes})
    least, most = list(times.values())[0], list(times.values())[-1]
    ratio = median([b / a for a, b in zip(least, most)])
    return [
        Line(
            "one more activity, command to visible",
            f"at {size.growth[-1]:,}: {spread(most)}", f"at {size.growth[0]:,}: {spread(least)}",
            f"{ratio:.2f} times", "flat", ratio < 1.2,
            [f"at {n}: {spread(each)}" for n, each in zip(size.growth, times.values())],
        )
    ]


def clone(folder):
    """A copy, so that the cached lake stays as it was."""
    import shutil

    copy = CACHE / "growing" / folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    return copy
