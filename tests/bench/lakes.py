"""Recordings and lakes to measure on, made once and kept in the cache."""

import gzip
import shutil
from pathlib import Path

from clock import Ran, run, say
from setting import CACHE, PACELAKE, ROOT


def recordings(activities: int, minutes: int | None = None, seed: int = 1) -> Path:
    """A folder of synthetic .fit.gz files."""
    name = f"fit-{activities}-{minutes or 'long'}-{seed}"
    folder = CACHE / name
    if not (folder / "whole").exists():
        say(f"  generating {activities} recordings")
        shutil.rmtree(folder, ignore_errors=True)
        command = [PACELAKE, "generate", "--activities", activities, "--seed", seed, "--to", folder / "1"]
        run(command + (["--minutes", minutes] if minutes else []))
        (folder / "whole").touch()
    return folder / "1"


def lake(activities: int, minutes: int | None = None) -> Path:
    """A data folder with those recordings, imported at once; those of short
    ones, whose number is what counts, are maintained as a server does.
    """
    folder = CACHE / f"lake-{activities}-{minutes or 'long'}-{version()}"
    if not (folder / "whole").exists():
        source = recordings(activities, minutes)
        say(f"  importing {activities} recordings")
        shutil.rmtree(folder, ignore_errors=True)
        imported(source, folder)
        if minutes:
            run([PACELAKE, "--data-dir", folder, "maintain"])
        (folder / "whole").touch()
    return folder


def clone(folder: Path, name: str) -> Path:
    """A copy to change, below a folder of that name, so that the cached lake
    stays as it was.
    """
    copy = fresh(f"{name}/{folder.name}")
    copy.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", folder, copy])
    return copy


def imported(source: Path, folder: Path) -> Ran:
    """Imports a folder of recordings."""
    return run([PACELAKE, "--data-dir", folder, "import", source])


def version() -> str:
    """The binary that made a lake: another one may lay it out otherwise."""
    stat = PACELAKE.stat()
    return f"{stat.st_size:x}-{int(stat.st_mtime):x}"


def fresh(name: str) -> Path:
    """An empty data folder."""
    folder = CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def real_fit(count: int) -> list[Path]:
    """Real FIT files of the samples, unpacked, spread over the years."""
    packed = sorted((ROOT / "data/log").glob("*/*.fit.gz"))
    folder = CACHE / "real-fit"
    folder.mkdir(parents=True, exist_ok=True)
    step = max(1, len(packed) // count)
    files = []
    for path in packed[::step][:count]:
        unpacked = folder / path.stem
        if not unpacked.exists():
            unpacked.write_bytes(gzip.decompress(path.read_bytes()))
        files.append(unpacked)
    return files


def bytes_below(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())
