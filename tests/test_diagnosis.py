"""A wrong answer is told by what it does to the numbers, without a table of mistakes."""

import math
import warnings
from collections.abc import Callable

import pytest
import torch

from course.checks import CheckFailed, Known, check, check_mean
from course.messages import remedy
from smoothlib import normal

KNOWN = Known("lecture 03, “The estimator”", ())
SIGMA, N = 0.3, 7
C = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
M = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
THETA = torch.tensor([0.3, 0.2, -0.7], dtype=torch.float64)
SEED = torch.Generator().manual_seed(3)
EPS = torch.randn(N, 3, generator=SEED, dtype=torch.float64) + 0.1


def f(x):
    """A bowl and a ripple: no symmetry, and not zero at THETA."""
    return 3 + 0.5 * (C * (x - M) ** 2).sum(-1) + x.sin().sum(-1)


def answer(expression: str) -> Callable:
    """A student's zero_order that returns this of g, the rows, and their parts."""

    def zero_order(f, theta, sigma, eps):
        values, base = f(theta + sigma * eps), f(theta)
        parts = {"values": values, "base": base, "theta": theta, "sigma": sigma, "eps": eps}
        parts["rows"] = (values - base)[:, None] * eps / sigma
        return eval(
            expression, {"torch": torch, "math": math}, parts | {"g": parts["rows"].mean(0)}
        )

    return zero_order


def says(expression: str, wanted: str = "rows.mean(0)", eps: torch.Tensor = EPS) -> str:
    """What checking the expression says, on one line."""
    arguments = (f, THETA, SIGMA, eps)
    with pytest.raises(CheckFailed) as failure:
        check(answer(expression), *arguments, gives=answer(wanted)(*arguments), known=KNOWN)
    return " ".join(str(failure.value).split())


@pytest.mark.parametrize(
    ("wrong", "headline", "hint"),
    [
        ("-g", "wrong sign", "Every value has the wrong sign."),
        ("g.abs()", "wrong sign", "values: the sign is wrong, and nothing else."),
        ("g * sigma", "wrong factor", "Every value is sigma (0.3) times the expected one."),
        ("g / sigma", "wrong factor", "1 ∕ sigma (3.333) times"),
        ("-g / sigma", "wrong factor", "-1 ∕ sigma (-3.333) times"),
        ("g / sigma**2", "wrong factor", "1 ∕ sigma² (11.11) times"),
        ("g * sigma**0.5", "wrong factor", "√sigma (0.5477) times"),
        ("2 * g", "wrong factor", "Every value is 2 times"),
        ("g / 2", "wrong factor", "1 ∕ 2 (0.5) times"),
        ("g / math.sqrt(2 * math.pi)", "wrong factor", "1 ∕ √(2 π) (0.3989) times"),
        ("rows.sum(0)", "wrong factor", "len(eps) (7) times"),
        ("g / len(eps)", "wrong factor", "1 ∕ len(eps) (0.1429) times"),
        ("g / math.sqrt(len(eps))", "wrong factor", "1 ∕ √len(eps) (0.378) times"),
        ("rows.sum(0) / (len(eps) - 1)", "wrong factor", "len(eps) ∕ (len(eps) - 1) (1.167) times"),
        ("g * sigma / len(eps)", "wrong factor", "sigma ∕ len(eps) (0.04286) times"),
        ("g * base", "wrong factor", "f(theta) ("),
        ("g * sigma * len(eps)", "wrong factor", "len(eps) sigma (2.1) times"),
        ("g / sigma / len(eps)", "wrong factor", "1 ∕ (len(eps) sigma) (0.4762) times"),
        ("g * eps.shape[1]", "wrong factor", "len(theta) or eps.shape[1] (3) times"),
        ("g * (len(eps) - 1)", "wrong factor", "(len(eps) - 1) (6) times"),
        ("g * 0.77", "wrong factor", "Every value is 0.77 times the expected one."),
        ("g * theta", "wrong factor", "Every value is theta times the expected one."),
        ("g * theta**2", "wrong factor", "Every value is theta² times the expected one."),
        ("g / theta", "wrong factor", "Every value is 1 ∕ theta times the expected one."),
        ("g + base", "wrong offset", "Every value is too large by f(theta) ("),
        ("g - 0.77", "wrong offset", "Every value is too small by 0.77."),
        (
            "(values[:, None] * eps / sigma).mean(0)",
            "wrong offset",
            "f(theta) ∕ sigma (33.65) times eps.mean(0).",
        ),
        ("g.flip(0)", "wrong order", "in reverse order"),
        ("g.roll(1)", "wrong index", "one place too late"),
        ("g.roll(-1)", "wrong index", "one place too early"),
        ("rows.mean(1)", "wrong axis", "one number for each row of eps, and one for each column"),
        ("rows", "wrong shape: (7, 3); (3,)", "The mean of these over axis 0 is the expected"),
        ("g.mean()", "wrong shape: (); (3,)", "the mean of the expected values over axis 0"),
        ("g[:, None]", "wrong shape: (3, 1); (3,)", "an axis of length 1 too many"),
        ("g[:-1]", "wrong shape: (2,); (3,)", "The last value is missing; the others are right."),
        ("torch.cat([g, g[:1]])", "wrong shape: (4,); (3,)", "The last value is one too many"),
        ("torch.cat([g[2:], g])", "wrong shape: (4,); (3,)", "The first value is one too many"),
        ("g.sin()[1:]", "wrong shape: (2,); (3,)", "Along the first axis one is missing."),
        ("g[1:]", "wrong shape: (2,); (3,)", "The first value is missing"),
        ("0 * g", "only zeros came back", "get lost"),
        ("g + 0j", "returned complex numbers", "a root of a negative number"),
        ("g / 0", "an infinite value (inf) came back", "a division by 0"),
        (
            "g.numpy()",
            "returned a numpy array; a tensor of shape (3,) is expected",
            "torch.from_numpy",
        ),
        ("g * torch.tensor([1, 2, 3])", "not the expected value", "2 of 3 values differ."),
    ],
)
def test_the_difference_is_named(wrong: str, headline: str, hint: str) -> None:
    text = says(wrong)
    assert text.startswith(f"zero_order: {headline}") and hint in text, text


