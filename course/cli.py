"""The command `course`: thin verbs over nbgrader and JupyterLab."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from course import CourseError

CLASSROOM = Path(__file__).resolve().parent.parent / "classroom"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit status; an error the user can mend is one line on stderr."""
    # argparse would take an option that follows "nbgrader" for one of ours.
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["nbgrader"]:
        return _nbgrader(given[1:])
    options = _parser().parse_args(given)
    try:
        return int(options.run(options))
    except CourseError as error:
        print(f"course {options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"course {options.verb}: interrupted", file=sys.stderr)
        return 130


def _lab(options: argparse.Namespace) -> int:
    from course.lab import lab

    return lab(port=options.port, browser=options.browser)


def _release(options: argparse.Namespace) -> int:
    from course.release import exercises, find, release

    names = [find(options.exercise)] if options.exercise else exercises()
    for name in names:
        release(name)
    print(f"released {', '.join(names)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from course.selfcheck import notebooks, report, run_tests

    passed = True
    for notebook in notebooks(options.exercise):
        results = run_tests(notebook)
        print(report(notebook.parent.name, results), flush=True)
        passed = passed and all(result.passed for result in results)
    return 0 if passed else 1


def _grade(options: argparse.Namespace) -> int:
    if options.own:
        return _grade_own(options.own)
    from course.grading.run import Options, run

    names = ("assignment", "student", "jobs", "json", "fresh", "replay", "isolation")
    chosen = {name: getattr(options, name) for name in names}
    return run(Options(classroom=options.classroom.resolve(), **chosen))


def _grade_own(which: str) -> int:
    from course.feedback import as_text
    from course.selfgrade import grade_own

    page = grade_own(which)
    print(as_text(page), end="")
    return 0


def _feedback(options: argparse.Namespace) -> int:
    from course.feedback import write_all
    from course.release import find

    name = find(options.assignment) if options.assignment else ""
    count = sum(1 for _ in write_all(options.classroom, name, options.student or ""))
    if not count:
        raise CourseError(f"nothing graded in {options.classroom / 'grading'}; course grade first")
    print(f"{count} page{'s' * (count > 1)} in {options.classroom / 'feedback'}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from course.doctor import examine

    return examine()


def _progress(options: argparse.Namespace) -> int:
    from course.progress import standings, table
    from course.release import ROOT

    folder = options.folder or ROOT / "exercises"
    rows = standings(folder, run=options.run_now)
    if not rows:
        raise CourseError(f"no notebooks in {folder}; they lie in NN_topic/topic.ipynb there")
    print(table(rows))
    if not options.run_now:
        print("As last run and saved in the notebooks; course progress --run runs all checks now.")
    return 0


def _export(options: argparse.Namespace) -> int:
    from course.export import export

    print(export(options.classroom.resolve(), options.columns, options.to))
    return 0


def _nbgrader(arguments: list[str]) -> int:
    """Run nbgrader where it finds our configuration, whatever the current folder."""
    paths = [str(Path(__file__).resolve().parent), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment = os.environ | {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths)),
        "JUPYTER_PREFER_ENV_PATH": "1",  # our python3 kernel, not one of that name in the home
    }
    return subprocess.call([sys.executable, "-m", "nbgrader", *arguments], env=environment)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} jobs; 1 at least")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Study, and teach, this course.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("lab", help="open JupyterLab on the first lecture")
    verb.add_argument("--port", type=int, help="port to serve on; the first free one if left out")
    verb.add_argument("--no-browser", dest="browser", action="store_false")
    verb.set_defaults(run=_lab)

    verb = verbs.add_parser("check", help="run the visible tests of an exercise")
    verb.add_argument(
        "exercise", nargs="?", metavar="NN|PATH", help="01, or a notebook; all if left out"
    )
    verb.set_defaults(run=_check)

    verb = verbs.add_parser("progress", help="where you stand, one line for each exercise")
    verb.add_argument("folder", nargs="?", type=Path, help="of your notebooks, if not exercises/")
    verb.add_argument("--run", dest="run_now", action="store_true", help="run all checks first")
    verb.set_defaults(run=_progress)

    verb = verbs.add_parser("release", help="make exercises/ from solutions/")
    verb.add_argument("exercise", nargs="?", metavar="NN", help="01; all if left out")
    verb.set_defaults(run=_release)

    verb = verbs.add_parser("grade", help="grade submissions, their answers jailed")
    verb.add_argument("--assignment", metavar="NN", help="01, or 01_landscapes; all if left out")
    verb.add_argument("--student", metavar="ID", help="all if left out")
    verb.add_argument(
        "--self", dest="own", metavar="NN", help="your own copy, or its path; hidden too"
    )
    verb.add_argument("--jobs", type=_positive, default=0, metavar="N", help="one for each core")
    verb.add_argument("--classroom", type=Path, default=CLASSROOM, metavar="DIR")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write the rows of marks here")
    again = verb.add_mutually_exclusive_group()
    again.add_argument("--fresh", action="store_true", help="grade again what has not changed")
    again.add_argument("--replay", action="store_true", help="the same secret inputs as before")
    kinds = ("bubblewrap", "process")
    verb.add_argument("--isolation", choices=kinds, default="bubblewrap", help="how to jail")
    verb.set_defaults(run=_grade)

    verb = verbs.add_parser("feedback", help="write a page for each graded submission")
    verb.add_argument("--assignment", metavar="NN", help="01, or 01_landscapes; all if left out")
    verb.add_argument("--student", metavar="ID", help="all if left out")
    verb.add_argument("--classroom", type=Path, default=CLASSROOM, metavar="DIR")
    verb.set_defaults(run=_feedback)

    verb = verbs.add_parser("doctor", help="say what of the course works on this machine")
    verb.set_defaults(run=_doctor)

    verb = verbs.add_parser("export", help="write the marks as CSV")
    verb.add_argument(
        "--columns", choices=("nbgrader", "canvas"), default="nbgrader", help="for whom"
    )
    verb.add_argument(
        "--to", metavar="FILE", default="", help="grades.csv or canvas.csv if left out"
    )
    verb.add_argument("--classroom", type=Path, default=CLASSROOM, metavar="DIR")
    verb.set_defaults(run=_export)

    verbs.add_parser("nbgrader", help="run nbgrader with the course's configuration")
    return parser


if __name__ == "__main__":
    sys.exit(main())
