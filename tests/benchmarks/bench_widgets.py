"""From a key press on a slider to the painted picture: our figure beside interact + matplotlib.

Both show the throw and its landscape, computed by smoothlib, in the same JupyterLab, one after the
other in the same run. A press counts from the browser's keydown to the first paint of the answer.

    python -m tests.benchmarks.bench_widgets [PRESSES]
"""

import statistics
import sys
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

INTERACT = """
%matplotlib inline
import matplotlib.pyplot as plt, torch
from ipywidgets import FloatSlider, interact
from smoothlib import BallWall
ball = BallWall()
grid = torch.linspace(0, 1.57, 321, dtype=torch.float64)
def draw(theta):
    at = torch.tensor([theta], dtype=torch.float64)
    path = ball.position(at, torch.linspace(0, 2, 81, dtype=torch.float64))
    figure, (scene, landscape) = plt.subplots(1, 2, figsize=(9, 3.6))
    scene.plot(path[:, 0], path[:, 1]), scene.plot([5, 5], [-5, 3]), scene.set(xlim=(-1, 14), ylim=(-5.6, 5.3))
    landscape.plot(grid, ball(grid[:, None])), landscape.plot(theta, ball(at), "o")
    scene.set_title("Side view"), landscape.set_title(f"J = {float(ball(at)):.2f} m")
    plt.show()
interact(draw, theta=FloatSlider(min=0, max=1.57, step=0.01, value=0.35));
"""  # noqa: E501

WARM_UP = 5
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


@contextmanager
def served(cell: str) -> Iterator[LabServer]:
    """A JupyterLab in an empty home whose one notebook holds `cell`."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder)
        isolate(patch, root)
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, root / "bench.ipynb")
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
    page.locator(slider).focus()
    for done in range(1, presses + WARM_UP + 1):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("n => window.times.length >= n", arg=done)
        page.wait_for_function(IDLE)
    times: list[float] = page.evaluate("() => window.times")
    return times[WARM_UP:]


def run(cell: str, slider: str, presses: int) -> tuple[list[float], float]:
    with served(cell) as server, sync_playwright() as playwright:
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
        before = sum(sizes)
        times = measure(page, slider, presses)
        kilobytes = (sum(sizes) - before) / (presses + WARM_UP) / 1000
        browser.close()
    return times, kilobytes


def main() -> None:
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = {
        "ours": run(OURS, "input[data-control=theta]", presses),
        "interact + inline": run(INTERACT, ".noUi-handle", presses),
    }
    print(f"{'':20}{'median ms':>12}{'p95 ms':>10}{'kB a press':>12}")
    for name, (times, kilobytes) in rows.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:20}{statistics.median(times):12.0f}{p95:10.0f}{kilobytes:12.1f}")
    ours, theirs = (statistics.median(times) for times, _ in rows.values())
    print(f"interact takes {theirs / ours:.1f} times as long")


if __name__ == "__main__":
    main()
