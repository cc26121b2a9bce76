"""The kernel's messages to the browser without Nagle's delay; `course lab` serves with it.

A picture follows the kernel's "busy" message on the same connection. TCP holds such a second small
message back until the first is acknowledged, which takes 40 ms: longer than computing the picture.
"""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's own connection, which sends each message at once."""

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()
