"""JupyterLab as `course lab` starts it."""

import sys

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser import LabServer, errors, open_notebook, run_all, screenshot


@pytest.mark.browser
def test_a_notebook_runs_in_the_python_that_started_the_lab(
    page: Page, lab_server: LabServer
) -> None:
    write_notebook(lab_server, "import sys", "print(sys.prefix)")
    open_notebook(page, "lectures/probe.ipynb")
    run_all(page)
    expect(page.locator(".jp-OutputArea-output")).to_have_text(sys.prefix)
    assert errors(page) == []
    screenshot(page, "lab")


@pytest.mark.browser
def test_errors_are_seen(page: Page, lab_server: LabServer) -> None:
    write_notebook(lab_server, "1 / 0", "1")
    open_notebook(page, "lectures/probe.ipynb")
    run_all(page)
    assert errors(page) == ["cell 0: ZeroDivisionError: division by zero", "cell 1: not run"]


def write_notebook(server: LabServer, *sources: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, server.root / "lectures" / "probe.ipynb")
