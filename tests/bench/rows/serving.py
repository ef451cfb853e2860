"""Answers through the API under a steady load, in lakes of growing size: as a
server gives them, and with none kept, so that each is read from the lake.
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clock import Missing, around, median, run, say
from lakes import clone, fresh, lake, recordings
from setting import LOAD, PACELAKE, Size
from table import Line

SECONDS = 5
ROUNDS = 3
# More than are ever busy while answers are in time.
CONNECTIONS = 32
PAGE = "/api/activities?limit=20"
PAGES = 200
IDS = 2_000
# Recordings with more samples than a medium resolution gives.
LONG, MINUTES = 40, 60
POINTS = range(500, 1_001)
GOAL = "p95 under 5 ms, p99 under 10 ms"

SERVERS = {"": {}, ", no answer kept": {"PACELAKE_KEPT_ANSWERS_MB": "0"}}


def lines(size: Size) -> list[Line]:
    found = []
    fresh("serving")
    for activities in size.growth:
        try:
            folder, long = with_long_ones(lake(activities, 3))
        except Missing as missing:
            found.append(without(f"answers at {activities:,} activities", missing))
            continue
        for how, settings in SERVERS.items():
            what = f"{activities:,} activities{how}"
            try:
                with served(folder, settings) as base:
                    found += answered(base, long, what)
            except Missing as missing:
                found.append(without(f"answers at {what}", missing))
    return found


def without(work: str, missing: Missing) -> Line:
    say(f"  {work}: missing: {missing}")
    return Line(work, "missing", "", "", GOAL, None, [str(missing)])


def with_long_ones(folder: Path) -> tuple[Path, list[int]]:
    """A copy of a lake with some activities of an hour, and which they are."""
    copy = clone(folder, "serving")
    pacelake = [PACELAKE, "--data-dir", copy]
    report = run([*pacelake, "import", "--format", "json", recordings(LONG, MINUTES, seed=7)]).json()
    long = [item["activity_id"] for item in report["items"] if item["outcome"] == "created"]
    if len(long) != LONG:
        raise Missing(f"{len(long)} of {LONG} long recordings became activities of their own")
    # As a server does it by itself, but not while answers are timed.
    run([*pacelake, "maintain"])
    return copy, long


@contextmanager
def served(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """A server while it is needed: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [PACELAKE, "--data-dir", folder, "serve", "--listen", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | settings,
    )
    try:
        wait_for(server, f"http://{address}")
        yield f"http://{address}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(server: subprocess.Popen, base: str) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise Missing(f"the server ended with {server.returncode}")
        try:
            answer(base, PAGE)
            return
        except Missing:
            time.sleep(0.05)
    raise Missing("the server does not answer")


def answer(base: str, path: str) -> dict:
    try:
        with urllib.request.urlopen(base + path, timeout=30) as given:
            return json.load(given)
    except (OSError, ValueError) as error:
        raise Missing(f"{path}: {error}") from error


def answered(base: str, long: list[int], what: str) -> list[Line]:
    """A line for each kind of question."""
    pages, ids = feed(base)
    streams = [f"/api/activities/{activity}/streams?resolution=medium" for activity in long]
    for path in streams:
        points = len(answer(base, path)["t_ms"])
        if points not in POINTS:
            raise Missing(f"{path} has {points} samples, not {POINTS.start} to {POINTS.stop - 1}")
    kinds = {
        "feed page of 20": (pages, 1_000),
        "one activity": ([f"/api/activities/{activity}" for activity in ids], 1_000),
        "streams of 1,000 points": (streams, 100),
    }
    # Round by round, so that what disturbs one kind disturbs all.
    loads: dict[str, list[dict]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (paths, rate) in kinds.items():
            loads[name].append(under_load(base, paths, rate))
    return [line(f"{name} at {rate:,} a second, {what}", loads[name], rate, len(paths))
            for name, (paths, rate) in kinds.items()]


def feed(base: str) -> tuple[list[str], list[int]]:
    """Pages of the feed, one after the other, and the activities on them."""
    path, pages, ids = PAGE, [], []
    while path and len(pages) < PAGES:
        page = answer(base, path)
        pages.append(path)
        ids += [row["activity_id"] for row in page["items"]]
        path = page["next"] and f"{PAGE}&after={page['next']}"
    if not ids:
        raise Missing("the feed has no rows")
    return pages, ids[:IDS]


def under_load(base: str, paths: list[str], rate: int) -> dict:
    """What `peers/javascript/load.js` prints."""
    return run(["node", LOAD, base, rate, SECONDS, CONNECTIONS], "\n".join(paths)).json()


def line(work: str, loads: list[dict], rate: int, questions: int) -> Line:
    def each(name: str) -> list[float]:
        return [load[name] for load in loads]

    wrong = sum(load["not_200"] + load["lost"] for load in loads)
    reached = min(each("rate"))
    p95, p99 = median(each("p95_ms")), median(each("p99_ms"))
    met = p95 < 5 and p99 < 10 and wrong == 0 and reached >= 0.99 * rate
    return Line(
        work, ", ".join(f"{name} {around(each(f'{name}_ms'), 'ms')}" for name in ("p50", "p95", "p99")),
        "", "", GOAL, met,
        [
            f"{questions:,} different questions in turn; {reached:.0f} answers a second in the slowest of "
            f"{len(loads)} runs of {SECONDS} s; {sum(load['not_200'] for load in loads)} answers not 200, "
            f"{sum(load['lost'] for load in loads)} lost; longest {around(each('max_ms'), 'ms')}; "
            f"what makes the load runs on the same cores and was late by {max(each('late_p99_ms')):.2f} ms "
            "at p99 in the worst run, which is in the times"
        ],
    )
