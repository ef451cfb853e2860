"""Twelve questions of analysts, in pacelake and in DuckDB."""

from clock import interleaved, median, run, spread
from lakes import lake
from setting import HERE, MEASURE, PEERS_PYTHON, Size
from table import Line

PASSES = 3


def lines(size: Size) -> list[Line]:
    folder = lake(size.imported)
    questions = HERE / "questions"
    answers: dict[str, list[dict]] = {"pacelake": [], "duckdb": []}

    def asks(name: str, command: list):
        def work() -> float:
            answers[name].append(run(command).json())
            return sum(min(one["seconds"]) for one in answers[name][-1].values())

        return work

    view = (HERE.parents[1] / "storage/src/samples.sql").resolve()
    times = interleaved(
        size.rounds,
        {
            "pacelake": asks("pacelake", [MEASURE, "questions", folder, questions, PASSES]),
            "duckdb": asks("duckdb", [
                PEERS_PYTHON, HERE / "peers/python/questions.py", folder, questions, view, PASSES,
            ]),
        },
    )
    mine = times.of("pacelake")
    if "duckdb" not in times:
        why = times.missing["duckdb"]
        return [Line("analysts' SQL", spread(mine), "DuckDB: missing", "", "at most 1.0 times", None, [why])]
    ratio = median([a / b for a, b in zip(mine, times["duckdb"])])
    notes = []
    for question in sorted(answers["pacelake"][0]):
        each = {
            name: median([min(one[question]["seconds"]) for one in all]) for name, all in answers.items()
        }
        rows = {name: all[0][question]["rows"] for name, all in answers.items()}
        other = "" if rows["pacelake"] == rows["duckdb"] else f"; rows differ: {rows}"
        notes.append(f"{question}: {each['pacelake'] * 1000:.0f} ms, DuckDB {each['duckdb'] * 1000:.0f} ms{other}")
    return [
        Line(
            f"analysts' SQL, 12 questions in sum, {size.imported:,} activities", spread(mine),
            f"DuckDB: {spread(times['duckdb'])}", f"{ratio:.2f} times", "at most 1.0 times", ratio <= 1, notes,
        )
    ]