@pytest.mark.parametrize(
    ("wrong", "headline", "hint"),
    [
        ("rows.T", "wrong axis", "rows and columns swapped"),
        ("rows.flip(0)", "wrong order", "reverse order"),
        ("rows[torch.tensor([0, 2, 1, 3, 5, 4, 6])]", "wrong order", "in another order"),
        (
            "rows.mean(0)",
            "wrong shape: (3,); (7, 3)",
            "the mean of the expected values over axis 0",
        ),
        ("rows.flatten()", "wrong shape: (21,); (7, 3)", "in another shape: reshape"),
        ("rows * eps", "wrong factor", "Every value is eps times"),
        ("values[:, None] * eps / sigma", "wrong offset", "f(theta) ∕ sigma (33.65) times eps."),
    ],
)
def test_the_difference_between_rows_is_named(wrong: str, headline: str, hint: str) -> None:
    text = says(wrong, wanted="rows")
    assert text.startswith(f"zero_order: {headline}") and hint in text, text


def test_an_axis_is_wrong_the_other_way_round_too() -> None:
    text = says("g", wanted="values")
    assert (
        "one number for each column of eps, and one for each row is expected: reduce over" in text
    )
    assert "dim=1" in text


@pytest.mark.parametrize(
    ("wrong", "wanted", "hint"),
    [
        ("rows.sum()", "rows.sum()[None]", "a mean without an axis run over everything?"),
        ("values[:, None] * values.sin()", "values * values.sin()", "were stretched"),
        ("values * values[:, None].sin()", "(values * values.sin())[:, None]", "were stretched"),
        ("g * (1 + 1e-5 * theta)", "rows.mean(0)", "a difference quotient instead of a derivative"),
    ],
)
def test_what_broadcasting_and_approximation_do_is_named(
    wrong: str, wanted: str, hint: str
) -> None:
    assert hint in says(wrong, wanted)


def test_rows_and_columns_of_a_square_are_told_apart() -> None:
    assert "wrong axis" in says("rows.T", wanted="rows", eps=EPS[:3])


def test_nothing_is_made_up_where_nothing_fits() -> None:
    text = says("g ** 3 + g.sin()")
    assert text.startswith("zero_order: not the expected value")
    assert "3 of 3 values differ" in text and "times" not in text


