"""One gain, held for an episode: linear-quadratic control as an objective of one variable."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.objectives import Objective, box, line, require_finite, require_positive
from smoothlib.smoothing import LineMoments, Moments, slope

MOST_STEPS = 170  # a Gauss-Hermite rule of 2T + 2 nodes underflows soon after


@dataclass(frozen=True)
class LQEpisode(Objective):
    """Minus the mean cost of a step, over T steps, as a function of the gain θ of u = -θ s.

    s' = a s + b u + w,  E s_0² = E w² = W      each step costs q s² + r u²

    f(θ) = -(q + r θ²) (1/T) Σ_{t<T} E s_t²,   E s_{t+1}² = (a - bθ)² E s_t² + W

    which is `lqr.LQR.episode_cost`, its sign turned and divided by T: a polynomial of degree 2T,
    smooth everywhere, so first-order gradients are unbiased. Beyond |a - bθ| = 1 it falls like
    (a - bθ)^(2T), and then they are the noisy ones. Noise is in the gain, drawn once an episode;
    the wind w is averaged out. The truth is a Gauss-Hermite sum with 2T + 2 nodes, exact for a
    polynomial. Where noise reaches beyond the edge, moments come from draws so rare that no
    sample of a sane size meets them.

    Args:
        a, b: dynamics. q, r: costs. W: variance. steps: T.
    Raises:
        ValueError: for numbers that are not finite, an r, W or b that is not positive, T < 1; where
            the truth is asked for with T > 170, for which its sum has no weights in float64.
    """

    a: float = 1.1
    b: float = 1.0
    q: float = 1.0
    r: float = 0.5
    W: float = 1.0
    steps: int = 10

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "b", "r", "W", "steps")

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x, _ = line(self, theta, 1.0)
        growth = (self.a - self.b * x) ** 2
        square = total = torch.full_like(x, self.W)
        for _ in range(self.steps - 1):
            square = growth * square + self.W
            total = total + square
        return -(self.q + self.r * x**2) * total / self.steps

    def smoothed(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        return self.smoothed_moments(theta, sigma).value

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        return self.smoothed_moments(theta, sigma).grad

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor) -> Moments:
        if self.steps > MOST_STEPS:
            raise ValueError(
                f"LQEpisode: steps = {self.steps}; the truth is known up to {MOST_STEPS} steps, "
                "and `estimate` measures beyond"
            )
        x, scale = line(self, theta, sigma)
        node, weight = np.polynomial.hermite_e.hermegauss(2 * self.steps + 2)
        eps, share = (torch.from_numpy(part).to(x) for part in (node, weight / weight.sum()))
        at = (x[..., None] + scale[..., None] * eps)[..., None]
        value, rate = self(at), slope(self, at)[..., 0]
        powers = torch.stack((torch.ones_like(eps), eps, eps**2)).reshape(3, *[1] * x.ndim, -1)
        mirrored = value.flip(-1)  # the nodes lie symmetrically
        plain, square, pair = (
            (share * part * powers).sum(-1) for part in (value, value**2, value * mirrored)
        )
        slopes = torch.stack(((share * rate).sum(-1), (share * rate**2).sum(-1)))
        return LineMoments(plain, square, pair, slopes).moments(slopes[0])

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """Where the episode is stable, |a - bθ| <= 1."""
        return box([(self.a - 1) / self.b], [(self.a + 1) / self.b])
