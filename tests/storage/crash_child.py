"""Runs a workload again and again, each time in a process of its own that is killed at the next durable action.

Run as a script: ``crash_child.py WORKLOAD FOLDER [ARGUMENT…]``. Durable actions are fsync, rename, and the commits of
the databases; for tiles also all that makes, fills and removes files. A process counts them, and SIGKILLs itself right
before the n-th or right after it. State is left in ``FOLDER/<n>`` (the applier finds it there, and begins when a line
comes in). Each line of output is the number and what had been acknowledged before the kill. It ends when a run got
through. Nothing in the product knows of this.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import sqlite3.dbapi2
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "unit")]


class Kill:
    """Counts actions; each is two points, before and after."""

    def __init__(self, point: int) -> None:
        self._left = point
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, action: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self()
            done = action(*arguments, **named)
            self()
            return done

        return counted


def arm(kill: Kill) -> None:
    """Put the counter around every durable action of this process."""
    for name in ("fsync", "rename", "replace"):
        setattr(os, name, kill.around(getattr(os, name)))

    class Counted(sqlite3.Connection):
        def commit(self) -> None:
            if not self.in_transaction:
                return super().commit()
            return kill.around(super().commit)()  # type: ignore[no-any-return]

        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            run = super().execute
            return (kill.around(run) if statement == "COMMIT" else run)(statement, *parameters)

    connect = sqlite3.connect
    sqlite3.connect = sqlite3.dbapi2.connect = lambda *a, **k: connect(*a, **{"factory": Counted, **k})  # type: ignore[assignment]


def arm_files(kill: Kill) -> None:
    """Count as well what makes and removes files and folders, and the middle of what is written."""
    for name in ("open", "unlink", "rmdir", "mkdir"):
        setattr(os, name, kill.around(getattr(os, name)))

    class Halves(io.FileIO):
        def write(self, data: Any) -> int:
            half = super().write(memoryview(data)[: len(data) // 2])
            kill()
            return half + super().write(memoryview(data)[half:])

    os.fdopen = lambda descriptor, mode="r", *_, **__: Halves(descriptor, mode.replace("b", ""))  # type: ignore[assignment]


def tiles_workload(folder: Path, said: Callable[[str], None], kill: Kill) -> None:
    """A log of some 250 entries that is there grows over the edge of a full tile, published in three steps."""
    from ledger_actors import ORIGIN

    from graphsvc.ledger import tiles
    from graphsvc.ledger.entry import EntryDraft
    from graphsvc.ledger.log import Ledger

    shutil.copytree(folder.parent / "log", folder)
    tiles.INTERVAL = 0
    ledger = Ledger.open(folder, ORIGIN)
    arm(kill)
    arm_files(kill)
    for size in (253, 255, 260):
        futures = [ledger.append(EntryDraft(type="note")) for _ in range(size - ledger.head)]
        said(f"notes {max(future.result().index for future in futures)}")
        while ledger._publisher.published < size:
            time.sleep(0.001)
        said(f"published {size}")
    ledger.close()
    said("closed")


def ledger_workload(folder: Path, said: Callable[[str], None], kill: Kill) -> None:
    """A log from nothing: keys, members, submissions with their payloads and keys, an erasure, a full tile of notes."""
    from sealed_world import SealedWorld

    from graphsvc.ledger.entry import EntryDraft

    arm(kill)
    world = SealedWorld(folder)
    said(f"member {world.ledger.head}")
    for name in ("one", "two"):
        said(f"submission {world.submit(name)} {name}")
    world.erase(world.ledger.head - 1, 1)
    said(f"erased {world.ledger.head - 2}")
    futures = [world.ledger.append(EntryDraft(type="note")) for _ in range(260)]
    said(f"notes {max(future.result().index for future in futures)}")
    world.close()
    said("closed")


def applier_workload(folder: Path, said: Callable[[str], None], kill: Kill) -> None:
    """The applier over a ledger that is there, copied into ``folder``, into a graph that is empty.

    It may be killed as well before and after a batch is prepared ahead, whatever the graph is at meanwhile.
    """
    from neo4j import Transaction
    from test_appliers import applier_of

    from graphsvc.graph.write import Writer

    def around(action: Callable[..., Any]) -> Callable[..., Any]:
        return kill.around(action)

    applier, close = applier_of(folder, sys.argv[3], (sys.argv[4], sys.argv[5]))
    arm(kill)
    Transaction.commit = around(Transaction.commit)  # type: ignore[method-assign]
    Writer.prepare = around(Writer.prepare)  # type: ignore[method-assign]
    applier.catch_up()
    said("done")
    close()


def _run(workload: Callable[..., None], folder: Path, tell: int, kill: Kill) -> NoReturn:
    def said(line: str) -> None:
        os.write(tell, f"{line}\n".encode())

    try:
        workload(folder, said, kill)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Point after point, until a run gets through."""
    workload = {"ledger": ledger_workload, "applier": applier_workload, "tiles": tiles_workload}[sys.argv[1]]
    base, point = Path(sys.argv[2]), int(os.environ.get("POINT", "0"))
    while sys.argv[1] != "applier" or sys.stdin.readline():
        point += 1
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _run(workload, base / str(point), tell, Kill(point))
        os.close(tell)
        with os.fdopen(told) as pipe:
            lines = pipe.read().splitlines()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and status:
            sys.exit(f"run {point} failed by itself")
        print(point, ";".join(lines), sep="|", flush=True)
        if not killed or "POINT" in os.environ:
            return


if __name__ == "__main__":
    # No module of the product is loaded twice: a fork starts with all of them.
    import sealed_world  # noqa: F401

    main()