def test_one_number_gets_a_factor_only_if_that_factor_has_a_name() -> None:
    def variance(values):
        return values.var(correction=0)

    values = torch.tensor([1.0, 2.0, 4.0, 5.5], dtype=torch.float64)
    with pytest.raises(CheckFailed, match=r"The value is \(len\(values\) - 1\) ∕ len\(values\)"):
        check(variance, values, gives=values.var(), known=KNOWN)
    with pytest.raises(CheckFailed) as failure:
        check(variance, values, gives=torch.tensor(2.345, dtype=torch.float64), known=KNOWN)
    assert "times" not in str(failure.value)


def test_a_zero_has_no_sign_to_be_wrong() -> None:
    wanted = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    with pytest.raises(CheckFailed, match=r"Every value has the wrong sign\."):
        check(lambda x: -x, wanted, gives=wanted, known=KNOWN)


def test_one_number_gets_an_offset_only_if_that_offset_has_a_name() -> None:
    def forgets_the_base(f, theta, sigma):
        return f(theta + sigma)

    right = f(THETA + SIGMA) - f(THETA)
    with pytest.raises(CheckFailed, match=r"The value is too large by f\(theta\) \(10\.09\)\."):
        check(forgets_the_base, f, THETA, SIGMA, gives=right, known=KNOWN)
    with pytest.raises(CheckFailed) as failure:
        check(lambda x: x + 0.77, torch.tensor(0.4), gives=torch.tensor(0.4), known=KNOWN)
    assert "too large" not in str(failure.value)


def test_the_parameters_are_called_as_in_the_exercise_for_a_proxy_too() -> None:
    class Proxy:
        __name__ = "zero_order"

        def __call__(self, *arguments):
            return answer("g * sigma")(*arguments)

    def forgets(f, theta, sigma, eps):
        """A mistake that was not made here."""
        return theta

    arguments = (f, THETA, SIGMA, EPS)
    right = answer("g")(*arguments)
    with pytest.raises(CheckFailed, match=r"sigma \(0\.3\) times"):
        check(Proxy(), *arguments, gives=right, known=KNOWN._replace(mistakes=(forgets,)))
    with pytest.raises(CheckFailed, match=r"is 0\.3 times"):
        check(Proxy(), *arguments, gives=right, known=KNOWN)


def test_of_several_results_the_wrong_one_is_named() -> None:
    def both(theta):
        return theta, -(theta**2)

    with pytest.raises(CheckFailed, match=r"^both: result 2 of 2: wrong sign\n"):
        check(both, THETA, gives=(THETA, THETA**2), known=KNOWN)
    with pytest.raises(CheckFailed, match="returned a Tensor; 2 results are expected, in a tuple"):
        check(torch.square, THETA, gives=(THETA, THETA**2), known=KNOWN)
    check(both, THETA, gives=(THETA, -(THETA**2)), known=KNOWN)


def test_a_result_with_a_graph_is_right_and_says_so(capsys: pytest.CaptureFixture) -> None:
    check(lambda x: x.clone().requires_grad_(), THETA, gives=THETA, known=KNOWN)
    assert capsys.readouterr().out.endswith("is right, and still requires grad\n")


def test_a_mistake_can_bring_its_own_section() -> None:
    def doubles(theta):
        """You took the double.

        Reread: lecture 00, “Twice”"""
        return 2 * theta

    with pytest.raises(CheckFailed) as failure:
        check(doubles, THETA, gives=THETA**2, known=Known("lecture 00, “Squares”", (doubles,)))
    assert str(failure.value).endswith("You took the double.\n  reread    lecture 00, “Twice”")


# --- statistics ---------------------------------------------------------------------------------

DRAWS = torch.randn(4000, 3, generator=SEED, dtype=torch.float64)
TRUTH = C * (THETA - M) + THETA.cos() * math.exp(-(SIGMA**2) / 2)


def spread() -> torch.Tensor:
    """The standard deviation of one row, from a sample of its own."""
    eps = torch.randn(400_000, 3, generator=SEED, dtype=torch.float64)
    return answer("rows")(f, THETA, SIGMA, eps).std(0)


