"""Answers through the API under a steady load, in lakes of growing size."""

import csv
import io
import json
import socket
import subprocess
import time
import urllib.request

from clock import Missing, figure, run, say
from lakes import lake
from setting import PACELAKE, Size
from table import Line

SECONDS = 5


def lines(size: Size) -> list[Line]:
    return [line for n in size.growth for line in at(n)]


def at(activities: int) -> list[Line]:
    folder = lake(activities, 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [PACELAKE, "--data-dir", folder, "serve", "--listen", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        return asked(f"http://{address}", activities)
    except Missing as missing:
        say(f"  serving: missing: {missing}")
        return [Line(f"answers at {activities:,} activities", "missing", "", "", "", None, [str(missing)])]
    finally:
        server.terminate()
        server.wait(20)


def asked(base: str, activities: int) -> list[Line]:
    page = first_answer(f"{base}/api/activities?limit=20")
    rows = page.get("items", [])
    if not rows:
        raise Missing(f"the feed has no rows but {list(page)}")
    activity = f"{base}/api/activities/{rows[len(rows) // 2]['activity_id']}"
    found = []
    for name, url, rate in (
        ("feed page of 20", f"{base}/api/activities?limit=20", 1_000),
        ("one activity", activity, 1_000),
        ("streams of 1,000 points", f"{activity}/streams?resolution=medium", 100),
    ):
        # All workers send at the same instants: many of them would measure the
        # queue of their burst. With few a late answer still delays few others.
        workers = 4
        ran = run(["hey", "-z", f"{SECONDS}s", "-c", workers, "-q", rate // workers, "-o", "csv", url])
        answers = list(csv.DictReader(io.StringIO(ran.stdout)))
        times = sorted(float(answer["response-time"]) * 1000 for answer in answers)
        wrong = sum(answer["status-code"] != "200" for answer in answers)
        if not times:
            raise Missing(f"no answer from {url}")
        p50, p95, p99 = (times[min(len(times) - 1, int(len(times) * q))] for q in (0.5, 0.95, 0.99))
        reached = len(times) / SECONDS
        met = p95 < 5 and p99 < 10 and wrong == 0 and reached > 0.95 * rate
        found.append(
            Line(
                f"{name} at {rate:,} a second, {activities:,} activities",
                f"p50 {figure(p50)} ms, p95 {figure(p95)} ms, p99 {figure(p99)} ms", "", "",
                "p95 under 5 ms, p99 under 10 ms", met,
                [f"{reached:.0f} answers a second, {wrong} of them not 200; the load comes from the same cores"],
            )
        )
    return found


def first_answer(url: str) -> dict:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.05)
    raise Missing(f"no answer from {url}")
