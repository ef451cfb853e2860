"""One more activity, from the command to visible, in lakes of growing size."""

from clock import Missing, interleaved, median, run, spread
from lakes import clone, fresh, lake, recordings
from setting import PACELAKE, Size
from table import Line

# Short ones: the cost of one more hangs on how many there are, not how long.
MINUTES = 3


def lines(size: Size) -> list[Line]:
    rounds = size.rounds * 3
    more = sorted(recordings(rounds, MINUTES, seed=99).rglob("*.fit.gz"))
    fresh("growing")
    lakes = {n: clone(lake(n, MINUTES), "growing") for n in size.growth}
    taken = {n: iter(more) for n in lakes}

    def one(n: int):
        return lambda: one_more(lakes[n], next(taken[n]))

    times = interleaved(rounds, {f"pacelake at {n:,}": one(n) for n in lakes})
    least, most = (times.of(f"pacelake at {n:,}") for n in (size.growth[0], size.growth[-1]))
    ratio = median([b / a for a, b in zip(least, most)])
    notes = [f"{name.removeprefix('pacelake ')}: {spread(each)}" for name, each in times.items()]
    notes += [f"{name.removeprefix('pacelake ')}: missing: {why}" for name, why in times.missing.items()]
    return [
        Line(
            "one more activity, command to visible",
            f"at {size.growth[-1]:,}: {spread(most)}", f"at {size.growth[0]:,}: {spread(least)}",
            f"{ratio:.2f} times", "flat", ratio < 1.2, notes,
        )
    ]


def one_more(folder, recording) -> float:
    """Imports one recording; raises Missing unless it became an activity of its
    own that the next command finds.
    """
    pacelake = [PACELAKE, "--data-dir", folder]
    ran = run([*pacelake, "import", "--format", "json", recording])
    report = ran.json()
    if report["created"] != 1 or len(report["items"]) != 1:
        raise Missing(f"{recording.name} made {report['created']} activities, not one")
    activity = report["items"][0]["activity_id"]
    # Not timed: the import has ended, so what it made is there.
    shown = run([*pacelake, "show", activity, "--format", "json"]).json()["activity"]
    if not shown or shown["activity_id"] != activity:
        raise Missing(f"activity {activity} is not there after its import")
    return ran.seconds
