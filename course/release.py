"""From solutions/ to exercises/: the student's version of every exercise, made by nbgrader."""

import re
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course import CourseError
from course.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
# What a release has in place of an answer.
CODE_STUB = "raise NotImplementedError  # write your code here"
TEXT_STUB = "*Write your answer here.*"


def exercises() -> list[str]:
    """The names NN_topic of all exercises, in order."""
    return sorted(path.parent.name for path in (ROOT / "solutions").glob("[0-9][0-9]_*/*.ipynb"))


def find(number: str) -> str:
    """The name NN_topic of exercise `number`, given as 1, 01, or its whole name.

    Raises:
        CourseError: if there is none; the message lists those that exist.
    """
    names = exercises()
    for name in names:
        if number in (name, name[:2], name[:2].lstrip("0")):
            return name
    raise CourseError(f"no exercise {number!r}; there are: {', '.join(names) or 'none'}")


def release(name: str) -> Path:
    """Write exercises/NN_topic/topic.ipynb and enter the exercise into the gradebook.

    The bytes depend on the solution alone. The gradebook needs the exercise before it can
    autograde, and refuses one whose cells changed while it holds submissions.

    Raises:
        CourseError: if somebody has answered in the released notebook, if the solution cannot be
            converted, or if the gradebook refuses.
    """
    target = ROOT / "exercises" / name / f"{name[3:]}.ipynb"
    if target.exists() and (answers := answered(nbformat.read(target, as_version=4))):
        raise CourseError(
            f"{target.relative_to(ROOT)} holds answers ({', '.join(answers)}), which a release "
            "would overwrite; move it away first"
        )
    content = released(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    _generate(name, database=True)
    return target


def released(name: str) -> bytes:
    """The student's version of an exercise, without writing anything."""
    return _generate(name, database=False)


def register(name: str, db_url: str) -> None:
    """Enter an exercise into the gradebook at this URL, without releasing it.

    Raises:
        CourseError: if the gradebook refuses, as it does when the cells of an exercise changed
            while it holds submissions.
    """
    _generate(name, database=True, db_url=db_url)


def configuration() -> Config:
    """course/nbgrader_config.py, loaded."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(ROOT / "course")).load_config()


def answered(notebook: NotebookNode) -> list[str]:
    """The grade_ids of the answer cells, code or text, that are no longer as released."""
    answers = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    return [
        cell.metadata.nbgrader.grade_id
        for cell in answers
        if not any(stub in cell.source for stub in (CODE_STUB, TEXT_STUB))
    ]


def _generate(name: str, database: bool, db_url: str | None = None) -> bytes:
    """Run nbgrader's generate_assignment into a folder of its own, which it may empty or remove."""
    from nbgrader.apps import NbGraderAPI  # a second that whoever only looks up names need not wait

    config = configuration()
    with tempfile.TemporaryDirectory() as folder:
        config.CourseDirectory.release_directory = folder
        config.SaveCells.enabled = database
        if db_url:
            config.CourseDirectory.db_url = db_url
        config.GenerateAssignment.no_database = not database
        result = NbGraderAPI(config=config).generate_assignment(name)
        if not result["success"]:
            raise CourseError(_reason(name, result.get("log", "")))
        return (Path(folder) / name / f"{name[3:]}.ipynb").read_bytes()


def _reason(name: str, log: str) -> str:
    errors = re.findall(r"^\s*\w*(?:Error|Exception): (.+)$", log, flags=re.MULTILINE)
    if any("submissions associated" in error for error in errors):
        return (
            f"{name} is written, but the gradebook holds submissions to its older cells and "
            "cannot take the new ones; move classroom/gradebook.db away, and release again"
        )
    return f"{name}: nbgrader cannot convert the solution: {errors[-1] if errors else log.strip()}"
