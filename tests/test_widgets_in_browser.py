"""Every control of every figure, driven by a hand and by the keyboard in a real JupyterLab."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import (
    ARTEFACTS,
    LabServer,
    Watch,
    command,
    errors,
    new_page,
    open_notebook,
    run_all,
)
from tests.browser import screenshot as keep

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)
SIMULATED_MS = 120_000  # all lifts of a gripper, on a busy machine

FIGURES = {
    "01_landscapes": {
        "throw": "Where would you aim to throw farthest?",
        "wall": "How does the wall cut the landscape?",
        "ascent_free": "Does gradient ascent find the best throw?",
        "ascent_wall": "Every step goes uphill. Where does it end?",
        "many_starts": "Of 61 starts, how many reach the top?",
    },
    "02_smoothing": {
        "tremble": "The hand trembles. How far does the ball fly on average?",
        "shapes": "What does noise do to a corner, a step, a parabola, a wave?",
        "printed_slope": "Two measurements, one printed formula. Which do you believe?",
        "surrogate": "Where does the highest average lie?",
        "climb_the_average": "For which σ does climbing the average get over the wall?",
        "spike": "Can you lose the best place by averaging?",
        "gripper": "Where should a trembling hand grip?",
        "own_landscape": "What does noise make of your landscape?",
        "anneal": "Which schedule of σ ends with the longest throw?",
    },
    "03_zero_order": {
        "votes": "The scores alone: which way is up?",
        "own_votes": "Your estimate: what do its votes look like?",
        "areas": "An offset changes the picture. Does it change the slope?",
        "baselines": "Is the score of the middle the best thing to subtract?",
        "arrows": "How far from the truth does a single sample point?",
        "own_arrows": "Your own estimate: how far off is it?",
        "correlated": "The noise prefers one direction. Does the estimate?",
        "dimensions": "In how many dimensions is a step still a step uphill?",
        "step_sizes": "How large may a step be, if one sample is all you take?",
        "silence": "What do you hear, far from the step?",
        "climb_by_scores": "Can scores alone climb past the wall?",
    },
    "04_first_order": {
        "two_gradients": "Same samples, two gradients. Which one would you trust?",
        "slope_of_the_mean": "Is the mean of the slopes the slope of the mean?",
        "wrong_way": "Where does the mean of the slopes point the wrong way?",
        "stiff_ramp": "The ramp has a slope everywhere. Is the first-order gradient safe now?",
        "fingerprints": "Six lines for autograd. Which two give the gradient of E f?",
        "own_simulator": "Does autograd tell the truth about your function?",
    },
    "05_bias_variance": {
        "measured_bias": "You are off by so much. Is it a bias?",
        "own_estimator": "Yours, off by so much. Is it a bias?",
        "variances": "How noisy is one gradient sample?",
        "batch_baselines": "Subtract what?",
        "which_wins": "Where is which gradient nearer to the truth?",
    },
    "06_gripper": {
        "lift": "How low should the hand close?",
        "noisy_lift": "The hand trembles. Which way should it go?",
        "what_smooths": "Every try in another world. What does the average look like?",
        "robust_grasp": "Where should a hand close that never comes out quite where it was sent?",
        "train": "Can the hand learn to lift from a bad start?",
        "own_training": "Your estimate: does the hand learn to lift?",
    },
    "07_reinforce": {
        "credit": "Five pushes, one return. Which push gets the praise?",
        "debt": "Won now, paid back later. Should the second push forget the first?",
        "which_baseline": "Six things to subtract. Which would you trust?",
        "lambda_dial": "How far ahead do you trust your critic?",
        "learn_to_hover": "Does the drone learn to hold its place?",
        "own_weights": "Your weights: does the drone learn?",
        "balance": "When does the pole stay up?",
        "looking_hand": "What does the hand learn first: to reach, to hold, or to lift?",
    },
    "08_lqr": {
        "steer": "How strongly should the hand answer?",
        "cliff": "Where does the cliff come from?",
        "descend": "Four gradients, one hill. Which gets down?",
        "own_descent": "Your gradient: does it find the best gain?",
        "average_of_gains": "Both gains are perfect. Is their average good?",
        "two_noises": "Noise in the action, noise in the gain. Are they one thing?",
    },
    "09_nes": {
        "population": "How does the cloud find out which way the ridge runs?",
        "natural": "Which of the two is uphill?",
        "shaping": "What do ranks keep of a gradient, and what do they lose?",
        "own_shaping": "Yours: which way do your weights point?",
        "generations": "When does the population learn to stand?",
        "settings": "Yours: in how many cells does it learn?",
        "workers": "How can workers agree on a step when each of them sends one number?",
    },
    "10_choosing": {
        "mixture": "How much of the quiet estimate would you take?",
        "alarm": "Do the slopes explain what the scores do?",
        "rules": "Which rule comes nearest, with how many samples?",
        "own_rule": "Your rule: how near does it come?",
        "winners": "Which rule comes nearest, on which task?",
        "two_learners": "Two programs for one algorithm. Which learns faster?",
        "cloned_hand": "It copies an expert. Where does that stop working?",
        "what_was_it": "You see a value after the noise. What was it before?",
        "two_ways": "Half of the experts pass left, half pass right. Where does the copy go?",
        "many_worlds": "Trained in a simulator. Does it lift in the laboratory?",
    },
}
EACH = [(lecture, name) for lecture, figures in FIGURES.items() for name in figures]
WITHOUT_HANDLES = {
    "credit",
    "which_baseline",
    "learn_to_hover",
    "own_weights",
    "many_starts",
    "printed_slope",
    "climb_the_average",
    "dimensions",
    "two_gradients",
    "stiff_ramp",
    "fingerprints",
    "measured_bias",
    "own_estimator",
    "variances",
    "batch_baselines",
    "robust_grasp",
    "average_of_gains",
    "shaping",
    "own_shaping",
    "generations",
    "settings",
    "workers",
    "rules",
    "own_rule",
}


@pytest.fixture(scope="module")
def lectures(browser: Browser, lab_server: LabServer) -> Iterator[Callable[[str], Page]]:
    """The page of a lecture, run from top to bottom when it is first asked for."""
    pages: dict[str, tuple[Page, Watch]] = {}

    def page_of(lecture: str) -> Page:
        if lecture not in pages:
            page = new_page(browser, lab_server)
            pages[lecture] = page, Watch(page)
            open_notebook(page, f"lectures/{lecture}.ipynb")
            run_all(page)
            assert errors(page) == []
        return pages[lecture][0]

    yield page_of
    for page, _ in pages.values():
        page.context.close()
    lab_server.end_sessions()
    for _, watch in pages.values():
        watch.assert_quiet()


@pytest.fixture
def lecture(lectures: Callable[[str], Page]) -> Page:
    return lectures("01_landscapes")


@pytest.fixture
def figure(lectures: Callable[[str], Page], request: pytest.FixtureRequest) -> Locator:
    """The figure named by the parameter, a lecture and a name, in view and reset."""
    lecture, name = request.param
    return shown(lectures(lecture), FIGURES[lecture][name])


def asking(page: Page, question: str) -> Locator:
    """The figure with this question, in view."""
    found = page.locator(".sc-figure[data-ready]").filter(has_text=question)
    found.scroll_into_view_if_needed()
    return found


def shown(page: Page, question: str) -> Locator:
    """The same, reset."""
    found = asking(page, question)
    found.locator("[data-control=reset]").click()
    expect(found.locator(".sc-readout")).not_to_contain_text("simulating", timeout=SIMULATED_MS)
    settled(found)
    return found


def settled(figure: Locator) -> None:
    """Wait until Python has answered the last question and the answer is drawn."""
    figure.evaluate(
        """el => new Promise(done => {
            const look = () => (el.dataset.asked === el.dataset.seq && !el.figure.frame
                && !el.figure.clock.playing ? done() : requestAnimationFrame(look));
            requestAnimationFrame(look);
        })"""
    )


def pixels(figure: Locator) -> str:
    return str(figure.locator("canvas").evaluate("canvas => canvas.toDataURL()"))


def look(figure: Locator) -> tuple[str, str]:
    """Picture and readout, which an error would leave as they were."""
    settled(figure)
    assert figure.locator(".sc-notice").inner_text() == ""
    return pixels(figure), figure.locator(".sc-readout").inner_text()


def handle_at(figure: Locator, index: int = 0) -> tuple[float, float]:
    """Where a handle is on the page."""
    x, y = figure.evaluate(
        """(el, i) => {
            const box = el.querySelector('canvas').getBoundingClientRect();
            const handle = el.figure.handles[i];
            return [box.left + handle.px, box.top + handle.py];
        }""",
        index,
    )
    return x, y


def drag(figure: Locator, by: tuple[float, float], index: int = 0) -> None:
    mouse = figure.page.mouse
    x, y = handle_at(figure, index)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + by[0], y + by[1], steps=8)
    mouse.up()
    settled(figure)


def drag_slider(figure: Locator, name: str, part: float) -> float:
    """Take the thumb to `part` of the way along its track; the value that it then has."""
    slider = figure.locator(f"input[data-control={name}]")
    slider.scroll_into_view_if_needed()
    low, high, value = (
        float(slider.evaluate(f"node => +node.{a}")) for a in ("min", "max", "value")
    )
    box = slider.bounding_box()
    assert box
    track = box["width"] - 20
    mouse, y = figure.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + 10 + track * (value - low) / (high - low), y)
    mouse.down()
    mouse.move(box["x"] + 10 + track * part, y, steps=3)
    mouse.up()
    settled(figure)
    return float(slider.evaluate("node => +node.value"))


def sliders(figure: Locator) -> list[str]:
    names = figure.locator("input[type=range]").evaluate_all(
        "all => all.map(n => n.dataset.control)"
    )
    return [str(name) for name in names]


every_figure = pytest.mark.parametrize("figure", EACH, ids="-".join, indirect=True)
# The first lecture's in `make test`; those of the others are minutes.
every_figure_in_turn = pytest.mark.parametrize(
    "figure",
    [
        pytest.param(one, marks=[pytest.mark.slow] * (one[0] != "01_landscapes"), id="-".join(one))
        for one in EACH
    ],
    indirect=True,
)
every_lecture = pytest.mark.parametrize("name", FIGURES)


@every_lecture
def test_a_lecture_shows_all_its_figures(lectures: Callable[[str], Page], name: str) -> None:
    found = lectures(name).locator(".sc-figure[data-ready] .sc-question")
    expect(found).to_have_count(len(FIGURES[name]))
    assert found.all_text_contents() == list(FIGURES[name].values())


@pytest.mark.slow
@every_lecture
def test_figures_are_kept_in_light_and_in_dark(lectures: Callable[[str], Page], name: str) -> None:
    """For a person to look at, with all that can be shown and at the end of their clocks."""
    page, light = lectures(name), {}
    for key, question in FIGURES[name].items():
        figure = shown(page, question)
        for button in figure.locator("button[data-control=shown]").all():
            button.click()
        for clock in figure.locator("input[data-control=clock]").all():
            clock.press("End")
        settled(figure)
        light[key] = pixels(figure)
        figure.screenshot(path=ARTEFACTS / f"{name[:2]}_{key}.png")
    with dark(page):
        for key, question in FIGURES[name].items():
            figure = asking(page, question)
            expect(figure.get_by_role("heading")).to_have_css("color", "rgb(230, 232, 234)")
            settled(figure)
            figure.screenshot(path=ARTEFACTS / f"{name[:2]}_{key}_dark.png")
            assert pixels(figure) != light[key], key


@contextmanager
def dark(page: Page) -> Iterator[None]:
    """The dark theme, for a while."""
    theme = "name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    try:
        page.evaluate(theme, "JupyterLab Dark")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
        yield
    finally:
        page.evaluate(theme, "JupyterLab Light")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")


@every_figure_in_turn
def test_a_mouse_takes_every_slider_to_its_ends_and_middle(figure: Locator) -> None:
    for name in sliders(figure):
        figure.locator("[data-control=reset]").click()
        clock = figure.locator("input[data-control=clock]")
        if name != "clock" and clock.count():
            clock.press("End")  # where a start or a rate shows its effect
        slider = figure.locator(f"input[data-control={name}]")
        low, high, step = (
            float(slider.evaluate(f"node => +node.{a}")) for a in ("min", "max", "step")
        )
        seen = set()
        for part in (0, 0.5, 1):
            value = drag_slider(figure, name, part)
            near = max(0.03 * (high - low), 0.51 * step)
            assert value == pytest.approx(low + part * (high - low), abs=near)
            seen.add(look(figure))
        assert len(seen) == 3, f"{name} shows the same at different values"


@every_figure_in_turn
def test_keys_take_every_slider_to_its_ends(figure: Locator) -> None:
    for name in sliders(figure):
        slider = figure.locator(f"input[data-control={name}]")
        slider.focus()
        seen = []
        for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
            slider.press(key)
            settled(figure)
            seen.append(float(slider.evaluate("node => +node.value")))
            assert figure.locator(".sc-notice").inner_text() == ""
        low, high, step = (
            float(slider.evaluate(f"node => +node.{a}")) for a in ("min", "max", "step")
        )
        wanted = [low, low + step, high, high - step]
        assert seen == pytest.approx(wanted, abs=0.51 * step), name


def test_arrows_take_one_step_and_with_shift_ten(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["throw"])
    slider = figure.locator("input[data-control=theta]")
    low, step = (float(slider.evaluate(f"node => +node.{a}")) for a in ("min", "step"))
    slider.press("Home")
    for key, steps in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowUp", 12),
                       ("ArrowLeft", 11), ("Shift+ArrowDown", 1)):  # fmt: skip
        slider.press(key)
        settled(figure)
        seen = float(slider.evaluate("node => +node.value"))
        assert seen == pytest.approx(low + steps * step, abs=0.51 * step), key


@every_figure_in_turn
def test_every_button_does_something(figure: Locator) -> None:
    for name in figure.locator("button").evaluate_all("all => all.map(n => n.dataset.control)"):
        if name in ("reset", "play"):
            continue
        figure.locator("[data-control=reset]").click()
        clock = figure.locator("input[data-control=clock]")
        if name != "step" and clock.count():
            clock.press("End")  # where other noise or another rate shows its effect
        before = look(figure)
        figure.locator(f"button[data-control={name}]").click()
        assert look(figure) != before, name


@every_figure_in_turn
def test_play_runs_to_the_end(figure: Locator) -> None:
    """Without motion, so at once; with it, `test_gradient_ascent_is_stepped_played_...`."""
    play = figure.locator("button[data-control=play]")
    if play.count() == 0:
        return
    clock = figure.locator("input[data-control=clock]")
    clock.press("Home")
    start = look(figure)
    figure.page.emulate_media(reduced_motion="reduce")
    play.click()
    expect(clock).to_have_js_property("value", clock.evaluate("n => n.max"))
    settled(figure)
    assert look(figure) != start
    figure.page.emulate_media(reduced_motion="no-preference")


@every_figure
def test_every_option_of_every_choice_shows_something_else(figure: Locator) -> None:
    for choice in figure.locator("select").all():
        options = choice.locator("option").all_inner_texts()
        assert choice.evaluate("node => node.labels[0].innerText")
        seen = set()
        for option in options:
            choice.select_option(option)
            seen.add(look(figure))
            assert figure.locator(".sc-notice").inner_text() == ""
        assert len(seen) == len(options) > 1


with_handles = [(lecture, name) for lecture, name in EACH if name not in WITHOUT_HANDLES]


@pytest.mark.parametrize("figure", with_handles, ids="-".join, indirect=True)
def test_the_picture_follows_the_hand_and_reset_takes_it_back(figure: Locator) -> None:
    start = look(figure)
    drag(figure, (-30, -25))
    moved = look(figure)
    assert moved[0] != start[0]
    figure.locator("[data-control=reset]").click()
    assert look(figure)[1] == start[1]


def test_a_throw_that_clears_the_wall_is_read_out_and_kept(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["throw"])
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("J(θ) = 5.00 m")
    slider = figure.locator("input[data-control=theta]")
    for angle in ("0.6", "0.95"):
        slider.evaluate(
            """(node, value) => { node.value = value;
                for (const type of ['input', 'change']) node.dispatchEvent(new Event(type)); }""",
            angle,
        )
        expect(readout).to_contain_text(f"θ = {float(angle):.3f} rad")
        figure.page.wait_for_function(
            "([el, n]) => el.figure.picture.aside.startsWith(n)",
            arg=[figure.element_handle(), "2" if angle == "0.6" else "3"],
        )
    expect(readout).to_contain_text("J(θ) = 11.63 m")
    expect(readout).to_contain_text("clears the wall by 0.37 m")
    expect(readout).to_contain_text("3 throws · best so far 11.63 m")
    figure.get_by_role("button", name="Show landscape").click()
    settled(figure)
    keep(lecture, "throw")


def test_the_wall_out_of_reach_of_every_throw_says_so(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["wall"])
    figure.locator("input[data-control=h]").press("End")
    settled(figure)
    expect(figure.locator(".sc-readout")).to_contain_text("no throw clears it: at 5.00 m")
    keep(lecture, "wall")


def test_gradient_ascent_is_stepped_played_paused_and_scrubbed(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["ascent_wall"])
    readout = figure.locator(".sc-readout")
    for step, distance in enumerate(("11.37", "11.90", "12.41", "5.00"), start=1):
        figure.get_by_role("button", name="Step").click()
        expect(readout).to_contain_text(f"step {step}")
        expect(readout).to_contain_text(f"J = {distance} m")
    keep(lecture, "ascent_wall")
    figure.get_by_role("button", name="Play").click()
    expect(readout).to_contain_text(re.compile(r"step (1[0-9]|[2-9][0-9])"))
    figure.get_by_role("button", name="Pause").click()
    paused = readout.inner_text()
    assert "step 60" not in paused
    scrubber = figure.locator("input[data-control=clock]")
    scrubber.press("Home")
    expect(readout).to_contain_text("J = 10.81 m")
    scrubber.press(" ")
    expect(readout).to_contain_text("step 60")
    expect(readout).to_contain_text("the best throw reaches 12.83 m")


def test_61_starts_end_on_the_plateau_and_without_the_wall_on_the_top(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["many_starts"])
    figure.locator("input[data-control=clock]").press("End")
    expect(figure.locator(".sc-readout")).to_contain_text("reach the top 0")
    settled(figure)
    keep(lecture, "many_starts")
    figure.get_by_role("button", name="Take the wall away").click()
    expect(figure.locator(".sc-readout")).to_contain_text("reach the top 61")


@every_figure
def test_a_screen_reader_finds_names_and_numbers(figure: Locator) -> None:
    settled(figure)
    sentence = figure.get_by_role("img").get_attribute("aria-label")
    assert sentence and "?" in sentence and re.search(r"\d", sentence)
    for slider in figure.locator("input[type=range]").all():
        assert slider.get_attribute("aria-label")
        assert slider.get_attribute("aria-valuetext")
        assert slider.get_attribute("data-lm-suppress-shortcuts") == "true"
    assert figure.locator(".sc-readout").get_attribute("aria-live") == "polite"


def test_a_figure_survives_scrolling_away_and_running_its_cell_again(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["throw"])
    before = look(figure)
    shown(lecture, FIGURES["01_landscapes"]["many_starts"])
    figure = shown(lecture, FIGURES["01_landscapes"]["throw"])
    assert look(figure) == before
    lecture.locator(".jp-CodeCell").filter(has=figure).locator(".jp-InputArea").click()
    command(lecture, "notebook:run-cell")
    figures = lecture.locator(".sc-figure[data-ready]")
    expect(figures).to_have_count(len(FIGURES["01_landscapes"]))
    again = shown(lecture, FIGURES["01_landscapes"]["throw"])
    drag(again, (0, -60))
    expect(again.locator(".sc-readout")).not_to_contain_text("θ = 0.350")


def test_a_narrow_window_stacks_the_panels(lecture: Page) -> None:
    figure = shown(lecture, FIGURES["01_landscapes"]["throw"])
    wide = figure.locator("canvas").bounding_box()
    try:
        lecture.set_viewport_size({"width": 1000, "height": 1000})
        lecture.wait_for_function(
            "([el, height]) => el.querySelector('canvas').clientHeight > height",
            arg=[figure.element_handle(), 1.3 * wide["height"] if wide else 0],
        )
        figure.scroll_into_view_if_needed()
        keep(lecture, "throw_narrow")
    finally:
        lecture.set_viewport_size({"width": 1400, "height": 1000})


# --- lecture 02 -------------------------------------------------------------------------------


@pytest.fixture
def smoothing(lectures: Callable[[str], Page]) -> Page:
    return lectures("02_smoothing")


def test_samples_fall_one_by_one_and_the_mean_comes_with_its_error(smoothing: Page) -> None:
    figure = shown(smoothing, FIGURES["02_smoothing"]["tremble"])
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("no sample yet")
    for n in (1, 2, 3):
        figure.get_by_role("button", name="Step").click()
        expect(readout).to_contain_text(f"n = {n}")
    figure.get_by_role("button", name="Play").click()
    flying = """el => new Promise(done => {
        const look = () => (el.figure.clock.value % 1 > 0.5 ? done(el.figure.clock.value)
            : requestAnimationFrame(look));
        look();
    })"""
    assert figure.evaluate(flying) > 3  # between two steps, with a sample on its way
    figure.get_by_role("button", name="Pause").click()
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text("mean 7.84 ± 0.11")
    figure.get_by_role("button", name="New noise").click()
    expect(readout).to_contain_text("mean 7.67 ± 0.11")
    figure.get_by_role("button", name="Show every average").click()
    expect(readout).to_contain_text("exact average 7.69")


def test_too_much_noise_puts_the_highest_average_behind_the_wall(smoothing: Page) -> None:
    figure = shown(smoothing, FIGURES["02_smoothing"]["surrogate"])
    readout, sigma = figure.locator(".sc-readout"), figure.locator("input[data-control=sigma]")
    expect(readout).to_contain_text("f(θ∗) is 10.9")
    for place, delivered in (("0.34", "f(θ∗) is 12.7"), ("0.35", "f(θ∗) is 5")):
        sigma.evaluate(
            """(node, place) => { node.value = place;
                for (const type of ['input', 'change']) node.dispatchEvent(new Event(type)); }""",
            place,
        )
        expect(readout).to_contain_text(delivered)


def test_choosing_an_objective_brings_its_own_axes(smoothing: Page) -> None:
    figure = shown(smoothing, FIGURES["02_smoothing"]["spike"])
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("peak at θ∗ = 3")
    figure.get_by_role("combobox").select_option("gripper")
    expect(figure).to_contain_text("height of the brick, metres")
    expect(readout).to_contain_text("F promises 0.133")
    theta = figure.locator("input[data-control=theta]")
    assert float(theta.evaluate("node => +node.max")) == pytest.approx(0.12)
    figure.locator("[data-control=reset]").click()
    expect(readout).to_contain_text("peak at θ∗ = 3")


def test_noise_that_fades_climbs_over_the_wall(smoothing: Page) -> None:
    figure = shown(smoothing, FIGURES["02_smoothing"]["anneal"])
    readout, last = figure.locator(".sc-readout"), figure.locator("input[data-control=last]")
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text("J(θ) = 11.52 m")
    last.press("Home")
    expect(readout).to_contain_text("J(θ) = 12.46 m")
    figure.get_by_role("button", name="Keep the rate").click()
    expect(readout).to_contain_text("J(θ) = 5.00 m")


# --- figures of a test's own ----------------------------------------------------------------

SLOW = """
import time
from course.widgets.figure import *
from course.widgets import marks as m
calls = []
def draw(now):
    calls.append(now.a)
    time.sleep(0.2)
    return Picture({"p": [m.points([now.a], [0.5])]}, [f"a = **{now.a:.2f}**"], alt="a dot")
