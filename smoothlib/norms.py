"""Distances from 0, in any dimension: to be minimised, so ascend -L1() or -EuclideanNorm()."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.closed_forms import linear_pieces, pieces_moments, sum_moments
from smoothlib.objectives import Objective, Optimum, places, plane
from smoothlib.smoothing import EPS_MAX, Moments, check_points, density, legendre

_ABS = linear_pieces((0.0,), (0.0,), (0.0,), (-1.0, 1.0))


@dataclass(frozen=True)
class L1(Objective):
    """The sum of absolute values, f(x) = Σ |x_i|, in any dimension.

    With z = θ/σ, F(θ) = Σ θ_i (2Φ(z_i) - 1) + 2σ φ(z_i) and ∂_i F = 2Φ(z_i) - 1. To be
    minimised: ascend -L1().
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return check_points("L1", theta, None).abs().sum(-1)

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = Σ θ_i (2Φ(z_i) - 1) + 2σ φ(z_i)."""
        x, scale = plane(self, theta, sigma)
        return (x * torch.erf(x / scale / math.sqrt(2)) + 2 * scale * density(x / scale)).sum(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∂_i F(θ) = 2Φ(z_i) - 1."""
        x, scale = plane(self, theta, sigma)
        return torch.erf(x / scale / math.sqrt(2))

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """All in closed form: the coordinates are independent."""
        x, scale = plane(self, theta, sigma)
        return sum_moments(pieces_moments(_ABS, x, scale), self.smoothed_grad(theta, sigma))

    def kinks(self) -> Float[Tensor, " k"]:
        """At 0, in one variable."""
        return places(0.0)

    @property
    def minimum(self) -> Optimum:
        """At 0, in every coordinate."""
        return Optimum(places(0.0), 0.0)


@dataclass(frozen=True)
class EuclideanNorm(Objective):
    """The distance from 0, f(x) = ‖x‖, in any dimension. To be minimised: ascend -EuclideanNorm().

    With w = ‖θ‖²/(2σ²) and J_m = ∫ exp(-w sin²φ) cos^m φ dφ from 0 to π/2,

        F(θ) = σ √(2/π) (d J_d + 2 w J_(d+2)),   ∇F(θ) = θ/σ √(2/π) J_d

    which is Kummer's function 1F1(-1/2; d/2; -w) in an integral that Gauss-Legendre finds to
    rounding. The antithetic moment is a double integral in elliptic coordinates.
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return torch.linalg.vector_norm(check_points("EuclideanNorm", theta, None), dim=-1)

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = σ √(2/π) (d J_d + 2 w J_(d+2))."""
        x, scale = plane(self, theta, sigma)
        d, (w, _, cosine, weight) = x.shape[-1], _polar(x, scale)
        terms = weight * cosine**d * (d + 2 * w[..., None] * cosine**2)
        return math.sqrt(2 / math.pi) * scale[..., 0] * terms.sum(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∇F(θ) = θ/σ √(2/π) J_d."""
        x, scale = plane(self, theta, sigma)
        _, _, cosine, weight = _polar(x, scale)
        J = (weight * cosine ** x.shape[-1]).sum(-1, keepdim=True)
        return math.sqrt(2 / math.pi) * x / scale * J

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """By the same integrals; E[X_i²/‖X‖²] = ∫ v^(d-1) exp(-w(1-v²)) (1 + 2 w_i v²) dv."""
        x, scale = plane(self, theta, sigma)
        d, (_, sine, cosine, weight) = x.shape[-1], _polar(x, scale)
        value, grad = self.smoothed(theta, sigma), self.smoothed_grad(theta, sigma)
        own = x**2 / scale**2  # 2 w_i
        J, falling, once, thrice = (
            (weight * power).sum(-1, keepdim=True)
            for power in (
                cosine**d,
                sine**2 * cosine**d,
                sine * cosine ** (d - 1),
                sine * cosine ** (d + 1),
            )
        )
        curvature = math.sqrt(2 / math.pi) / scale * (J - own * falling)
        square = (x**2 + scale**2).sum(-1)
        return Moments(
            value,
            grad,
            value[..., None] + scale**2 * curvature,
            square,
            (square[..., None] + 2 * scale**2).expand(x.shape),
            grad,
            once + own * thrice,
            _norm_pair(x, scale) if d > 1 else L1().smoothed_moments(theta, sigma).pair_eps2,
        )

    def kinks(self) -> Float[Tensor, " k"]:
        """At 0, in one variable."""
        return places(0.0)

    @property
    def minimum(self) -> Optimum:
        """At 0, in every coordinate."""
        return Optimum(places(0.0), 0.0)


def _polar(x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """w = ‖θ‖²/(2σ²); sin φ, cos φ and exp(-w sin²φ) dφ at 64 nodes over where it is not 0."""
    w = (x**2).sum(-1) / (2 * scale[..., 0] ** 2)
    last = (EPS_MAX / (2 * w + x.shape[-1]).sqrt() * math.pi / 2).clamp(max=math.pi / 2)
    angle, weight = legendre(torch.zeros_like(last), last, 64)
    sine = angle.sin()
    return w, sine, angle.cos(), weight * torch.exp(-w[..., None] * sine**2)


def _norm_pair(x: Tensor, scale: Tensor) -> Float[Tensor, "*batch d"]:
    """E[‖θ + σε‖ ‖θ - σε‖ ε_i²] for d > 1.

    With z = ‖θ‖/σ, u the part of ε along θ and q the length of the rest, elliptic coordinates
    u = z cosh μ cos ν, q = z sinh μ sin ν make ‖X‖ ‖θ - σε‖ = σ² (t² + n²) of t = z sinh μ and
    n = z sin ν, and du dq = (t² + n²) dμ dν: nothing is singular any more.
    """
    d = x.shape[-1]
    radius = torch.linalg.vector_norm(x, dim=-1)
    z = (radius / scale[..., 0]).clamp(min=1e-8)  # errs by z² where it clamps
    far = math.sqrt(d) + EPS_MAX
    near = math.sqrt(max((math.sqrt(d) - EPS_MAX) ** 2 - EPS_MAX**2, 0.0))
    t, t_weight = legendre(torch.full_like(z, near), torch.full_like(z, far), 128)
    last = torch.asin((EPS_MAX / torch.hypot(z, torch.full_like(z, near))).clamp(max=1.0))
    tilt, tilt_weight = legendre(torch.zeros_like(z), last, 64)  # π/2 - ν
    t, tilt, z = t[..., None], tilt[..., None, :], z[..., None, None]
    stretch = torch.hypot(t, z)  # z cosh μ
    u2, q2 = (stretch * tilt.sin()) ** 2, (t * tilt.cos()) ** 2
    gauge = math.log(2) * (3 - d) / 2 - math.lgamma((d - 1) / 2) + math.log(2 / math.pi) / 2
    log_density = gauge - (u2 + q2) / 2 + (d - 2) / 2 * q2.log()
    weight = t_weight[..., None] / stretch * tilt_weight[..., None, :]
    weight = weight * (t**2 + (z * tilt.cos()) ** 2) ** 2
    terms = weight * log_density.exp()
    along, across = ((terms * part).sum((-1, -2)) for part in (u2, q2 / (d - 1)))
    share = (x / radius.clamp(min=torch.finfo(x.dtype).tiny)[..., None]) ** 2
    return scale**2 * (across[..., None] + share * (along - across)[..., None])
