"""C++ for the CPU, compiled for this process and this processor while it runs.

The compiler is the one that torch.compile needs too: CXX, else g++ or clang++.
"""

import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ("-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")


@functools.cache
def compiler() -> str | None:
    """The C++ compiler, if the machine has one that knows vectors."""
    names = (os.environ.get("CXX", ""), "g++", "clang++")
    found = (shutil.which(name) for name in names if name)
    return next((path for path in found if path), None) if sys.platform != "win32" else None


def built(source: str, remedy: str, optimise: str = "-O2") -> ctypes.CDLL:
    """The library of some C++.

    Raises:
        RuntimeError: if there is no compiler, or it fails; with the remedy, what does without.
    """
    cxx = compiler()
    if cxx is None:
        raise RuntimeError(f"no C++ compiler: install g++ or clang++, or take {remedy}")
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder, "code.cpp"), Path(folder, "code.so")
        code.write_text(source, encoding="utf-8")
        command = [cxx, optimise, *FLAGS, str(code), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{cxx} failed; {remedy} needs none:\n{done.stderr[:2000]}")
        return ctypes.CDLL(str(library))
