"""The table of results, as text and as a document."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


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


HEAD = ("work", "pacelake", "against", "ratio", "goal", "")


def cells(line: Line) -> tuple[str, ...]:
    verdict = {True: "met", False: "missed", None: "–"}[line.met]
    return (line.work, line.ours, line.against, line.ratio, line.goal, verdict)


def markdown(lines: list[Line]) -> str:
    rows = [HEAD, tuple("---" for _ in HEAD), *map(cells, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def document(lines: list[Line], facts: list[str], path: Path) -> None:
    notes = [f"- **{line.work}**: {note}" for line in lines for note in line.notes]
    path.write_text(
        "\n".join(
            [
                "# Benchmarks",
                "",
                "Written by `make bench`; do not edit. Each row is measured in one run, the",
                "two sides in turn; times are medians with the least and the most of the",
                "rounds. `tests/bench` holds every program and query that is run, those of",
                "the others too.",
                "",
                *[f"- {fact}" for fact in facts],
                f"- {date.today().isoformat()}",
                "",
                markdown(lines),
                "",
                "## Notes",
                "",
                *notes,
                "",
            ]
        )
    )
