"""What the figures of lecture 06, and the last of its exercise, say in a real JupyterLab."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import LabServer, Watch, errors, new_page, open_notebook, run_all, screenshot
from tests.exercises import read
from tests.test_widgets_in_browser import (
    FIGURES,
    SIMULATED_MS,
    look,
    settled,
    show_cell,
    shown,
)

pytestmark = pytest.mark.browser
HERE = FIGURES["06_gripper"]


@pytest.fixture(scope="module")
def lecture(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    """Lecture 06, run from top to bottom."""
    page = new_page(browser, lab_server)
    watch = Watch(page)
    open_notebook(page, "lectures/06_gripper.ipynb")
    run_all(page)
    assert errors(page) == []
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


def test_the_truth_shows_when_asked_for(lecture: Page) -> None:
    figure = shown(lecture, HERE["noisy_lift"])
    readout = figure.locator(".sc-readout")
    expect(readout).not_to_contain_text("true slope")
    figure.get_by_role("button", name="Show the truth").click()
    expect(readout).to_contain_text("true slope −10.51")
    screenshot(lecture, "noisy_lift")


def test_every_source_of_randomness_has_its_picture(lecture: Page) -> None:
    figure = shown(lecture, HERE["what_smooths"])
    readout = figure.locator(".sc-readout")
    for option, words in {
        "place of the brick": "sd of x0 25 mm",
        "friction of the table": "sd of friction 20",
        "size of the brick": "sd of its height 5 mm",
        "error of the height sensor": "sd of the error 5 mm",
    }.items():
        before = look(figure)
        figure.get_by_role("combobox").select_option(option)
        expect(readout).to_contain_text(words, timeout=SIMULATED_MS)
        assert look(figure)[0] != before[0]
        screenshot(lecture, f"what_smooths_{option.split()[0]}_{option.split()[-1]}")


def test_two_settings_with_one_average(lecture: Page) -> None:
    figure = shown(lecture, HERE["robust_grasp"])
    alone = look(figure)
    for name, value in (("sigma", 3), ("tau", 4)):
        figure.locator(f"input[data-control={name}]").evaluate(
            "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", str(value)
        )
        settled(figure)
    assert look(figure) == alone
    expect(figure.locator(".sc-readout")).to_contain_text("best z = 0.7 mm")


def test_the_hand_learns_and_the_other_is_pushed_off_the_brick(lecture: Page) -> None:
    figure = shown(lecture, HERE["train"])
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("zero-order closes at 60 mm, lifts to 25 mm")
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text(re.compile(r"zero-order closes at 1\d mm, lifts to 26\d mm"))
    expect(readout).to_contain_text(re.compile(r"first-order closes at −1\d mm, lifts to 25 mm"))
    screenshot(lecture, "train")


def test_the_student_s_training_lifts_the_brick(page: Page, lab_server: LabServer) -> None:
    """The last figures of the exercise, with the solution's functions."""
    wanted = ("setup", "gripper_reward", "randomised_gradient", "train_gripper", "trained")
    cells = [c for c in read("solutions", "06_gripper").cells if c.id in wanted]
    figure = show_cell(page, lab_server, "\n".join(c.source for c in cells))
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("yours closes at 60 mm, lifts to 25 mm", timeout=SIMULATED_MS)
    figure.get_by_role("button", name="Play").click()
    settled(figure)
    expect(readout).to_contain_text(re.compile(r"yours closes at 1\d mm, lifts to 26\d mm"))
    screenshot(page, "train_yours")
