"""A student in JupyterLab: exercise 01 wrong, then right, then Validate; last figures of others."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import PATIENCE_MS, LabServer, command, open_notebook, screenshot
from tests.exercises import ROOT, grader, read

NAME = "01_landscapes"
PATH = f"exercises/{NAME}/{NAME[3:]}.ipynb"
SOLVED = {cell.id: cell.source for cell in read("solutions", NAME).cells}
ANSWERS = [c.id for c in read("solutions", NAME).cells if c.cell_type == "code" and grader(c)]
ANSWERS = [name for name in ANSWERS if name != "setup" and not name.startswith("test_")]
WRONG = """\
def wall_angles(v, t, x_w, h, g):
    k = g * x_w**2 / v**2
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    low, high = (x_w - root) / (2 * k), (x_w + root) / (2 * k)
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))
"""

pytestmark = pytest.mark.browser


def go_to(page: Page, name: str) -> Locator:
    """Make a cell the active one, bring it into view, and return it."""
    page.evaluate(
        """async name => {
            const notebook = jupyterapp.shell.currentWidget.content;
            const index = notebook.widgets.findIndex(cell => cell.model.id === name);
            notebook.activeCellIndex = index;
            await notebook.scrollToItem(index, 'center');
        }""",
        name,
    )
    return page.locator(".jp-Notebook .jp-Cell.jp-mod-active")


def answer(page: Page, name: str, source: str) -> None:
    """Replace the text of a cell, as a hand would, and run it."""
    go_to(page, name).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    command(page, "notebook:run-cell")


def run_cell(page: Page, name: str) -> Locator:
    """Run a cell and return where its output is shown."""
    cell = go_to(page, name)
    command(page, "notebook:run-cell")
    return cell.locator(".jp-OutputArea-output")


def test_a_wrong_answer_is_named_and_the_right_one_passes(
    page: Page, lab_server: LabServer
) -> None:
    open_notebook(page, PATH)
    run_cell(page, "setup")
    run_cell(page, "wall_angles")
    output = run_cell(page, "test_wall_angles_default")
    expect(output).to_have_text("wall_angles: not started")
    screenshot(page, "exercise_not_started")

    answer(page, "wall_angles", WRONG)
    output = run_cell(page, "test_wall_angles_default")
    expect(output).to_contain_text("Your k is twice what it should be")
    expect(output).not_to_contain_text("Traceback")
    screenshot(page, "exercise_wrong")

    answer(page, "wall_angles", SOLVED["wall_angles"])
    output = run_cell(page, "test_wall_angles_default")
    expect(output).to_contain_text("wall_angles(10., 2., 5., 3., 9.81) is right")
    screenshot(page, "exercise_right")


def test_a_solved_notebook_validates(page: Page, lab_server: LabServer) -> None:
    open_notebook(page, PATH)
    run_cell(page, "setup")
    for name in ANSWERS:
        answer(page, name, SOLVED[name])
    for name in "slope", "paths", "picture":
        run_cell(page, name)
    expect(go_to(page, "picture").locator("[role=img] svg")).to_be_visible()
    screenshot(page, "exercise_picture")
    expect(run_cell(page, "widget").locator("[data-ready]")).to_be_visible()
    screenshot(page, "exercise_widget")
    go_to(page, "explain_the_fall").locator(".jp-MarkdownOutput").dblclick()
    answer(
        page, "explain_the_fall", "It knew the slope at one point, and no slope tells of a jump."
    )
    page.get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog-content")
    expect(dialog).to_contain_text("Success!", timeout=PATIENCE_MS)
    screenshot(page, "exercise_validated")
    dialog.get_by_role("button").last.click()


def test_the_formgrader_lists_and_releases_the_exercise(page: Page, lab_server: LabServer) -> None:
    open_notebook(page, PATH)
    page.evaluate("() => jupyterapp.commands.execute('nbgrader:open-formgrader')")
    formgrader = page.frame_locator("iframe")
    row = formgrader.get_by_role("row", name=NAME)
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    screenshot(page, "formgrader")
    row.locator("a:has(.glyphicon-education)").click()
    done = formgrader.locator(".modal-body")
    expect(done).to_contain_text("Successfully created", timeout=PATIENCE_MS)
    screenshot(page, "formgrader_generated")
    assert (lab_server.root / PATH).read_bytes() == (ROOT / PATH).read_bytes()


def test_the_brick_of_exercise_06_is_lifted_by_the_student_s_training(
    page: Page, lab_server: LabServer
) -> None:
    solved = {cell.id: cell.source for cell in read("solutions", "06_gripper").cells}
    open_notebook(page, "exercises/06_gripper/gripper.ipynb")
    for name in ("setup", "gripper_reward", "train_gripper"):
        run_cell(page, name)
    expect(run_cell(page, "trained")).to_have_text("gripper_reward: not started")
    answer(page, "gripper_reward", solved["gripper_reward"])
    expect(run_cell(page, "trained")).to_have_text("train_gripper: not started")
    answer(page, "train_gripper", solved["train_gripper"])
    figure = run_cell(page, "trained").locator(".sc-figure")
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("yours closes at 60 mm, lifts to 25 mm", timeout=PATIENCE_MS)
    figure.locator("input[data-control=clock]").press("End")
    expect(readout).to_contain_text(re.compile(r"yours closes at 1\d mm, lifts to 26\d mm"))
    screenshot(page, "exercise_06_trained")


def test_drone_pole_and_hand_of_exercise_07_learn_by_the_student_s_weights(
    page: Page, lab_server: LabServer
) -> None:
    solved = {cell.id: cell.source for cell in read("solutions", "07_reinforce").cells}
    open_notebook(page, "exercises/07_reinforce/reinforce.ipynb")
    for name in ("setup", "drone", "reward_to_go"):
        run_cell(page, name)
    expect(run_cell(page, "hover")).to_have_text("reward_to_go: not started")
    answer(page, "reward_to_go", solved["reward_to_go"])
    for name, said in {
        "hover": r"yours: k = −1\.\d\d",
        "pole": r"stays up for 10 s.*500 of 500",
        "hand": r"brick at 2\d\d mm",
    }.items():
        figure = run_cell(page, name).locator(".sc-figure")
        expect(figure).to_be_visible(timeout=PATIENCE_MS)
        for slider in figure.locator("input[type=range]").all():
            if slider.get_attribute("data-control") in ("clock", "iteration"):
                slider.press("End")
        expect(figure.locator(".sc-readout")).to_contain_text(re.compile(said))
        screenshot(page, f"exercise_07_{name}")


def test_the_crew_of_exercise_09_stays_together_and_balances_the_pole(
    page: Page, lab_server: LabServer
) -> None:
    solved = {cell.id: cell.source for cell in read("solutions", "09_nes").cells}
    open_notebook(page, "exercises/09_nes/nes.ipynb")
    for name in ("setup", "centered_ranks", "shared_seed_update", "worker_eps", "train_nes"):
        run_cell(page, name)
    expect(run_cell(page, "crew")).to_have_text("worker_eps: not started")
    expect(run_cell(page, "pole")).to_have_text("worker_eps: not started")
    answer(page, "worker_eps", solved["worker_eps"])
    arriving = solved["shared_seed_update"].replace("sorted(scalars)", "scalars")
    for source, said in (
        (solved["shared_seed_update"], "one θ at all 6, to the last bit"),
        (arriving, re.compile(r"\d different θ at 6 workers")),
    ):
        answer(page, "shared_seed_update", source)
        figure = run_cell(page, "crew").locator(".sc-figure")
        expect(figure).to_be_visible(timeout=PATIENCE_MS)
        figure.locator("input[data-control=clock]").press("End")
        expect(figure.locator(".sc-readout")).to_contain_text(said)
        screenshot(page, f"exercise_09_crew_{'right' if source != arriving else 'wrong'}")
    for name in ("centered_ranks", "train_nes"):
        answer(page, name, solved[name])
    figure = run_cell(page, "pole").locator(".sc-figure")
    expect(figure).to_be_visible(timeout=PATIENCE_MS)
    for name in ("generation", "clock"):
        figure.locator(f"input[data-control={name}]").press("End")
    expect(figure.locator(".sc-readout")).to_contain_text("θ itself holds for 500 steps, all")
    screenshot(page, "exercise_09_pole")


def test_the_choice_of_exercise_10_is_judged_and_watched(page: Page, lab_server: LabServer) -> None:
    solved = {cell.id: cell.source for cell in read("solutions", "10_choosing").cells}
    open_notebook(page, "exercises/10_choosing/choosing.ipynb")
    for name in ("setup", "suspect", "rows", "choose"):
        run_cell(page, name)
    picture = run_cell(page, "evidence_picture").locator("[role=img] svg")
    expect(picture).to_be_visible(timeout=PATIENCE_MS)
    screenshot(page, "exercise_10_evidence")
    expect(run_cell(page, "watched")).to_have_text("choose: not started")
    expect(run_cell(page, "test_choose_practice")).to_have_text("choose: not started")

    luckiest = "    points = theta0 + eps\n    return points[f(points).argmax()]\n"
    answer(page, "choose", f"def choose(f, slope, theta0, budget, eps):\n{luckiest}")
    output = run_cell(page, "test_choose_practice")
    expect(output).to_contain_text("You return the try with the largest value")
    expect(output).to_contain_text("of what there is, on average over 24 tasks")
    screenshot(page, "exercise_10_wrong")

    answer(page, "crossed_mixture", solved["crossed_mixture"])
    picture = run_cell(page, "repaired").locator("[role=img] svg")
    expect(picture).to_be_visible(timeout=PATIENCE_MS)
    screenshot(page, "exercise_10_repaired")

    answer(page, "choose", solved["choose"])
    expect(run_cell(page, "test_choose_practice")).to_contain_text("choose is right: it gains 0.9")
    screenshot(page, "exercise_10_right")
    figure = run_cell(page, "watched").locator(".sc-figure")
    readout = figure.locator(".sc-readout")
    expect(readout).to_contain_text("tries spent", timeout=PATIENCE_MS)
    for key, name in ("PageUp", "early"), ("End", "end"):
        figure.locator("input[data-control=clock]").press(key)
        screenshot(page, f"exercise_10_watched_{name}")
    expect(readout).to_contain_text("1000 tries spent")
    expect(readout).to_contain_text(re.compile(r"your point gains (0\.9\d|1\.00) of what there is"))
    figure.get_by_role("combobox").select_option("a wall and a grip")
    expect(readout).to_contain_text("of what there is")
    figure.get_by_role("button", name="Another task").click()
    page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
                  "JupyterLab Dark")  # fmt: skip
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    screenshot(page, "exercise_10_watched_dark")
    page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
                  "JupyterLab Light")  # fmt: skip
