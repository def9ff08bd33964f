"""The HTTP server: an application on a listening socket, within bounds, in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from graphsvc.api.connections import BACKLOG, Bounds, Door
from graphsvc.api.turns import THREADS
from graphsvc.model.errors import Unavailable
from graphsvc.settings import Settings


class _Server(uvicorn.Server):
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        # More threads than processors: much of the work waits for the disk, and acts must not keep questions waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
        await super().serve(sockets)


@contextmanager
def serve(app: FastAPI, settings: Settings, bounds: Bounds) -> Iterator[str]:
    """Serve ``app`` where the settings say, and yield the URL; it stops at the end of the block.

    Raises Unavailable ``port_taken`` where another program has the port, OSError where it can't be had otherwise.
    """
    listening = bound_socket(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        http=Door(bounds).protocol,
        # Nothing here uses WebSockets, and ``Door`` would not watch their connections.
        ws="none",
        # A line for each bad request would let anybody fill the log.
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(bounds.idle) + 1,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="http", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the HTTP server did not start")
            time.sleep(0.01)
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{name}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        listening.close()


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address, not listening yet; port 0: a free one.

    Raises Unavailable ``port_taken`` where another program has the port, OSError where it can't be had otherwise.
    """
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        if error.errno != errno.EADDRINUSE:
            raise
        message = f"port {port} is taken: end what has it, or give another one (--port; 0 takes a free one)"
        raise Unavailable(message, code="port_taken") from None
    return found
