"""The optional accelerator: a package in Rust that makes the same bytes as the Python here, in less time.

Here, and nowhere else, is chosen whether it is used: it is where it is installed, unless the setting says ``off``. It
is never needed. The Python is the reference, and does what the accelerator leaves to it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol, cast

AUTO, OFF = "auto", "off"
"""What the setting can say."""
PACKAGE = "graphsvc_native"
VERSION = "0.1.0"
"""The version that makes the bytes of this one; another is not used."""


class EpochKeys(Protocol):
    """The day keys of an epoch."""

    def seal_run(self, run: bytes, random: bytes) -> bytes | None:
        """The outcomes of a run of plain reads, both in MessagePack; None: the reference has to do it.

        ``random`` has as many bytes as the run needs, no more and no less. Raises ValueError.
        """


class HandleCipher(Protocol):
    """The handles of one organisation."""

    def seal(self, plain: bytes) -> str:
        """The handle of kind byte and number, 25 bytes. Raises ValueError."""


class Accelerator(Protocol):
    """The package's interface."""

    def EpochKeys(self, index: int, pairs: Mapping[str, tuple[bytes, bytes]]) -> EpochKeys:  # noqa: N802 - a class
        """``pairs`` maps recipients to (key, tag key), 32 bytes each. Raises ValueError."""

    def HandleCipher(self, key: bytes) -> HandleCipher:  # noqa: N802 - a class
        """``key`` has 64 bytes. Raises ValueError."""


def load(wanted: str = AUTO) -> Accelerator | None:
    """The accelerator, or None: it is switched off, not installed, can't be loaded, or is of another version."""
    return _found(wanted)[0]


def describe(wanted: str = AUTO) -> str:
    """Which code seals entries and handles, and why, in a few words."""
    return _found(wanted)[1]


def _found(wanted: str) -> tuple[Accelerator | None, str]:
    if wanted == OFF:
        return None, "Python: the accelerator is switched off"
    try:
        module = importlib.import_module(PACKAGE)
    except ModuleNotFoundError:
        return None, "Python: the accelerator is not installed"
    except ImportError:
        return None, "Python: the accelerator that is installed can't be loaded here"
    version = getattr(module, "__version__", "none")
    if version != VERSION:
        return None, f"Python: the accelerator that is installed has version {version}, {VERSION} is needed"
    return cast(Accelerator, module), f"the accelerator {version}"
