"""Known mistakes of exercise 04: first-order rows, the bias of jumps, a surrogate, a bouncing ball.

JupyterLab takes a slash in a message for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Function = Callable[[Tensor], Tensor]
G = 9.81


# --- first_order ---------------------------------------------------------------------------


def averages_the_rows(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You return the mean of the slopes, of shape (d,). Return all of them, one row for each
    sample, (n, d): the mean is left to the caller, who may want the spread as well."""
    return _slopes(f, theta + sigma * eps).mean(0)


def sums_the_rows(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You return the sum of all slopes, of shape (d,). That is what one theta for all samples
    collects in backward(). Differentiate with respect to x, which has a row for each sample."""
    return _slopes(f, theta + sigma * eps).sum(0)


def differentiates_the_mean(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is divided by n: you differentiate f(x).mean(). Differentiate f(x).sum(): each
    value depends on its own row of x only, so the slopes do not mix."""
    return _slopes(f, theta + sigma * eps) / len(eps)


def forgets_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The noise is not scaled: the samples are theta + sigma * eps."""
    return _slopes(f, theta + eps)


def takes_sigma_for_a_variance(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The noise is scaled by the root of sigma. Here sigma is a standard deviation, not a
    variance: the samples are theta + sigma * eps."""
    return _slopes(f, theta + sigma**0.5 * eps)


def squares_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The noise is scaled by sigma squared; the samples are theta + sigma * eps."""
    return _slopes(f, theta + sigma**2 * eps)


def subtracts_the_noise(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your samples are theta - sigma * eps: the noise is added."""
    return _slopes(f, theta - sigma * eps)


def differentiates_by_eps(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is sigma times too large or too small: you differentiate with respect to eps. With
    respect to theta the inner derivative of theta + sigma * eps is 1."""
    return sigma * _slopes(f, theta + sigma * eps)


def divides_by_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is divided by sigma. That belongs to the zero-order estimate; in the slope of a
    sample there is no such factor."""
    return _slopes(f, theta + sigma * eps) / sigma


def forgets_the_noise(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is the slope at theta itself. Differentiate f at the samples, theta + sigma * eps,
    each at its own place."""
    return _slopes(f, theta.expand_as(eps))


def walks_downhill(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row has the wrong sign. We maximise: return the gradient itself, no minus for an
    optimiser."""
    return -_slopes(f, theta + sigma * eps)


def uses_values_only(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is the zero-order estimate, f(x) eps divided by sigma. First-order differentiates f."""
    return f(theta + sigma * eps)[:, None] * eps / sigma


def subtracts_the_centre(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is the zero-order estimate with f(theta) subtracted. First-order differentiates f."""
    x = theta + sigma * eps
    return (f(x) - f(theta))[:, None] * eps / sigma


def lets_the_grad_pile_up(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Each row holds the sum of all slopes up to it: backward() adds to .grad. Set it to None
    before each call, or use torch.autograd.grad, which returns the slope and keeps nothing."""
    return _slopes(f, theta + sigma * eps).cumsum(0)


def keeps_the_last_grad(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """All rows are the sum of all slopes: you collected the same .grad tensor many times, and
    backward() goes on adding to it. Append a copy, theta.grad.clone(), and set theta.grad to None
    before the next sample."""
    return _slopes(f, theta + sigma * eps).sum(0).expand_as(eps)


def calls_backward_on_many(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """backward() and torch.autograd.grad start from one number, and f(x) holds n. Differentiate
    f(x).sum(): each value depends on its own row of x only."""
    x = (theta + sigma * eps).detach().requires_grad_()
    if not f(x).requires_grad:
        return torch.zeros_like(x)
    (grad,) = torch.autograd.grad(f(x), x)
    return grad


def detaches_the_samples(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Autograd finds no path from f(x) back: x must require grad. After x = theta + sigma * eps
    say x = x.detach().requires_grad_(), and differentiate with respect to x."""
    if not f((theta + sigma * eps).requires_grad_()).requires_grad:
        return torch.zeros_like(eps)
    (grad,) = torch.autograd.grad(f((theta + sigma * eps).detach()).sum(), theta.requires_grad_())
    return grad


def trips_over_a_comparison(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This f is made of a comparison, so its value carries no graph and autograd refuses. Its slope
    is 0 wherever there is one: return zeros of the shape of eps if f(x).requires_grad is False."""
    x = (theta + sigma * eps).detach().requires_grad_()
    (grad,) = torch.autograd.grad(f(x).sum(), x)
    return grad


def gives_one_zero(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """For an f without a graph one zero came back for each sample; a row has d of them, as many as
    theta: torch.zeros_like(eps)."""
    x = (theta + sigma * eps).detach().requires_grad_()
    if not f(x).requires_grad:
        return f(x) * 0
    return _slopes(f, x)


def reads_the_grad_of_no_leaf(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> None:
    """None came back. Either the return statement is missing, or it returns x.grad of an x that was
    computed from others: only a leaf, which you made, keeps its .grad. Write
    x = (theta + sigma * eps).detach().requires_grad_()."""


def hides_the_samples_from_f(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Zeros came back, as for an f without a graph. Does f get the x that requires grad? detach()
    on the way into f, .data and no_grad() cut its path; only zeros can then come back."""
    return torch.zeros_like(eps)


def takes_differences(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is a difference of two values, and beside a corner or an edge it looks across. Autograd
    takes the slope at the sample itself."""
    x = theta + sigma * eps
    steps = 1e-6 * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.stack([(f(x + h) - f(x - h)) / 2e-6 for h in steps], 1)


def returns_the_values(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """These are the values of f at the samples; their slopes are wanted."""
    return f(theta + sigma * eps)


def turns_the_rows_round(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your result has the shape (d, n): one row for each sample is wanted, (n, d)."""
    return _slopes(f, theta + sigma * eps).T


# --- fo_bias -------------------------------------------------------------------------------


def forgets_the_minus(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """Every value has the wrong sign. The bias is what first-order finds less what is true, so a
    jump upwards, which first-order misses, makes it negative."""
    return -_right_bias(places, heights, theta, sigma)


def forgets_to_divide(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """The density of the samples is φ(z) divided by σ: a wider bell is a lower one. You left the σ
    in front out."""
    return sigma * _right_bias(places, heights, theta, sigma)


def divides_by_the_square(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """You divide by σ twice in front of φ; the density of the samples is φ(z) divided by σ once."""
    return _right_bias(places, heights, theta, sigma) / sigma


def takes_the_distribution(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """You took Φ, the chance to lie left of a jump. What counts is how many samples lie right
    there: the density φ."""
    z = (places - theta[..., None]) / sigma
    return -(heights * torch.special.ndtr(z)).sum(-1) / sigma


def takes_the_distribution_turned(
    places: Tensor, heights: Tensor, theta: Tensor, sigma: float
) -> Tensor:
    """You took Φ, the chance to lie right of a jump. What counts is how many samples lie right
    there: the density φ."""
    z = (places - theta[..., None]) / sigma
    return -(heights * torch.special.ndtr(-z)).sum(-1) / sigma


def counts_all_jumps_as_up(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """A jump down has a negative height and counts with its sign; you took the size of each."""
    return _right_bias(places, heights.abs(), theta, sigma)


def takes_the_first_jump(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """Only the first jump is in your sum; all of them count."""
    return _right_bias(places[:1], heights[:1], theta, sigma)


def takes_the_nearest_jump(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """Only the jump nearest to each θ is in your sum; all of them count."""
    if not len(places):
        return torch.zeros_like(theta)
    near = (places - theta[..., None]).abs().argmin(-1, keepdim=True)
    return _right_bias(places[near], heights[near], theta, sigma)


def averages_the_jumps(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """You take the mean over the jumps; their contributions add up."""
    return _right_bias(places, heights, theta, sigma) / max(1, len(places))


def forgets_the_root(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """φ is not normalised: exp(-z² ÷ 2) has the area √(2π), and a density has the area 1."""
    return math.sqrt(math.tau) * _right_bias(places, heights, theta, sigma)


def forgets_the_half(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """The exponent of φ is -z² ÷ 2, and yours is -z²."""
    z = (places - theta[..., None]) / sigma
    return -(heights * (-(z**2)).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def forgets_to_square(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """σ is squared along with the distance: z = (x - θ) ÷ σ as a whole is squared, and yours is the
    square of the distance divided by σ."""
    square = (places - theta[..., None]) ** 2 / sigma
    return -(heights * (-square / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def measures_without_sigma(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """The distance of a jump counts in units of σ: z = (x - θ) ÷ σ, and yours is x - θ."""
    z = places - theta[..., None]
    return -(heights * (-(z**2) / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def forgets_the_heights(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """The densities are there, but the heights of the jumps are not: a high jump counts more."""
    return _right_bias(places, torch.ones_like(heights), theta, sigma)


def sums_over_theta(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """One number came back for all θ: sum over the jumps only, the last axis, with .sum(-1)."""
    return _right_bias(places, heights, theta, sigma).sum()


def forgets_to_sum(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """One number for each θ and each jump came back: the contributions of the jumps add up,
    .sum(-1)."""
    z = (places - theta[..., None]) / sigma
    return -heights * (-(z**2) / 2).exp() / (sigma * math.sqrt(math.tau))


def pairs_theta_with_jumps(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """places - theta pairs the first jump with the first θ, the second with the second. Every θ
    meets every jump: places - theta[..., None] has one row for each θ."""
    z = (places - theta) / sigma
    return -(heights * (-(z**2) / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def pairs_jumps_with_theta(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """theta - places pairs the first θ with the first jump, the second with the second. Every θ
    meets every jump: theta[..., None] - places has one row for each θ."""
    z = (theta - places) / sigma
    return -(heights * (-(z**2) / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def sums_over_the_points(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """You summed over the points, and one number for each jump is left. The jumps are the last
    axis: .sum(-1)."""
    return forgets_to_sum(places, heights, theta, sigma).sum(0)


def flattens_theta(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """The values are right, in one row. The shape of theta is wanted, () for a single number:
    reshape(theta.shape) at the end, or theta[..., None] at the beginning."""
    return _right_bias(places, heights, theta, sigma).reshape(-1)


def starts_from_the_number_0(
    places: Tensor, heights: Tensor, theta: Tensor, sigma: float
) -> Tensor | int:
    """For no jumps the number 0 came back, with which your loop starts. Start with
    torch.zeros_like(theta)."""
    return _right_bias(places, heights, theta, sigma) if len(places) else 0


def loses_the_minus(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """Your φ grows with the distance: the exponent is -z² ÷ 2. In (-z)**2 the square takes the
    minus away; write -(z**2)."""
    z = (places - theta[..., None]) / sigma
    return -(heights * (z**2 / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def multiplies_by_the_root(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    """Brackets: you divide by σ and multiply by √(2π). Divide by the product,
    (sigma * math.sqrt(2 * math.pi))."""
    return math.tau * _right_bias(places, heights, theta, sigma)


# --- surrogate_gradient --------------------------------------------------------------------


def leaves_the_values_attached(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The bug is still there. log_p is detached from x, but the value of f is not, so autograd also
    follows f(x) back to θ and adds log_p times the slope of f."""
    return _by_surrogate(theta, eps, lambda own, x: _log_p(x.detach(), own, sigma) * f(x), sigma)


def leaves_everything_attached(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """What came back is log_p times the slope of f, so autograd followed f only. Either log_p is
    detached, the wrong one of the two factors, or nothing is: then x moves with θ, and log_p does
    not change. Detach x in log_p, and the value of f."""
    return _by_surrogate(theta, eps, lambda own, x: _log_p(x, own, sigma) * f(x), sigma)


def leaves_the_samples_attached(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You get 0 everywhere: in log_p x moves with θ, so their difference never changes. Detach x
    there: the samples are held fixed while θ moves."""
    return _by_surrogate(theta, eps, lambda own, x: _log_p(x, own, sigma) * f(x).detach(), sigma)


def detaches_both_factors(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Nothing is left to differentiate: log_p and f(x) are both detached, or no tensor requires
    grad. In log_p detach x alone, and keep the path to the copies of θ."""
    own = theta.detach().expand_as(eps).clone().requires_grad_()
    surrogate = _log_p((own + sigma * eps).detach(), own, sigma).detach() * f(theta + sigma * eps)
    return torch.autograd.grad(surrogate.detach().sum(), own)[0]


def divides_by_the_variance(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is divided by σ once too often: ε is divided by σ. It is x - θ, which is σ ε, that
    is divided by σ²."""
    return _right_surrogate(f, theta, sigma, eps) / sigma


def subtracts_the_middle(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You subtract f(θ). As a baseline that is allowed and good, but the rows asked for are those
    of `suspect` without its bug: f(x) as it is."""
    return (f(theta + sigma * eps).detach() - f(theta).detach())[:, None] * eps / sigma


def opens_both_paths(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Both paths are open: you add the slope of f to the zero-order row. Each alone is an estimate
    of the gradient, and together they make twice of it."""
    rows = _right_surrogate(f, theta, sigma, eps)
    return rows + _slopes(f, theta + sigma * eps)


def follows_the_slopes(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """These are first-order rows, the slopes of f. The surrogate uses values of f only; look at
    what is detached."""
    return _slopes(f, theta + sigma * eps)


def hands_over_a_loss(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row has the wrong sign. A loss for an optimiser has a minus; the gradient asked for
    here points uphill."""
    return -_right_surrogate(f, theta, sigma, eps)


def takes_the_mean_of_the_surrogate(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> Tensor:
    """Every row is divided by n: sum the surrogate over the samples, the mean is left to the
    caller."""
    return _right_surrogate(f, theta, sigma, eps) / len(eps)


def forgets_the_half_of_log_p(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is twice too large: log_p is minus the square of x - θ divided by 2 σ²."""
    return 2 * _right_surrogate(f, theta, sigma, eps)


def forgets_the_variance(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is σ² times what it should be: in log_p the square of x - θ is divided by 2 σ²."""
    return sigma**2 * _right_surrogate(f, theta, sigma, eps)


def divides_by_sigma_once(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every row is σ times what it should be: in log_p the square of x - θ is divided by 2 σ², and
    one of the two σ is missing."""
    return sigma * _right_surrogate(f, theta, sigma, eps)


def takes_the_score_alone(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """These are the slopes of log_p alone: the values of f are missing as its weights."""
    return eps / sigma


def averages_the_values(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every sample is weighed by the mean of all values: a product of means is not the mean of
    products. Each log_p goes with the value of f of its own sample."""
    values = f(theta + sigma * eps).detach()
    return values.mean() * eps / sigma


def averages_the_surrogate_rows(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You return the mean, of shape (d,); one row for each sample is wanted, (n, d)."""
    return _right_surrogate(f, theta, sigma, eps).mean(0)


def collects_in_one_theta(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You return the sum over the samples, of shape (d,): that is what one theta for all of them
    collects. Keep a row of theta for each sample, as `suspect` does."""
    return _right_surrogate(f, theta, sigma, eps).sum(0)


def evaluates_at_theta(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Every sample is weighed by f at θ; it is f at the sample, x, that counts."""
    return f(theta).detach() * eps / sigma


# --- bounce --------------------------------------------------------------------------------

Fall = tuple[Tensor, Tensor]


def moves_before_it_falls(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The order in a step is turned round: first the velocity from the old height, then the height
    from the new velocity."""
    return _bounced(speed, lambda y, v: _explicit(y, v, stiffness, dt), steps)


def has_no_floor(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """Your ball falls through the floor: where y is negative the floor pushes up, with
    stiffness * (-y)."""
    return _bounced(speed, lambda y, v: _step(y, v, 0.0, dt), steps)


def is_pulled_down_by_the_floor(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The floor pulls your ball down: where y is negative the push stiffness * (-y) is positive,
    upwards."""
    return _bounced(speed, lambda y, v: _step(y, v, -stiffness, dt), steps)


def hangs_on_a_spring(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """Your floor also pulls while the ball is in the air. It pushes only where y is negative:
    (-y).clamp(min=0)."""

    def step(y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v + dt * (-G - stiffness * y)
        return y + dt * v, v

    return _bounced(speed, step, steps)


def floats(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """There is no gravity in your step: the acceleration is -9.81 plus the push of the floor."""

    def step(y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v + dt * stiffness * (-y).clamp(min=0)
        return y + dt * v, v

    return _bounced(speed, step, steps)


def falls_upwards(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """Gravity has the wrong sign: it pulls down, -9.81."""

    def step(y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v + dt * (G + stiffness * (-y).clamp(min=0))
        return y + dt * v, v

    return _bounced(speed, step, steps)


def stays_rigid(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """Your ball is thrown back with its speed turned round at the floor. This floor is a spring:
    it only adds stiffness * (-y) to the acceleration while y is negative."""

    def step(y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        v = v - dt * G
        v = torch.where(y < 0, v.abs(), v)
        return y + dt * v, v

    return _bounced(speed, step, steps)


def detaches_the_state(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The height is right, the slope is not: the path back is cut in every step but the last, so
    only that one is differentiated. Detach nothing inside the loop."""
    height, _ = _bounced(speed, lambda y, v: _step(y, v, stiffness, dt), steps)
    return height, torch.full_like(height, dt)


def detaches_the_height(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The height is right, the slope is not: it is that of a flight without a floor. The push of
    the floor depends on y, and y on the speed; it must not be detached."""
    height, _ = _bounced(speed, lambda y, v: _step(y, v, stiffness, dt), steps)
    return height, torch.full_like(height, dt * steps)


def cuts_the_graph(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """Autograd finds no path from the height to the speed: .item(), float(), torch.tensor(...) and
    no_grad cut it, and speed must require grad before the first step."""
    height, _ = _bounced(speed, lambda y, v: _step(y, v, stiffness, dt), steps)
    (slope,) = torch.autograd.grad(height.detach().sum(), speed.requires_grad_())
    return height, slope


def differentiates_many(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """backward() and torch.autograd.grad start from one number, and there is a height for each
    speed. Differentiate height.sum(): each height depends on its own speed only."""
    own = speed.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(own * 2, own)
    return own, slope


def takes_differences_of_flights(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The slope is a difference of two flights, and where a ball only just touches the floor one of
    them does and the other does not. Let autograd go through the steps."""

    def height(start: Tensor) -> Tensor:
        y, v = torch.zeros_like(start), start
        for _ in range(steps):
            y, v = _step(y, v, stiffness, dt)
        return y

    return height(speed), (height(speed + 1e-6) - height(speed - 1e-6)) / 2e-6


def marks_the_callers_speed(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The values are right, but speed is not what it was: requires_grad_() marks the tensor of
    whoever called you, and in a second call its slopes add up. Start from
    speed.detach().clone().requires_grad_()."""
    speed.requires_grad_()
    y, v = 0 * speed, speed
    for _ in range(steps):
        y, v = _step(y, v, stiffness, dt)
    y.sum().backward()
    return y.detach(), speed.grad  # type: ignore[return-value]


def averages_the_heights(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The slopes are divided by the number of balls: differentiate the sum of the heights, not
    their mean."""
    height, slope = _right_bounce(speed, stiffness, dt, steps)
    return height, slope / speed.numel()


def swaps_the_results(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """The two results are swapped: the height comes first, then its slope."""
    height, slope = _right_bounce(speed, stiffness, dt, steps)
    return slope, height


def returns_the_height_alone(speed: Tensor, stiffness: float, dt: float, steps: int) -> Tensor:
    """Only the heights came back; return two tensors, height and slope."""
    return _right_bounce(speed, stiffness, dt, steps)[0]


def steps_once_too_often(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """There is one step too many in your loop: range(steps) makes `steps` of them."""
    return _right_bounce(speed, stiffness, dt, steps + 1)


def steps_once_too_little(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """There is one step too few in your loop: range(steps) makes `steps` of them."""
    return _right_bounce(speed, stiffness, dt, steps - 1)


def takes_the_velocity(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """You return the velocity at the end and its slope; the height y is asked for."""
    own = speed.detach().clone().requires_grad_()
    y, v = torch.zeros_like(own), own
    for _ in range(steps):
        y, v = _step(y, v, stiffness, dt)
    (slope,) = torch.autograd.grad(v.sum(), own)
    return v.detach(), slope


def branches_on_a_tensor(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    """`if` and Python's max want one truth value, and there is one for each ball. (-y).clamp(min=0)
    and torch.where choose for each by itself."""
    return _bounced(speed, lambda y, v: (y, v) if y < 0 else _step(y, v, stiffness, dt), steps)


# --- what is right, for mistakes that start from it ------------------------------------------


def _slopes(f: Function, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    values = f(x)
    if not values.requires_grad:
        return torch.zeros_like(x)
    return torch.autograd.grad(values.sum(), x)[0]


def _right_bias(places: Tensor, heights: Tensor, theta: Tensor, sigma: float) -> Tensor:
    z = (places - theta[..., None]) / sigma
    return -(heights * (-(z**2) / 2).exp()).sum(-1) / (sigma * math.sqrt(math.tau))


def _log_p(x: Tensor, theta: Tensor, sigma: float) -> Tensor:
    return -((x - theta) ** 2).sum(-1) / (2 * sigma**2)


def _by_surrogate(
    theta: Tensor, eps: Tensor, terms: Callable[[Tensor, Tensor], Tensor], sigma: float
) -> Tensor:
    own = theta.detach().expand_as(eps).clone().requires_grad_()
    return torch.autograd.grad(terms(own, own + sigma * eps).sum(), own)[0]


def _right_surrogate(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    return f(theta + sigma * eps).detach()[:, None] * eps / sigma


def _step(y: Tensor, v: Tensor, stiffness: float, dt: float) -> tuple[Tensor, Tensor]:
    v = v + dt * (-G + stiffness * (-y).clamp(min=0))
    return y + dt * v, v


def _explicit(y: Tensor, v: Tensor, stiffness: float, dt: float) -> tuple[Tensor, Tensor]:
    return y + dt * v, v + dt * (-G + stiffness * (-y).clamp(min=0))


def _bounced(
    speed: Tensor, step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], steps: int
) -> Fall:
    own = speed.detach().clone().requires_grad_()
    y, v = 0 * own, own
    for _ in range(steps):
        y, v = step(y, v)
    (slope,) = torch.autograd.grad(y.sum(), own)
    return y.detach(), slope


def _right_bounce(speed: Tensor, stiffness: float, dt: float, steps: int) -> Fall:
    return _bounced(speed, lambda y, v: _step(y, v, stiffness, dt), steps)


FIRST_ORDER = Known(
    reread="lecture 04, “Slopes through the noise”",
    mistakes=(
        averages_the_rows,
        sums_the_rows,
        differentiates_the_mean,
        forgets_sigma,
        takes_sigma_for_a_variance,
        squares_sigma,
        subtracts_the_noise,
        differentiates_by_eps,
        divides_by_sigma,
        forgets_the_noise,
        walks_downhill,
        uses_values_only,
        subtracts_the_centre,
        lets_the_grad_pile_up,
        keeps_the_last_grad,
        calls_backward_on_many,
        detaches_the_samples,
        trips_over_a_comparison,
        gives_one_zero,
        reads_the_grad_of_no_leaf,
        hides_the_samples_from_f,
        takes_differences,
        returns_the_values,
        turns_the_rows_round,
    ),
)
FO_BIAS = Known(
    reread="lecture 04, “What the slopes miss”",
    mistakes=(
        forgets_the_minus,
        forgets_to_divide,
        divides_by_the_square,
        takes_the_distribution,
        takes_the_distribution_turned,
        counts_all_jumps_as_up,
        takes_the_first_jump,
        takes_the_nearest_jump,
        averages_the_jumps,
        forgets_the_root,
        forgets_the_half,
        forgets_to_square,
        measures_without_sigma,
        forgets_the_heights,
        sums_over_theta,
        forgets_to_sum,
        pairs_theta_with_jumps,
        pairs_jumps_with_theta,
        sums_over_the_points,
        flattens_theta,
        starts_from_the_number_0,
        loses_the_minus,
        multiplies_by_the_root,
    ),
)
SURROGATE_GRADIENT = Known(
    reread="lecture 04, “One line of code, six gradients”",
    mistakes=(
        leaves_the_values_attached,
        leaves_everything_attached,
        leaves_the_samples_attached,
        detaches_both_factors,
        divides_by_the_variance,
        subtracts_the_middle,
        opens_both_paths,
        follows_the_slopes,
        hands_over_a_loss,
        takes_the_mean_of_the_surrogate,
        forgets_the_half_of_log_p,
        forgets_the_variance,
        divides_by_sigma_once,
        takes_the_score_alone,
        averages_the_values,
        averages_the_surrogate_rows,
        collects_in_one_theta,
        evaluates_at_theta,
    ),
)
BOUNCE = Known(
    reread="lecture 04, “Autograd through a simulator”",
    mistakes=(
        moves_before_it_falls,
        has_no_floor,
        is_pulled_down_by_the_floor,
        hangs_on_a_spring,
        floats,
        falls_upwards,
        stays_rigid,
        detaches_the_state,
        detaches_the_height,
        cuts_the_graph,
        differentiates_many,
        takes_differences_of_flights,
        averages_the_heights,
        marks_the_callers_speed,
        swaps_the_results,
        returns_the_height_alone,
        steps_once_too_often,
        steps_once_too_little,
        takes_the_velocity,
        branches_on_a_tensor,
    ),
)
