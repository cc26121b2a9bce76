"""Interactive figures of the lectures, one function each."""

from course.widgets.alarms import alarm
from course.widgets.annealing import anneal, climb_the_average
from course.widgets.balancing import balance
from course.widgets.budgeting import watch_choice
from course.widgets.climbing import ascent, many_starts
from course.widgets.cloned import cloned_hand
from course.widgets.closed_loop import looking_hand
from course.widgets.corrected import climb_past_the_wall
from course.widgets.denoising import two_ways
from course.widgets.directions import arrows, correlated, dimensions
from course.widgets.gains import average_of_gains, descend
from course.widgets.grasping import noisy_lift, robust_grasp, what_smooths
from course.widgets.gripper import lift, watch
from course.widgets.laboratory import many_worlds
from course.widgets.learners import two_learners
from course.widgets.learning import lambda_dial, learn_to_hover
from course.widgets.mixing import mixture
from course.widgets.populations import natural, population
from course.widgets.ramps import stiff_ramp
from course.widgets.regulating import cliff, steer, two_noises
from course.widgets.rules import rules
from course.widgets.scores import areas, baselines, votes
from course.widgets.shaping import shaping
from course.widgets.slopes import slope_of_the_mean, two_gradients, wrong_way
from course.widgets.smoothing import surrogate, tremble
from course.widgets.stepping import climb_by_scores, step_sizes
from course.widgets.surrogates import fingerprints
from course.widgets.throwing import move_the_wall, throw
from course.widgets.training import train, train_yours, watch_training
from course.widgets.tuning import settings, watch_generations
from course.widgets.tweedie import what_was_it
from course.widgets.variances import batch_baselines, measured_bias, variances, which_wins
from course.widgets.weighing import credit, debt, which_baseline
from course.widgets.winners import winners
from course.widgets.witnesses import printed_slope
from course.widgets.workers import workers