def verdict(expression: str, sd: torch.Tensor | None = None) -> str:
    with pytest.raises(CheckFailed) as failure:
        check_mean(answer(expression), f, THETA, SIGMA, DRAWS, gives=TRUTH, sd=sd, known=KNOWN)
    return " ".join(str(failure.value).split())


def test_an_unbiased_estimator_passes(capsys: pytest.CaptureFixture) -> None:
    for sd in (None, spread()):
        check_mean(answer("rows"), f, THETA, SIGMA, DRAWS, gives=TRUTH, sd=sd, known=KNOWN)
    assert "is right: its mean is 1." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("-rows", "The sign is wrong."),
        ("rows * sigma", "The mean is about sigma or"),
        ("rows / sigma", "The mean is about 1 ∕ sigma or"),
        ("rows + 1", "More samples would not help"),
    ],
)
def test_bias_is_counted_in_standard_errors(wrong: str, hint: str) -> None:
    text = verdict(wrong)
    assert text.startswith("zero_order: biased: the mean is ") and "standard errors too" in text
    assert hint in text


def test_a_bias_of_standard_errors_is_what_the_message_says() -> None:
    noise = DRAWS[:, 0] - DRAWS[:, 0].mean()
    noise = noise / noise.std()
    with pytest.raises(CheckFailed, match=r"biased: the mean is 8\.0 standard errors too large"):
        check_mean(lambda x: x + 8 / math.sqrt(4000), noise, gives=0.0, sd=1.0, known=KNOWN)
    check_mean(lambda x: x + 4.9 / math.sqrt(4000), noise, gives=0.0, sd=1.0, known=KNOWN)


@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_spread_may_stray_by_five_of_its_standard_errors(shift: int, scale: float) -> None:
    noise = DRAWS[:, 0] - DRAWS[:, 0].mean()
    noise = noise / noise.std()
    error = math.sqrt(float((noise**4).mean() - 1) / 4000)  # of the variance, which is 1

    def spread(x):
        return scale * x

    near, far = (scale * math.sqrt(1 + shift * many * error) for many in (4.8, 5.2))
    check_mean(spread, noise, gives=0.0, sd=near, known=KNOWN)
    says = "less noisy than it can be: 0.9" if shift > 0 else "too noisy: 1.0"
    with pytest.raises(CheckFailed, match=says):
        check_mean(spread, noise, gives=0.0, sd=far, known=KNOWN)


def test_noise_is_measured_against_the_expected_standard_deviation() -> None:
    sd = spread()
    text = verdict("values[:, None] * eps / sigma", sd)
    assert text.startswith("zero_order: too noisy: 5.") and "times the expected standard" in text
    assert "biased" not in verdict("rows + 30 * eps.roll(1, 0)", sd)
    text = verdict("rows.reshape(2000, 2, 3).mean(1)", sd)
    assert "less noisy than it can be: 1 ∕ √2 (0." in text
    assert "All 4000 rows are the same" in verdict("rows.mean(0).expand(4000, 3)", sd)


def test_a_bias_has_a_side_and_a_place() -> None:
    assert "standard errors too large at index 2" in verdict("rows + torch.tensor([0, 0, 2])")
    assert "standard errors too small at index 0" in verdict("rows - torch.tensor([2, 0, 0])")
    with pytest.raises(CheckFailed, match=r"standard errors too small\n"):
        check_mean(lambda x: x - 8, DRAWS[:, 0], gives=0.0, known=KNOWN)
    pairs = DRAWS[:, :2].reshape(-1, 2, 1).expand(-1, 2, 2)
    with pytest.raises(CheckFailed, match=r"too large at index \(1, 0\)"):
        off = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
        check_mean(lambda x: x + off, pairs, gives=torch.zeros(2, 2), known=KNOWN)


def test_rows_without_noise_are_far_off_by_however_little() -> None:
    def same(x):
        return torch.full_like(x, 0.5)

    with pytest.raises(CheckFailed, match="biased: the mean is far too small"):
        check_mean(same, DRAWS[:, 0], gives=0.6, known=KNOWN)
    check_mean(same, DRAWS[:, 0], gives=0.5, sd=0.0, known=KNOWN)


