"""A clip of the trained ant, drawn by MuJoCo's own renderer:

    MUJOCO_GL=egl python -m course.clips lectures/trained/ant.pt lectures/images/ant.mp4

Without a screen MUJOCO_GL must be egl or osmesa (Debian: apt-get install libegl1). Who looks at the
clip needs neither: it is committed, and `plots.clip` shows it.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import gymnasium
import mujoco
import numpy as np
import torch
from torch import Tensor

from smoothlib.learn_ant import FRESH, POLICY

SIZE = (360, 640)  # rows and columns, pixels
STEPS, RATE = 240, 20  # 12 s, a picture a step of 0.05 s
ORANGE = (0xD5 / 255, 0x5E / 255, 0.0, 1.0)  # of the current try, in all figures
PERIOD = 80 / 60  # m, from a tile to the next of its colour
SKY = (229, 234, 240)
TILES = ((182, 185, 190), (206, 209, 213))  # before light falls on them


def frames(theta: Tensor, steps: int, start: int) -> Iterator[np.ndarray]:
    """Pictures (360, 640, 3) of the ant's run in Gymnasium's own Ant-v5, seen from its right.

    Raises:
        RuntimeError: if MuJoCo finds nothing to draw with.
    """
    env = gymnasium.make("Ant-v5", include_cfrc_ext_in_observation=False)
    simulator: Any = env.unwrapped
    model, data = simulator.model, simulator.data
    _paint(model)
    seen, _ = env.reset(seed=start)
    camera = mujoco.MjvCamera()
    camera.distance, camera.azimuth, camera.elevation = 5.5, 90.0, -16.0
    with _renderer(model) as renderer:
        for _ in range(steps):
            place = data.qpos[:2]
            shift = np.round(place / PERIOD) * PERIOD  # by whole tiles: nobody sees it
            camera.lookat[:] = *(place - shift + (0.6, 0)), 0.5
            renderer.update_scene(data, camera)
            _bring_back(renderer.scene, shift)
            yield renderer.render()
            action = POLICY(theta, torch.from_numpy(seen)).clamp(-1, 1)
            seen, _, over, _, _ = env.step(action.numpy())
            if over:
                return


def write(path: Path, pictures: Iterable[np.ndarray]) -> None:
    """An MP4 that every browser plays: H.264, 20 pictures a second."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", RATE, options={"crf": "27", "preset": "veryslow"})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode())


def read(path: Path) -> Iterator[np.ndarray]:
    """The pictures of a clip, (rows, columns, 3)."""
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _paint(model: mujoco.MjModel) -> None:
    """A pale floor and sky and an orange ant, as in the other figures; its physics stays."""
    model.geom_rgba[model.geom_bodyid > 0] = ORANGE
    model.geom_matid[model.geom_bodyid > 0] = -1
    model.geom_rgba[model.geom_bodyid == 0] = model.mat_rgba[:] = 1
    model.mat_reflectance[:] = 0
    model.light_dir[:] = 0.15, 0.25, -0.96  # straight down, the floor would shade itself
    for k in range(model.ntex):
        first, size = model.tex_adr[k], model.tex_height[k] * model.tex_width[k] * 3
        texture = model.tex_data[first : first + size].reshape(-1, 3)
        if model.tex_type[k] == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            texture[:] = SKY
        elif model.tex_type[k] == mujoco.mjtTexture.mjTEXTURE_2D:
            texture[:] = np.where(texture.sum(1, keepdims=True) > 0, TILES[1], TILES[0])


def _bring_back(scene: mujoco.MjvScene, shift: np.ndarray) -> None:
    """The ant, to where the lamp is that casts its shadow; the floor stays."""
    for geom in scene.geoms[: scene.ngeom]:
        if geom.type != mujoco.mjtGeom.mjGEOM_PLANE:
            geom.pos[:2] -= shift


def _renderer(model: mujoco.MjModel) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, *SIZE)
    except Exception as error:  # of EGL, OSMesa or GLFW, each its own
        raise RuntimeError(
            f"MuJoCo cannot draw here ({error}); without a screen set MUJOCO_GL=egl and install "
            "libegl1 (Debian)"
        ) from error


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m course.clips")
    parser.add_argument("checkpoint", type=Path, help="a file of smoothlib.learn_ant")
    parser.add_argument("clip", type=Path, help="the .mp4 to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="of 0.05 s each")
    parser.add_argument("--start", type=int, default=FRESH, help="seed of the start")
    arguments = parser.parse_args()
    theta = torch.load(arguments.checkpoint, weights_only=True)["theta"]
    write(arguments.clip, frames(theta, arguments.steps, arguments.start))
    print(f"{arguments.clip}: {arguments.clip.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
