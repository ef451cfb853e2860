"""Where things lie, and how large the lakes are."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/bench"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CACHE = TARGET / "bench"
# `dev` measures what `cargo build` left; a figure of it says so.
PROFILE = os.environ.get("BENCH_PROFILE", "release")
BUILT = TARGET / ("debug" if PROFILE == "dev" else PROFILE)
PACELAKE = BUILT / "pacelake"
SIMULATOR = BUILT / "pacelake-strava-sim"
MEASURE = BUILT / "pacelake-bench"
PEERS_RUST = CACHE / "rust/release/pacelake-bench-peers"
PEERS_PYTHON = CACHE / "venv/bin/python"
PEERS_JAVASCRIPT = CACHE / "javascript/read_files.js"
LOAD = CACHE / "javascript/load.js"


@dataclass(frozen=True)
class Size:
    """How much one run measures."""

    name: str
    efforts: int  # Activities whose best efforts all engines find.
    imported: int  # Activities of the import.
    growth: tuple[int, ...]  # Activities of the lakes that one more joins.
    fit_files: int  # Real FIT files that the slow readers can bear.
    rounds: int  # Interleaved rounds.


SIZES = {
    "small": Size("small", 100, 200, (200, 1_000), 5, 2),
    "default": Size("default", 500, 2_000, (1_000, 10_000, 100_000), 12, 3),
    "full": Size("full", 1_000, 2_000, (1_000, 10_000, 100_000), 50, 5),
}


def chosen() -> Size:
    """The size that BENCH_SIZE names."""
    return SIZES[os.environ.get("BENCH_SIZE", "default")]
