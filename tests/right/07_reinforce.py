"""Right answers to exercise 07, written in other ways than the solution's."""

import math

import numpy as np
import torch

from smoothlib import trajectories


def to_go_by_two_loops(rewards, gamma):
    T = len(rewards)
    found = torch.zeros_like(rewards)
    for t in range(T):
        for later in range(t, T):
            found[t] += gamma ** (later - t) * rewards[later]
    return found


def to_go_in_place_on_a_copy(rewards, gamma):
    found = rewards.clone()
    for t in range(len(rewards) - 2, -1, -1):
        found[t] += gamma * found[t + 1]
    return found


def to_go_by_a_matrix(rewards, gamma):
    T = len(rewards)
    powers = torch.tensor([[gamma ** max(j - i, 0) for j in range(T)] for i in range(T)])
    return torch.triu(powers).to(rewards.dtype) @ rewards


def to_go_by_numpy(rewards, gamma):
    r = rewards.numpy()
    found = np.empty_like(r)
    total = 0.0
    for t in reversed(range(len(r))):
        total = r[t] + gamma * total
        found[t] = total
    return torch.from_numpy(found)


def to_go_by_recursion(rewards, gamma):
    if len(rewards) == 1:
        return rewards.clone()
    rest = to_go_by_recursion(rewards[1:], gamma)
    return torch.cat(((rewards[0] + gamma * rest[0])[None], rest))


def to_go_flight_by_flight(rewards, gamma):
    columns = []
    for flight in rewards.T.tolist():
        total, column = 0.0, []
        for reward in flight[::-1]:
            total = reward + gamma * total
            column.insert(0, total)
        columns.append(column)
    return torch.tensor(columns, dtype=rewards.dtype).T


def to_go_by_smoothlib(rewards, gamma):
    return trajectories.reward_to_go(rewards, gamma)


def log_prob_by_torch(actions, mean, sigma):
    return torch.distributions.Normal(mean, sigma).log_prob(actions).sum(-1)


def log_prob_of_one_normal(actions, mean, sigma):
    k = actions.shape[-1]
    covariance = sigma**2 * torch.eye(k, dtype=actions.dtype)
    return torch.distributions.MultivariateNormal(mean, covariance).log_prob(actions)


def log_prob_by_numpy(actions, mean, sigma):
    z = (actions.numpy() - mean.numpy()) / sigma
    k = z.shape[-1]
    found = -0.5 * np.square(z).sum(axis=2) - k * np.log(sigma) - 0.5 * k * np.log(2 * np.pi)
    return torch.from_numpy(found).to(actions.dtype)


def log_prob_of_the_density(actions, mean, sigma):
    front = 1 / (math.sqrt(2 * math.pi) * sigma)
    density = front * torch.exp(-((actions - mean) ** 2) / (2 * sigma**2))
    return density.log().sum(dim=2)


def log_prob_one_by_one(actions, mean, sigma):
    T, n, k = actions.shape
    found = actions.new_zeros(T, n)
    for t in range(T):
        for i in range(n):
            for j in range(k):
                away = float(actions[t, i, j] - mean[t, i, j])
                found[t, i] -= away**2 / (2 * sigma**2) + math.log(sigma * (2 * math.pi) ** 0.5)
    return found


def log_prob_by_a_loss(actions, mean, sigma):
    variance = torch.full_like(mean, sigma**2)
    loss = torch.nn.functional.gaussian_nll_loss(
        mean, actions, variance, full=True, reduction="none"
    )
    return -loss.sum(-1)


def reinforce_by_einsum(scores, rewards, baseline, to_go):
    T = len(rewards)
    table = torch.ones(T, T, dtype=rewards.dtype)
    returns = (table.triu() if to_go else table) @ rewards
    return torch.einsum("tn,tnd->nd", returns - baseline, scores)


