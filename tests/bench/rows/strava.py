"""Strava, live: events under load, and how long one takes to become an activity
with its splits and best efforts, against a simulated Strava.
"""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

from clock import Missing, around, median, run, say
from database import postgres
from relay import Relay
from setting import CACHE, HERE, PACELAKE, PROFILE, SIMULATOR, Size
from table import Line, or_missing

# Events: so many a second for so long, on so many connections.
RATE, SECONDS, CONNECTIONS = 500, 20, 64
# An odd number: a disk that stalls once decides no median.
ROUNDS = 3
# Activities that come one after the other, and about how long each lasted.
ACTIVITIES, MINUTES = 200, 40
PATIENCE_S = 60
# How often the kept list is asked for.
LISTS = 2_000
# How often it is looked whether an activity is there.
LOOK_S = 0.002
# As if Strava had granted the app more: the limits are not what is measured.
UNLIMITED = {"quarter": 1_000_000, "day": 1_000_000, "read_quarter": 1_000_000, "read_day": 1_000_000}

CATALOGS = {"SQLite": lambda _: nullcontext(None), "PostgreSQL": postgres}
# Where it lies, and how many workers are in the server. In memory nobody waits for
# a disk, so that what pacelake takes is told from what the disk does.
SITUATIONS = {
    "workers apart": (CACHE, "0"),
    "workers in the server, which wait for Strava's limits": (CACHE, "4"),
    "workers apart, all files in memory": (Path("/dev/shm/pacelake-bench"), "0"),
}


def lines(size: Size) -> list[Line]:
    found = []
    for catalog in CATALOGS:
        for how, (root, workers) in SITUATIONS.items():
            work = f"events at {RATE} a second, each becomes an event and a job; {catalog}, {how}"
            found.append(or_missing(work, "p99 under 10 ms", lambda: under_load(work, catalog, root, workers, size)))
        for how, apart in (("workers in the server", False), ("workers apart", True)):
            work = f"event to visible, less Strava's own answers; {catalog}, {how}"
            found.append(or_missing(work, "p99 under 1 s", lambda: to_visible(work, catalog, apart, size)))
        work = f"the list of webhooks, as it is kept; {catalog}"
        found.append(or_missing(work, "p99 under 5 ms", lambda: kept_list(work, catalog)))
    return found


# Events under load.


def under_load(work: str, catalog: str, root: Path, workers: str, size: Size) -> Line:
    loads, writes = [], []
    for _ in range(ROUNDS):
        with CATALOGS[catalog](root) as url, connected(root, url, {"PACELAKE_WORKERS": workers}) as world:
            subscription = world.subscription()
            callback = urlsplit(subscription["callback"])
            command = [sys.executable, HERE / "events.py", callback.hostname, callback.port, callback.path]
            numbers = [RATE, SECONDS, CONNECTIONS, world.athlete, subscription["id"]]
            with Disk(root) as disk:
                loads.append(run([*command, *numbers]).json())
            writes += disk.seconds
            say(f"  {work}: {loads[-1]}")
    each = lambda name: [load[name] for load in loads]  # noqa: E731
    wrong = sum(each("not_200"))
    reached = min(each("rate"))
    met = median(each("p99_ms")) < 10 and wrong == 0 and reached >= 0.99 * RATE
    return Line(
        work, ", ".join(f"{name} {around(each(f'{name}_ms'), 'ms')}" for name in ("p50", "p99", "max")),
        "", "", "p99 under 10 ms", met,
        [
            f"{sum(each('answers')):,} answers in {len(loads)} runs of {SECONDS} s, each on a lake of its own, "
            f"{wrong} of them not 200; {reached:.0f} a second in the slowest; what makes the load runs on the "
            f"same cores and was late by {max(each('late_p99_ms')):.2f} ms at p99 in the worst run, which is in "
            f"the times; meanwhile a write of 4 KiB beside it was on the disk in p50 {share(writes, 0.5):.2f} ms, "
            f"p99 {share(writes, 0.99):.1f} ms, max {max(writes) * 1000:.0f} ms"
        ],
    )


def share(seconds: list[float], of: float) -> float:
    """In ms."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * of))] * 1000


class Disk:
    """Writes a little ten times a second, and notes how long it waits."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.path, self.seconds, self.over = root / "probe", [], threading.Event()
        self.thread = threading.Thread(target=self.probe)

    def probe(self) -> None:
        file = os.open(self.path, os.O_CREAT | os.O_WRONLY)
        while not self.over.wait(0.1):
            began = time.perf_counter()
            os.write(file, bytes(4096))
            os.fdatasync(file)
            self.seconds.append(time.perf_counter() - began)
        os.close(file)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.path.unlink()


# Event to visible.


