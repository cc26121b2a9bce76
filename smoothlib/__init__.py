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

from smoothlib.objectives import BallThrow, BallWall, Jumps, Optimum

__all__ = ["BallThrow", "BallWall", "Jumps", "Optimum"]
