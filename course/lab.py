"""Starts JupyterLab on the first lecture: quiet, offline, with the settings of this folder."""

import errno
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOST = "127.0.0.1"
REPO = Path(__file__).resolve().parent.parent
FIRST_LECTURE = "lectures/01_landscapes.ipynb"
FIRST_PORT, PORTS_TRIED = 8888, 50  # what Jupyter itself does when no port is named


def lab(port: int | None = None, browser: bool = True) -> int:
    """Serve the repository until Ctrl-C and return the exit status.

    Without `port`, the first free one from 8888 on. A named port that cannot be had, or a server
    that does not start, is one line on stderr and status 1.
    """
    try:
        port = usable_port(port)
    except OSError as error:
        print(f"course lab: {error.strerror}", file=sys.stderr)
        return 1
    token = secrets.token_hex(24)
    for stop in (signal.SIGTERM, signal.SIGHUP):  # make, or a closed terminal
        signal.signal(stop, signal.default_int_handler)
    server = start(port, token, browser=browser)
    try:
        if not answers(server, port):
            print("course lab: JupyterLab did not start; it said why above", file=sys.stderr)
            return 1
        address = f"http://{HOST}:{port}/lab/tree/{FIRST_LECTURE}?token={token}"
        print(f"JupyterLab: {address}\nCtrl-C stops it.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        print("\nStopping JupyterLab.", flush=True)
        return 0
    finally:
        server.terminate()
        server.wait()


def usable_port(port: int | None) -> int:
    """`port` itself, or the first free one from 8888 on.

    Raises:
        OSError: if it cannot be had; `strerror` says why and what to do.
    """
    if port is not None:
        if reason := _why_unusable(port):
            other = port + 1 if 1024 <= port < 65535 else FIRST_PORT
            remedy = f"take another one, as in: make lab PORT={other}"
            raise OSError(errno.EADDRINUSE, f"port {port} cannot be used ({reason}); {remedy}")
        return port
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if not _why_unusable(candidate):
            return candidate
    last = FIRST_PORT + PORTS_TRIED - 1
    taken = f"all ports from {FIRST_PORT} to {last} are taken; name a free one: make lab PORT=9000"
    raise OSError(errno.EADDRINUSE, taken)


def _why_unusable(port: int) -> str | None:
    if port == 0:  # any port: nobody would know which
        return "ports go from 1 to 65535"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Jupyter binds
        try:
            probe.bind((HOST, port))
        except OverflowError:
            return "ports go from 1 to 65535"
        except OSError as error:
            return os.strerror(error.errno or errno.EINVAL)
    return None


def start(
    port: int, token: str, root: Path = REPO, browser: bool = False, extra: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """The Jupyter server as a child process that no Ctrl-C in our terminal reaches directly."""
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.open_browser={browser}",
        f"--LabApp.default_url=/lab/tree/{FIRST_LECTURE}",
        "--LabApp.extension_manager=readonly",  # the other one asks the package index
        "--ServerApp.allow_root=True",  # containers
        "--ServerApp.kernel_websocket_connection_class=course.websocket.PromptConnection",
        "--KernelManager.transport_encryption=auto",  # without, every kernel prints a warning
        "--Application.log_level=ERROR",
        *extra,
    ]
    return subprocess.Popen(
        command, env=environment(token, root), stdin=subprocess.DEVNULL, start_new_session=True
    )


def environment(token: str, root: Path) -> dict[str, str]:
    """Ours plus: the token (unlike an argument, not for all to see), config, kernel, tabs."""
    config = [str(root / "course"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {
        "JUPYTERLAB_WORKSPACES_DIR": f"{sys.prefix}/share/jupyter/lab/workspaces",
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(config),
        "JUPYTER_PREFER_ENV_PATH": "1",  # our python3 kernel, not one of that name in the home
    }


def answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False if it ended instead."""
    while server.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            connection.request("GET", "/api")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False
