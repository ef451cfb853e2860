"""`make bench`: measures pacelake against others and itself, prints one table
and writes it to docs/benchmarks.md.

    BENCH_SIZE=small|default|full python run.py [ROW...]

Rows are the files of `rows/`. With rows named, only those are measured, and of
the document only the sections that are theirs alone are written.
"""

import importlib
import json
import os
import platform
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from clock import Missing, run, say  # noqa: E402
from rows import decoding, efforts, questions, serving  # noqa: E402
from setting import CACHE, PROFILE, ROOT, Size, chosen  # noqa: E402
from table import Line, document, markdown, section  # noqa: E402

ROWS = ["efforts", "decoding", "importing", "growth", "serving", "questions", "sizes"]
# Rows that have a section of their own, which can be measured and written alone.
SECTIONS = {"strava": "Strava, live"}
PAGE = ROOT / "docs/benchmarks.md"


def main() -> None:
    size = chosen()
    named = sys.argv[1:]
    CACHE.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = []
    began = time.monotonic()
    for name in named or [*ROWS, *SECTIONS]:
        say(f"{name} …")
        started = time.monotonic()
        try:
            measured = importlib.import_module(f"rows.{name}").lines(size)
        except Missing as missing:
            say(f"  missing: {missing}")
            measured = [Line(name, "missing", "", "", "", None, [str(missing)])]
        print(markdown(measured))
        if name in SECTIONS:
            how = f"`BENCH_SIZE={size.name} BENCH_PROFILE={PROFILE} scripts/bench {name}`"
            took = f"{how}: {time.monotonic() - started:.0f} s; {profile()}"
            section(SECTIONS[name], measured, [took, *machine()], PAGE)
        else:
            lines += measured
    if not named:
        took = f"`BENCH_SIZE={size.name} make bench`: {time.monotonic() - began:.0f} s"
        document(lines, [took, *facts(size)], PAGE)


def profile() -> str:
    """What the binaries were built with, as the reader must know it."""
    if PROFILE == "release":
        return "built in release"
    level = os.environ.get("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
    return (
        f"built in the profile for development (own crates at `opt-level = {level}`, dependencies at 1), so that times "
        "are those of a slower program than the one that people run"
    )


def machine() -> list[str]:
    """The machine, how busy it was, and what was measured."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"load when it ended: {os.getloadavg()[0]:.1f}, of which the benchmark itself is 1 to 2",
        f"pacelake {commit()}, {text(['rustc', '--version'])}, Python {platform.python_version()}",
    ]


def commit() -> str:
    """What was built; BENCH_COMMIT says it where that is not what is checked out."""
    return os.environ.get("BENCH_COMMIT") or text(["git", "-C", ROOT, "describe", "--always", "--dirty"])


def facts(size: Size) -> list[str]:
    """The machine, the versions, and how often things were done."""
    built, load, _ = machine()
    passes = ", ".join(f"{language} {count}" for language, count in decoding.PASSES.items())
    return [
        built,
        load,
        f"rounds: {size.rounds}; of one more activity {size.rounds * 3}, of answers {serving.ROUNDS}",
        f"passes of a process: best efforts {efforts.PASSES}, each question {questions.PASSES}, decoding: "
        f"pacelake {decoding.PASSES_OURS}, {passes} (JavaScript's first one more, not counted)",
        f"pacelake {commit()}, {text(['rustc', '--version'])}, Node.js {text(['node', '--version'])}, "
        f"Python {platform.python_version()}",
        *[f"{language}: {', '.join(versions)}" for language, versions in locked().items()],
    ]


def locked() -> dict[str, list[str]]:
    """What the lock files of the others name, with versions; what they in turn
    stand on is left out.
    """
    peers = HERE / "peers"
    python = (peers / "python/requirements.txt").read_text().split()
    packages = tomllib.loads((peers / "rust/Cargo.lock").read_text())["package"]
    rust = {package["name"]: package for package in packages}
    javascript = json.loads((peers / "javascript/package-lock.json").read_text())["packages"]
    return {
        "Python": [word.replace("==", " ") for word in python if "==" in word],
        "Rust": [f"{name} {rust[name]['version']}" for name in rust["pacelake-bench-peers"]["dependencies"]],
        "JavaScript, autocannon for the load among it": [
            f"{name} {javascript[f'node_modules/{name}']['version']}" for name in javascript[""]["dependencies"]
        ],
    }


def text(command: list) -> str:
    try:
        return run(command).stdout.strip()
    except Missing as missing:
        return f"({missing})"


if __name__ == "__main__":
    main()