def to_visible(work: str, catalog: str, apart: bool, size: Size) -> Line:
    count = ACTIVITIES if size.rounds > 2 else 20
    settings = {"PACELAKE_WORKERS": "0"} if apart else {}
    with (
        CATALOGS[catalog](CACHE) as url,
        connected(CACHE, url, settings, limits=UNLIMITED) as world,
        world.worker() if apart else nullcontext(),
    ):
        subscription = world.subscription()
        seconds, there = [], {"splits": 0, "best_efforts": 0}
        begun = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=count + 2)
        for number in range(count):
            start = (begun + timedelta(hours=number)).isoformat().replace("+00:00", "Z")
            took, found = world.one(number, start, subscription)
            seconds.append(took)
            for part, rows in found.items():
                there[part] += rows > 0
        spent = [ended - began for began, ended in world.relay.answers]
    ms = sorted(second * 1000 for second in seconds)
    p50, p99 = (ms[min(len(ms) - 1, int(len(ms) * share))] for share in (0.5, 0.99))
    return Line(
        work, f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {ms[-1]:.0f} ms", "", "", "p99 under 1 s", p99 < 1000,
        [
            f"{count} activities of about {MINUTES} minutes, one after the other, into a lake that holds those "
            f"before it; timed from the post of the event until the API shows the activity, its splits (in "
            f"{there['splits']} of them) and its best efforts (in {there['best_efforts']}), asked every "
            f"{LOOK_S * 1000:.0f} ms by the same machine; Strava's answers took {median(spent) * 1000:.1f} ms "
            f"each (median of {len(spent)}), and that time is taken off"
        ],
    )


# The list of webhooks.


def kept_list(work: str, catalog: str) -> Line:
    with CATALOGS[catalog](CACHE) as url, connected(CACHE, url, {}) as world:
        world.subscription()
        world.ask("/api/admin/webhooks?refresh=true")
        at_strava = len(world.relay.answers)
        seconds = []
        for _ in range(LISTS):
            began = time.perf_counter()
            listed = world.ask("/api/admin/webhooks")
            seconds.append(time.perf_counter() - began)
        asked_strava = len(world.relay.answers) - at_strava
    p50, p99, longest = (share(seconds, of) for of in (0.5, 0.99, 1))
    met = p99 < 5 and asked_strava == 0 and len(listed["items"]) == 1
    return Line(
        work, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {longest:.1f} ms", "", "", "p99 under 5 ms", met,
        [
            f"{LISTS:,} requests one after the other on one connection, of one subscription; meanwhile Strava "
            f"was asked {asked_strava} times"
        ],
    )


# A simulated Strava, and pacelake connected to it.


