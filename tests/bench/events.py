"""Posts events at a steady rate, and prints one JSON object: how long answers
took in ms, and how many there were.

    python events.py HOST PORT PATH RATE SECONDS CONNECTIONS OWNER SUBSCRIPTION

Open loop: each event has a moment at which it is due, and its answer is timed
from that moment, so that a slow answer does not spare the server those behind
it. Each is about an activity of its own, so that each becomes an event and a
job. The first second is not counted.
"""

import asyncio
import gc
import json
import sys
import time

WARM_UP_S = 1
# A connection closes where the server has had enough of it; it is made anew.
ANSWER_TIME_S = 30


async def main(host: str, port: int, path: str, rate: int, seconds: int, connections: int, owner: int, subscription: int) -> None:
    idle: asyncio.Queue = asyncio.Queue()
    # A collection of garbage would hold up the load, and count as the server's.
    gc.disable()
    for _ in range(connections):
        idle.put_nowait(await asyncio.open_connection(host, port))
    count = rate * (seconds + WARM_UP_S)
    begin = time.perf_counter() + 0.2
    now_s = int(time.time())
    took, late, wrong, last = [], [], 0, begin

    async def post(number: int, due: float) -> None:
        nonlocal wrong, last
        body = json.dumps(
            {
                "object_type": "activity", "object_id": 9_000_000_000 + number, "aspect_type": "create",
                "owner_id": owner, "subscription_id": subscription, "event_time": now_s, "updates": {},
            }
        ).encode()
        reader, writer = await idle.get()
        status = 0
        try:
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            status = await asyncio.wait_for(answer(reader), ANSWER_TIME_S)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            writer.close()
            reader, writer = await asyncio.open_connection(host, port)
        idle.put_nowait((reader, writer))
        if number >= rate * WARM_UP_S:
            last = time.perf_counter()
            took.append(last - due)
            wrong += status != 200

    tasks = []
    for number in range(count):
        due = begin + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        if number >= rate * WARM_UP_S:
            late.append(max(0.0, time.perf_counter() - due))
        tasks.append(asyncio.create_task(post(number, due)))
    await asyncio.gather(*tasks)

    def at(values: list[float], share: float) -> float:
        values = sorted(values)
        return values[min(len(values) - 1, int(len(values) * share))] * 1000

    print(
        json.dumps(
            {
                "p50_ms": at(took, 0.5), "p99_ms": at(took, 0.99), "max_ms": max(took) * 1000,
                "answers": len(took), "not_200": wrong, "late_p99_ms": at(late, 0.99),
                "rate": len(took) / (last - begin - WARM_UP_S),
            }
        )
    )


async def answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    return int(head.split(" ")[1])


if __name__ == "__main__":
    host, port, path, *numbers = sys.argv[1:]
    asyncio.run(main(host, int(port), path, *map(int, numbers)))
