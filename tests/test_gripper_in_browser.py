"""The gripper's figures in a real JupyterLab: every control, by hand and by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import LabServer, Watch, new_page
from tests.browser import screenshot as keep
from tests.test_widgets_in_browser import drag, drag_slider, look, settled, show_cell

pytestmark = pytest.mark.browser

LIFT = "from course.widgets import lift\nlift()"
WATCH = """
import torch
from course.widgets import watch
from smoothlib import gripper
both = gripper.rollout(torch.tensor([0.045, 0.01]), record_every=100).trajectory
watch(both, ghost=both, ghost_which=1, question="Which grasp lifts higher?")
"""


LOOKS = """
from course.widgets.figure import *
from course.widgets import marks as m
LOOKS = ("solid", "hand", "sample", "cone", "ghost", "before", "link")
square = [[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]]
def draw(now):
    i = int(now.a)
    if i < len(LOOKS):
        mark = m.body(square, [0.2, 0.6, float("nan")], 0.5, t=[0, 0.5, 1], look=LOOKS[i])
    else:
        mark = m.text([0.2, 0.6, float("nan")], [0.5] * 3, ["here", "there", "gone"], t=[0, 0.5, 1])
    return Picture({"p": [mark]}, ["x"], alt="x")
panel = Panel("p", "P", "", Axis(0, 1), Axis(0, 1), height=120)
control = Slider("a", "which look", "a", 0, len(LOOKS), 0, step=1, format="d")
Figure("Which?", "", [Column([panel])], [control], draw, Clock(1, 1, step=0.5))
"""


@pytest.fixture(scope="module")
def page_of_lift(browser: Browser, lab_server: LabServer) -> Iterator[Page]:
    page = new_page(browser, lab_server)
    watch = Watch(page)
    figure = show_cell(page, lab_server, LIFT)
    expect(figure.locator(".sc-readout")).to_contain_text("simulating")
    keep(page, "lift_simulating")
    expect(figure.locator(".sc-readout")).to_contain_text("brick at 230 mm", timeout=120_000)
    yield page
    page.context.close()
    lab_server.end_sessions()
    watch.assert_quiet()


@pytest.fixture
def figure(page_of_lift: Page) -> Locator:
    """The figure of `lift`, simulated and reset."""
    found = page_of_lift.locator(".sc-figure[data-ready]")
    found.locator("[data-control=reset]").click()
    settled(found)
    return found


def try_at(figure: Locator, z: int) -> None:
    """Close at z, in mm, and let go: an attempt."""
    attempts = figure.locator(".sc-aside")
    before = int(attempts.inner_text().split()[0])
    figure.locator("input[data-control=z]").evaluate(
        """(node, value) => { node.value = value;
            for (const type of ['input', 'change']) node.dispatchEvent(new Event(type)); }""",
        str(z),
    )
    expect(attempts).to_have_text(re.compile(rf"^{before + 1} attempts"))
    settled(figure)


def at_time(figure: Locator, seconds: float) -> None:
    figure.locator("input[data-control=clock]").evaluate(
        "(n, value) => { n.value = value; n.dispatchEvent(new Event('input')); }", str(seconds)
    )
    settled(figure)


def test_a_recorded_lift_is_watched_beside_its_ghost(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, WATCH)
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("brick at 25 mm")
    first = look(figure)[0]
    at_time(figure, 4.0)
    assert look(figure)[0] != first
    keep(page, "watch")
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text("brick at 230 mm")
    expect(readout).to_contain_text("the other at 265 mm")


def test_looks_of_bodies_and_texts_move_and_go(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, LOOKS)
    slider, seen, empty = figure.locator("input[data-control=a]"), set(), set()
    slider.focus()
    slider.press("Home")
    for _ in range(8):
        for seconds in (0.0, 0.5):
            at_time(figure, seconds)
            seen.add(look(figure)[0])
        at_time(figure, 1.0)
        empty.add(look(figure)[0])
        slider.press("ArrowRight")
        settled(figure)
    assert len(seen) == 16 and len(empty) == 1


def test_the_ring_is_dragged_to_where_the_brick_stays(figure: Locator) -> None:
    readout = figure.locator(".sc-readout")
    start = look(figure)
    drag(figure, (0, -20))  # 20 mm up, above the brick
    expect(readout).to_contain_text("brick at 25 mm")
    expect(readout).to_contain_text("grip 0.0 N")
    expect(readout).to_contain_text("2 attempts · best 230 mm at z = 45")
    assert look(figure)[0] != start[0]
    figure.locator("[data-control=reset]").click()
    assert look(figure)[1] == start[1]


def test_the_slider_takes_the_hand_from_end_to_end(figure: Locator) -> None:
    seen = set()
    for part, z in ((0.0, -25), (0.5, 22), (1.0, 70)):
        assert drag_slider(figure, "z", part) == pytest.approx(z, abs=2)
        seen.add(look(figure))
    assert len(seen) == 3
    slider = figure.locator("input[data-control=z]")
    slider.press("Home")
    for key, z in (("ArrowRight", -24), ("Shift+ArrowUp", -14), ("ArrowLeft", -15), ("End", 70)):
        slider.press(key)
        expect(figure.locator(".sc-readout")).to_contain_text(f"z = {z} mm".replace("-", "−"))


def test_attempts_stay_and_the_landscape_is_shown_on_demand(figure: Locator) -> None:
    for z in (30, 10, 45):
        try_at(figure, z)
    expect(figure.locator(".sc-readout")).to_contain_text("4 attempts · best 265 mm at z = 10")
    hidden = look(figure)[0]
    figure.get_by_role("button", name="Show landscape").click()
    assert look(figure)[0] != hidden
    keep(figure.page, "lift")
    at_time(figure, 2.5)
    keep(figure.page, "lift_closing")
    figure.get_by_role("button", name="Hide landscape").click()


def test_the_lift_is_played_paused_and_scrubbed(figure: Locator) -> None:
    readout, time = figure.locator(".sc-readout"), figure.locator(".sc-time")
    expect(time).to_have_text("5.0 s")
    expect(readout).to_contain_text("grip 15.0 N")
    figure.get_by_role("button", name="Play").click()
    expect(time).to_have_text(re.compile(r"[0-2]\.\d s"))
    expect(readout).to_contain_text("grip 0.0 N")
    expect(readout).to_contain_text(re.compile(r"brick at ([4-9]\d|1\d\d) mm"))  # on its way
    figure.get_by_role("button", name="Pause").click()
    paused = look(figure)
    assert "brick at 230" not in paused[1]
    scrubber = figure.locator("input[data-control=clock]")
    scrubber.press("ArrowRight")
    assert look(figure)[0] != paused[0]
    assert re.fullmatch(r"time [34]\.\d\d? of 5 s", scrubber.get_attribute("aria-valuetext") or "")
    scrubber.press("Home")
    expect(time).to_have_text("0.0 s")
    expect(readout).to_contain_text("brick at 25 mm")
    scrubber.press(" ")
    expect(time).to_have_text("5.0 s")
    expect(readout).to_contain_text("brick at 230 mm")


def test_the_phases_stand_where_they_begin(figure: Locator) -> None:
    track = figure.locator("input[data-control=clock]").bounding_box()
    assert track
    for name, at in (("lower", 0.0), ("close", 2.0), ("lift", 3.0)):
        box = figure.locator(".sc-phase", has_text=re.compile(f"^{name}$")).bounding_box()
        assert box
        expected = track["x"] + 10 + (track["width"] - 20) * at / 5
        assert box["x"] == pytest.approx(expected, abs=1.5)


def test_every_height_is_drawn_without_a_complaint(figure: Locator) -> None:
    for z in range(-25, 70, 7):
        figure.locator("input[data-control=z]").evaluate(
            "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", str(z)
        )
        settled(figure)
        expect(figure.locator(".sc-notice")).to_be_empty()


def test_a_screen_reader_hears_the_state(figure: Locator) -> None:
    sentence = figure.get_by_role("img").get_attribute("aria-label")
    assert sentence and "How low should the hand close?" in sentence and "230 mm" in sentence
    for slider in figure.locator("input[type=range]").all():
        assert slider.get_attribute("aria-label") and slider.get_attribute("aria-valuetext")
        assert slider.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_dark_and_narrow(figure: Locator) -> None:
    page = figure.page
    try_at(figure, 10)
    try_at(figure, 40)
    figure.get_by_role("button", name="Show landscape").click()
    theme = "name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    wide = figure.locator("canvas").bounding_box()
    try:
        page.evaluate(theme, "JupyterLab Dark")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
        expect(figure.get_by_role("heading")).to_have_css("color", "rgb(230, 232, 234)")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        settled(figure)
        keep(page, "lift_dark")
    finally:
        page.evaluate(theme, "JupyterLab Light")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")
    try:
        page.set_viewport_size({"width": 1000, "height": 1300})
        page.wait_for_function(
            "([el, height]) => el.querySelector('canvas').clientHeight > height",
            arg=[figure.element_handle(), 1.3 * wide["height"] if wide else 0],
        )
        figure.scroll_into_view_if_needed()
        keep(page, "lift_narrow")
    finally:
        page.set_viewport_size({"width": 1400, "height": 1000})
