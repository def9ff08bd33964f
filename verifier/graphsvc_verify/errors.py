"""The one error of the verifier."""

from __future__ import annotations


class VerifyError(Exception):
    """Something does not hold. ``code`` is a stable word for machines, ``message`` tells people what was found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