panel = Panel("p", "A dot", "", Axis(0, 1), Axis(0, 1), height=80)
Figure("Slow?", "", [Column([panel])], [Slider("a", "a", "a", 0, 1, 0, under="p")], draw)
"""

MARKS = """
import torch
from course.widgets.figure import *
from course.widgets import marks as m
t = torch.linspace(0, 1, 5)
ALL = {
    "curve": m.curve([0, 1], [0.2, 0.8]),
    "curves": m.curve([[0, 1], [0, 1]], [[0.2, 0.8], [0.4, 0.1]], "truth", t=[0, 1]),
    "band": m.band([0, 1], [0.2, 0.3], [0.5, 0.6], "gradient"),
    "points": m.points([0.5], [0.5], kind="current"),
    "moving points": m.points(torch.rand(5, 3), torch.rand(5, 3), kind="cross", t=t),
    "moving curve": m.moving_curve(t, t[:, None] * t, "truth", t=t),
    "falling points": m.points(t, 0.5 * t, t=t, fall=0.5),
    "histogram": m.histogram([0.2, 0.2, 0.7, 3], t=[0.2, 0.4, 0.6, 1], fall=0.2),
    "rows": m.histogram([0.2, 0.2, 0.7], "truth", axis="y", lift=9, t=[0.2, 0.4, 1], fall=0.2),
    "measured": m.measured([0.2, 0.7], [0.5, 0.4], [0.2, 0.1], kind="mean"),
    "moving mean": m.measured(t[:, None], 0.5, t[:, None] / 9, "gradient", axis="x", t=t),
    "arrow": m.arrow(0.5, 0.5, 0.2, 0.2, "first", length=40, text="+2"),
    "image": m.image(torch.linspace(0, 1, 12).reshape(3, 4), (0.2, 0.8), (0.2, 0.8)),
    "text": m.text(0.5, 0.5, "*θ*_{1} = **2**"),
    "line": m.line([0.5, 0.5], [0, 1], "jump"),
    "body": m.body([[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1]], t, 0.5, 2 * t, t=t),
    "angle": m.angle(0.5, 0.5, 1.0, "*θ*"),
    "value": m.value("x", 0.5, "0.50"),
    "handle": m.handle(0.5, 0.5, {"x": "a"}, arrows=[(1, 0)]),
}
def draw(now):
    shown = [] if now.a == 0 else [list(ALL.values())[int(now.a) - 1]]
    return Picture({"p": shown}, [f"mark **{int(now.a)}**"], alt="one mark")
