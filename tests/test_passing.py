"""The disc and the post: sliding by a closed form, sticking in the cone; and plans."""

import math

import pytest
import torch
from torch import Tensor

from smoothlib.environments import CartPole, CartPoleState, LinearQuadratic, Transition
from smoothlib.experts import passer
from smoothlib.noise import normal
from smoothlib.passing import Passing
from smoothlib.plans import demonstrate_plans, follow_plans

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64
FINE = Passing(tau=1e-3, dtype=F64)


def on_the_post(angle: float, task: Passing) -> Tensor:
    """The disc touching the post, at this angle from its lowest point."""
    return task.radius * torch.tensor([[math.sin(angle), -math.cos(angle)]], dtype=F64)


def pushed_up(task: Passing, position: Tensor, steps: int) -> Tensor:
    up = torch.tensor([[0.0, task.speed]], dtype=F64)
    for _ in range(steps):
        position = task.pushed(position, up)
    return position


@pytest.mark.parametrize("mu", [0.0, 0.3])
def test_it_slides_along_the_post_as_the_formula_says(mu: float) -> None:
    """R φ' = v (sin φ - μ cos φ): log tan((φ - arctan μ)/2) grows by v sqrt(1 + μ²)/R a second."""
    task = Passing(mu=mu, tau=1e-4, dtype=F64)
    start, edge, time = 0.5, math.atan(mu), 0.2
    growth = task.speed * math.sqrt(1 + mu**2) / task.radius * time
    wanted = edge + 2 * math.atan(math.tan((start - edge) / 2) * math.exp(growth))
    end = pushed_up(task, on_the_post(start, task), round(time / task.tau))[0]
    assert math.atan2(float(end[0]), -float(end[1])) == pytest.approx(wanted, abs=1e-3)
    assert float(end.norm()) == pytest.approx(task.radius)


def test_within_the_friction_cone_it_does_not_move() -> None:
    edge = math.atan(FINE.mu)
    for angle in (0.0, 0.99 * edge, -0.99 * edge):
        start = on_the_post(angle, FINE)
        torch.testing.assert_close(pushed_up(FINE, start, 100), start, rtol=0, atol=1e-12)
    moved = pushed_up(FINE, on_the_post(1.05 * edge, FINE), 100)
    assert float(moved[0, 0]) > float(on_the_post(1.05 * edge, FINE)[0, 0]) + 1e-4


def test_it_moves_freely_where_nothing_is_and_never_into_the_post() -> None:
    task = Passing(dtype=F64)
    eps = normal(3, 500, 4, dtype=F64)
    position = 0.2 * eps[:, :2]
    position = position * (task.radius / position.norm(dim=1, keepdim=True)).clamp(min=1)
    after = task.pushed(position, u := task.speed * eps[:, 2:].clamp(-0.7, 0.7))
    assert float(after.norm(dim=1).min()) >= task.radius - 1e-12
    free = (position + task.tau * u).norm(dim=1) > task.radius + 0.02
    far = free & (position.norm(dim=1) > task.radius + 0.02)
    torch.testing.assert_close(after[far], (position + task.tau * u)[far])


def test_mirrored_it_moves_mirrored() -> None:
    task, flip = Passing(dtype=F64), torch.tensor([-1.0, 1.0], dtype=F64)
    position = on_the_post(0.4, task)
    u = torch.tensor([[0.05, 0.15]], dtype=F64)
    torch.testing.assert_close(
        flip * task.pushed(position, u), task.pushed(flip * position, flip * u)
    )


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_expert_arrives_on_its_side_without_touching(side: float) -> None:
    task = Passing(dtype=F64)
    sides = torch.full((50,), side, dtype=F64)
    run = follow_plans(task, lambda seen, k: passer(task, seen, sides), 1, 50, seed=0)
    assert bool((run.rewards.sum(0) == 1).all())
    assert bool((side * run.observations[:, :, 0].abs().max(0).values * side > 1).all())
    assert bool((side * run.observations[20, :, 0] > 0.5).all())
    assert float(run.observations.norm(dim=-1).min()) > 1.0001


def test_the_reward_is_paid_at_the_goal_and_in_the_end_alone() -> None:
    task = Passing(horizon=2, dtype=F64)
    state = task.reset(2, 0)
    state = state._replace(position=torch.tensor([[0.0, task.goal], [0.03, task.goal]]).double())
    still = torch.zeros(2, 2, dtype=F64)
    state, reward, _, over = task.step(state, still)
    assert reward.tolist() == [0, 0] and not over.any()
    _, reward, terminated, over = task.step(state, still)
    assert reward.tolist() == [1, 0] and over.all() and not terminated.any()


def test_bad_tasks_are_named() -> None:
    with pytest.raises(ValueError, match=r"start = -0.01"):
        Passing(start=-0.01)
    with pytest.raises(ValueError, match="radius, speed, tau"):
        Passing(speed=0.0)


# --- plans ----------------------------------------------------------------------------------


def line(horizon: int) -> LinearQuadratic:
    return LinearQuadratic.scalar(start_sigma=1.0, horizon=horizon, dtype=F64)


def test_a_plan_is_carried_out_before_the_next_look() -> None:
    """s' = 0.9 s + 0.5 a, by hand."""
    task, looks = line(6), []

    def planner(seen: Tensor, k: int) -> Tensor:
        looks.append((k, seen))
        return torch.tensor([[1.0, 2.0, 3.0]], dtype=F64).expand(len(seen), 3) + k

    run = follow_plans(task, planner, 3, 4, seed=1)
    s = [task.observe(task.reset(4, 1))]
    for a in (1, 2, 3, 2, 3, 4):
        s.append(0.9 * s[-1] + 0.5 * a)
    torch.testing.assert_close(run.observations, torch.stack(s))
    assert [k for k, _ in looks] == [0, 1] and torch.equal(looks[1][1], run.observations[3])
    with pytest.raises(ValueError, match="plans of 4 actions do not fill a horizon of 6"):
        follow_plans(task, planner, 4, 4, seed=1)


def test_shown_plans_are_what_the_expert_did_after_each_look() -> None:
    task = line(6)
    shown = demonstrate_plans(task, lambda seen: -seen, 3, 2, seed=1)
    run = follow_plans(task, lambda seen, k: -seen, 1, 2, seed=1)
    assert shown.observations.shape == (4, 1) and shown.actions.shape == (4, 3)
    torch.testing.assert_close(shown.observations, run.observations[[0, 3]].flatten(0, 1))
    wanted = -run.observations[:-1, :, 0].reshape(2, 3, 2).transpose(1, 2).reshape(4, 3)
    torch.testing.assert_close(shown.actions, wanted)


def test_an_episode_that_is_over_is_paid_nothing_more() -> None:
    """A pole pushed one way falls after some ten steps; its plan goes on to the horizon."""

    class Pushed(CartPole):
        discrete, action_size = False, 1

        def step(self, state: CartPoleState, action: Tensor) -> Transition:
            return CartPole(self.horizon).step(state, action[:, 0].long())

    world = Pushed(horizon=40)
    found = follow_plans(world, lambda seen, k: torch.ones(len(seen), 20), 20, 3, 0)
    assert found.rewards.shape == (40, 3)
    lived = found.rewards.sum(0)
    assert bool(((lived >= 8) & (lived <= 11)).all())
    assert bool((found.rewards[:8] == 1).all()) and not bool(found.rewards[11:].any())
