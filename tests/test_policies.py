"""Policies: against torch.nn, torch.distributions and frequencies."""

import math

import pytest
import torch
from torch import Tensor, nn

from smoothlib.noise import normal
from smoothlib.policies import MLP, Categorical, Gaussian, Linear, Policy

F64 = torch.float64
LINEAR, MLP_, BARE = Linear(3, 2), MLP(3, (5, 4), 2), Linear(3, 2, bias=False)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return normal(seed, 1, math.prod(shape), dtype=F64).reshape(shape)


def as_module(policy: Linear | MLP) -> nn.Sequential:
    """The same layers by torch.nn."""
    if isinstance(policy, Linear):
        layers: list[nn.Module] = [nn.Linear(3, 2, bias=policy.bias)]
    else:
        layers = [nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)]
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize("policy", [LINEAR, BARE, MLP_])
def test_a_policy_is_the_module_of_the_same_parameters(policy: Linear | MLP) -> None:
    module = as_module(policy)
    theta = noise(policy.d)
    nn.utils.vector_to_parameters(theta, module.parameters())
    assert policy.d == sum(p.numel() for p in module.parameters())
    for shape in ((3,), (7, 3), (2, 7, 3)):
        x = noise(*shape, seed=1)
        torch.testing.assert_close(policy(theta, x), module(x).detach())


@pytest.mark.parametrize("policy", [LINEAR, BARE, MLP_, Gaussian(MLP_, 0.3, learned=True)])
def test_many_policies_at_once_are_each_by_itself(policy: Policy) -> None:
    theta, x = noise(6, policy.d), noise(6, 4, 3, seed=1)
    each = torch.stack([policy(t, o) for t, o in zip(theta, x, strict=True)])
    torch.testing.assert_close(policy(theta, x), each)


def test_an_initial_layer_keeps_the_variance_of_its_input() -> None:
    policy = MLP(400, (300,), 200)
    theta = policy.initial(seed=3, dtype=F64)
    first, last = theta[: 400 * 300], theta[301 * 400 - 100 : 301 * 400 - 100 + 300 * 200]
    assert abs(float(first.var()) * 400 - 1) < 5 * math.sqrt(2 / first.numel())
    assert abs(float(last.var()) * 300 - 1) < 5 * math.sqrt(2 / last.numel())
    assert not theta[400 * 300 : 400 * 300 + 300].any() and not theta[-200:].any()
    assert not torch.equal(theta, policy.initial(seed=4, dtype=F64))
    assert len(theta.unique()) == 400 * 300 + 300 * 200 + 1  # no layer repeats another; zero


def test_a_gaussian_policy_has_the_density_of_its_samples() -> None:
    policy = Gaussian(LINEAR, 0.3)
    theta, x, eps = noise(policy.d), noise(5, 3, seed=1), noise(5, 2, seed=2)
    action = policy.sample(theta, x, eps)
    torch.testing.assert_close(action, policy(theta, x) + 0.3 * eps)
    density = -(eps**2).sum(-1) / 2 - 2 * math.log(0.3 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(policy.distribution(theta, x).log_prob(action), density)
    torch.testing.assert_close(policy.distribution(theta, x).mode, policy(theta, x))


def test_a_learned_sigma_starts_where_it_was_told() -> None:
    learned, fixed = Gaussian(LINEAR, 0.3, learned=True), Gaussian(LINEAR, 0.3)
    theta, x = learned.initial(0, F64), noise(5, 3, seed=1)
    assert learned.d == fixed.d + 2
    eps = noise(5, 2, seed=2)
    torch.testing.assert_close(learned.sample(theta, x, eps), fixed.sample(theta[:-2], x, eps))
    theta[-1] += 1
    spread = learned.distribution(theta, x).stddev
    torch.testing.assert_close(spread, torch.tensor([0.3, 0.3 * math.e]).double().expand(5, 2))
    many = learned.distribution(torch.stack((theta, theta)), torch.stack((x, x)))
    torch.testing.assert_close(many.stddev, torch.stack((spread, spread)))


def test_a_categorical_policy_samples_by_its_probabilities() -> None:
    policy, n = Categorical(Linear(3, 4)), 200_000
    theta, x = noise(policy.d), noise(3, seed=1)
    wanted = torch.softmax(policy(theta, x), -1)
    eps = normal(2, n, 4, dtype=F64)
    found = policy.sample(theta, x.expand(n, 3), eps)
    share = torch.bincount(found, minlength=4) / n
    assert ((share - wanted).abs() < 5 * (wanted * (1 - wanted) / n).sqrt()).all()
    log_prob = policy.distribution(theta, x.expand(n, 3)).log_prob(found)
    torch.testing.assert_close(log_prob, wanted.log()[found])


def test_an_action_is_its_own_reparametrisation() -> None:
    policy, x, eps = Gaussian(LINEAR, 0.3, learned=True), noise(1, 3, seed=1), noise(1, 2, seed=2)
    theta = policy.initial(0, F64).requires_grad_()
    (slope,) = torch.autograd.grad(policy.sample(theta, x, eps)[0, 1], theta)
    zero = torch.zeros(3, dtype=F64)
    wanted = torch.cat((zero, x[0], torch.tensor([0, 1, 0]).double(), 0.3 * eps[0, 1:]))
    torch.testing.assert_close(slope, wanted)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_sigma_is_a_standard_deviation(sigma: float) -> None:
    with pytest.raises(ValueError, match="positive, finite standard deviation"):
        Gaussian(LINEAR, sigma)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ValueError, match="every size must be 1 or more"):
        MLP(3, (0,), 2)
    with pytest.raises(ValueError, match=r"8 parameters, theta the shape \(9,\); wanted \(8,\)"):
        LINEAR(torch.zeros(9), torch.zeros(3))
