"""The arrows of the design: smoothlib <- course <- lectures, solutions."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import smoothlib
from smoothlib import gripper

REPO = Path(__file__).resolve().parent.parent
NOTEBOOK = {"smoothlib", "course", "torch", "numpy", "matplotlib"}
MAY_IMPORT = {
    "smoothlib": {
        "smoothlib",
        "torch",
        "numpy",
        "jaxtyping",
        "lazy_loader",
        "tqdm",
        "cma",
        "gymnasium",
        "mujoco",
        "triton",
    },
    "course": None,  # anything but what stands on it
    "lectures": NOTEBOOK,
    "solutions": NOTEBOOK,
}
NEVER = {"lectures", "solutions", "exercises", "tests"}


def imports(path: Path) -> set[str]:
    """Top-level names that a module or notebook imports."""
    return {name.split(".")[0] for name in names_imported(path)} - sys.stdlib_module_names


def names_imported(path: Path) -> set[str]:
    """All that a module or notebook imports, a.b of `from a import b` too; a magic or !command
    fails to parse."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(source, 4).cells
        source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module or "")
    return set(names)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_only_downwards(folder: str) -> None:
    allowed = MAY_IMPORT[folder]
    for path in [*(REPO / folder).rglob("*.py"), *(REPO / folder).rglob("*.ipynb")]:
        if ".ipynb_checkpoints" in path.parts:
            continue
        found = imports(path)
        wrong = found & NEVER if allowed is None else found - allowed
        assert not wrong, f"{path.relative_to(REPO)} imports {sorted(wrong)}"


def test_the_gripper_has_one_door_and_leaves_plain_words_to_others() -> None:
    """A reader writes `gripper.step`; smoothlib's own names say what they are about."""
    assert all(hasattr(gripper, name) for name in gripper.__all__)
    both = set(gripper.__all__) & set(smoothlib.__all__)
    shared = {name for name in both if getattr(gripper, name) is getattr(smoothlib, name)}
    assert shared == {"GripperGrasp", "GripperLift", "GripperParams"}
    behind = {f"smoothlib.{p.stem}" for p in (REPO / "smoothlib").glob("gripper_*.py")}
    behind.remove("smoothlib.gripper_env")  # Gymnasium's own door
    users = [
        p for folder in ("course", "lectures", "solutions") for p in (REPO / folder).rglob("*")
    ]
    for path in users:
        if path.suffix in (".py", ".ipynb"):
            assert not behind & names_imported(path), path


def test_only_the_adapters_import_simulators() -> None:
    simulators = {"gymnasium", "mujoco"}
    adapters = {p.name for p in (REPO / "smoothlib").rglob("*.py") if imports(p) & simulators}
    assert adapters == {"gripper_env.py", "gymnasium_vector.py", "ant.py", "learn_ant.py"}
    code = (
        "import smoothlib, sys; [getattr(smoothlib, name) for name in smoothlib.__all__]; "
        "assert not {'gymnasium', 'mujoco', 'cma', 'triton'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO)


def test_the_stub_names_what_is_public_and_importing_it_waits_for_nothing() -> None:
    """`__all__` in the stub is what type checkers see, the imports there what is found."""
    stub = ast.parse((REPO / "smoothlib" / "__init__.pyi").read_text())
    (named,) = [ast.literal_eval(n.value) for n in stub.body if isinstance(n, ast.Assign)]
    assert sorted(named) == sorted(smoothlib.__all__) == sorted(dir(smoothlib))
    assert all(getattr(smoothlib, name) is not None for name in named)
    code = "import smoothlib, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO)
