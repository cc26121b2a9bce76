"""Drives JupyterLab in Chromium: what browser tests share. The fixtures are in conftest.py.

    def test_something(page, lab_server):
        open_notebook(page, "lectures/01_landscapes.ipynb")
        run_all(page)
        assert errors(page) == []

Wait on conditions (`expect`, `page.wait_for_function`), never on the clock.
"""

import http.client
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page

ARTEFACTS = Path(__file__).parent / "artefacts"
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic"),
]
PATIENCE_MS = 60_000  # no condition takes this long, even on a loaded machine


@dataclass(frozen=True)
class LabServer:
    """A running JupyterLab: its address, and the throw-away folder it serves."""

    url: str
    token: str
    root: Path

    def api(self, method: str, path: str) -> bytes:
        """The body of a REST call; fails the test unless its status is 2xx."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        connection.request(method, path, headers={"Authorization": f"token {self.token}"})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        assert reply.status // 100 == 2, f"{method} {path}: {reply.status} {body!r}"
        return body

    def end_sessions(self) -> None:
        """Shut every kernel down; JupyterLab would otherwise reuse the one of the same path."""
        for session in json.loads(self.api("GET", "/api/sessions")):
            self.api("DELETE", f"/api/sessions/{session['id']}")


def find_chromium() -> str:
    """The path of Chromium; without one the test skips, or fails under COURSE_REQUIRE_ALL."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    _no_browser("no Chromium on this machine; Debian: apt-get install chromium")


def _no_browser(reason: str) -> NoReturn:
    if os.environ.get("COURSE_REQUIRE_ALL"):
        pytest.fail(f"{reason} (COURSE_REQUIRE_ALL is set)", pytrace=False)
    pytest.skip(reason)


class Watch:
    """What a page must not do: ask for anything outside this machine, or raise."""

    def __init__(self, page: Page) -> None:
        self.outside: list[str] = []
        self.raised: list[str] = []
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url))
        page.on("pageerror", lambda error: self.raised.append(str(error)))

    def assert_quiet(self) -> None:
        assert not self.outside, f"requests left this machine: {self.outside}"
        assert not self.raised, f"the page raised: {self.raised}"

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1":
            self.outside.append(url)


def new_page(browser: Browser, server: LabServer) -> Page:
    """A page with its own cookies and storage, logged in."""
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": 1400, "height": 1000},
        reduced_motion="no-preference",
    )
    context.set_default_timeout(PATIENCE_MS)
    context.request.get(f"/lab?token={server.token}")
    return context.new_page()


def open_notebook(page: Page, path: str) -> None:
    """Show the notebook at `path` (relative to the served folder), its kernel idle."""
    workspace = secrets.token_hex(4)
    address = f"/lab/workspaces/{workspace}/tree/{quote(path)}?reset"
    page.goto(address, wait_until="domcontentloaded")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget?.context?.sessionContext"
        "?.session?.kernel?.status === 'idle'"
    )


def command(page: Page, name: str) -> None:
    """Execute a JupyterLab command, such as 'notebook:run-all-cells', and wait until it is done."""
    page.evaluate(
        """([name, ms]) => Promise.race([
            jupyterapp.commands.execute(name).then(() => undefined),
            new Promise((_, no) => setTimeout(() => no(new Error(name + ' took too long')), ms)),
        ])""",
        [name, 2 * PATIENCE_MS],
    )


def run_all(page: Page) -> None:
    """Run every cell and wait for the last one; an error in a cell ends the run, see `errors`."""
    command(page, "notebook:run-all-cells")


def errors(page: Page) -> list[str]:
    """One line per error output, and per code cell that never ran."""
    found: list[str] = page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, i) => {
            const model = cell.model.toJSON();
            if (model.cell_type !== 'code' || !String(model.source).trim()) return [];
            const raised = model.outputs.filter(o => o.output_type === 'error')
                .map(o => `cell ${i}: ${o.ename}: ${o.evalue}`);
            return model.execution_count ? raised : [...raised, `cell ${i}: not run`];
        })"""
    )
    return found


def screenshot(page: Page, name: str) -> Path:
    """Keep a picture of the page in tests/artefacts/, for a person to look at."""
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path)
    return path