def test_what_are_no_rows_is_said_before_any_statistics() -> None:
    assert "wrong shape: (3,); (n, 3) is expected" in verdict("g")
    assert "returned a list; a tensor of shape (n, 3) is expected" in verdict("rows.tolist()")


# --- exceptions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raises", "says"),
    [
        (lambda x: torch.cos(1.0), "For a number there are math.cos"),
        (lambda x: torch.ones(7) * torch.ones(7, 3), "values[:, None]"),
        (lambda x: torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(2, 3)), "Two shapes"),
        (lambda x: torch.stack([x, x[:1]]), "of one shape along a new axis"),
        (lambda x: x.mean(2), "counts the axes from 0"),
        (lambda x: x.sum().backward(), "requires_grad_()"),
        (lambda x: (2 * x.requires_grad_()).backward(), "the sum of the values first"),
        (lambda x: torch.autograd.grad(x.requires_grad_().sum(), x.clone()), "does not depend"),
        (lambda x: x.requires_grad_().numpy(), "Call detach() first"),
        (lambda x: x.requires_grad_().add_(1), "changed in place"),
        (lambda x: torch.ones(2, 2) @ torch.ones(2, 2).double(), "Tensors of two dtypes"),
        (lambda x: no_such_name, "Is it spelled"),  # noqa: F821
        (lambda x: abs(), "more or fewer arguments"),
        (lambda x: 1 / 0, "A number that can be 0"),
        (lambda x: x ^ 2, "A power is written x**2"),
        (lambda x: torch.ones(2, 3) @ torch.ones(2, 3), "as many as the rows of y"),
        (lambda x: torch.ones(2, 1, 3) @ torch.ones(2, 2, 3), "as many as the rows of y"),
        (lambda x: torch.stack([]), "did the loop ever run?"),
        (lambda x: x[:, :, None], "more indices than axes"),
        (lambda x: x[3], "the indices 0 to n - 1"),
        (lambda x: [*x][3], "the indices 0 to n - 1"),
        (lambda x: x[::-1], "x.flip(0) turns it round"),
        (lambda x: x @ torch.linalg.lstsq(x[:, None], x[:, None]), "its .solution"),
        (lambda x: torch.linalg.lstsq(torch.ones(3, 4), torch.ones(4, 1)), "observations"),
        (lambda x: [x] - x, "A list does not calculate"),
        (lambda x: x - [x], "A list does not calculate"),
        (lambda x: {"mu": 1}.mu, "in brackets"),
    ],
)
def test_an_exception_of_torch_or_python_is_explained(raises: Callable, says: str) -> None:
    with warnings.catch_warnings(action="ignore"), pytest.raises(Exception) as raised:
        raises(THETA.clone())
    assert says in remedy(raised.value), raised.value


def test_powers_of_ten_are_no_part_of_a_product() -> None:
    """By hand numbers are round, and f(w) divided by 100 would fit by chance."""
    assert "100" not in says("g + f(theta) / 100 * eps.mean(0)")
    assert "Every value is 100 times" in says("100 * g")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ModuleNotFoundError("No module named 'scipy'"), "torch.special.ndtr is Φ"),
        (ModuleNotFoundError("No module named 'pandas'"), "there are torch, numpy"),
        (
            TypeError("grad() missing 1 required positional argument: 'sigma'"),
            "One that you were given gets all its arguments",
        ),
    ],
)
def test_errors_of_imports_and_calls_have_advice(error: Exception, advice: str) -> None:
    assert advice in remedy(error)


def test_one_row_far_out_excuses_nothing_where_the_spread_is_known() -> None:
    """Its size is in the sample's own error, by which any mean would do."""
    noise = normal(3, 4000, 1, dtype=torch.float64)[:, 0]

    def outlier(x: torch.Tensor) -> torch.Tensor:
        rows = torch.zeros_like(x)
        rows[0] = 1e9
        return rows

    with pytest.raises(CheckFailed, match="too noisy"):
        check_mean(outlier, noise, gives=-3.0, sd=5.0, known=KNOWN)
    with pytest.raises(CheckFailed, match="biased"):  # of the right variance, and all from one row
        check_mean(
            lambda x: outlier(x) * 5 * 4000**0.5 / 1e9, noise, gives=-3.0, sd=5.0, known=KNOWN
        )