class World:
    """Where both are, and who is connected."""

    def __init__(self, strava: str, pacelake: str, athlete: int, relay: Relay, environment: dict[str, str]) -> None:
        self.strava, self.pacelake, self.athlete, self.relay = strava, pacelake, athlete, relay
        self.environment = environment
        self.line = http.client.HTTPConnection(urlsplit(pacelake).netloc, timeout=30)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A process that does what the server leaves to it."""
        worker, _ = started([PACELAKE, "worker"], {**self.environment, "PACELAKE_WORKERS": "4"}, "pacelake runs")
        try:
            yield
        finally:
            end(worker)

    def ask(self, path: str) -> dict:
        """What pacelake answers, on a connection that stays."""
        self.line.request("GET", path)
        answer = self.line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Missing(f"{path}: {answer.status}: {body[:200]!r}")
        return json.loads(body)

    def control(self, method: str, path: str, body: dict | None = None):
        _, _, answer = asked(f"{self.strava}/_control/{path}", method, body)
        return json.loads(answer) if answer else None

    def subscription(self) -> dict:
        return until("the subscription", lambda: self.control("GET", "state")["subscription"])

    def one(self, number: int, start: str, subscription: dict) -> tuple[float, dict[str, int]]:
        """A new activity: after how many seconds it is there, and how many rows
        of its parts.
        """
        details = {"silent": True, "start": start}
        generated = {"seed": 17, "number": number, "minutes": MINUTES}
        body = {"generated": generated, "details": details}
        strava_id = self.control("POST", f"athletes/{self.athlete}/generated", body)["id"]
        event = {
            "object_type": "activity", "object_id": strava_id, "aspect_type": "create", "owner_id": self.athlete,
            "subscription_id": subscription["id"], "event_time": int(time.time()), "updates": {},
        }
        newest = self.ask("/api/activities?limit=1")["items"]
        before = newest[0]["activity_id"] if newest else None
        posted = time.perf_counter()
        status, _, answer = asked(subscription["callback"], "POST", event)
        if status != 200:
            raise Missing(f"the event was answered with {status}: {answer[:200]!r}")
        while True:
            items = self.ask("/api/activities?limit=1")["items"]
            if items and items[0]["activity_id"] != before:
                break
            if time.perf_counter() - posted > PATIENCE_S:
                raise Missing(f"an activity was not there within {PATIENCE_S} s")
            time.sleep(LOOK_S)
        path = f"/api/activities/{items[0]['activity_id']}"
        parts = {part: len(self.ask(f"{path}/{part}")["items"]) for part in ("splits", "best_efforts")}
        seen = time.perf_counter()
        return seen - posted - self.relay.spent(posted, seen), parts


@contextmanager
def connected(
    root: Path, catalog: str | None, settings: dict[str, str], limits: dict | None = None
) -> Iterator[World]:
    """pacelake with an empty lake, connected to an athlete who did nothing yet."""
    folder = root / "strava"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    simulator = relay = server = None
    try:
        simulator, said = started([SIMULATOR, "--listen", "127.0.0.1:0"], {}, "PACELAKE_STRAVA_API_URL=")
        told = dict(line.split("=", 1) for line in said if line.startswith("PACELAKE_"))
        strava = told["PACELAKE_STRAVA_OAUTH_URL"].removesuffix("/oauth")
        athlete = int(next(re.match(r"athlete (\d+):", line)[1] for line in said if line.startswith("athlete ")))
        if limits:
            asked(f"{strava}/_control/limits", "PUT", limits)
        relay = Relay(told["PACELAKE_STRAVA_API_URL"])
        environment = {
            **told, **settings, "PACELAKE_STRAVA_API_URL": relay.url, "PACELAKE_DATA_DIR": str(folder),
            "PACELAKE_STRAVA_RETENTION": "owner",
        }
        if catalog:
            key = folder / "secret.key"
            key.write_text(os.urandom(32).hex())
            environment |= {"PACELAKE_CATALOG": catalog, "PACELAKE_SECRET_KEY_FILE": str(key)}
        if environment.get("PACELAKE_WORKERS") == "0":
            # One worker apart connects and subscribes; it ends before the load.
            environment["PACELAKE_WORKERS"] = "1"
            server, base = serve(environment)
            connect(base, strava, athlete)
            end(server)
            environment["PACELAKE_WORKERS"] = "0"
            address = urlsplit(base).netloc
            server, base = serve(environment, address)
        else:
            server, base = serve(environment)
            connect(base, strava, athlete)
        yield World(strava, base, athlete, relay, environment)
    finally:
        for process in (server, simulator):
            if process:
                end(process)
        if relay:
            relay.close()
        shutil.rmtree(folder, ignore_errors=True)


def serve(environment: dict[str, str], address: str = "127.0.0.1:0") -> tuple[subprocess.Popen, str]:
    server, said = started([PACELAKE, "serve", "--listen", address], environment, "connect to Strava at")
    return server, re.search(r"(http://[^/]+)/api/strava/auth", said[-1])[1]


def connect(pacelake: str, strava: str, athlete: int) -> None:
    """As a browser does: there, yes, and back with its cookie."""
    _, headers, _ = asked(f"{pacelake}/api/strava/auth")
    cookie = headers["set-cookie"].split(";")[0]
    _, headers, _ = asked(f"{headers['location']}&_auto={athlete}")
    status, _, page = asked(headers["location"], headers={"cookie": cookie})
    if status != 200:
        raise Missing(f"not connected: {page[:300]!r}")

    def is_ready() -> bool:
        state = json.loads(asked(f"{pacelake}/api/strava/status")[2])
        return state["subscribed"] and state["history_listed_at"] is not None

    until("a connection", is_ready)


def asked(url: str, method: str = "GET", body: dict | None = None, headers: dict | None = None):
    """Status, headers and body of a request, on a connection of its own; what it
    is redirected to is not followed.
    """
    to = urlsplit(url)
    line = http.client.HTTPConnection(to.netloc, timeout=30)
    headers = {"accept": "application/json", **(headers or {})}
    data = None
    if body is not None:
        headers["content-type"] = "application/json"
        data = json.dumps(body)
    try:
        line.request(method, to.path + (f"?{to.query}" if to.query else ""), data, headers)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    except OSError as error:
        raise Missing(f"{method} {to.path}: {error}") from error
    finally:
        line.close()


def until(what: str, look):
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE_S:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise Missing(f"{what}: not within {PATIENCE_S} s")


def started(command: list, environment: dict[str, str], ready: str) -> tuple[subprocess.Popen, list[str]]:
    """A process, and its first lines up to the one that begins so."""
    if not Path(command[0]).exists():
        raise Missing(f"{command[0]} is not there; it is built with the profile {PROFILE}")
    process = subprocess.Popen(
        [str(part) for part in command], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    said = []
    for text in process.stdout:
        said.append(text.rstrip())
        if text.startswith(ready):
            return process, said
    raise Missing(f"{command[0]} ended before it was ready: {said[-3:]}")


def end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
