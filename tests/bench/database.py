"""A private PostgreSQL server, with the settings that it is installed with."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clock import Missing, run
from setting import ROOT, TARGET

USER = "pacelake"
# How many files of its log a server has from the beginning, of 16 MiB each.
SEGMENTS = 4


@contextmanager
def postgres(root: Path) -> Iterator[str]:
    """The URL of an empty database of a server below `root` that ends with the block.

    It listens on a socket in a folder of its own only, and waits for the disk, as
    in production.
    """
    programs = Path(run([ROOT / "scripts/postgres-bin"]).stdout.strip())
    root.mkdir(parents=True, exist_ok=True)
    # A socket's path may be some hundred letters long, and others must enter the
    # folders above it: those of a temporary folder.
    beside = None if root.is_relative_to(TARGET) else root.parent
    folder = Path(tempfile.mkdtemp(prefix="pacelake-bench-postgres-", dir=beside))
    # PostgreSQL refuses root.
    user = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        user = {"user": entry.pw_uid, "group": entry.pw_gid}
        os.chown(folder, entry.pw_uid, entry.pw_gid)

    def program(*command) -> None:
        done = subprocess.run([str(part) for part in command], cwd="/", capture_output=True, text=True, **user)
        if done.returncode != 0:
            raise Missing(f"{command[0].name}: {done.stderr.strip().splitlines()[-1:]}")

    data = folder / "data"
    try:
        program(programs / "initdb", "--username", USER, "--auth", "trust", "--pgdata", data)
        options = f"-k {folder} -c listen_addresses="
        program(programs / "pg_ctl", "start", "-w", "-D", data, "-o", options, "-l", folder / "log")
        try:
            program(programs / "createdb", "--username", USER, "--host", folder, "bench")
            # A server that has run for a while writes over files of its log. A new one
            # fills each with zeros first, for which all who commit wait.
            statements = [*["create table turned (); drop table turned", "select pg_switch_wal()"] * SEGMENTS, "checkpoint"]
            commands = [part for statement in statements for part in ("--command", statement)]
            program(programs / "psql", "--quiet", "--username", USER, "--host", folder, "--dbname", "bench", *commands)
            yield f"postgres://{USER}@localhost/bench?host={folder}"
        finally:
            program(programs / "pg_ctl", "stop", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
