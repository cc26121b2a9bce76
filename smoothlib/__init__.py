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
| π      | `policy` | a policy: θ and an observation to an action, `policies` |
| o, a, r | `observations`, `actions`, `rewards` | of n episodes, t = 0 … T - 1: (T, n, ...) |
| γ, λ   | `gamma`, `lam` | discount; how far advantages look ahead |
| s, a   |         | state and action of a step t = 0 … T-1 |
| A, B   | `A`, `B` | linear dynamics, s_{t+1} = A s_t + B a_t + noise of covariance W |
| Q, R   | `Q`, `R` | its cost sᵀQs + aᵀRa, minus the reward |
| K      | `K`     | a gain, a = -K s; shape (..., actions, states) |
| P, Σ   |         | cost of a state from now on, sᵀPs; covariance of the state |
| φ, Φ   |         | density and distribution function of the standard normal |

Of the gripper, `from smoothlib import gripper`:

| symbol | in code | meaning |
|--------|---------|---------|
| z      | `z_close` | height of the fingertips when they close, m |
| F_g    | `force` | force with which each finger closes, N |
| z_lo, z_hi |     | the z between which the brick is lifted |
| μ      | `mu_pad`, `mu_table` | Coulomb friction of the fingers, of the table |
| k_p, k | `kp`, `k` | stiffness of the hand's servo, of a contact, N/m |

Physical quantities are in SI units; angles in radians.

The public names and their modules are listed in `__init__.pyi`. A module is imported when one of
its names is first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
