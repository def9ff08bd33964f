"""A witness of ours on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from graphsvc.anchoring.witness import Witness, witness_app


@contextmanager
def served(witness: Witness) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(witness_app(witness), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