panel = Panel("p", "Marks", "", Axis(0, 1), Axis(0, 1), height=160)
control = Slider("a", "which mark", "a", 0, len(ALL), 0, step=1, format="d")
Figure("One?", "", [Column([panel])], [control], draw, Clock(1, 1, step=0.01))
"""

PILE = """
from course.widgets.figure import *
from course.widgets import marks as m
values = [0.3, 0.3, 0.7, 0.3, 5, -5] + [0.5] * 60
panel = Panel("p", "Pile", "", Axis(0, 1), Axis(0, 1), height=160)
picture = Picture({"p": [m.histogram(values)]}, ["66 values"], alt="a pile")
Figure("Pile?", "", [Column([panel])], [], lambda now: picture)
"""

CHOICE = """
from course.widgets.figure import *
from course.widgets import marks as m
def panel(title, high):
    return Panel("p", title, "", Axis(0, high), Axis(0, 1), height=160)
def slider(high, start):
    return Slider("a", "a", "a", 0, high, start, high / 10)
def draw(now):
    what = f"{now.what}: a = **{now.a:.2f}**, seed {now.seed}"
    return Picture({"p": [m.points([now.a], [0.5], kind="current")]}, [what], alt="a dot")
views = {"small": View(), "large": View([panel("Wide", 100)], [slider(100, 20)])}
controls = [slider(1, 0.5), Choice("what", "what", views, "small"), NewNoise()]
Figure("Which?", "", [Column([panel("Narrow", 1)])], controls, draw)
"""

STUDENT = """
from course.widgets import throw
def distance(theta):
    if theta[0] > 0.5:
        raise RuntimeError("my own mistake")
    return 5.0 + 0 * theta
