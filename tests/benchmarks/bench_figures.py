"""Every interactive figure of the lectures: what an answer costs, and how soon it is seen.

    python -m tests.benchmarks.bench_figures [--cpu] [lecture ...]

CPU: milliseconds of processor time for one answer, over settings drawn at random, all controls at
once. Browser: from a key press on the first slider, if there is one, to the painted picture, as in
`bench_widgets`, all figures in one JupyterLab and one browser, one after the other, in one run.
"""

import argparse
import ast
import random
import statistics
import time
from collections.abc import Iterator

import nbformat
import torch
from playwright.sync_api import Browser, expect, sync_playwright

import course.widgets
from course.lab import REPO
from course.widgets.figure import Figure
from tests.benchmarks.bench_widgets import PRESSES, measure, p95, served
from tests.browser import (
    CHROMIUM_FLAGS,
    LabServer,
    find_chromium,
    new_page,
    open_notebook,
    run_all,
)

SETTINGS = 40
TARGET = 60.0  # ms, of the 95th percentile
SIMULATED_MS = 120_000  # until a figure has what it computes in the background
LECTURES = [path.name[:2] for path in sorted((REPO / "lectures").glob("*.ipynb"))]


def figures(lecture: str) -> list[str]:
    """The calls of figures in a lecture that need nothing of its other cells."""
    calls = []
    (path,) = (REPO / "lectures").glob(f"{lecture}_*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        last = ast.parse(cell.source).body[-1]
        if isinstance(last, ast.Expr) and isinstance(call := last.value, ast.Call):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if hasattr(course.widgets, name) and not call.args and not call.keywords:
                calls.append(name)
    return list(dict.fromkeys(calls))


def ready(figure: Figure) -> Figure:
    """The figure when what it computes in the background is there, for each choice."""
    chosen = next((c for c in figure.spec["controls"] if c["kind"] == "choice"), None)
    for option in chosen["views"] if chosen else [None]:
        values = {chosen["name"]: option} if chosen else {}
        while figure.answer(**values).unfinished:
            time.sleep(0.1)
    return figure


def settings(figure: Figure, hand: random.Random) -> Iterator[dict]:
    """Values for all controls, as a hand might set them."""
    for _ in range(SETTINGS):
        values = {}
        for control in figure.spec["controls"]:
            kind = control["kind"]
            if kind == "slider":
                low, high = control["low"], control["high"]
                share = hand.random()
                at = low * (high / low) ** share if control["log"] else low + share * (high - low)
                values[control["name"]] = at if control["log"] else round(at, 6)
            elif kind == "toggle":
                values[control["name"]] = True
            elif kind == "newnoise":
                values[control["name"]] = hand.randrange(3)
            else:
                values[control["name"]] = hand.choice(list(control["views"]))
        yield values


def cpu(name: str) -> list[float]:
    """Milliseconds of processor time of each answer."""
    figure, took = ready(getattr(course.widgets, name)()), []
    for values in settings(figure, random.Random(0)):
        start = time.process_time()
        figure.answer(**values)
        took.append(1e3 * (time.process_time() - start))
    return took


def seen(browser: Browser, server: LabServer, name: str) -> list[float] | None:
    """Milliseconds from each press to the picture; None where there is no slider."""
    controls = getattr(course.widgets, name)().spec["controls"]
    slider = next((c["name"] for c in controls if c["kind"] == "slider"), None)
    if slider is None:
        return None
    page = new_page(browser, server)
    open_notebook(page, f"{name}.ipynb")
    run_all(page)
    page.locator(f"input[data-control={slider}]").wait_for()
    page.wait_for_timeout(1000)
    readout = page.locator(".sc-readout")
    expect(readout).not_to_contain_text("simulating", timeout=SIMULATED_MS)
    found = measure(page, f"input[data-control={slider}]", PRESSES)
    page.context.close()
    server.end_sessions()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lectures", nargs="*", default=LECTURES)
    parser.add_argument("--cpu", action="store_true", help="without the browser")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = {name: lecture for lecture in options.lectures for name in figures(lecture)}
    print(
        f"{'':26}{'CPU median':>11}{'p95':>7}", "" if options.cpu else "  seen median    p95", "ms"
    )
    if options.cpu:
        for name, lecture in names.items():
            print(row(lecture, name, cpu(name)), flush=True)
        return
    cells = {name: f"from course.widgets import {name}\n{name}()" for name in names}
    with served(cells) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        for name, lecture in names.items():
            print(row(lecture, name, cpu(name), seen(browser, server, name)), flush=True)
        browser.close()


def row(lecture: str, name: str, spent: list[float], shown: list[float] | None = None) -> str:
    """One line of the table, with a mark where the target is missed."""
    text = f"{lecture} {name:22}{statistics.median(spent):12.0f}{p95(spent):7.0f}"
    if shown is not None:
        text += f"{statistics.median(shown):15.0f}{p95(shown):7.0f}"
    return text + ("  over" if max(p95(spent), p95(shown or [0.0, 0.0])) > TARGET else "")


if __name__ == "__main__":
    main()