def reinforce_by_loops(scores, rewards, baseline, to_go):
    T, n, d = scores.shape
    levels = torch.broadcast_to(torch.as_tensor(baseline, dtype=rewards.dtype), (T, n))
    rows = torch.zeros(n, d, dtype=scores.dtype)
    for i in range(n):
        for t in range(T):
            total = sum(rewards[later, i] for later in range(t if to_go else 0, T))
            rows[i] += (total - levels[t, i]) * scores[t, i]
    return rows


def reinforce_by_numpy(scores, rewards, baseline, to_go):
    level = baseline.numpy() if isinstance(baseline, torch.Tensor) else baseline
    r = rewards.numpy()
    returns = np.cumsum(r[::-1], 0)[::-1] if to_go else np.ones_like(r) * r.sum(0)
    return torch.from_numpy(((returns - level)[..., None] * scores.numpy()).sum(axis=0))


def reinforce_by_autograd(scores, rewards, baseline, to_go):
    n, d = scores.shape[1:]
    theta = torch.zeros(n, d, dtype=scores.dtype, requires_grad=True)
    log_probs = (scores * theta).sum(-1)  # any log-probability with these slopes
    so_far = rewards.cumsum(0) - rewards
    returns = rewards.sum(0) - so_far * to_go
    loss = -((returns - baseline).detach() * log_probs).sum()
    loss.backward()
    return -theta.grad


def reinforce_reward_by_reward(scores, rewards, baseline, to_go):
    if to_go:  # each reward praises all pushes up to it
        praised = (rewards[..., None] * scores.cumsum(0)).sum(0)
    else:
        praised = rewards.sum(0)[:, None] * scores.sum(0)
    level = torch.as_tensor(baseline, dtype=rewards.dtype).expand(rewards.shape)
    return praised - (level.unsqueeze(-1) * scores).sum(0)


def reinforce_by_bmm(scores, rewards, baseline, to_go):
    returns = trajectories.reward_to_go(rewards)
    if not to_go:
        returns = returns[0].repeat(len(rewards), 1)
    weights = (returns - baseline).T[:, None, :]
    return torch.bmm(weights, scores.transpose(0, 1)).squeeze(1)


def fit_step_by_step(states, to_go, new_states):
    rows = []
    for s, g, new in zip(states, to_go, new_states, strict=True):
        table = torch.stack([torch.ones_like(s), s, s * s], dim=1)
        c = torch.linalg.lstsq(table, g[:, None]).solution[:, 0]
        rows.append(c[0] + c[1] * new + c[2] * new**2)
    return torch.stack(rows)


def fit_by_numpy(states, to_go, new_states):
    rows = []
    for s, g, new in zip(states.numpy(), to_go.numpy(), new_states.numpy(), strict=True):
        c, *_ = np.linalg.lstsq(np.vander(s, 3), g, rcond=None)
        rows.append(np.vander(new, 3) @ c)
    return torch.from_numpy(np.stack(rows))


def fit_by_polyfit(states, to_go, new_states):
    rows = zip(states.numpy(), to_go.numpy(), new_states.numpy(), strict=True)
    return torch.tensor(np.array([np.polyval(np.polyfit(s, g, 2), new) for s, g, new in rows]))


def fit_by_a_pseudoinverse(states, to_go, new_states):
    powers = torch.arange(3)
    table, new = states[..., None] ** powers, new_states[..., None] ** powers
    return torch.einsum("tmk,tkn,tn->tm", new, torch.linalg.pinv(table), to_go)


def fit_by_normal_equations(states, to_go, new_states):
    table = torch.stack((torch.ones_like(states), states, states**2), -1)
    gram = torch.linalg.pinv(table.mT @ table, rtol=1e-10, hermitian=True)
    c = gram @ table.mT @ to_go.unsqueeze(-1)
    new = torch.stack((torch.ones_like(new_states), new_states, new_states**2), -1)
    return (new @ c).squeeze(-1)