throw(distance)
"""


def show_cell(page: Page, server: LabServer, source: str) -> Locator:
    """The figure that a notebook of one cell shows."""
    name = "figure_of_a_test.ipynb"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, server.root / name)
    open_notebook(page, name)
    run_all(page)
    assert errors(page) == []
    figure = page.locator(".sc-figure[data-ready]")
    figure.wait_for()
    return figure


def test_the_newest_value_wins_when_python_is_slower_than_the_hand(
    page: Page, lab_server: LabServer
) -> None:
    figure = show_cell(page, lab_server, SLOW)
    slider = figure.locator("input[data-control=a]")
    slider.evaluate(
        """async node => { for (let i = 1; i <= 40; i += 1) {
            node.value = i / 40; node.dispatchEvent(new Event('input'));
            await new Promise(requestAnimationFrame); } }"""
    )
    expect(figure.locator(".sc-readout")).to_contain_text("a = 1.00")
    settled(figure)
    assert int(figure.get_attribute("data-seq") or 0) < 15  # of 40 values: none queued
    slider.focus()
    slider.press("Home")
    expect(figure.locator(".sc-readout")).to_contain_text("a = 0.00")


def test_every_kind_of_mark_leaves_its_trace(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, MARKS)
    figure.locator("input[data-control=clock]").press("End")
    slider = figure.locator("input[data-control=a]")
    slider.focus()
    slider.press("Home")
    seen = [look(figure)[0]]
    for _ in range(int(slider.get_attribute("max") or 0)):
        slider.press("ArrowRight")
        seen.append(look(figure)[0])
        assert figure.locator(".sc-notice").inner_text() == ""
    assert len(set(seen)) == len(seen) == 20


def test_what_moves_and_what_falls_follows_the_clock(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, MARKS)
    slider, clock = (figure.locator(f"input[data-control={name}]") for name in ("a", "clock"))
    for mark in (2, 5, 6, 7, 8, 9, 11, 16):
        slider.evaluate(
            "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", str(mark)
        )
        seen = {look(figure)[0]}
        for time in ("0", "0.5", "1"):
            clock.evaluate("(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }", time)
            seen.add(look(figure)[0])
        assert len(seen) == 3, f"mark {mark} does not move"


def test_dots_of_a_histogram_lie_in_columns_over_their_values(
    page: Page, lab_server: LabServer
) -> None:
    figure = show_cell(page, lab_server, PILE)
    settled(figure)
    lying = figure.evaluate(
        """el => {
            const [panel] = el.figure.panels;
            const { places, pitch } = panel.marks[0].pile;
            const at = places.map((place) => panel.x.invert(place.along));
            return [at, places.map((place) => place.level), places.map((p) => p.beyond), pitch];
        }"""
    )
    at, levels, beyond, pitch = lying
    assert at == pytest.approx([0.3, 0.3, 0.7, 0.3, 1, 0] + [0.5] * 60, abs=0.006)
    assert levels == [0, 1, 0, 2, 0, 0, *range(60)]
    assert beyond == [False] * 4 + [True] * 2 + [False] * 60
    assert 60 * pitch <= 160  # the highest column still fits


def test_new_noise_counts_presses_and_reset_takes_them_back(
    page: Page, lab_server: LabServer
) -> None:
    figure = show_cell(page, lab_server, CHOICE)
    readout = figure.locator(".sc-readout")
    press = figure.get_by_role("button", name="New noise")
    for seed in ("1", "2"):
        press.click()
        expect(readout).to_contain_text(f"seed {seed}")
    figure.get_by_role("button", name="Reset").click()
    expect(readout).to_contain_text("seed 0")


def test_a_choice_brings_its_axes_and_its_sliders(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, CHOICE)
    readout, slider = figure.locator(".sc-readout"), figure.locator("input[data-control=a]")
    choice = figure.get_by_role("combobox", name="what")
    expect(readout).to_contain_text("small: a = 0.50")
    slider.press("End")
    expect(readout).to_contain_text("small: a = 1.00")
    before = look(figure)
    choice.select_option("large")
    expect(readout).to_contain_text("large: a = 20.00")
    assert look(figure)[0] != before[0]
    expect(figure).to_contain_text("Wide")
    slider.press("End")
    expect(readout).to_contain_text("large: a = 100.00")
    figure.get_by_role("button", name="Reset").click()
    expect(readout).to_contain_text("small: a = 0.50")
    expect(choice).to_have_value("small")
    assert [slider.evaluate(f"n => +n.{end}") for end in ("min", "max")] == [0, 1]


def test_a_students_function_is_drawn_and_its_error_is_shown(
    page: Page, lab_server: LabServer
) -> None:
    figure = show_cell(page, lab_server, STUDENT)
    notice = figure.locator(".sc-notice")
    expect(notice).to_be_empty()
    slider = figure.locator("input[data-control=theta]")
    slider.press("End")
    expect(notice).to_contain_text("RuntimeError: my own mistake")
    keep(page, "student_error")
    slider.press("Home")
    expect(notice).to_be_empty()
    expect(figure.locator(".sc-readout")).to_contain_text("J(θ) = 5.00 m")


def test_a_dead_kernel_is_named(page: Page, lab_server: LabServer) -> None:
    figure = show_cell(page, lab_server, SLOW)
    lab_server.end_sessions()
    slider = figure.locator("input[data-control=a]")
    slider.press("ArrowRight")
    expect(figure.locator(".sc-notice")).to_contain_text("run this cell again", timeout=20_000)


def test_without_motion_play_jumps_to_the_end(browser: Browser, lab_server: LabServer) -> None:
    context = browser.new_context(
        base_url=lab_server.url,
        viewport={"width": 1400, "height": 1000},
        reduced_motion="reduce",
        device_scale_factor=2,
    )
    context.request.get(f"/lab?token={lab_server.token}")
    page = context.new_page()
    figure = show_cell(page, lab_server, MARKS)
    figure.get_by_role("button", name="Play").click()
    settled(figure)
    assert figure.evaluate("el => el.figure.clock.value") == 1
    size = json.loads(
        figure.locator("canvas").evaluate("c => JSON.stringify([c.width, c.clientWidth])")
    )
    assert size[0] == 2 * size[1]
    context.close()
    lab_server.end_sessions()


def test_a_finger_drags_a_handle_up_and_the_page_stays(
    browser: Browser, lab_server: LabServer
) -> None:
    context = browser.new_context(
        base_url=lab_server.url, viewport={"width": 1400, "height": 1000}, has_touch=True
    )
    context.request.get(f"/lab?token={lab_server.token}")
    page = context.new_page()
    figure = show_cell(
        page, lab_server, "from course.widgets import move_the_wall\nmove_the_wall()"
    )
    x, y = handle_at(figure)
    finger = context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        *(("touchMove", [{"x": x, "y": y + step}]) for step in (10, 20, 30, 40)),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    settled(figure)
    height = float(figure.locator("input[data-control=h]").evaluate("node => +node.value"))
    assert 1.5 < height < 2.2  # 40 pixels below 3 m
    context.close()
    lab_server.end_sessions()
