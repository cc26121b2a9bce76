"""Evolution strategies: search by values alone, around a Gaussian that moves and reshapes itself.

    search = SNES(theta, sigma=0.5, n=64, seed=0)
    search.step(f)                              # f maps (m, d) to (m,), and is maximised
    search.tell(f(search.ask()))                # the same, with the members in your hands
    curve = search.run(f, generations=100)      # many steps, with a progress bar

| search     | adapts             | by                             | of                   |
|------------|--------------------|--------------------------------|----------------------|
| `OpenAIES` | θ                  | the gradient ∇F                | Salimans et al. 2017 |
| `PGPE`     | θ, σ_j             | the gradients ∂F/∂θ, ∂F/∂σ     | Sehnke et al. 2010   |
| `SNES`     | θ, σ_j             | natural gradients of utilities | Wierstra et al. 2014 |
| `XNES`     | θ, A with Σ = A Aᵀ | natural gradients of utilities | Wierstra et al. 2014 |
| `CMAES`    | θ, Σ               | pycma, for comparison          | Hansen 2016          |

`search.gradient(values)` is the gradient of F itself, by every parameter of the noise, and
`search.natural_gradient(values)` the inverse of the Fisher information times it; neither ranks,
normalises or rescales. What makes weights of values has a name of its own: `centered_ranks`,
`utilities`, `standardised`, or `raw`, and is passed as `shape`.

A population is a seed and some indices: member i of generation g is made of the noise at the
address (seed, g · stride + i, ·) whenever it is needed, and nobody stores it. So `ask` may be
called for some members, by anybody who knows the state, and `tell` needs the values alone.
`python -m smoothlib.search` is the command, for one process or, under torchrun, for many.
"""

from smoothlib.search.clipup import ClipUp
from smoothlib.search.cmaes import CMAES
from smoothlib.search.shaping import centered_ranks, raw, standardised, utilities
from smoothlib.search.strategies import PGPE, SNES, XNES, Gradient, OpenAIES, Search

__all__ = [
    "CMAES",
    "PGPE",
    "SNES",
    "XNES",
    "ClipUp",
    "Gradient",
    "OpenAIES",
    "Search",
    "centered_ranks",
    "raw",
    "standardised",
    "utilities",
]
