"""The table of results, as text and as a document."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from clock import Missing, say


@dataclass
class Line:
    """One row of the table."""

    work: str
    ours: str
    against: str
    ratio: str
    goal: str
    met: bool | None  # None: not measured, or no goal.
    notes: list[str] = field(default_factory=list)


def or_missing(work: str, goal: str, measured: Callable[[], Line]) -> Line:
    """The line, or one that says why it is not there: no line vanishes."""
    try:
        return measured()
    except Missing as missing:
        say(f"  {work}: missing: {missing}")
        return Line(work, "missing", "", "", goal, None, [str(missing)])


HEAD = ("work", "pacelake", "against", "ratio", "goal", "")


def cells(line: Line) -> tuple[str, ...]:
    verdict = {True: "met", False: "missed", None: "–"}[line.met]
    return (line.work, line.ours, line.against, line.ratio, line.goal, verdict)


def markdown(lines: list[Line]) -> str:
    rows = [HEAD, tuple("---" for _ in HEAD), *map(cells, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


MARK = "<!-- sections -->"


def section(title: str, lines: list[Line], facts: list[str], path: Path) -> None:
    """Writes one section of the document, and leaves the rest as it is."""
    before, _, after = path.read_text().partition(f"\n{MARK}\n")
    kept = [part for part in after.split("\n## ") if part.strip() and not part.startswith(f"{title}\n")]
    dated = [*facts, date.today().isoformat()]
    parts = [f"{title}\n", *[f"- {fact}" for fact in dated], "", markdown(lines), "", *noted(lines), ""]
    written = "".join(f"\n## {part.strip(chr(10))}\n" for part in [*kept, "\n".join(parts)])
    path.write_text(f"{before.rstrip(chr(10))}\n\n{MARK}\n{written}")


def noted(lines: list[Line]) -> list[str]:
    return [f"- **{line.work}**: {note}" for line in lines for note in line.notes]


def document(lines: list[Line], facts: list[str], path: Path) -> None:
    """Writes the document; sections that it has stay."""
    _, mark, sections = path.read_text().partition(f"\n{MARK}\n") if path.exists() else ("", "", "")
    path.write_text(
        "\n".join(
            [
                "# Benchmarks",
                "",
                "Written by `make bench`; do not edit. `tests/bench` holds every program and query",
                "that is run, those of the others too.",
                "",
                "The sides of a row run in turn, round by round. A time is that of a whole process,",
                "or the quickest of the passes that one process makes where it makes several. Shown",
                "is the median of the rounds, with the least and the most; what stands without them",
                "was taken once. A ratio is the median of the rounds' own ratios. A peer that took",
                "over five times as long as the quickest other peer of its row ran in the first",
                "round only.",
                "",
                *[f"- {fact}" for fact in facts],
                f"- {date.today().isoformat()}",
                "",
                markdown(lines),
                "",
                "## Notes",
                "",
                *noted(lines),
                "",
            ]
        )
        + mark
        + sections
    )
