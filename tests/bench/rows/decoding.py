"""Decoding FIT, GPX and TCX, one core, files in memory."""

from dataclasses import dataclass, field
from pathlib import Path

from clock import Missing, Ran, interleaved, median, run, say, spread
from lakes import real_fit
from setting import HERE, MEASURE, PEERS_JAVASCRIPT, PEERS_PYTHON, PEERS_RUST, ROOT, Size
from table import Line, or_missing

# Each group has a line of its own, with the quickest of its readers.
READERS = {
    "FIT": [
        ("Rust", ["rustyfit", "fitparser", "fit-rust"]),
        # The crate that pacelake reads messages with, used as pacelake uses it.
        ("Rust", ["rustyfit-lean"]),
        ("Python", ["garmin-fit-sdk", "fitdecode", "fitparse"]),
        ("JavaScript", ["@garmin/fitsdk", "fit-file-parser", "easy-fit"]),
    ],
    "GPX": [
        ("Rust", ["gpx"]),
        ("Python", ["lxml", "gpxpy"]),
        ("JavaScript", ["fast-xml-parser", "@tmcw/togeojson"]),
    ],
    "TCX": [
        ("Rust", ["tcx"]),
        ("Python", ["lxml", "tcxreader"]),
        ("JavaScript", ["fast-xml-parser", "@tmcw/togeojson"]),
    ],
}
NAMES = {
    "rustyfit-lean": "rustyfit as leanly as it goes",
    "rustyfit-stream": "rustyfit streaming messages that nobody keeps",
}
# How often a process reads all files. Slow readers are as long at it in one
# pass as quick ones in five.
PASSES = {"Rust": 5, "Python": 1, "JavaScript": 2}
PASSES_OURS = 5


@dataclass
class Compared:
    """One reader beside pacelake, on the files that both can read."""

    reader: str
    files: int
    mine: list[float]
    theirs: list[float]
    samples: dict[str, int]
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        self.ratio = median([b / a for a, b in zip(self.mine, self.theirs)])

    def name(self) -> str:
        return NAMES.get(self.reader, self.reader)


def command(language: str, reader: str, passes: int) -> list:
    return {
        "Rust": [PEERS_RUST, reader, passes],
        "Python": [PEERS_PYTHON, HERE / "peers/python/read_files.py", reader, passes],
        "JavaScript": ["node", PEERS_JAVASCRIPT, reader, passes],
    }[language]


def lines(size: Size) -> list[Line]:
    found = []
    for kind, groups in READERS.items():
        files = files_of(kind, size)
        for language, readers in groups:
            goal = "no slower" if language == "Rust" else "faster"

            def of_group() -> Line:
                return line(kind, language, readers, goal, files, size)

            found.append(or_missing(f"decode {kind}", goal, of_group))
    return found


def files_of(kind: str, size: Size) -> list[Path]:
    if kind == "FIT":
        return real_fit(size.fit_files)
    return sorted((ROOT / "data/recordings" / kind.lower()).glob(f"*.{kind.lower()}"))


def line(kind: str, language: str, readers: list[str], goal: str, files: list[Path], size: Size) -> Line:
    notes = []
    there: list[Compared] = []
    for reader in readers:
        try:
            one = compared(files, language, reader, size)
        except Missing as missing:
            notes.append(f"{NAMES.get(reader, reader)}: missing: {missing}")
            say(f"  {reader}: missing: {missing}")
            continue
        notes.append(f"{one.name()}: {one.ratio:.2f} times pacelake's time on {one.files} of {len(files)} files")
        notes += other_samples(one)
        there.append(one)
    if not there:
        return Line(f"decode {kind}", "", f"{language}: none is there", "", goal, None, notes)
    best = min(there, key=lambda one: one.ratio)
    if best.reader == "rustyfit":
        notes += crate_alone(files, size)
    return Line(
        f"decode {kind}", spread(best.mine), f"{best.name()} ({language}): {spread(best.theirs)}",
        f"{best.ratio:.2f} times faster", goal, best.ratio >= 1, notes,
    )


def compared(files: list[Path], language: str, reader: str, size: Size) -> Compared:
    """Both in turn; raises Missing where either fails."""
    both = readable(files, language, reader)
    listed = "\n".join(map(str, both))
    samples: dict[str, int] = {}

    def reads(name: str, program: list):
        def work() -> float:
            ran = run(program, listed)
            samples[name] = ran.json()["samples"]
            return fastest(ran)

        return work

    times = interleaved(
        size.rounds,
        {
            "pacelake": reads("pacelake", [MEASURE, "decode", PASSES_OURS]),
            reader: reads(reader, command(language, reader, PASSES[language])),
        },
    )
    return Compared(reader, len(both), times.of("pacelake"), times.of(reader), samples)


def other_samples(one: Compared) -> list[str]:
    """By how much a reader gives more or fewer samples, where it does."""
    ours, theirs = one.samples["pacelake"], one.samples[one.reader]
    if ours == theirs:
        return []
    if ours == 0:
        return [f"{one.name()}: {theirs:,} samples, pacelake none"]
    share = (theirs - ours) / ours
    than = "more" if share > 0 else "fewer"
    return [f"{one.name()}: {theirs:,} samples, {abs(share):.2%} {than} than pacelake's {ours:,}"]


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


def fastest(ran: Ran) -> float:
    """The quickest pass of a process: what is left of it is disturbance."""
    return min(ran.json()["seconds"])


def crate_alone(files: list[Path], size: Size) -> list[str]:
    """What the crate takes that reads FIT messages for us, nothing kept."""
    reader = "rustyfit-stream"
    try:
        one = compared(files, "Rust", reader, size)
    except Missing as missing:
        return [f"{NAMES[reader]}: missing: {missing}"]
    return [f"{one.name()} takes {one.ratio:.0%} of pacelake's decoding"]
