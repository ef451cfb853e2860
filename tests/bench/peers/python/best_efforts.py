"""Best efforts of all distances over a whole lake by one engine, from the
lake's own Parquet files to rows in memory.

    python best_efforts.py ENGINE PASSES RESULT.csv < list-of-parquet-files

An effort may begin or end at any sample, and is linear between samples, as
pacelake defines it; jumps and masks are left out of account, which spares the
engine work. The rows of the last pass are written for comparison.
"""

import json
import sys
import time
from multiprocessing import Pool
from pathlib import Path

DISTANCES = [400, 800, 1000, 1609.344, 5000, 10000, 21097.5, 42195, 50000]
SQL = Path(__file__).parent.parent / "sql"


def duckdb(files: list[str], text: str):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"""
        create view points as
        select activity_id, unnest(t_ms) as t, unnest(distance_cm) as d
        from read_parquet({files!r}) where distance_cm is not null
    """)
    return lambda: connection.execute(text).fetchall()


def duckdb_asof(files: list[str]):
    text = (SQL / "best_efforts_asof.sql").read_text()
    return duckdb(files, text.replace("{distances}", ", ".join(map(str, DISTANCES))))


def duckdb_window(files: list[str]):
    frames, elapsed = [], []
    for index, metres in enumerate(DISTANCES):
        cm = metres * 100
        # Frames by value: a goal between two whole centimetres is one sample's.
        frames.append(f"""
        last_value({{'d': d, 't_last': t_last, 't_first': t_first, 'd_next': d_next, 't_next': t_next}})
            over (partition by activity_id order by d
                  range between current row and {cm} following) as e{index},
        first_value({{'d': d, 't_last': t_last, 't_first': t_first, 'd_before': d_before, 't_before': t_before}})
            over (partition by activity_id order by d
                  range between {cm} preceding and current row) as s{index}""")
        elapsed.append(f"""
            case
                when e{index}.d = d + {cm} then e{index}.t_first - t_last
                when e{index}.d_next is not null
                    then e{index}.t_last + (e{index}.t_next - e{index}.t_last)
                        * (d + {cm} - e{index}.d) / (e{index}.d_next - e{index}.d) - t_last
            end,
            case
                when s{index}.d = d - {cm} then t_first - s{index}.t_last
                when s{index}.d_before is not null
                    then t_first - (s{index}.t_first - (s{index}.t_first - s{index}.t_before)
                        * (s{index}.d - d + {cm}) / (s{index}.d - s{index}.d_before))
            end""")
    text = (SQL / "best_efforts_window.sql").read_text()
    text = text.replace("{frames}", ",".join(frames)).replace("{elapsed}", ",".join(elapsed))
    return duckdb(files, text.replace("{distances}", ", ".join(f"{m}, {m}" for m in DISTANCES)))


def polars(files: list[str]):
    import polars as pl

    def run():
        points = (
            pl.scan_parquet(files)
            .select("activity_id", t="t_ms", d="distance_cm")
            .filter(pl.col("d").is_not_null())
            .explode("t", "d")
            .with_columns(pl.col("d").cast(pl.Float64), pl.col("t").cast(pl.Float64))
        )
        levels = (
            points.group_by("activity_id", "d")
            .agg(t_first=pl.col("t").min(), t_last=pl.col("t").max())
            .sort("activity_id", "d")
            .with_columns(
                d_next=pl.col("d").shift(-1).over("activity_id"),
                t_next=pl.col("t_first").shift(-1).over("activity_id"),
                d_before=pl.col("d").shift(1).over("activity_id"),
                t_before=pl.col("t_last").shift(1).over("activity_id"),
                d_least=pl.col("d").min().over("activity_id"),
                d_most=pl.col("d").max().over("activity_id"),
            )
            .collect()
        )
        results = []
        for metres in DISTANCES:
            cm = metres * 100
            ahead, back = pl.col("d") + cm, pl.col("d") - cm
            # What lies beyond the activity's last distance, or before its first, is not joined.
            for side, strategy, goal, within in (
                ("end", "backward", ahead, ahead <= pl.col("d_most")),
                ("start", "forward", back, back >= pl.col("d_least")),
            ):
                asked = levels.lazy().filter(within).select("activity_id", "t_first", "t_last", goal=goal)
                found = levels.lazy().select(
                    "activity_id", "d", "d_next", "t_next", "d_before", "t_before",
                    f_first="t_first", f_last="t_last",
                )
                joined = asked.join_asof(
                    found, left_on="goal", right_on="d", by="activity_id", strategy=strategy,
                    check_sortedness=False,
                )
                at = pl.col("d") == pl.col("goal")
                if side == "end":
                    part = (pl.col("goal") - pl.col("d")) / (pl.col("d_next") - pl.col("d"))
                    between = pl.col("f_last") + (pl.col("t_next") - pl.col("f_last")) * part
                    elapsed = pl.when(at).then(pl.col("f_first")).otherwise(between) - pl.col("t_last")
                else:
                    part = (pl.col("d") - pl.col("goal")) / (pl.col("d") - pl.col("d_before"))
                    between = pl.col("f_first") - (pl.col("f_first") - pl.col("t_before")) * part
                    elapsed = pl.col("t_first") - pl.when(at).then(pl.col("f_last")).otherwise(between)
                results.append(
                    joined.group_by("activity_id")
                    .agg(elapsed=elapsed.min())
                    .filter(pl.col("elapsed").is_not_null())
                    .with_columns(m=pl.lit(float(metres)))
                )
        best = pl.concat(pl.collect_all(results)).group_by("activity_id", "m").agg(pl.col("elapsed").min() / 1000)
        return best.sort("activity_id", "m").rows()

    return run


