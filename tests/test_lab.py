"""JupyterLab as `course lab` starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from course import lab
from tests.browser import LabServer, errors, open_notebook, run_all, screenshot
from tests.conftest import free_port, isolate

COURSE_LAB = [sys.executable, "-m", "course.cli", "lab", "--no-browser", "--port"]


def listen() -> None:
    """Heed Ctrl-C, which a shell has its background jobs ignore, and they their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_says_where_it_is_serves_and_stops_at_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)
    port = free_port()
    command = [*COURSE_LAB, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=listen) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            page = f"http://127.0.0.1:{port}/lab/tree/{lab.FIRST_LECTURE}?token="
            assert address.startswith(page)
            token = address.partition("?")[2]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?{token}") as reply:
                assert reply.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert lab.usable_port(port) == port


def test_a_taken_port_is_one_line_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind((lab.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run([*COURSE_LAB, str(port)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert f"port {port} cannot be used" in done.stderr and "make lab PORT=" in done.stderr


def test_without_a_port_the_first_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind((lab.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(lab, "FIRST_PORT", taken)
        assert taken < lab.usable_port(None) < taken + lab.PORTS_TRIED
        monkeypatch.setattr(lab, "PORTS_TRIED", 1)
        with pytest.raises(OSError, match="make lab PORT="):
            lab.usable_port(None)


def test_a_kernel_of_the_same_name_in_the_home_does_not_take_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isolate(monkeypatch, tmp_path)
    theirs = tmp_path / ".local/share/jupyter/kernels/python3/kernel.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"argv": ["false"], "display_name": "Theirs", "language": "python"}')
    listing = subprocess.check_output(
        [sys.executable, "-m", "jupyter", "kernelspec", "list", "--json"],
        env=lab.environment("token", lab.REPO),
    )
    kernel = json.loads(listing)["kernelspecs"]["python3"]
    assert kernel["resource_dir"].startswith(sys.prefix)


def test_the_users_own_configuration_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    paths = lab.environment("token", lab.REPO)["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert paths == [str(lab.REPO / "course"), "/theirs"]


def test_nobody_is_asked_about_news_and_none_is_fetched(lab_server: LabServer) -> None:
    plugin = "@jupyterlab/apputils-extension:notification"
    reply = json.loads(lab_server.api("GET", f"/lab/api/settings/{plugin}"))
    options = reply["schema"]["properties"]
    assert options["fetchNews"]["default"] == "false"
    assert options["checkForUpdates"]["default"] is False


@pytest.mark.browser
def test_a_notebook_runs_in_the_python_that_started_the_lab(
    page: Page, lab_server: LabServer
) -> None:
    write_notebook(lab_server, "import sys", "print(sys.prefix)")
    open_notebook(page, "lectures/probe.ipynb")
    run_all(page)
    expect(page.locator(".jp-OutputArea-output")).to_have_text(sys.prefix)
    assert errors(page) == []
    expect(page.get_by_role("button", name="Validate")).to_be_visible()  # nbgrader's
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
