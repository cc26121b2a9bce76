"""Lecture 06 and the last figures of its exercise in a real JupyterLab: every control of each."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import test_widgets_in_browser as generic
from tests.browser import LabServer, Watch, errors, new_page, open_notebook, run_all, screenshot
from tests.exercises import read
from tests.test_widgets_in_browser import drag, look, settled, show_cell

pytestmark = pytest.mark.browser

FIGURES = {
    "lift": "How low should the hand close?",
    "noisy_lift": "The hand trembles. Which way should it go?",
    "what_smooths": "Every try in another world. What does the average look like?",
    "robust_grasp": "Where should a hand close that never comes out quite where it was sent?",
    "train": "Can the hand learn to lift from a bad start?",
}
PLAYED = ("noisy_lift", "train")
DRAGGED = {"noisy_lift": (0, -15), "what_smooths": (-40, 0), "train": (-40, 0)}
SIMULATED = 120_000  # ms, of wall time on a crowded machine


@pytest.fixture(scope="module")
def lecture(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    """Lecture 06, run from top to bottom, its lifts simulated."""
    page = new_page(browser, lab_server)
    watch = Watch(page)
    open_notebook(page, "lectures/06_gripper.ipynb")
    run_all(page)
    assert errors(page) == []
    first = page.locator(".sc-figure[data-ready]").filter(has_text=FIGURES["lift"])
    expect(first.locator(".sc-readout")).to_contain_text("brick at", timeout=SIMULATED)
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


@pytest.fixture
def figure(lecture: Page, request: pytest.FixtureRequest) -> Locator:
    """The figure named by the parameter, in view and reset; of two the first."""
    return first_shown(lecture, FIGURES[request.param])


def first_shown(page: Page, question: str) -> Locator:
    found = page.locator(".sc-figure[data-ready]").filter(has_text=question).first
    found.scroll_into_view_if_needed()
    found.locator("[data-control=reset]").click()
    expect(found.locator(".sc-readout")).not_to_contain_text("simulating", timeout=SIMULATED)
    settled(found)
    return found


every_figure = pytest.mark.parametrize("figure", FIGURES, indirect=True)


def test_the_lecture_shows_all_its_figures(lecture: Page) -> None:
    expect(lecture.locator(".sc-figure[data-ready]")).to_have_count(len(FIGURES) + 1)


@every_figure
def test_a_mouse_takes_every_slider_to_its_ends_and_middle(figure: Locator) -> None:
    generic.test_a_mouse_takes_every_slider_to_its_ends_and_middle(figure)


@every_figure
def test_keys_take_every_slider_to_its_ends(figure: Locator) -> None:
    generic.test_keys_take_every_slider_to_its_ends(figure)


@every_figure
def test_every_button_does_something(figure: Locator) -> None:
    generic.test_every_button_does_something(figure)


@every_figure
def test_a_screen_reader_finds_names_and_numbers(figure: Locator) -> None:
    generic.test_a_screen_reader_finds_names_and_numbers(figure)


@pytest.mark.parametrize("figure", PLAYED, indirect=True)
def test_play_runs_to_the_end(figure: Locator) -> None:
    clock = figure.locator("input[data-control=clock]")
    clock.press("Home")
    start = look(figure)
    figure.get_by_role("button", name="Play").click()
    settled(figure)
    assert look(figure)[0] != start[0]
    assert clock.evaluate("n => n.value === n.max")


@pytest.mark.parametrize("name", DRAGGED)
def test_the_picture_follows_the_hand_and_reset_takes_it_back(lecture: Page, name: str) -> None:
    figure = first_shown(lecture, FIGURES[name])
    start = look(figure)
    drag(figure, DRAGGED[name])
    assert look(figure)[0] != start[0] and look(figure)[1] != start[1]
    figure.locator("[data-control=reset]").click()
    assert look(figure)[1] == start[1]


def test_the_truth_shows_when_asked_for(lecture: Page) -> None:
    figure = first_shown(lecture, FIGURES["noisy_lift"])
    readout = figure.locator(".sc-readout")
    expect(readout).not_to_contain_text("true slope")
    figure.get_by_role("button", name="Show the truth").click()
    expect(readout).to_contain_text("true slope −10.51")
    screenshot(lecture, "noisy_lift")


def test_every_source_of_randomness_has_its_picture(lecture: Page) -> None:
    figure = first_shown(lecture, FIGURES["what_smooths"])
    readout = figure.locator(".sc-readout")
    for option, words in {
        "place of the brick": "sd of x0 25 mm",
        "friction of the table": "sd of friction 20",
        "size of the brick": "sd of its height 5 mm",
        "error of the height sensor": "sd of the error 5 mm",
    }.items():
        before = look(figure)
        figure.get_by_role("combobox").select_option(option)
        expect(readout).to_contain_text(words, timeout=SIMULATED)
        assert look(figure)[0] != before[0]
        screenshot(lecture, f"what_smooths_{option.split()[0]}_{option.split()[-1]}")


def test_two_settings_with_one_average(lecture: Page) -> None:
    figure = first_shown(lecture, FIGURES["robust_grasp"])
    alone = look(figure)
    for name, value in (("sigma", 3), ("tau", 4)):
        figure.locator(f"input[data-control={name}]").evaluate(
            "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", str(value)
        )
        settled(figure)
    assert look(figure) == alone
    expect(figure.locator(".sc-readout")).to_contain_text("best z = 0.7 mm")


def test_the_hand_learns_and_the_other_is_pushed_off_the_brick(lecture: Page) -> None:
    figure = first_shown(lecture, FIGURES["train"])
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
    expect(readout).to_contain_text("yours closes at 60 mm, lifts to 25 mm", timeout=SIMULATED)
    figure.get_by_role("button", name="Play").click()
    settled(figure)
    expect(readout).to_contain_text(re.compile(r"yours closes at 1\d mm, lifts to 26\d mm"))
    screenshot(page, "train_yours")