def numpy_part(part: tuple[str, int]) -> list[tuple[int, float, float]]:
    """The efforts of one row group."""
    import numpy as np
    import pyarrow.parquet as pq

    path, group = part
    table = pq.ParquetFile(path).read_row_group(group, columns=["activity_id", "t_ms", "distance_cm"])
    rows = []
    ids = table["activity_id"].combine_chunks().to_numpy()
    times, distances = table["t_ms"].combine_chunks(), table["distance_cm"].combine_chunks()
    t_all, d_all = times.values.to_numpy(), distances.values.to_numpy(zero_copy_only=False)
    t_at, d_at = times.offsets.to_numpy(), distances.offsets.to_numpy()
    for row, activity_id in enumerate(ids):
        t = t_all[t_at[row] : t_at[row + 1]].astype(np.float64)
        d = d_all[d_at[row] : d_at[row + 1]].astype(np.float64)
        if len(d) < 2:
            continue
        # Where the athlete stood, an effort starts at the last instant and ends at the first.
        rises = np.flatnonzero(np.diff(d))
        first = np.concatenate(([0], rises + 1))
        last = np.concatenate((rises, [len(d) - 1]))
        levels, t_first, t_last = d[first], t[first], t[last]
        for metres in DISTANCES:
            cm = metres * 100
            if levels[-1] - levels[0] < cm:
                continue
            best = np.inf
            # Starts at samples: the first level that is not before the goal.
            goals = levels[: np.searchsorted(levels, levels[-1] - cm, "right")] + cm
            end = np.searchsorted(levels, goals, "left")
            before = end - 1
            part_of = (goals - levels[before]) / (levels[end] - levels[before])
            ends = np.where(
                levels[end] == goals,
                t_first[end],
                t_last[before] + (t_first[end] - t_last[before]) * part_of,
            )
            best = min(best, np.min(ends - t_last[: len(goals)]))
            # Ends at samples: the last level that is not beyond the beginning.
            from_level = np.searchsorted(levels, levels[0] + cm, "left")
            goals = levels[from_level:] - cm
            start = np.searchsorted(levels, goals, "right") - 1
            after = np.minimum(start + 1, len(levels) - 1)
            width = np.where(after > start, levels[after] - levels[start], 1)
            starts = np.where(
                levels[start] == goals,
                t_last[start],
                t_last[start] + (t_first[after] - t_last[start]) * (goals - levels[start]) / width,
            )
            best = min(best, np.min(t_first[from_level:] - starts))
            rows.append((int(activity_id), float(metres), float(best) / 1000))
    return rows


def numpy(files: list[str]):
    import os

    import pyarrow.parquet as pq

    pool = Pool(os.cpu_count())
    pool.map(abs, range(os.cpu_count()))  # Processes are there before the clock starts.

    def run():
        parts = [(path, group) for path in files for group in range(pq.ParquetFile(path).num_row_groups)]
        return sorted(row for rows in pool.imap_unordered(numpy_part, parts) for row in rows)

    return run


ENGINES = {
    "duckdb-asof": duckdb_asof,
    "duckdb-window": duckdb_window,
    "polars": polars,
    "numpy": numpy,
}


def main() -> None:
    run = ENGINES[sys.argv[1]](sys.stdin.read().splitlines())
    seconds = []
    for _ in range(int(sys.argv[2])):
        start = time.perf_counter()
        rows = run()
        seconds.append(time.perf_counter() - start)
    with open(sys.argv[3], "w") as out:
        out.writelines(f"{activity},{metres},{elapsed:.6f}\n" for activity, metres, elapsed in rows)
    print(json.dumps({"seconds": seconds, "rows": len(rows)}))


if __name__ == "__main__":
    main()
