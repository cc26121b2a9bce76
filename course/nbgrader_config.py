"""nbgrader's configuration: found by `course nbgrader`, and by JupyterLab started by `course lab`.

solutions/ is what nbgrader calls the source, exercises/ the release; everything that a class
produces at run time lies in classroom/.
"""

import os
import shutil
import sys
import warnings
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from sqlalchemy.exc import SAWarning

from course.instructor import DropInstructorCells
from course.release import CODE_STUB, TEXT_STUB

ROOT = Path(__file__).resolve().parent.parent
CLASSROOM = ROOT / "classroom"
# Neither SQLite nor the exchange makes the folder it writes into.
(CLASSROOM / "exchange").mkdir(parents=True, exist_ok=True)

if shutil.which("alembic") is None:  # nbgrader calls it by name, and the venv may not be active
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# nbconvert looks for templates here: MathJax for the formgrader from this machine, not the net.
TEMPLATES, FOUND = str(ROOT / "course" / "templates"), os.environ.get("JUPYTER_PATH", "")
if TEMPLATES not in FOUND.split(os.pathsep):
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [TEMPLATES, FOUND]))

# traitlets defines get_config where it runs this file.
c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.CourseDirectory.course_id = "smooth"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "classroom/submitted"
c.CourseDirectory.autograded_directory = "classroom/autograded"
c.CourseDirectory.feedback_directory = "classroom/feedback"
c.CourseDirectory.solution_directory = "classroom/solution"
c.CourseDirectory.source_with_tests_directory = "classroom/source_with_tests"
# Any database that SQLAlchemy knows: postgresql://user@host/name, say.
c.CourseDirectory.db_url = os.environ.get("COURSE_GRADEBOOK", f"sqlite:///{CLASSROOM}/gradebook.db")
c.Exchange.root = str(CLASSROOM / "exchange")
c.Exchange.cache = str(CLASSROOM / "cache")
# Files beside a notebook are copied to students, and a text copy would carry the solution.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.py", "*.md"
]  # fmt: skip

c.ClearSolutions.code_stub = {"python": CODE_STUB}
c.ClearSolutions.text_stub = TEXT_STUB

# First of all, or the gradebook would learn of cells that no student has.
c.GenerateAssignment.preprocessors = [
    DropInstructorCells,
    *GenerateAssignment.preprocessors.default(),
]

# A submission could tag the test cells "skip-execution", and a test that did not run has passed.
c.ExecutePreprocessor.skip_cells_with_tag = ""
c.ExecutePreprocessor.timeout = 60
# A submission without our test cells gets them back.
c.OverwriteCells.add_missing_cells = True
# Anything on stderr costs a test cell all its points, a library's warning too.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"Warning|NNPACK"
# Feedback shows the tests as the student knows them.
c.GenerateFeedback.preprocessors = [GetGrades, ClearHiddenTests, CSSHTMLHeaderPreprocessor]
# What students wrote is shown on the instructor's own server: no script of theirs may run there.
c.HTMLExporter.filters = {
    "markdown2html": "course.sanitise.clean_markdown",
    "clean_html": "course.sanitise.clean_html",
}
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.preprocessors = ["course.sanitise.EscapeNames"]
# An export stops at marks that are missing, where nbgrader's own writes 0.
c.ExportApp.plugin_class = "course.export.CheckedCsvExport"

c.KernelManager.transport_encryption = "auto"  # without, every kernel prints a warning
warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's queries, three per submission
