"""The gripper's figures in a real JupyterLab: every control, by hand and by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import LabServer, Watch, new_page
from tests.browser import screenshot as keep
from tests.test_widgets_in_browser import drag, drag_slider, handle_at, look, settled, show_cell

pytestmark = pytest.mark.browser

LIFT = "from course.widgets import lift\nlift()"
WATCH = """
import torch
from course.widgets import watch
from smoothlib.gripper import rollout
low, high = (rollout(torch.tensor([z]), record_every=50).trajectory for z in (0.01, 0.045))
watch(high, ghost=low, question="Which grasp lifts higher?")
"""


@pytest.fixture(scope="module")
def page_of_lift(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    page = new_page(browser, lab_server)
    watch = Watch(page)
    figure = show_cell(page, lab_server, LIFT)
    expect(figure.locator(".sc-readout")).to_contain_text("simulating")
    expect(figure.locator(".sc-readout")).to_contain_text("brick at 230 mm", timeout=60_000)
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


@pytest.fixture
def figure(page_of_lift: Page) -> Locator:
    found = page_of_lift.locator(".sc-figure[data-ready]")
    found.locator("[data-control=reset]").click()
    settled(found)
    return found


def test_look(figure: Locator) -> None:
    keep(figure.page, "gripper_start")
    for z in (30, 10):
        figure.locator("input[data-control=z]").evaluate(
            """(node, value) => { node.value = value;
                for (const type of ['input', 'change']) node.dispatchEvent(new Event(type)); }""",
            str(z),
        )
        figure.page.wait_for_timeout(900)
    drag(figure, (0, -34))
    figure.get_by_role("button", name="Show landscape").click()
    settled(figure)
    keep(figure.page, "gripper")
    figure.locator("input[data-control=clock]").evaluate(
        "n => { n.value = 2.44; n.dispatchEvent(new Event('input')); }"
    )
    settled(figure)
    keep(figure.page, "gripper_closing")
