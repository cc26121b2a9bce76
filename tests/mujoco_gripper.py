"""The gripper's scene in MuJoCo, an independent simulator, for tests and benchmark.

A speed drive with a force limit is here a motor that nothing stops, and a clutch that slips at the
limit. As an actuator with a `forcerange` it would chatter: 27 N on 0.1 kg are 0.27 m/s in one step.
"""

from typing import Any

import numpy as np
import torch

from smoothlib.gripper import GripperParams, init_state, schedule
from tests.gripper_scenes import broadcast

SCENE = """
<mujoco>
  <option timestep="{dt}" integrator="implicitfast" cone="elliptic" impratio="20" gravity="0 0 -{g}"
    iterations="100" tolerance="1e-10"/>
  <default>
    <geom contype="0" conaffinity="0"/>
    <pair condim="3" solref="{solref} 1"/>
  </default>
  <worldbody>
    <geom name="table" type="box" size="1 1 0.5" pos="0 0 -0.5"/>
    <body name="hand" gravcomp="1">
      <joint name="lift" type="slide" axis="0 0 1"/>
      <geom name="palm" type="box" size="0.073 0.0375 0.025" pos="0 0 {palm}" mass="{m_palm}"/>
      <body name="left" gravcomp="1">
        <joint name="left" type="slide" axis="-1 0 0" limited="true" range="{w_low} {w_high}"
          armature="{armature}" solreflimit="{solref} 1"/>
        <geom name="left" type="box" size="{t_half} 0.01 {l_half}" pos="-{t_half} 0 {l_half}"
          mass="0.05"/>
      </body>
      <body name="right" gravcomp="1">
        <joint name="right" type="slide" axis="1 0 0" limited="true" range="{w_low} {w_high}"
          armature="{armature}" solreflimit="{solref} 1"/>
        <geom name="right" type="box" size="{t_half} 0.01 {l_half}" pos="{t_half} 0 {l_half}"
          mass="0.05"/>
      </body>
    </body>
    <body name="motor" gravcomp="1">
      <joint name="motor" type="slide" axis="1 0 0"/>
      <inertial pos="0 0 0" mass="1000" diaginertia="1 1 1"/>
    </body>
    <body name="brick">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="angle" type="hinge" axis="0 -1 0"/>
      <inertial pos="0 0 0" mass="{m}" diaginertia="{inertia} {inertia} {inertia}"/>
      <geom name="brick" type="box" size="{a} 0.0375 {b}"/>
    </body>
  </worldbody>
  <tendon>
    <fixed name="clutch" frictionloss="{force}" solreffriction="0.002 1"
      solimpfriction="0.99 0.99 0.001 0.5 2">
      <joint joint="left" coef="1"/><joint joint="right" coef="1"/><joint joint="motor" coef="-1"/>
    </fixed>
  </tendon>
  <equality><joint joint1="left" joint2="right" solref="{solref} 1"/></equality>
  <actuator>
    <general joint="lift" gainprm="{kp}" biastype="affine" biasprm="0 -{kp} -{kd}"
      forcelimited="true" forcerange="-{force_hand} {force_hand}"/>
    <velocity joint="motor" kv="1e6"/>
  </actuator>
  <contact>
    <pair geom1="brick" geom2="table" friction="{mu_table} {mu_table}"/>
    <pair geom1="left" geom2="table" solref="0.016 1" friction="{mu_table} {mu_table}"/>
    <pair geom1="right" geom2="table" solref="0.016 1" friction="{mu_table} {mu_table}"/>
    <pair geom1="brick" geom2="left" friction="{mu_pad} {mu_pad}"/>
    <pair geom1="brick" geom2="right" friction="{mu_pad} {mu_pad}"/>
    <pair geom1="brick" geom2="palm" friction="{mu_pad} {mu_pad}"/>
  </contact>
</mujoco>
"""


def heights(
    z_close: torch.Tensor,
    params: GripperParams,
    x: float | torch.Tensor = 0.0,
    dt: float = 1e-3,
    horizon: float = 5.0,
) -> torch.Tensor:
    """Heights of the brick at the end, (B,), as MuJoCo has them; the arguments as in `rollout`."""
    import mujoco
    from mujoco import rollout

    p = broadcast(params, z_close)
    scenes = [{k: float(v[i]) for k, v in vars(p).items()} for i in range(len(z_close))]
    models = [mujoco.MjModel.from_xml_string(SCENE.format(**numbers(s, dt))) for s in scenes]
    start = init_state(params, len(z_close), x=x)
    states = np.stack([initial(model, start, i) for i, model in enumerate(models)])
    data = [mujoco.MjData(models[0])]
    steps = round(horizon / dt)
    control = controls(z_close, p, dt, steps).numpy()
    state, _ = rollout.rollout(models, data, states, control)
    brick_z = 1 + models[0].joint("z").qposadr[0]  # time comes first
    return torch.from_numpy(state[:, -1, brick_z])


def numbers(scene: dict[str, float], dt: float) -> dict[str, float]:
    """What the XML wants, of one scene's parameters. The fingers weigh 50 g each; the rest of what
    their drive moves is armature."""
    s = scene
    return s | {
        "dt": dt,
        "solref": max(0.004, 2 * dt),
        "palm": s["l_finger"] + 0.025,
        "m_palm": s["m_hand"] - 0.1,
        "armature": 2 * s["m_fingers"] - 0.05,
        "t_half": s["t_finger"] / 2,
        "l_half": s["l_finger"] / 2,
        "w_low": s["w_min"] / 2,
        "w_high": s["w_max"] / 2,
        "inertia": s["m"] * (s["a"] ** 2 + s["b"] ** 2) / 3,
    }


def initial(model: Any, start: Any, i: int) -> np.ndarray:
    """The full physics state of environment i at the start."""
    import mujoco

    data = mujoco.MjData(model)
    data.joint("lift").qpos = float(start.z_hand[i])
    data.joint("left").qpos = data.joint("right").qpos = float(start.w[i]) / 2
    data.joint("x").qpos = float(start.x[i])
    data.joint("z").qpos = float(start.z[i])
    state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    return state


def controls(z_close: torch.Tensor, p: GripperParams, dt: float, steps: int) -> torch.Tensor:
    """The schedule as MuJoCo's two actuators take it, (B, steps, 2)."""
    time = dt * torch.arange(steps, dtype=z_close.dtype)[:, None]
    command = schedule(time, z_close, p)
    hand = command.z_hand + p.kd / p.kp * command.v_hand
    return torch.stack((hand, command.v_w), -1).movedim(0, 1).contiguous()
