"""Decoding FIT, GPX and TCX, one core, files in memory."""

from pathlib import Path

from clock import Missing, interleaved, median, run, say, spread
from lakes import real_fit
from setting import HERE, MEASURE, PEERS_JAVASCRIPT, PEERS_PYTHON, PEERS_RUST, ROOT, Size
from table import Line

READERS = {
    "FIT": {
        "Rust": ["rustyfit", "fitparser", "fit-rust"],
        "Python": ["garmin-fit-sdk", "fitdecode", "fitparse"],
        "JavaScript": ["@garmin/fitsdk", "fit-file-parser", "easy-fit"],
    },
    "GPX": {
        "Rust": ["gpx"],
        "Python": ["lxml", "gpxpy"],
        "JavaScript": ["fast-xml-parser", "@tmcw/togeojson"],
    },
    "TCX": {
        "Rust": ["tcx"],
        "Python": ["lxml", "tcxreader"],
        "JavaScript": ["fast-xml-parser", "@tmcw/togeojson"],
    },
}


def command(language: str, reader: str, passes: int) -> list:
    # Slow readers are as long at it in one pass as quick ones in five.
    return {
        "Rust": [PEERS_RUST, reader, passes],
        "Python": [PEERS_PYTHON, HERE / "peers/python/read_files.py", reader, 1],
        "JavaScript": ["node", PEERS_JAVASCRIPT, reader, min(passes, 2)],
    }[language]


def lines(size: Size) -> list[Line]:
    return [line for kind in READERS for line in of_kind(kind, size)]


def of_kind(kind: str, size: Size) -> list[Line]:
    if kind == "FIT":
        files = real_fit(size.fit_files)
    else:
        files = sorted((ROOT / "data/recordings" / kind.lower()).glob(f"*.{kind.lower()}"))
    found = []
    for language, readers in READERS[kind].items():
        best: tuple[float, str, list[float], list[float]] | None = None
        notes = []
        for reader in readers:
            try:
                both = readable(files, language, reader)
            except Missing as missing:
                notes.append(f"{reader}: missing: {missing}")
                say(f"  {reader}: missing: {missing}")
                continue
            listed = "\n".join(map(str, both))
            times = interleaved(
                size.rounds,
                {
                    "pacelake": lambda: fastest(run([MEASURE, "decode", 5], listed)),
                    reader: lambda: fastest(run(command(language, reader, 5), listed)),
                },
            )
            if reader not in times:
                continue
            ratio = median([b / a for a, b in zip(times["pacelake"], times[reader])])
            notes.append(f"{reader}: {ratio:.2f} times pacelake's time on {len(both)} of {len(files)} files")
            if best is None or ratio < best[0]:
                best = (ratio, reader, times["pacelake"], times[reader])
        if best is None:
            found.append(Line(f"decode {kind}", "", f"{language}: none is there", "", "", None, notes))
            continue
        ratio, reader, mine, theirs = best
        if kind == "FIT" and language == "Rust":
            notes += crate_alone(files, size)
        goal = "no slower" if language == "Rust" else "faster"
        found.append(
            Line(
                f"decode {kind}", spread(mine), f"{reader} ({language}): {spread(theirs)}",
                f"{ratio:.2f} times faster", goal, ratio >= 1, notes,
            )
        )
    return found


def readable(files: list[Path], language: str, reader: str) -> list[Path]:
    """The files that both can read."""
    listed = "\n".join(map(str, files))
    failed: set[str] = set()
    for program in ([MEASURE, "decode", 1], command(language, reader, 1)):
        failed |= set(run(program, listed).json()["failed"])
    both = [path for path in files if str(path) not in failed]
    if not both:
        raise Missing("reads none of the files")
    return both


def fastest(ran) -> float:
    """The quickest pass of a process: what is left of it is disturbance."""
    return min(ran.json()["seconds"])


def crate_alone(files: list[Path], size: Size) -> list[str]:
    """What the crate takes that reads FIT messages for us, nothing kept."""
    listed = "\n".join(map(str, files))
    try:
        times = interleaved(
            size.rounds,
            {
                "pacelake": lambda: fastest(run([MEASURE, "decode", 5], listed)),
                "stream": lambda: fastest(run([PEERS_RUST, "rustyfit-stream", 5], listed)),
            },
        )
    except Missing:
        return []
    if "stream" not in times:
        return []
    share = median([b / a for a, b in zip(times["pacelake"], times["stream"])])
    return [f"rustyfit streaming messages that nobody keeps takes {share:.0%} of pacelake's decoding"]
