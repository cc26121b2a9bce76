"""Seconds from `make lab`, installed, to the first painted figure of lecture 01.

A hand that runs all cells as soon as the notebook shows, in a fresh Chromium.

    python -m tests.benchmarks.bench_start
"""

import os
import re
import signal
import subprocess
import time

from playwright.sync_api import sync_playwright

from course import lab
from tests.browser import CHROMIUM_FLAGS, PATIENCE_MS, find_chromium
from tests.conftest import free_port


def main() -> None:
    clock = {"make lab": time.perf_counter()}
    server = subprocess.Popen(
        ["make", "lab", f"PORT={free_port()}"],
        cwd=lab.REPO,
        env={**os.environ, "BROWSER": "true"},  # the command, which opens nothing
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = next(
            filter(None, (re.search(r"http://\S+", line) for line in server.stdout or ()))
        )
        clock["address printed"] = time.perf_counter()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=CHROMIUM_FLAGS
            )
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(address[0], wait_until="domcontentloaded")
            page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
            clock["notebook shown"] = time.perf_counter()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.locator(".sc-figure[data-ready]").first.wait_for()
            page.evaluate("() => new Promise(requestAnimationFrame)")
            clock["first figure painted"] = time.perf_counter()
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    start = clock.pop("make lab")
    for what, when in clock.items():
        print(f"{when - start:6.1f} s  {what}")


if __name__ == "__main__":
    main()
