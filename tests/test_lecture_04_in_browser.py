"""What the figures of lecture 04, and the last of its exercise, say in a real JupyterLab."""

import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import test_widgets_in_browser as generic
from tests.browser import LabServer, Watch, errors, new_page, open_notebook, run_all, screenshot
from tests.exercises import read
from tests.test_widgets_in_browser import FIGURES, look, settled, show_cell, shown

pytestmark = pytest.mark.browser

# While formulas are being typeset the page still moves under the mouse.
TYPESET = """() => [...document.querySelectorAll('.jp-MarkdownOutput')]
    .every(cell => !cell.textContent.includes('\\\\theta'))"""


@pytest.fixture(scope="module")
def lecture(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    """Lecture 04, run from top to bottom."""
    page = new_page(browser, lab_server)
    watch = Watch(page)
    open_notebook(page, "lectures/04_first_order.ipynb")
    run_all(page)
    assert errors(page) == []
    page.wait_for_function(TYPESET)
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


def test_the_truth_shows_when_asked_for(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["04_first_order"]["two_gradients"])
    readout = figure.locator(".sc-readout")
    expect(readout).not_to_contain_text("true slope")
    figure.get_by_role("button", name="Show the truth").click()
    expect(readout).to_contain_text("true slope +20.36")
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text("200 batches of 50")
    screenshot(lecture, "two_gradients")


def test_more_samples_of_a_step_leave_first_order_at_zero(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["04_first_order"]["slope_of_the_mean"])
    readout = figure.locator(".sc-readout")
    figure.get_by_role("combobox").select_option("a step")
    expect(readout).to_contain_text("first-order +0 ± 0")
    sigma = figure.locator("input[data-control=sigma]")
    assert float(sigma.evaluate("n => +n.value")) == pytest.approx(
        100 * math.log(0.5 / 0.35) / math.log(2 / 0.35), abs=0.5
    )
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text(re.compile(r"zero-order \+0\.6\d+ ± 0\.00"))
    screenshot(lecture, "slope_of_the_mean_step")
    for option in ("ball without a wall", "ripples on a dome", "ball over the wall"):
        before = look(figure)
        figure.get_by_role("combobox").select_option(option)
        settled(figure)
        assert look(figure) != before, option


def test_a_narrow_ramp_is_missed_by_most_batches(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["04_first_order"]["stiff_ramp"])
    figure.evaluate("el => { el.figure.set('nu', 0.01); el.figure.ask(true); }")
    figure.locator("input[data-control=clock]").press("End")
    expect(figure.locator(".sc-readout")).to_contain_text("expected to see none 82 %")
    expect(figure.locator(".sc-readout")).to_contain_text(re.compile(r"in 1[5-7]\d of 200"))
    screenshot(lecture, "stiff_ramp")


def test_one_sigma_lets_a_wrong_line_pass(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["04_first_order"]["fingerprints"])
    expect(figure.locator(".sc-readout")).to_contain_text("2 of 6 are within")
    figure.evaluate("el => { el.figure.set('sigma', 0.09); el.figure.ask(true); }")
    expect(figure.locator(".sc-readout")).to_contain_text("3 of 6 are within")


def test_a_students_gradient_and_bias_climb_past_the_wall(
    page: Page, lab_server: LabServer
) -> None:
    answers = {cell.id: cell.source for cell in read("solutions", "04_first_order").cells}
    names = ("first_order", "fo_bias")
    source = "\n\n".join(["import math\nimport torch", *(answers[name] for name in names)])
    figure = show_cell(
        page,
        lab_server,
        f"{source}\n\nfrom course.widgets import climb_past_the_wall\n"
        "climb_past_the_wall(first_order, fo_bias)",
    )
    generic.test_a_mouse_takes_every_slider_to_its_ends_and_middle(figure)
    figure.locator("[data-control=reset]").click()
    settled(figure)
    figure.locator("input[data-control=clock]").press("End")
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("first-order 5.00 m")
    expect(readout).to_contain_text(re.compile(r"corrected 1[01]\.\d\d m"))
    screenshot(page, "climb_past_the_wall")
    generic.test_every_button_does_something(figure)
