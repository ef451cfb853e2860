"""Reads recordings with one Python reader, as its documentation shows, and
prints how long each pass over all of them took.

    python read_files.py READER PASSES < list-of-paths

Files are in memory before the clock starts; those that it cannot read are named.
"""

import io
import json
import sys
import time


def fitdecode(data: bytes) -> int:
    import fitdecode

    samples = 0
    with fitdecode.FitReader(io.BytesIO(data)) as fit:
        for frame in fit:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA and frame.name == "record":
                values = {field.name: field.value for field in frame.fields}
                samples += "timestamp" in values
    return samples


def garmin_fit_sdk(data: bytes) -> int:
    from garmin_fit_sdk import Decoder, Stream

    messages, _ = Decoder(Stream.from_byte_array(bytearray(data))).read()
    return len(messages.get("record_mesgs", []))


def fitparse(data: bytes) -> int:
    import fitparse

    records = fitparse.FitFile(data).get_messages("record")
    return sum("timestamp" in record.get_values() for record in records)


def gpxpy(data: bytes) -> int:
    import gpxpy

    return gpxpy.parse(data.decode("utf-8-sig")).get_points_no()


def lxml(data: bytes) -> int:
    """What one writes by hand where speed matters: no objects but the values."""
    from lxml import etree

    samples = 0
    for _, point in etree.iterparse(io.BytesIO(data), tag=("{*}trkpt", "{*}Trackpoint")):
        values = {node.tag: node.text for node in point.iter() if node.text}
        values.update(point.attrib)
        samples += 1
        point.clear()
    return samples


def tcxreader(data: bytes) -> int:
    from tcxreader.tcxreader import TCXReader

    return len(TCXReader().read(io.BytesIO(data)).trackpoints)


READERS = {
    "fitdecode": fitdecode,
    "garmin-fit-sdk": garmin_fit_sdk,
    "fitparse": fitparse,
    "gpxpy": gpxpy,
    "lxml": lxml,
    "tcxreader": tcxreader,
}


def main() -> None:
    read = READERS[sys.argv[1]]
    paths = sys.stdin.read().splitlines()
    files = [open(path, "rb").read() for path in paths]
    attempt(read, files[0])  # Imports are not reading.
    seconds = []
    for _ in range(int(sys.argv[2])):
        start = time.perf_counter()
        counts = [attempt(read, data) for data in files]
        seconds.append(time.perf_counter() - start)
    failed = [path for path, count in zip(paths, counts) if count is None]
    print(json.dumps({"seconds": seconds, "samples": sum(filter(None, counts)), "failed": failed}))


def attempt(read, data: bytes) -> int | None:
    try:
        return read(data)
    except Exception:  # Each reader has errors of its own.
        return None


if __name__ == "__main__":
    main()
