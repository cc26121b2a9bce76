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
"""

from smoothlib import gripper, noise
from smoothlib.ascent import annealed, ascend
from smoothlib.cloning import Demonstrations, clone, demonstrate
from smoothlib.denoising import GaussianMixture, tweedie
from smoothlib.diffusion import Denoiser, ancestral, fit_denoiser, noise_levels
from smoothlib.environments import (
    CartPole,
    Environment,
    LinearQuadratic,
    Pendulum,
    Transition,
)
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
from smoothlib.evolution import (
    evolution_gradient,
    evolution_gradients,
    evolution_width_gradient,
)
from smoothlib.families import Family
from smoothlib.finite_horizon import expected_return, expected_return_grad, state_values
from smoothlib.finite_mdp import FiniteMDP
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
from smoothlib.lq_episode import LQEpisode
from smoothlib.lqr import LQR, Episodes, Regulator
from smoothlib.mezo import mezo_step
from smoothlib.mixtures import (
    Mixing,
    alpha_order,
    bias_guarded,
    inverse_variance,
    minimum_variance,
    mixing_exact,
    shows_a_jump,
    switched,
    unexplained,
)
from smoothlib.noise import normal
from smoothlib.norms import L1, EuclideanNorm
from smoothlib.objectives import Affine, Objective, Optimum, Sum
from smoothlib.passing import Passing
from smoothlib.piecewise import Heaviside, PiecewiseLinear, SoftStep, Spike, TopHat
from smoothlib.plans import demonstrate_plans, follow_plans
from smoothlib.policies import MLP, Categorical, Gaussian, Linear, Scaled
from smoothlib.ppo import PPO, clipped_surrogate
from smoothlib.reductions import Reductions, reduction_table
from smoothlib.search import (
    CMAES,
    PGPE,
    SNES,
    XNES,
    ClipUp,
    OpenAIES,
    centered_ranks,
    standardised,
    utilities,
)
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
from smoothlib.trajectories import (
    Trajectories,
    actor_critic,
    fit_value,
    gae,
    pathwise,
    policy_gradient,
    reinforce,
    returns,
    reward_to_go,
    rollout,
    time_baseline,
    zero_noise_baseline,
)

__all__ = [
    "CMAES",
    "L1",
    "LQR",
    "MLP",
    "PGPE",
    "PPO",
    "SNES",
    "XNES",
    "Affine",
    "BallThrow",
    "BallWall",
    "CartPole",
    "Categorical",
    "ClipUp",
    "Demonstrations",
    "Denoiser",
    "Environment",
    "Episodes",
    "Estimate",
    "EuclideanNorm",
    "Family",
    "FiniteMDP",
    "Gaussian",
    "GaussianMixture",
    "GripperGrasp",
    "GripperLift",
    "GripperParams",
    "Heaviside",
    "HeavisideAll",
    "HeavisideAny",
    "Interval",
    "Jumps",
    "LQEpisode",
    "Linear",
    "LinearQuadratic",
    "Mixing",
    "Moments",
    "MomentumTransfer",
    "Objective",
    "OpenAIES",
    "Optimum",
    "PassFailBar",
    "Passing",
    "Pendulum",
    "PiecewiseLinear",
    "Quadratic",
    "Reductions",
    "Regulator",
    "Scaled",
    "SoftStep",
    "Spike",
    "Sum",
    "Sweep",
    "ThreeHumpCamel",
    "TopHat",
    "Trajectories",
    "Transition",
    "Variances",
    "Wiggle",
    "actor_critic",
    "alpha_order",
    "ancestral",
    "annealed",
    "antithetic",
    "ascend",
    "batch_mean",
    "bias_against_truth",
    "bias_exact",
    "bias_guarded",
    "center",
    "centered_ranks",
    "clipped_surrogate",
    "clone",
    "confidence_radius",
    "demonstrate",
    "demonstrate_plans",
    "empirical_bernstein_interval",
    "estimate",
    "estimated_optimal",
    "estimates",
    "evolution_gradient",
    "evolution_gradients",
    "evolution_width_gradient",
    "expected_return",
    "expected_return_grad",
    "finite_difference",
    "first_order",
    "fit_denoiser",
    "fit_value",
    "follow_plans",
    "gae",
    "gradient_sampling",
    "gripper",
    "inverse_variance",
    "jump_corrected",
    "leave_one_out",
    "leave_one_out_variance",
    "measure_valued",
    "mezo_step",
    "minimum_norm",
    "minimum_variance",
    "mixing_exact",
    "no_baseline",
    "noise",
    "noise_levels",
    "normal",
    "normal_interval",
    "optimal",
    "optimal_baseline",
    "pathwise",
    "policy_gradient",
    "reduction_table",
    "reinforce",
    "returns",
    "reward_to_go",
    "rmse",
    "rollout",
    "shows_a_jump",
    "smoothed",
    "smoothed_grad",
    "smoothed_moments",
    "standardised",
    "state_values",
    "summarise",
    "sweep",
    "switched",
    "time_baseline",
    "tweedie",
    "unexplained",
    "uniform_boundary",
    "utilities",
    "variance_exact",
    "variance_measured",
    "zero_noise_baseline",
    "zero_order",
    "zero_order_variance",
]
