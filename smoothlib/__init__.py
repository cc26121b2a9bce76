"""smoothlib: stochastic optimisation of objectives that jump.

Everything is maximised. One notation, here and in the lectures:

| symbol | in code | meaning |
|--------|---------|---------|
| θ      | `theta` | the point, or the mean of the noise around it; shape (..., d) |
| d      | `d`     | dimension of a point |
| σ      | `sigma` | standard deviation of the noise, never a variance |
| ε      | `eps`   | standard normal noise, shape (n, d) |
| n      | `n`     | number of samples |
| x      | `x`     | a perturbed point, x = θ + σε |
| f, J   | `f`     | an objective: points (..., d) to values (...) |
| F      | `f.smoothed` | smoothed value F(θ) = E f(θ + σε) |
| ∇F     | `f.smoothed_grad` | its gradient, shape (..., d) |
| φ, Φ   |         | density and distribution function of the standard normal |

Physical quantities are in SI units; angles in radians.
"""

from smoothlib.objectives import (
    L1,
    Affine,
    EuclideanNorm,
    HeavisideAll,
    HeavisideAny,
    Objective,
    Optimum,
    Quadratic,
    Sum,
    ThreeHumpCamel,
    Wiggle,
)
from smoothlib.piecewise import Heaviside, PiecewiseLinear, SoftStep, Spike, TopHat
from smoothlib.smoothing import Jumps, Moments, smoothed, smoothed_grad, smoothed_moments
from smoothlib.throws import BallThrow, BallWall, MomentumTransfer, PassFailBar

__all__ = [
    "L1",
    "Affine",
    "BallThrow",
    "BallWall",
    "EuclideanNorm",
    "Heaviside",
    "HeavisideAll",
    "HeavisideAny",
    "Jumps",
    "Moments",
    "MomentumTransfer",
    "Objective",
    "Optimum",
    "PassFailBar",
    "PiecewiseLinear",
    "Quadratic",
    "SoftStep",
    "Spike",
    "Sum",
    "ThreeHumpCamel",
    "TopHat",
    "Wiggle",
    "smoothed",
    "smoothed_grad",
    "smoothed_moments",
]