def fit_by_singular_values(states, to_go, new_states):
    table = torch.stack((states**2, states, torch.ones_like(states)), -1)
    u, s, vh = torch.linalg.svd(table, full_matrices=False)
    inverse = torch.where(s > 1e-10 * s[..., :1], 1 / s, torch.zeros_like(s))
    c = vh.mT @ (inverse[..., None] * (u.mT @ to_go[..., None]))
    return c[:, 0] * new_states**2 + c[:, 1] * new_states + c[:, 2]


def fit_by_smoothlib(states, to_go, new_states):
    rewards = to_go - torch.cat((to_go[1:], 0 * to_go[:1]))
    alive, nothing = torch.ones_like(to_go, dtype=torch.bool), torch.zeros_like(to_go)
    flights = trajectories.Trajectories(
        states[..., None], states[..., None], rewards, alive, nothing, states[-1:].T, ~alive[0]
    )
    return trajectories.fit_value(flights)(new_states[..., None])


def calm_in_a_table(step, gain, start, T):
    rewards = start.new_empty((T, len(start)))
    state = start.clone()
    for t in range(T):
        state, rewards[t] = step(state, gain * state)
    return torch.stack([rewards[t:].sum(0) for t in range(T)])


def calm_by_recursion(step, gain, start, T):
    after, reward = step(start, gain * start)
    if T == 1:
        return reward[None]
    later = calm_by_recursion(step, gain, after, T - 1)
    return torch.cat(((reward + later[0])[None], later))


def calm_with_a_running_total(step, gain, start, T):
    state, to_go = start, []
    for _ in range(T):
        state, reward = step(state, state * gain)
        to_go = [earlier + reward for earlier in to_go] + [reward]
    return torch.stack(to_go)


def calm_start_by_start(step, gain, start, T):
    columns = []
    for s in start.split(1):
        rewards = []
        for _ in range(T):
            s, reward = step(s, gain * s)
            rewards.append(reward)
        columns.append(torch.cat(rewards))
    each = torch.stack(columns, 1)
    return each.sum(0) - each.cumsum(0) + each


def calm_by_numpy(step, gain, start, T):
    state, rewards = start, []
    for _ in range(T):
        state, reward = step(state, gain * state)
        rewards.append(reward.numpy())
    return torch.from_numpy(np.cumsum(np.array(rewards)[::-1], axis=0)[::-1].copy())


def calm_by_smoothlib(step, gain, start, T):
    rewards, state = [], start
    while len(rewards) < T:
        state, reward = step(state, torch.mul(state, gain))
        rewards.append(reward)
    return trajectories.reward_to_go(torch.stack(rewards), 1.0)


RIGHT = {
    "reward_to_go": [
        to_go_by_two_loops,
        to_go_in_place_on_a_copy,
        to_go_by_a_matrix,
        to_go_by_numpy,
        to_go_by_recursion,
        to_go_flight_by_flight,
        to_go_by_smoothlib,
    ],
    "log_prob_gaussian": [
        log_prob_by_torch,
        log_prob_of_one_normal,
        log_prob_by_numpy,
        log_prob_of_the_density,
        log_prob_one_by_one,
        log_prob_by_a_loss,
    ],
    "reinforce": [
        reinforce_by_einsum,
        reinforce_by_loops,
        reinforce_by_numpy,
        reinforce_by_autograd,
        reinforce_reward_by_reward,
        reinforce_by_bmm,
    ],
    "fit_value_baseline": [
        fit_step_by_step,
        fit_by_numpy,
        fit_by_polyfit,
        fit_by_a_pseudoinverse,
        fit_by_normal_equations,
        fit_by_singular_values,
        fit_by_smoothlib,
    ],
    "zero_noise_baseline": [
        calm_in_a_table,
        calm_by_recursion,
        calm_with_a_running_total,
        calm_start_by_start,
        calm_by_numpy,
        calm_by_smoothlib,
    ],
}
