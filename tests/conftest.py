"""What tests share: one JupyterLab and one Chromium for the whole run, and one thread."""

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from playwright.sync_api import Browser, Page, sync_playwright

from course import lab
from tests.browser import CHROMIUM_FLAGS, LabServer, Watch, find_chromium, new_page

torch.set_num_threads(1)  # small tensors: a second thread costs more than it does
if "PYTEST_XDIST_WORKER" in os.environ:  # nor shall kernels wait for threads of the other worker
    os.environ.setdefault("OMP_NUM_THREADS", "1")

IGNORE = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file comes first, so that nobody works on it alone in the end."""
    items.sort(key=lambda item: item.path.name != "test_widgets_in_browser.py")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    chromium = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab as `course lab` starts it, on a copy of the notebooks and in an empty home."""
    root = tmp_path_factory.mktemp("served")
    for folder in ("lectures", "solutions", "exercises", "course"):
        shutil.copytree(lab.REPO / folder, root / folder, ignore=IGNORE)
    token, port = secrets.token_hex(8), free_port()
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("home"))
        server = lab.start(port, token, root, extra=("--LabApp.expose_app_in_browser=True",))
    assert lab.answers(server, port), "JupyterLab did not start"
    yield LabServer(f"http://{lab.HOST}:{port}", token, root)
    server.terminate()
    server.wait()


def isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Hide the user's own Jupyter: settings, kernels, workspaces."""
    patch.setenv("HOME", str(home))
    patch.setenv("JUPYTERLAB_WORKSPACES_DIR", str(home / "workspaces"))
    patch.delenv("IPYTHONDIR", raising=False)
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "CONFIG_PATH", "PATH"):
        patch.delenv(f"JUPYTER_{name}", raising=False)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((lab.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def page(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    """A fresh page. Afterwards: nothing was asked of the outside, and nothing raised."""
    page = new_page(browser, lab_server)
    watch = Watch(page)
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


@pytest.fixture
def no_jaxtyping(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user: without the run-time check of signatures that the tests add."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
