"""From a key press on a slider to the painted picture: our figure beside interact + matplotlib.

Both show the throw and its landscape, computed by smoothlib, in the same JupyterLab, one after the
other in the same run. A press counts from the browser's keydown to the first paint of the answer.

    python -m tests.benchmarks.bench_widgets
"""

import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, sync_playwright

from course import lab
from tests.browser import CHROMIUM_FLAGS, LabServer, find_chromium, new_page, open_notebook, run_all
from tests.conftest import free_port, isolate

OURS = "from course.widgets import throw\nthrow()"

# The same landscape and throw as below, by the figure's own controls.
SHOW_ALL = """
() => {
  document.querySelector('[data-control=shown]').click();
  const slider = document.querySelector('[data-control=theta]');
  slider.value = 0.95;
  slider.dispatchEvent(new Event('input'));
}
"""

INTERACT = """
%matplotlib inline
import math
import matplotlib.pyplot as plt
import torch
from ipywidgets import FloatSlider, interact
from smoothlib import BallWall

ball = BallWall()
theta_1, theta_2, theta_r = ball.angles
grid = torch.cat((torch.linspace(0, 1.57, 321, dtype=torch.float64), ball.jumps().theta)).sort().values
curve = ball(grid[:, None]).masked_fill(torch.isin(grid, ball.jumps().theta), math.nan)
times = torch.linspace(0, 2, 81, dtype=torch.float64)

def draw(theta):
    at = torch.tensor([theta], dtype=torch.float64)
    reached = float(ball(at))
    path = ball.position(at, times)
    rings = ball.position(at, torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64))
    x, y = path[-1].tolist()
    figure, (scene, landscape) = plt.subplots(1, 2, figsize=(8.5, 4.5), width_ratios=(1.55, 1))
    scene.plot([0, 5], [0, 0], ":", color="grey")
    scene.plot([5.07, 5.07], [3, -5.6], lw=5, color="slategrey")
    scene.fill_between([-0.9, 0.13], -5.6, -0.2, color="lightgrey")
    scene.plot([5.5, 5.5], [0, 3], color="slategrey", lw=1)
    scene.annotate("3 m", (5.7, 1.4)), scene.annotate("wall, 5 m away", (5.5, -1.3))
    scene.plot(path[:, 0], path[:, 1], color="#D55E00")
    scene.plot(rings[:, 0], rings[:, 1], "o", mfc="white", color="#D55E00")
    for when, ring in zip((1, 1.5, 2), rings[1:].tolist()):
        scene.annotate(f"{when} s", ring)
    scene.plot([0, 2.2 * math.cos(theta)], [0, 2.2 * math.sin(theta)], color="black", lw=3)
    scene.plot(2.2 * math.cos(theta), 2.2 * math.sin(theta), "o", ms=11, mfc="white", color="black")
    scene.plot([x, x], [y, -5.6], "--", color="#D55E00"), scene.plot(x, y, "o", color="#D55E00")
    scene.set(xlim=(-1, 14), ylim=(-5.6, 5.3), aspect="equal", title="Side view")
    landscape.axvspan(theta_1, theta_2, color="whitesmoke")
    landscape.plot(grid, curve, color="grey")
    landscape.vlines([theta_1, theta_2], 5, [12.8, 6.6], ls=":")
    landscape.annotate("clears", (0.95, 13.8)), landscape.annotate("hits the wall", (0.2, 4.2))
    landscape.plot([0, theta], [reached] * 2, "--", color="#D55E00")
    landscape.plot([theta] * 2, [0, reached], ":", color="black")
    landscape.plot(theta, reached, "o", color="#D55E00")
    landscape.set(ylim=(0, 14.5), xlabel="angle, rad", title="Distance after 2 s")
    plt.show()
    print(f"angle {theta:.2f} rad, J = {reached:.2f} m")

interact(draw, theta=FloatSlider(min=0, max=1.57, step=0.01, value=0.95));
"""  # noqa: E501

PRESSES, WARM_UP = 40, 5
IDLE = (
    "() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'"
)

