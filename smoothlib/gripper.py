"""The gripper: a hand that descends, closes on a brick and lifts it, many at once.

    from smoothlib import gripper

    gripper.rollout(z_close, params) -> Result     5 seconds of B grippers; height is the reward
    gripper.step(state, command, params, dt)       one step, for a controller of your own
    gripper.init_state, gripper.schedule           what rollout starts from and follows
    gripper.contacts                               where a state touches, and with which forces
    gripper.GripperLift                            the reward as an Objective, with its exact F
    gripper.GripperGrasp                           the same by two parameters, height and force

The reward as a function of z_close, the height of the fingertips when they close, is a cliff, a
slope and a cliff (`lift_closed_form`). Three sources of noise smooth it, each a tensor drawn
outside: noise on z_close, random starts (`initial`), random parameters (`params`).

This is the one door. Behind it: parameters, state and schedule in `gripper_model`, the physics in
`gripper_physics`, the rollout and its backends in `gripper_rollout`, objectives in
`gripper_objective` and `gripper_grasp`. In closed loop, for Gymnasium: `smoothlib.gripper_env`.
"""

from smoothlib.gripper_grasp import GraspFormula, GripperGrasp
from smoothlib.gripper_model import Command, GripperParams, GripperState, init_state, schedule
from smoothlib.gripper_objective import GripperLift, lift_closed_form
from smoothlib.gripper_physics import LEFT, LEFT_TIP, RIGHT, RIGHT_TIP, Contacts, contacts, step
from smoothlib.gripper_rollout import Result, Trajectory, rollout

__all__ = [
    "LEFT",
    "LEFT_TIP",
    "RIGHT",
    "RIGHT_TIP",
    "Command",
    "Contacts",
    "GraspFormula",
    "GripperGrasp",
    "GripperLift",
    "GripperParams",
    "GripperState",
    "Result",
    "Trajectory",
    "contacts",
    "init_state",
    "lift_closed_form",
    "rollout",
    "schedule",
    "step",
]
