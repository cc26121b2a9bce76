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

Of the gripper, `from smoothlib import gripper`:

| symbol | in code | meaning |
|--------|---------|---------|
| z      | `z_close` | height of the fingertips when they close, m |
| F_g    | `force` | force with which each finger closes, N |
| z_lo, z_hi |     | the z between which the brick is lifted |
| μ      | `mu_pad`, `mu_table` | Coulomb friction of the fingers, of the table |
| k_p, k | `kp`, `k` | stiffness of the hand's servo, of a contact, N/m |

Physical quantities are in SI units; angles in radians.
"""

from smoothlib import gripper, noise
from smoothlib.ascent import annealed, ascend
from smoothlib.environments import CartPole, Environment, LinearQuadratic, Transition
from smoothlib.estimators import (
    antithetic,
    batch_mean,
    center,
    estimated_optimal,
    finite_difference,
    first_order,
    gradient_sampling,
    jump_corrected,
    leave_one_out,
    measure_valued,
    minimum_norm,
    no_baseline,
    optimal,
    uniform_boundary,
    zero_order,
)
from smoothlib.evolution import evolution_gradient, evolution_width_gradient
from smoothlib.families import Family
from smoothlib.gripper_grasp import GripperGrasp
from smoothlib.gripper_model import GripperParams
from smoothlib.gripper_objective import GripperLift
from smoothlib.landscapes import (
    HeavisideAll,
    HeavisideAny,
    Quadratic,
    ThreeHumpCamel,
    Wiggle,
)
from smoothlib.mixtures import (
    alpha_order,
    bias_guarded,
    inverse_variance,
    minimum_variance,
    shows_a_jump,
    switched,
)
from smoothlib.noise import normal
from smoothlib.norms import L1, EuclideanNorm
from smoothlib.objectives import Affine, Objective, Optimum, Sum
from smoothlib.piecewise import Heaviside, PiecewiseLinear, SoftStep, Spike, TopHat
from smoothlib.policies import MLP, Categorical, Gaussian, Linear
from smoothlib.reductions import Reductions, reduction_table
from smoothlib.smoothing import Jumps, Moments, smoothed, smoothed_grad, smoothed_moments
from smoothlib.statistics import (
    Estimate,
    Interval,
    Sweep,
    Variances,
    bias_against_truth,
    bias_exact,
    confidence_radius,
    empirical_bernstein_interval,
    estimate,
    estimates,
    leave_one_out_variance,
    normal_interval,
    optimal_baseline,
    rmse,
    summarise,
    sweep,
    variance_exact,
    variance_measured,
    zero_order_variance,
)
from smoothlib.throws import BallThrow, BallWall, MomentumTransfer, PassFailBar

__all__ = [
    "L1",
    "MLP",
    "Affine",
    "BallThrow",
    "BallWall",
    "CartPole",
    "Categorical",
    "Environment",
    "Estimate",
    "EuclideanNorm",
    "Family",
    "Gaussian",
    "GripperGrasp",
    "GripperLift",
    "GripperParams",
    "Heaviside",
    "HeavisideAll",
    "HeavisideAny",
    "Interval",
    "Jumps",
    "Linear",
    "LinearQuadratic",
    "Moments",
    "MomentumTransfer",
    "Objective",
    "Optimum",
    "PassFailBar",
    "PiecewiseLinear",
    "Quadratic",
    "Reductions",
    "SoftStep",
    "Spike",
    "Sum",
    "Sweep",
    "ThreeHumpCamel",
    "TopHat",
    "Transition",
    "Variances",
    "Wiggle",
    "alpha_order",
    "annealed",
    "antithetic",
    "ascend",
    "batch_mean",
    "bias_against_truth",
    "bias_exact",
    "bias_guarded",
    "center",
    "confidence_radius",
    "empirical_bernstein_interval",
    "estimate",
    "estimated_optimal",
    "estimates",
    "evolution_gradient",
    "evolution_width_gradient",
    "finite_difference",
    "first_order",
    "gradient_sampling",
    "gripper",
    "inverse_variance",
    "jump_corrected",
    "leave_one_out",
    "leave_one_out_variance",
    "measure_valued",
    "minimum_norm",
    "minimum_variance",
    "no_baseline",
    "noise",
    "normal",
    "normal_interval",
    "optimal",
    "optimal_baseline",
    "reduction_table",
    "rmse",
    "shows_a_jump",
    "smoothed",
    "smoothed_grad",
    "smoothed_moments",
    "summarise",
    "sweep",
    "switched",
    "uniform_boundary",
    "variance_exact",
    "variance_measured",
    "zero_order",
    "zero_order_variance",
]
