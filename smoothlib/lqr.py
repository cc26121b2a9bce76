"""Linear-quadratic regulation: what noise does in a closed loop, with every answer exact.

    s_{t+1} = A s_t + B a_t + w_t,   a_t = -K s_t + σ ε_t,   w_t ~ N(0, W),  ε_t ~ N(0, I)

Each step costs sᵀQs + aᵀRa, to be *minimised*: the reward is minus that, and θ = -K makes the
linear policy a = θs. With M = A - BK, the closed loop, and W_σ = W + σ²BBᵀ,

    P_K = Q + KᵀRK + Mᵀ P_K M           what a state costs from now on is sᵀ P_K s, noise aside
    Σ_K = W_σ + M Σ_K Mᵀ                E s sᵀ in the long run
    C(K) = tr(P_K W_σ) + σ² tr R        cost of a step in the long run
    ∇C(K) = 2 [(R + Bᵀ P_K B) K - Bᵀ P_K A] Σ_K

where every eigenvalue of M is smaller than 1; C is infinite elsewhere. At σ = 0 the same C is the
sum of all costs from a random start with E s₀s₀ᵀ = W and no noise after it. See Kalman 1960 for
the optimum; Fazel, Ge, Kakade and Mesbahi 2018, arXiv 1801.05039, for ∇C and its dominance.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

DOUBLINGS = 60  # at most, of the number of steps in the Riccati iteration; ten are usual
NODES = 10**6  # at most, of a Gauss-Hermite sum


class Regulator(NamedTuple):
    """The best gain, and what it costs."""

    K: Float[Tensor, "a s"]
    P: Float[Tensor, "s s"]  # the solution of the Riccati equation
    cost: Float[Tensor, ""]  # tr(P W), of a step in the long run without action noise


class Episodes(NamedTuple):
    """n simulated episodes of T steps, t = 0 … T-1."""

    states: Float[Tensor, "T n s"]
    actions: Float[Tensor, "T n a"]
    costs: Float[Tensor, "T n"]


@dataclass(frozen=True, eq=False)
class LQR:
    """A linear system with Gaussian noise and quadratic costs; numbers stand for 1 × 1 matrices.

    Args:
        A, B: dynamics, (s, s) and (s, a). Q, R: costs, (s, s) and (a, a), symmetric.
        W: covariance of the process noise, (s, s); the identity by default.
    Raises:
        ValueError: for shapes that do not fit, Q or W with a negative eigenvalue, R with one
            that is not positive.

    Gains have shape (*batch, a, s). All is done in float64. Fails for a cost on s·a, for delays,
    and for what is not linear; exact also where a policy sees the whole state only.
    """

    A: Float[Tensor, "s s"]
    B: Float[Tensor, "s a"]
    Q: Float[Tensor, "s s"]
    R: Float[Tensor, "a a"]
    W: Float[Tensor, "s s"]

    def __init__(
        self,
        A: Tensor | float,
        B: Tensor | float,
        Q: Tensor | float,
        R: Tensor | float,
        W: Tensor | float | None = None,
    ) -> None:
        parts = {"A": A, "B": B, "Q": Q, "R": R}
        matrices = {name: _matrix(name, part) for name, part in parts.items()}
        s, a = len(matrices["A"]), matrices["B"].shape[1]
        matrices["W"] = torch.eye(s, dtype=torch.float64) if W is None else _matrix("W", W)
        wanted = {"A": (s, s), "B": (s, a), "Q": (s, s), "R": (a, a), "W": (s, s)}
        for name, matrix in matrices.items():
            if matrix.shape != wanted[name]:
                raise ValueError(
                    f"LQR: {name} has shape {tuple(matrix.shape)}; {wanted[name]} is needed for "
                    f"{s} states and {a} actions"
                )
            object.__setattr__(self, name, matrix)
        for name in ("Q", "R", "W"):
            _check_definite(name, matrices[name], strictly=name == "R")

    # --- stability --------------------------------------------------------------------------

    def closed_loop(self, K: Float[Tensor, "*batch a s"]) -> Float[Tensor, "*batch s s"]:
        """M = A - BK, which takes a state to the next one."""
        return self.A - self.B @ self._gain(K)

    def radius(self, K: Float[Tensor, "*batch a s"]) -> Float[Tensor, "*batch"]:
        """The spectral radius ρ of M: in the long run a state grows by this factor each step."""
        return torch.linalg.eigvals(self.closed_loop(K)).abs().amax(-1)

    def stable(self, K: Float[Tensor, "*batch a s"]) -> Tensor:
        """Whether ρ < 1: whether states die out. A set that is open and need not be convex."""
        return self.radius(K) < 1

    # --- in the long run --------------------------------------------------------------------

    def cost_matrix(self, K: Float[Tensor, "*batch a s"]) -> Float[Tensor, "*batch s s"]:
        """P_K; infinite where K is not stable."""
        K = self._gain(K)
        stable, M = self._stabilised(K)
        P = _fixed_point(M.mT, self.Q + K.mT @ self.R @ K)
        return torch.where(stable[..., None, None], P, torch.inf)

    def covariance(
        self, K: Float[Tensor, "*batch a s"], sigma: float = 0.0
    ) -> Float[Tensor, "*batch s s"]:
        """Σ_K = E s sᵀ in the long run; infinite where K is not stable."""
        K = self._gain(K)
        stable, M = self._stabilised(K)
        Sigma = _fixed_point(M, self._noise(sigma).expand_as(M))
        return torch.where(stable[..., None, None], Sigma, torch.inf)

    def cost(self, K: Float[Tensor, "*batch a s"], sigma: float = 0.0) -> Float[Tensor, "*batch"]:
        """C(K) = tr(P_K W_σ) + σ² tr R, of a step in the long run; inf where K is not stable.

        Action noise, a standard deviation σ, raises C and leaves its minimiser where it is: P_K
        is least, as a matrix, at one K whatever W_σ is.
        """
        K = self._gain(K)
        stable, M = self._stabilised(K)
        P = _fixed_point(M.mT, self.Q + K.mT @ self.R @ K)
        cost = _trace(P @ self._noise(sigma)) + sigma**2 * _trace(self.R)
        return torch.where(stable, cost, torch.inf)

    def grad(
        self, K: Float[Tensor, "*batch a s"], sigma: float = 0.0
    ) -> Float[Tensor, "*batch a s"]:
        """∇C(K) = 2 [(R + Bᵀ P_K B) K - Bᵀ P_K A] Σ_K, uphill; nan where K is not stable."""
        K = self._gain(K)
        stable, M = self._stabilised(K)
        P = _fixed_point(M.mT, self.Q + K.mT @ self.R @ K)
        Sigma = _fixed_point(M, self._noise(sigma).expand_as(M))
        return torch.where(stable[..., None, None], 2 * self._residual(K, P) @ Sigma, torch.nan)

    @cached_property
    def optimum(self) -> Regulator:
        """The best of all gains: K* = (R + BᵀP*B)⁻¹ BᵀP*A with P* = Q + Aᵀ P* (A - BK*).

        P* is the cost over 2^j steps, doubled until it stays (Anderson 1978).
        Raises:
            ValueError: where no gain makes the cost finite, or it is not reached.
        """
        P = _riccati(self.A, self.B, self.Q, self.R)
        K = torch.linalg.solve(self.R + self.B.mT @ P @ self.B, self.B.mT @ P @ self.A)
        if not bool(K.isfinite().all()) or not bool(self.stable(K)):
            raise ValueError(
                "LQR: no best gain found that stabilises the system; each direction that grows "
                "must be reached by B, and seen by Q"
            )
        return Regulator(K, P, _trace(P @ self.W))

    @property
    def dominance(self) -> float:
        """A µ with ‖∇C(K)‖² >= µ (C(K) - C(K*)) at every stable K: no other place is flat.

        µ = 4 λ_min(R + BᵀP*B) λ_min(W)² / ‖Σ_{K*}‖. So the flow dK/dt = -∇C takes C - C(K*) below
        any share at the rate µ, from any start, although C is not convex. A bound, not the best:
        Fazel et al. 2018, lemma 11, with R + BᵀP*B in place of R. 0 where W is singular.
        """
        K, P, _ = self.optimum
        stiff = torch.linalg.eigvalsh(self.R + self.B.mT @ P @ self.B)[0]
        least = torch.linalg.eigvalsh(self.W)[0].clamp(min=0)
        return float(4 * stiff * least**2 / torch.linalg.matrix_norm(self.covariance(K), 2))

    # --- in an episode of `horizon` steps ---------------------------------------------------

    def episode_cost(
        self,
        K: Float[Tensor, "*batch a s"],
        horizon: int,
        start: Float[Tensor, "s s"],
        sigma: float = 0.0,
    ) -> Float[Tensor, "*batch"]:
        """E Σ of the costs of steps 0 … T-1, T = `horizon`, from E s₀s₀ᵀ = `start`.

        A polynomial in K, finite everywhere; over T it tends to C(K). Its minimiser over K moves
        with `start`, σ and T: the best of all policies would change its gain with t.
        """
        K = self._gain(K)
        M, each = self.A - self.B @ K, self.Q + K.mT @ self.R @ K
        total = torch.zeros(K.shape[:-2], dtype=K.dtype) + horizon * sigma**2 * _trace(self.R)
        for Sigma in self._covariances(M, horizon, start, sigma):
            total = total + _trace(each @ Sigma)
        return total

    def episode_grad(
        self,
        K: Float[Tensor, "*batch a s"],
        horizon: int,
        start: Float[Tensor, "s s"],
        sigma: float = 0.0,
    ) -> Float[Tensor, "*batch a s"]:
        """Its gradient, uphill: Σ_t 2 [(R + BᵀP_{t+1}B)K - BᵀP_{t+1}A] Σ_t, with P_T = 0 and
        P_t = Q + KᵀRK + MᵀP_{t+1}M."""
        K = self._gain(K)
        M, each = self.A - self.B @ K, self.Q + K.mT @ self.R @ K
        P, grad = torch.zeros_like(M), torch.zeros_like(K)
        for Sigma in reversed(self._covariances(M, horizon, start, sigma)):
            grad = grad + 2 * self._residual(K, P) @ Sigma
            P = each + M.mT @ P @ M
        return grad

    def perturbed_episode_cost(
        self,
        K: Float[Tensor, "*batch a s"],
        horizon: int,
        start: Float[Tensor, "s s"],
        sigma: float,
    ) -> Float[Tensor, "*batch"]:
        """E episode_cost(K + σE) with *parameter* noise: E ~ N(0, 1) for each entry of K, drawn
        once for an episode. This is F of randomised smoothing; action noise makes another one.

        The cost is a polynomial of degree 2T in K, so Gauss-Hermite sums with T + 1 nodes for each
        entry are exact. It grows over T without end: for a Gaussian E some gains are unstable.
        Raises:
            ValueError: where these are more than a million nodes; average over samples then.
        """
        entries = self.B.numel()
        if (horizon + 1) ** entries > NODES:
            raise ValueError(
                f"LQR: horizon = {horizon} with {entries} entries in K takes "
                f"{horizon + 1}^{entries} nodes; average episode_cost over samples of K instead"
            )
        node, weight = np.polynomial.hermite_e.hermegauss(horizon + 1)
        E = torch.cartesian_prod(*[torch.from_numpy(node)] * entries).reshape(-1, *self.B.mT.shape)
        weights = torch.cartesian_prod(*[torch.from_numpy(weight / weight.sum())] * entries)
        near = self._gain(K)[..., None, :, :] + sigma * E
        cost = self.episode_cost(near, horizon, start)
        return (cost * weights.reshape(len(E), -1).prod(-1)).sum(-1)

    def simulate(
        self,
        K: Float[Tensor, "*n a s"],
        wind: Float[Tensor, "T n s"],
        pushes: Float[Tensor, "T n a"],
    ) -> Episodes:
        """n episodes with the actions -K s + pushes[t], differentiable in K.

        Args:
            K: one gain for all, (a, s), or one for each episode, (n, a, s).
            wind: wind[0] are the starts s₀; wind[t] is added to the state on the way to step t.
            pushes: noise of the actions, in their units: zeros, or σε.
        """
        K = self._gain(K)
        M, drive = self.A - self.B @ K, wind[1:] + pushes[:-1] @ self.B.mT
        states = [wind[0]]
        for w in drive:
            states.append((M @ states[-1][..., None])[..., 0] + w)
        s = torch.stack(states)
        a = pushes - (K @ s[..., None])[..., 0]
        return Episodes(s, a, ((s @ self.Q) * s).sum(-1) + ((a @ self.R) * a).sum(-1))

    # --- parts ------------------------------------------------------------------------------

    def _gain(self, K: Tensor) -> Tensor:
        wanted = self.B.mT.shape
        if not isinstance(K, Tensor) or K.shape[-2:] != wanted or not K.is_floating_point():
            what = (K.dtype, tuple(K.shape)) if isinstance(K, Tensor) else K
            raise ValueError(
                f"LQR: K is {what}; a floating-point tensor of shape (..., {wanted[0]}, "
                f"{wanted[1]}) is needed, a row for each action: for gains k as numbers "
                "torch.as_tensor(k, dtype=torch.float64)[..., None, None]"
            )
        if not bool(K.isfinite().all()):
            raise ValueError("LQR: K holds nan or inf; did a step before this one diverge?")
        return K.double()

    def _noise(self, sigma: float) -> Float[Tensor, "s s"]:
        """W_σ."""
        if not sigma >= 0:
            raise ValueError(f"LQR: sigma = {sigma}; a standard deviation of at least 0 is needed")
        return self.W + sigma**2 * self.B @ self.B.mT

    def _stabilised(self, K: Tensor) -> tuple[Tensor, Tensor]:
        """Where K is stable, and M there; 0 in its place elsewhere, so that all can be solved."""
        M = self.A - self.B @ K
        stable = torch.linalg.eigvals(M).abs().amax(-1) < 1
        return stable, torch.where(stable[..., None, None], M, 0.0)

    def _residual(self, K: Tensor, P: Tensor) -> Tensor:
        """(R + BᵀPB) K - BᵀPA: zero at the gain that is best where the next state costs sᵀPs."""
        return (self.R + self.B.mT @ P @ self.B) @ K - self.B.mT @ P @ self.A

    def _covariances(self, M: Tensor, horizon: int, start: Tensor, sigma: float) -> list[Tensor]:
        """Σ_0 … Σ_{T-1}."""
        if horizon < 1 or start.shape != self.A.shape:
            raise ValueError(
                f"LQR: horizon = {horizon}, start of shape {tuple(start.shape)}; at least one step "
                f"and the second moment E s₀s₀ᵀ, {tuple(self.A.shape)}, are needed; that of a "
                "known s₀ is torch.outer(s0, s0)"
            )
        Sigmas = [start.double().expand_as(M)]
        while len(Sigmas) < horizon:
            Sigmas.append(M @ Sigmas[-1] @ M.mT + self._noise(sigma))
        return Sigmas


def _matrix(name: str, part: Tensor | float) -> Tensor:
    matrix = torch.as_tensor(part, dtype=torch.float64).clone()
    matrix = matrix.reshape(1, 1) if matrix.ndim == 0 else matrix
    if matrix.ndim != 2 or not bool(matrix.isfinite().all()):
        raise ValueError(
            f"LQR: {name} has shape {tuple(matrix.shape)} and values {matrix.tolist()}; a matrix "
            "of finite numbers, or one number, is needed"
        )
    return matrix


def _check_definite(name: str, matrix: Tensor, strictly: bool) -> None:
    least = float(torch.linalg.eigvalsh(matrix)[0])
    slack = 1e-12 * float(matrix.abs().max())
    if not torch.allclose(matrix, matrix.mT) or (least <= 0 if strictly else least < -slack):
        raise ValueError(
            f"LQR: {name} = {matrix.tolist()}; a symmetric matrix is needed, with eigenvalues "
            f"{'above 0' if strictly else 'of at least 0'}"
        )


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)


def _fixed_point(M: Tensor, S: Tensor) -> Tensor:
    """X = S + M X Mᵀ, for ρ(M) < 1, as a linear system in the entries of X."""
    s = M.shape[-1]
    kron = (M[..., :, None, :, None] * M[..., None, :, None, :]).reshape(*M.shape[:-2], s * s, -1)
    system = torch.eye(s * s, dtype=M.dtype) - kron
    return torch.linalg.solve(system, S.reshape(*M.shape[:-2], s * s, 1)).reshape(M.shape)


def _riccati(A: Tensor, B: Tensor, Q: Tensor, R: Tensor) -> Tensor:
    """P*. After j rounds H is what 2^j steps cost with the best of all policies."""
    one = torch.eye(len(A), dtype=A.dtype)
    G, H = B @ torch.linalg.solve(R, B.mT), Q
    for _ in range(DOUBLINGS):
        ahead, back = torch.linalg.solve(one + G @ H, torch.cat((A, G), 1)).split(len(A), 1)
        more = A.mT @ H @ ahead
        A, G, H = A @ ahead, G + A @ back @ A.mT, H + (more + more.mT) / 2
        if not float(more.abs().max()) > 1e-16 * float(H.abs().max()):
            break
    return H
