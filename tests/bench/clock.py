"""Runs programs and says how long they took and how much memory they held."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class Missing(Exception):
    """A program that is not there, or does not do what it is asked."""


@dataclass(frozen=True)
class Ran:
    """A program that ended well."""

    seconds: float
    max_rss_mb: float
    stdout: str

    def json(self):
        """Its last line; readers may have said something before it."""
        try:
            return json.loads(self.stdout.splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise Missing(f"no JSON in its last line: {self.stdout[-200:]!r}") from error


def run(command: list, stdin: str = "", cwd: Path | None = None) -> Ran:
    """Runs a program to its end.

    Raises Missing where it is not there or fails, with its last words.
    """
    command = [str(part) for part in command]
    # wait4 tells the memory of this child alone.
    with subprocess_files() as (out, err):
        start = time.perf_counter()
        try:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, cwd=cwd)
        except FileNotFoundError as error:
            raise Missing(f"{command[0]} is not there") from error
        try:
            child.stdin.write(stdin.encode())
            child.stdin.close()
        except BrokenPipeError:
            pass
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if child.returncode != 0:
            last = err.read().decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            raise Missing(f"`{' '.join(command[:3])}` ended with {child.returncode}: {last[0]}")
        return Ran(seconds, usage.ru_maxrss / 1024, out.read().decode())


class subprocess_files:
    """Two files for what a program says, so that it never waits for a reader."""

    def __enter__(self):
        import tempfile

        self.files = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        return self.files

    def __exit__(self, *_):
        for file in self.files:
            file.close()


class Times(dict[str, list[float]]):
    """The times of each work, and of a work that has none the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: dict[str, str] = {}

    def of(self, name: str) -> list[float]:
        """The times of one work; raises Missing where there are none."""
        if name not in self:
            raise Missing(self.missing.get(name, f"{name} was not measured"))
        return self[name]


def interleaved(rounds: int, works: dict[str, Callable[[], float]]) -> Times:
    """Does each work once a round, so that what disturbs one disturbs all.

    A peer that took more than five times as long as the quickest other peer is
    not repeated: it decides nothing. A work that is missing is left out, aloud.
    """
    times = Times()
    for round in range(rounds):
        for name, work in works.items():
            if name in times.missing:
                continue
            if round > 0 and "pacelake" not in name:
                others = [min(t) for other, t in times.items() if other != name and "pacelake" not in other]
                if others and min(times[name]) > 5 * min(others):
                    continue
            try:
                times.setdefault(name, []).append(work())
            except Missing as missing:
                times.pop(name, None)
                times.missing[name] = str(missing)
                say(f"  {name}: missing: {missing}")
    return times


def median(values: list[float]) -> float:
    return statistics.median(values)


def spread(seconds: list[float]) -> str:
    """The median with the least and the most, in seconds or ms."""
    if not seconds:
        return "missing"
    unit, factor = ("s", 1) if median(seconds) >= 1 else ("ms", 1000)
    return around([each * factor for each in seconds], unit)


def around(values: list[float], unit: str) -> str:
    """The median with the least and the most; alone where there is but one."""
    low, mid, high = (figure(f(values)) for f in (min, median, max))
    return f"{mid} {unit}" if len(values) == 1 else f"{mid} {unit} ({low} to {high})"


def figure(value: float) -> str:
    """Three figures, no more."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
