"""Runs of reads sealed by the accelerator, in the sequencer's thread: it needs no process of its own.

The interpreter is free meanwhile. What the accelerator leaves to the reference, as a draft that has to be refused, is
done by :func:`graphsvc.ledger.runs.seal_run`, the whole run.
"""

from __future__ import annotations

import os

import msgspec

from graphsvc.ledger.daykeys import Epoch
from graphsvc.ledger.entry import DRAWN, DRAWN_EACH, Draw
from graphsvc.ledger.runs import Finished, Refused, Run, Sealing, seal_run
from graphsvc.ledger.sealer import Sealer
from graphsvc.ledger.sealing import SEED
from graphsvc.model import accelerator

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Finished | Refused]).decode


class FastSealer:
    """Seals by the accelerator, which ``code`` names. For use by one thread. ``draw`` gives random bytes."""

    def __init__(self, native: accelerator.Accelerator, code: str, draw: Draw = os.urandom) -> None:
        self._native = native
        self.code = code
        self._draw = draw
        self._epoch: Epoch | None = None
        self._keys: accelerator.EpochKeys | None = None

    def seal(self, run: Run, epoch: Epoch) -> list[Finished | Refused]:
        """Seal a run; returns what :func:`graphsvc.ledger.runs.seal_run` returns."""
        try:
            message = _encode(run)
        except (TypeError, ValueError, OverflowError):
            # A value that can't be sent is one that can't be entered.
            return seal_run(run, epoch, self._draw)
        # Compared by identity: after a batch that was taken back an index may come again with other keys.
        if self._keys is None or epoch is not self._epoch:
            pairs = {name: (pair.key, pair.tag_key) for name, pair in epoch.keys.items()}
            self._keys, self._epoch = self._native.EpochKeys(epoch.index, pairs), epoch
        need = SEED + sum(DRAWN + DRAWN_EACH * len(draft.owners) for draft in run.drafts)
        sealed = self._keys.seal_run(message, self._draw(need))
        return seal_run(run, epoch, self._draw) if sealed is None else _decode(sealed)

    def close(self) -> None:
        """Let go of the keys."""
        self._keys = self._epoch = None


def open_sealer(wanted: str) -> Sealing:
    """What seals runs: the accelerator if it is there and ``wanted``, else the reference in a process of its own."""
    native, code = accelerator.load(wanted), accelerator.describe(wanted)
    return Sealer(code) if native is None else FastSealer(native, code)
