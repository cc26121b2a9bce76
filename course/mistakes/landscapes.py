"""Known mistakes of exercise 01: the angles of a wall, the distance with a wall, gradient ascent.

Notation as in `smoothlib.throws.BallWall`: k = g x_w² / (2 v²), T = tan θ. JupyterLab
takes a slash in a message for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Angles = tuple[float, ...]
Derivative = Callable[[Tensor], Tensor]


def uses_h_alone(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """The constant term of the quadratic in T is h + k, and yours is h: the 1 in 1 + T² brings
    a k of its own."""
    k = _k(v, x_w, g)
    return _angles(v, t, x_w, k, h)


def forgets_the_half(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Your k is twice what it should be: in t seconds a ball falls by half of g t²."""
    k = 2 * _k(v, x_w, g)
    return _angles(v, t, x_w, k, h + k)


def forgets_to_square_x_w(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """In k the distance of the wall is squared, x_w ** 2, and in yours it is not."""
    k = _k(v, x_w, g) / x_w
    return _angles(v, t, x_w, k, h + k)


def divides_the_root_only(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Brackets are missing: x_w ± root is divided by 2 k as a whole, and you divide the root."""
    k = _k(v, x_w, g)
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    return (
        math.atan(x_w - root / (2 * k)),
        math.atan(x_w + root / (2 * k)),
        math.acos(x_w / (v * t)),
    )


def swaps_the_roots(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """θ1 and θ2 are swapped: θ1 is the low throw, so it takes the minus sign before the root."""
    theta1, theta2, theta_r = _right_angles(v, t, x_w, h, g)
    return theta2, theta1, theta_r


def returns_degrees(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """These are the right angles in degrees. In this course an angle is in radians."""
    return tuple(math.degrees(angle) for angle in _right_angles(v, t, x_w, h, g))


def returns_tangents(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Your first two numbers are the tangents T of the angles; take θ = arctan T of them."""
    theta1, theta2, theta_r = _right_angles(v, t, x_w, h, g)
    return math.tan(theta1), math.tan(theta2), theta_r


def takes_arcsin(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """θr is an arccos, and yours is the arcsin: the ball flies v t cos θr sideways in t seconds."""
    theta1, theta2, _ = _right_angles(v, t, x_w, h, g)
    return theta1, theta2, math.asin(x_w / (v * t))


def leaves_out_theta_r(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """θr is missing: return three angles, (theta1, theta2, theta_r)."""
    return _right_angles(v, t, x_w, h, g)[:2]


def returns_nan(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """A root of a negative number became nan (numpy and torch do that) and travelled on in silence.
    Look at the number under the root first, and raise ValueError if it is negative."""
    try:
        return _right_angles(v, t, x_w, h, g)
    except ValueError:
        return math.nan, math.nan, math.acos(x_w / (v * t))


def returns_none(v: float, t: float, x_w: float, h: float, g: float) -> Angles | None:
    """None came back where there is no answer, and whoever called you has to think of testing for
    it. Write raise ValueError(...) instead of return None."""
    try:
        return _right_angles(v, t, x_w, h, g)
    except ValueError:
        return None


def lets_the_root_touch_zero(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """A negative number under the root was replaced by 0, which makes up an angle that does not
    clear the wall. Raise ValueError instead."""
    k = _k(v, x_w, g)
    root = math.sqrt(max(0.0, x_w**2 - 4 * k * (h + k)))
    low, high = ((x_w + sign * root) / (2 * k) for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def takes_a_complex_root(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """In Python (-1) ** 0.5 is a complex number, and math.atan takes none. Look at the number
    under the root first, and raise ValueError if it is negative."""
    k = _k(v, x_w, g)
    root = (x_w**2 - 4 * k * (h + k)) ** 0.5
    low, high = ((x_w + sign * root) / (2 * k) for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def takes_h_minus_k(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """The constant term of the quadratic in T is h + k, and yours is h - k."""
    k = _k(v, x_w, g)
    return _angles(v, t, x_w, k, h - k)


def multiplies_by_k(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Brackets are missing round 2 k: Python divides by 2 and then multiplies by k."""
    k = _k(v, x_w, g)
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    low, high = ((x_w + sign * root) / 2 * k for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def multiplies_h_alone(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Brackets are missing under the root: 4 k multiplies all of h + k."""
    k = _k(v, x_w, g)
    root = math.sqrt(x_w**2 - (4 * k * h + k))
    low, high = ((x_w + sign * root) / (2 * k) for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def starts_from_minus_x_w(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """The quadratic has - x_w T in it, and minus that is + x_w: the roots are x_w ± root, divided
    by 2 k."""
    k = _k(v, x_w, g)
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    low, high = ((-x_w + sign * root) / (2 * k) for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def starts_from_minus_x_w_and_sorts(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """Your angles have the wrong sign: the quadratic has - x_w T in it, and minus that is + x_w."""
    theta1, theta2, theta_r = _right_angles(v, t, x_w, h, g)
    return -theta1, -theta2, theta_r


def takes_its_own_g(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    """You calculate with a gravity of your own, 9.8: use the argument g."""
    return _right_angles(v, t, x_w, h, 9.8)


def falls_to_zero(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A ball that meets the wall sticks to it, so its distance is x_w, not 0."""
    flight = v * t * theta.cos()
    contact = (flight > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, 0.0, flight)


def looks_at_the_end(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """You compare the height at the end of the flight with h. What counts is the height y_c at
    which the ball crosses x_w."""
    flight = v * t * theta.cos()
    end = v * t * theta.sin() - g * t**2 / 2
    return torch.where((flight > x_w) & (end < h), x_w, flight)


def takes_theta_for_degrees(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """theta is in radians already, and cos takes radians: convert nothing."""
    return _right_distance(theta.deg2rad(), v, t, x_w, h, g)


def feeds_degrees_to_cos(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """cos and tan take radians, and you turned theta into degrees for them: leave it as it is."""
    return _right_distance(theta.rad2deg(), v, t, x_w, h, g)


def branches_on_a_tensor(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """`if`, `and`, `not` and a chained comparison such as a < x < b want one truth value, and a
    comparison of tensors holds many. torch.where(condition, a, b) chooses for each angle by
    itself; join conditions by &, each in brackets."""
    flight = v * t * theta.cos()
    if _crossing_height(theta, v, x_w, g) < h:
        return torch.full_like(flight, x_w)
    return flight


def calls_math_on_a_tensor(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """math.cos and its like take one number. torch.cos and torch.tan take a tensor of any shape."""
    return torch.as_tensor(v * t * math.cos(theta))


def ignores_the_clock(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A steep throw that is still on its way when the clock stops has not met the wall. The wall
    counts only if v t cos θ > x_w, that is |θ| < θr."""
    flight = v * t * theta.cos()
    contact = (theta.cos() > 0) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, flight)


def catches_backward_throws(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """A ball thrown backwards (cos θ < 0) met your wall, which stands in front. The formula for y_c
    cannot tell the two apart, because tan does not; ask for v t cos θ > x_w as well."""
    flight = v * t * theta.cos()
    contact = (flight.abs() > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, flight)


def never_asks_whether_it_arrives(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """y_c < h alone is not contact: late throws and backward throws never come to x_w. Ask for
    v t cos θ > x_w as well."""
    contact = _crossing_height(theta, v, x_w, g) < h
    return torch.where(contact, x_w, v * t * theta.cos())


def takes_the_larger(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """This is the larger of x_w and the free flight. Which of the two holds depends on whether the
    ball meets the wall, not on which is larger: choose with torch.where."""
    return (v * t * theta.cos()).clamp(min=x_w)


def takes_the_smaller(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """This is the smaller of x_w and the free flight, as if no throw cleared the wall. Some do:
    those with y_c >= h."""
    return (v * t * theta.cos()).clamp(max=x_w)


def sticks_only_low_throws(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Only throws below θ1 stick to yours. Those above θ2 must stick too: they come down in front
    of the wall, unless they are late (|θ| > θr)."""
    theta1, _, theta_r = _right_angles(v, t, x_w, h, g)
    contact = (theta > -theta_r) & (theta < min(theta1, theta_r))
    return torch.where(contact, x_w, v * t * theta.cos())


def turns_the_wall_inside_out(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Your ball sticks when it clears the wall and flies on when it does not: turn the comparison
    with h round, or swap the two values in torch.where."""
    flight = v * t * theta.cos()
    contact = (flight > x_w) & (_crossing_height(theta, v, x_w, g) >= h)
    return torch.where(contact, x_w, flight)


def flies_upwards(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A throw that meets nothing flies v t cos θ sideways; v t sin θ is a height."""
    flight = v * t * theta.cos()
    contact = (flight > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, v * t * theta.sin())


def joins_by_or(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """Every throw comes back as x_w where one of the two conditions holds. Both conditions must
    hold: join them by &, not by |."""
    flight = v * t * theta.cos()
    return torch.where((flight > x_w) | (_crossing_height(theta, v, x_w, g) < h), x_w, flight)


def takes_k_twice(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """Your k is twice what it should be: in t seconds a ball falls by half of g t²."""
    flight = v * t * theta.cos()
    k, tangent = 2 * _k(v, x_w, g), theta.tan()
    crossing = x_w * tangent - k * (1 + tangent**2)
    return torch.where((flight > x_w) & (crossing < h), x_w, flight)


def multiplies_the_one_alone(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Brackets are missing in y_c: k multiplies all of 1 + T², and all of that is subtracted."""
    flight = v * t * theta.cos()
    k, tangent = _k(v, x_w, g), theta.tan()
    crossing = x_w * tangent - (k * 1 + tangent**2)
    return torch.where((flight > x_w) & (crossing < h), x_w, flight)


def multiplies_the_one_alone_and_adds(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Brackets are missing in y_c: k multiplies all of 1 + T², and all of that is subtracted."""
    flight = v * t * theta.cos()
    crossing = x_w * theta.tan() - _k(v, x_w, g) * 1 + theta.tan() ** 2
    return torch.where((flight > x_w) & (crossing < h), x_w, flight)


def asks_whether_it_falls_short(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Your ball sticks if it does not come as far as the wall. If you use torch.where already, turn
    v t cos θ > x_w round."""
    flight = v * t * theta.cos()
    return torch.where((flight < x_w) & (_crossing_height(theta, v, x_w, g) < h), x_w, flight)


def loses_the_sign(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A throw backwards flies to the other side: the distance is v t cos θ with the sign of cos θ
    kept: no abs."""
    flight = v * t * theta.cos().abs()
    contact = (v * t * theta.cos() > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, flight)


def loses_the_sign_throughout(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """A throw backwards flies to the other side and meets no wall: take v t cos θ with the sign of
    cos θ kept: no abs."""
    flight = v * t * theta.cos().abs()
    return torch.where((flight > x_w) & (_crossing_height(theta, v, x_w, g) < h), x_w, flight)


def forgets_throws_below_minus_theta_r(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Throws below -θr are too steep, or backwards, as those above θr are: compare |θ| with θr,
    that is theta.abs()."""
    theta1, theta2, theta_r = _right_angles(v, t, x_w, h, g)
    contact = (theta < theta_r) & ((theta < theta1) | (theta > theta2))
    return torch.where(contact, x_w, v * t * theta.cos())


def swaps_the_values(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """The two values in torch.where are swapped: the first is for where the condition holds."""
    flight = v * t * theta.cos()
    return torch.where((flight > x_w) & (_crossing_height(theta, v, x_w, g) < h), flight, x_w)


def flies_upwards_throughout(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """The distance sideways is v t cos θ, in the condition too; v t sin θ is a height."""
    flight = v * t * theta.sin()
    return torch.where((flight > x_w) & (_crossing_height(theta, v, x_w, g) < h), x_w, flight)


def is_pulled_back_by_gravity(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Gravity pulls down and not back: sideways the ball flies v t cos θ, without g."""
    flight = v * t * theta.cos() - g * t**2 / 2
    contact = (v * t * theta.cos() > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, flight)


def is_pulled_back_throughout(
    theta: Tensor, v: float, t: float, x_w: float, h: float, g: float
) -> Tensor:
    """Gravity pulls down and not back: sideways the ball flies v t cos θ, without g, in the
    condition too."""
    flight = v * t * theta.cos() - g * t**2 / 2
    return torch.where((flight > x_w) & (_crossing_height(theta, v, x_w, g) < h), x_w, flight)


def stops_at_zero(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A throw backwards has a negative distance: leave it negative, no clamp."""
    return _right_distance(theta, v, t, x_w, h, g).clamp(min=0)


def walks_downhill(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """You subtract lr · df. That is descent; ascent goes with the derivative: θ + lr · df(θ)."""
    return _walk(df, theta0, -lr, steps)


def leaves_out_the_start(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The path begins after the first step. Its first point is theta0: steps + 1 points in all."""
    return _walk(df, theta0, lr, steps)[1:]


def stops_one_step_early(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The last step is missing: the path has one point more than there are steps."""
    return _walk(df, theta0, lr, steps)[:-1]


def takes_the_slope_once(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """Every step uses the slope at the start. Call df anew at each point, inside the loop."""
    slope = df(theta0)
    return _walk(lambda theta: slope, theta0, lr, steps)


def steps_without_lr(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The learning rate is not used: a step is lr · df(θ)."""
    return _walk(df, theta0, 1.0, steps)


def returns_only_the_end(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """Only the last point came back; the whole path is wanted, from the start on."""
    return _walk(df, theta0, lr, steps)[-1]


def returns_one_tensor_many_times(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """All points of your path are the last one. theta += ... changes the one tensor that the whole
    list holds, theta0 included; theta = theta + ... makes a new tensor for each step."""
    theta, path = theta0, [theta0]
    for _ in range(steps):
        theta += lr * df(theta)
        path.append(theta)
    return torch.stack(path)


def overwrites_the_first_point(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The first point of your path moved on: theta += ... and add_ change the tensor that is in
    the list already. theta = theta + ... makes a new one."""
    path = _walk(df, theta0, lr, steps)
    return torch.cat((path[-1:], path[1:]))


def moves_the_start(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The path is right, but theta0 has moved: theta += ... changes the tensor of whoever called
    you. theta = theta + ... makes a new one."""
    theta, path = theta0, [theta0.clone()]
    for _ in range(steps):
        theta += lr * df(theta)
        path.append(theta.clone())
    return torch.stack(path)


def walks_one_step_too_many(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """One step too many: the start and `steps` steps are steps + 1 points."""
    return _walk(df, theta0, lr, steps + 1)


def returns_inside_the_loop(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The path ends after one step: is `return` indented into the loop?"""
    return _walk(df, theta0, lr, 1)


def stacks_along_the_last_axis(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The steps go along the first axis: torch.stack(path), without dim."""
    return torch.stack(list(_walk(df, theta0, lr, steps)), dim=-1)


def joins_end_to_end(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """torch.cat joins tensors end to end; torch.stack makes a new axis for the steps."""
    return torch.cat(list(_walk(df, theta0, lr, steps)))


def makes_a_tensor_of_tensors(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """torch.tensor takes numbers, and a list of tensors only if each holds a single one. Use
    torch.stack(path)."""
    return torch.tensor(list(_walk(df, theta0, lr, steps)))


def loses_the_dtype(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """Your path has a dtype of its own. torch.stack(path) keeps that of theta0; torch.zeros and
    torch.tensor need dtype=theta0.dtype."""
    return _walk(df, theta0, lr, steps).float()


def takes_one_number(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """theta0.item() and float(theta0) take one start, and theta0 may hold many: calculate with the
    tensor, which works the same."""
    return _walk(df, torch.tensor(theta0.item(), dtype=theta0.dtype), lr, steps)


def differentiates_again(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """You differentiate df. It is the derivative already: the slope at theta is df(theta)."""
    return _walk(lambda theta: _gradient(df, theta.clone().requires_grad_()), theta0, lr, steps)


def differentiates_without_a_graph(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    """df is the derivative already: the slope at theta is df(theta), and nothing needs backward."""
    return _walk(lambda theta: _gradient(df, theta), theta0, lr, steps)


def _gradient(df: Derivative, theta: Tensor) -> Tensor:
    df(theta).backward()
    return torch.zeros_like(theta) if theta.grad is None else theta.grad


def _k(v: float, x_w: float, g: float) -> float:
    return g * x_w**2 / (2 * v**2)


def _angles(v: float, t: float, x_w: float, k: float, c: float) -> Angles:
    """(θ1, θ2, θr), the first two from the roots of k T² - x_w T + c."""
    root = math.sqrt(x_w**2 - 4 * k * c)
    low, high = ((x_w + sign * root) / (2 * k) for sign in (-1, 1))
    return math.atan(low), math.atan(high), math.acos(x_w / (v * t))


def _right_angles(v: float, t: float, x_w: float, h: float, g: float) -> Angles:
    k = _k(v, x_w, g)
    return _angles(v, t, x_w, k, h + k)


def _crossing_height(theta: Tensor, v: float, x_w: float, g: float) -> Tensor:
    return x_w * theta.tan() - _k(v, x_w, g) * (1 + theta.tan() ** 2)


def _right_distance(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    flight = v * t * theta.cos()
    contact = (flight > x_w) & (_crossing_height(theta, v, x_w, g) < h)
    return torch.where(contact, x_w, flight)


def _walk(df: Derivative, theta0: Tensor, lr: float, steps: int) -> Tensor:
    path = [theta0]
    for _ in range(steps):
        path.append(path[-1] + lr * df(path[-1]))
    return torch.stack(path)


WALL_ANGLES = Known(
    reread="lecture 01, “Where the cliffs lie”",
    mistakes=(
        uses_h_alone,
        forgets_the_half,
        forgets_to_square_x_w,
        divides_the_root_only,
        swaps_the_roots,
        returns_degrees,
        returns_tangents,
        takes_arcsin,
        leaves_out_theta_r,
        returns_nan,
        returns_none,
        lets_the_root_touch_zero,
        takes_a_complex_root,
        takes_h_minus_k,
        multiplies_by_k,
        multiplies_h_alone,
        starts_from_minus_x_w,
        starts_from_minus_x_w_and_sorts,
        takes_its_own_g,
    ),
    refused="This wall can be cleared: some throws pass above it, and your function says none "
    "does. Look at the signs and the brackets of x_w² - 4 k (h + k). If that is positive, look at "
    "the number in the arccos, which is 1 at most.",
)
WALL_DISTANCE = Known(
    reread="lecture 01, “Where the cliffs lie”",
    mistakes=(
        falls_to_zero,
        looks_at_the_end,
        takes_theta_for_degrees,
        feeds_degrees_to_cos,
        branches_on_a_tensor,
        calls_math_on_a_tensor,
        ignores_the_clock,
        catches_backward_throws,
        never_asks_whether_it_arrives,
        takes_the_larger,
        takes_the_smaller,
        sticks_only_low_throws,
        turns_the_wall_inside_out,
        flies_upwards,
        joins_by_or,
        takes_k_twice,
        multiplies_the_one_alone,
        multiplies_the_one_alone_and_adds,
        asks_whether_it_falls_short,
        loses_the_sign,
        loses_the_sign_throughout,
        forgets_throws_below_minus_theta_r,
        swaps_the_values,
        flies_upwards_throughout,
        is_pulled_back_by_gravity,
        is_pulled_back_throughout,
        stops_at_zero,
    ),
)
GRADIENT_ASCENT = Known(
    reread="lecture 01, “Gradient ascent”",
    mistakes=(
        walks_downhill,
        leaves_out_the_start,
        stops_one_step_early,
        takes_the_slope_once,
        steps_without_lr,
        returns_only_the_end,
        returns_one_tensor_many_times,
        overwrites_the_first_point,
        moves_the_start,
        walks_one_step_too_many,
        returns_inside_the_loop,
        stacks_along_the_last_axis,
        joins_end_to_end,
        makes_a_tensor_of_tensors,
        loses_the_dtype,
        takes_one_number,
        differentiates_again,
        differentiates_without_a_graph,
    ),
)
