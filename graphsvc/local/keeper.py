"""Runs one command and ends it when the process that started the keeper ends, however that happens.

Run as a script (``python -I -S keeper.py PID_FILE COMMAND…``), never imported; standard library only. The starter holds
the other end of our standard input: it reads as closed when the starter exits, also by SIGKILL, on every platform. The
command's process id goes to PID_FILE, so that a later start can find a child whose keeper was killed too. On Linux the
kernel also signals the command if the keeper itself dies; it does so when the thread that started the command ends,
so the command is started here, by the main thread, and not in the service.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE = 40.0
"""Seconds the command gets to end by itself before it is killed."""

_PR_SET_PDEATHSIG = 1


def main(pid_file: str, *command: str) -> int:
    """Run ``command`` until it ends or our standard input does; its exit code is ours."""
    kept = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_us if _linux() else None)  # noqa: PLW1509
    # Written whole or not at all: half of a process id may be another process's.
    part = Path(pid_file).with_name(f".pid.{os.urandom(4).hex()}.tmp")
    part.write_text(str(kept.pid), encoding="ascii")
    part.replace(pid_file)
    signal.signal(signal.SIGTERM, lambda *_: kept.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the starter decides
    threading.Thread(target=_watch, args=(kept,), daemon=True).start()
    while True:
        try:
            return kept.wait(0.5)
        except subprocess.TimeoutExpired:
            continue


def _watch(kept: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    kept.terminate()
    try:
        kept.wait(GRACE)
    except subprocess.TimeoutExpired:
        kept.kill()


def _linux() -> bool:
    return sys.platform.startswith("linux")


def _die_with_us() -> None:
    import ctypes

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