# Stamps each keydown, and the end of the frame in which the answer first shows: our figure draws
# inside an animation frame, after which a posted message arrives once the frame is painted.
PROBE = """
() => {
  window.times = [];
  let start = null;
  const painted = () => {
    if (start === null) return;
    const began = start;
    start = null;
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.times.push(performance.now() - began);
    channel.port2.postMessage(0);
  };
  document.addEventListener('keydown', () => { start = performance.now(); }, true);
  const figure = document.querySelector('.sc-figure');
  if (figure) {
    new MutationObserver(() => { if (figure.dataset.seq === figure.dataset.asked) painted(); })
      .observe(figure, { attributes: true, attributeFilter: ['data-rev'] });
    return;
  }
  const area = document.querySelector('.widget-interact');
  let shown = area.querySelector('img').src;
  new MutationObserver(() => {
    const image = area.querySelector('img');
    if (!image || image.src === shown) return;
    shown = image.src;
    image.decode().then(() => requestAnimationFrame(painted));
  }).observe(area, { childList: true, subtree: true, attributes: true });
}
"""


AT_AN_END = "(s, right) => s.max !== undefined && (right ? s.value >= +s.max : s.value <= +s.min)"


@contextmanager
def served(cells: dict[str, str]) -> Iterator[LabServer]:
    """A JupyterLab in an empty home with a notebook of one cell for each name."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder)
        isolate(patch, root)
        for name, cell in cells.items():
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
            book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            nbformat.write(book, root / f"{name}.ipynb")
        port, token = free_port(), "benchmark"
        server = lab.start(port, token, root, extra=("--LabApp.expose_app_in_browser=True",))
        try:
            assert lab.answers(server, port), "JupyterLab did not start"
            yield LabServer(f"http://{lab.HOST}:{port}", token, root)
        finally:
            server.terminate()
            server.wait()


def measure(page: Page, slider: str, presses: int) -> list[float]:
    """Milliseconds of each press, one at a time, after five to warm up."""
    page.evaluate(PROBE)
    handle = page.locator(slider)
    handle.focus()
    hand, key = random.Random(0), "ArrowRight"
    for done in range(1, presses + WARM_UP + 1):
        page.wait_for_timeout(hand.uniform(0, 50))  # a hand does not keep time with the screen
        if handle.evaluate(AT_AN_END, key == "ArrowRight"):
            key = "ArrowLeft" if key == "ArrowRight" else "ArrowRight"
        page.keyboard.press(key)
        page.wait_for_function("n => window.times.length >= n", arg=done)
        page.wait_for_function(IDLE)
    times: list[float] = page.evaluate("() => window.times")
    return times[WARM_UP:]


def run(
    cell: str, slider: str, presses: int, prepare: str = "() => {}"
) -> tuple[list[float], float]:
    with served({"bench": cell}) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        page = new_page(browser, server)
        sizes: list[int] = []
        page.on(
            "websocket",
            lambda socket: [
                socket.on(way, lambda payload: sizes.append(len(payload)))
                for way in ("framereceived", "framesent")
            ],
        )
        open_notebook(page, "bench.ipynb")
        run_all(page)
        page.locator(slider).wait_for()
        page.evaluate(prepare)
        before = sum(sizes)
        times = measure(page, slider, presses)
        kilobytes = (sum(sizes) - before) / (presses + WARM_UP) / 1000
        browser.close()
    return times, kilobytes


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    rows = {
        "ours": run(OURS, "input[data-control=theta]", PRESSES, SHOW_ALL),
        "interact + inline": run(INTERACT, ".noUi-handle", PRESSES),
    }
    print(f"{'':20}{'median ms':>12}{'p95 ms':>10}{'kB a press':>12}")
    for name, (times, kilobytes) in rows.items():
        print(f"{name:20}{statistics.median(times):12.0f}{p95(times):10.0f}{kilobytes:12.1f}")
    ours, theirs = (times for times, _ in rows.values())
    print(
        f"interact takes {statistics.median(theirs) / statistics.median(ours):.1f} times as long "
        f"by the median, {p95(theirs) / p95(ours):.1f} by the 95th percentile"
    )


if __name__ == "__main__":
    main()
