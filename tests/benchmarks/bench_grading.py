"""Processor time and memory per submission: course grade, nbgrader autograde, otter run.

The same kinds of submission for all, in one run.

    python -m tests.benchmarks.bench_grading [--class N] [--only-class]

Processor time is what the processes used, their children among them, so that a loaded machine
does not blur it. Memory is the proportional share (PSS) of the process that runs one answer.
otter knows no answer cells: its assignment holds the same test cells, as its own test file.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from course.grading.jail import Jail
from course.grading.session import Code, Session
from course.grading.source import load
from tests.attacks import NAME, NOTEBOOK, SOLVED
from tests.classrooms import MADE, classroom
from tests.exercises import ROOT, grader, read
from tests.test_nbgrader_loop import Classroom


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--class", dest="size", type=int, default=300, help="graded end to end")
    parser.add_argument("--only-class", action="store_true", help="without the comparison")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = end_to_end(Path(folder) / "class", options.size)
        if options.only_class:
            return
        print(f"course grade        {ours:6.3f} s of processor time per submission", flush=True)
        print(f"memory of an answer {memory() / 1e6:6.1f} MB", flush=True)
        theirs = autograde(Path(folder) / "nbgrader", 8)
        print(f"nbgrader autograde  {theirs:6.3f} s  {theirs / ours:5.1f} times", flush=True)
        otter = otter_run(Path(folder) / "otter", 4)
        print(f"otter run           {otter:6.3f} s  {otter / ours:5.1f} times", flush=True)


def end_to_end(folder: Path, count: int) -> float:
    """A class graded, its feedback written, its marks exported; processor time of grading one."""
    folder.mkdir()
    made = classroom(folder / "class", copies=-(-count // len(MADE)))
    began, seconds = time.monotonic(), []
    for verb in (["grade"], ["feedback"], ["export", "--to", str(folder / "grades.csv")]):
        command = [sys.executable, "-m", "course.cli", *verb, "--classroom", str(made)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        seconds.append(used(command, env=environment(folder), **quiet))
    handed_in = len(list((made / "submitted").iterdir()))
    pages = len(list((made / "feedback").rglob("*.html")))
    rows = len((folder / "grades.csv").read_text().splitlines()) - 1
    assert handed_in == pages == rows, (handed_in, pages, rows)
    print(
        f"{handed_in} submissions: {time.monotonic() - began:.0f} s by the clock; processor: "
        f"grade {seconds[0]:.0f} s, feedback {seconds[1]:.0f} s, export {seconds[2]:.0f} s",
        flush=True,
    )
    return seconds[0] / handed_in


def used(command: list[str], **options: object) -> float:
    """Processor seconds of a command and all that it started, the killed among them.

    A control group of its own would say it at once; this asks five times a second instead, since
    not everyone may make one. The forks of a jail, too short for that, are counted by their parent.
    """
    import psutil

    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    seen: dict[tuple[int, float], float] = {}
    while process.poll() is None:
        try:
            family = [psutil.Process(process.pid)]
            family += family[0].children(recursive=True)
        except psutil.NoSuchProcess:
            break
        for member in family:
            try:
                if not _is_fork(member):
                    seen[member.pid, member.create_time()] = _seconds(member)
            except psutil.NoSuchProcess:
                pass
        time.sleep(0.2)
    assert process.returncode == 0, command
    return sum(seen.values())


def _is_fork(process: Any) -> bool:
    """Whether a process is the fork of a jail for a submission; the jail's own parent is bwrap."""
    jailed, parent = "course.grading.jailed", process.parent()
    return jailed in " ".join(process.cmdline()) and "bwrap" not in (process.name(), parent.name())


def _seconds(process: Any) -> float:
    times = process.cpu_times()
    in_jail = process.parent() and process.parent().name() == "bwrap"
    forks = times.children_user + times.children_system if in_jail else 0.0
    return float(times.user + times.system + forks)


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "HOME": str(folder), "OMP_NUM_THREADS": "1"}


def memory() -> int:
    """Bytes that a fork has of its own after all tests, and its share of what it has in common."""
    from tests.proofs import results

    exercise = load(NAME)
    cells = [Code(cell.name, cell.source) for cell in exercise.cells if cell.role == "answer"]
    with Jail(exercise) as jail:
        session = Session(jail, exercise, cells)
        results(session, 1)
        pss = max(_pss(child) for child in _jailed(jail.process.pid))
        session.close()
    return pss


def _jailed(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)][-1:]


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    return 0


def autograde(folder: Path, count: int) -> float:
    folder.mkdir()
    course = Classroom(folder)
    course.course("release", "01")
    classroom(folder / "classroom", copies=-(-count // len(MADE)))
    command = [sys.executable, "-m", "course.cli", "nbgrader", "autograde", NAME]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    seconds = used(command, env={**environment(folder), "PYTHONPATH": str(folder)}, cwd=folder,
                   **quiet)  # fmt: skip
    return seconds / len(list((folder / "classroom" / "submitted").iterdir()))


def otter_run(folder: Path, count: int) -> float:
    """`otter run` on the same answers; each test cell of ours is a test of its own."""
    folder.mkdir()
    (folder / "tests").mkdir()
    notebook = read("solutions", NAME)
    setup = next(cell.source for cell in notebook.cells if cell.id == "setup")
    for cell in notebook.cells:
        if cell.cell_type == "code" and grader(cell).get("grade"):
            name = grader(cell)["grade_id"]
            (folder / "tests" / f"{name}.py").write_text(_otter_test(name, cell.source))
    (folder / "otter_config.json").write_text("{}")
    made = nbformat.v4.new_notebook()
    answers = [SOLVED[name] for name in ("wall_angles", "wall_distance", "gradient_ascent")]
    made.cells = [nbformat.v4.new_code_cell(text) for text in (setup, *answers)]
    nbformat.write(made, folder / NOTEBOOK)
    shutil.make_archive(str(folder / "autograder"), "zip", folder)
    command = [sys.executable, "-m", "otter", "run", NOTEBOOK, "-a", "autograder.zip"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    seconds = [used(command, env=environment(folder), cwd=folder, **quiet) for _ in range(count)]
    results = json.loads((folder / "results.json").read_text())
    assert results["tests"], "otter ran no test"
    return sum(seconds) / count


def _otter_test(name: str, source: str) -> str:
    lines = [line for line in source.splitlines() if "HIDDEN TESTS" not in line]
    body = "\n".join(f"    {line}" for line in lines)
    return (
        "from otter.test_files import test_case\n"
        f"OK_FORMAT = False\nname = {name!r}\npoints = 1\n\n"
        f"@test_case()\ndef {name}(env):\n    globals().update(env)\n{body}\n"
    )


if __name__ == "__main__":
    main()
