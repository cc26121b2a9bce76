"""A PostgreSQL server of Debian's package, for one test."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REQUIRED = bool(os.environ.get("COURSE_REQUIRE_ALL"))


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start one, on a socket in a folder of its own, with an empty database; the URL of that."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory() as folder:  # not pytest's, which only we may enter
        yield from _serve(binaries, Path(folder))


def _serve(binaries: Path, folder: Path) -> Iterator[str]:
    data, log = folder / "data", folder / "log"
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if _root() else {}
    if _root():  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")

    def run(name: str, *arguments: str) -> None:
        command = [str(binaries / name), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)  # type: ignore[call-overload]

    run("initdb", "-D", str(data), "-U", "course", "--auth=trust", "--no-sync")
    quick = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-o", quick, "start")
    try:
        run("createdb", "-h", str(folder), "-U", "course", "gradebook")
        yield f"postgresql+psycopg://course@/gradebook?host={folder}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def _binaries() -> Path:
    """Where the server's programs are; without them the test skips, or fails in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    reason = "no PostgreSQL on this machine; Debian: apt-get install postgresql"
    if not found and REQUIRED:
        pytest.fail(f"{reason} (COURSE_REQUIRE_ALL is set)", pytrace=False)
    if not found:
        pytest.skip(reason)
    return found[-1].parent


def _root() -> bool:
    return os.geteuid() == 0
