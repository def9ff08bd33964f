"""Keeps the Neo4j child running: one that ends by itself, or is killed, is started again on its port."""

from __future__ import annotations

import logging
import threading

from graphsvc.local.neo4j import Neo4jChild

LOOK = 0.5
"""Seconds between two looks at the child."""
PAUSES = (1.0, 60.0)
"""Seconds to the next try after a start that failed: the first pause, which doubles, and the longest."""
_log = logging.getLogger("graphsvc.local")


class Supervisor:
    """Owns a child from its first start to its last stop, with a thread of its own."""

    def __init__(self, child: Neo4jChild) -> None:
        self._child = child
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="neo4j-supervisor", daemon=True)

    def start(self) -> None:
        """Start the child, and watch it from then on. Raises what :meth:`Neo4jChild.start` raises."""
        self._child.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, and the child."""
        self._stopping.set()
        self._child.hurry()
        if self._thread.is_alive():
            self._thread.join()
        self._child.stop()

    def _run(self) -> None:
        pause = PAUSES[0]
        while not self._stopping.wait(LOOK):
            if self._child.alive:
                continue
            _log.warning("Neo4j has ended by itself; it is started again")
            try:
                self._child.start()
                pause = PAUSES[0]
            except Exception as error:  # whatever it is, the service goes on to say that it is not ready
                _log.error("Neo4j could not be started again, will try: %s", type(error).__name__)
                self._stopping.wait(pause)
                pause = min(2 * pause, PAUSES[1])
