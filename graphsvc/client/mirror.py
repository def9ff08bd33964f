"""Where a scan reads a log from: its public address, or a folder that holds a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from graphsvc.client.errors import Refused, Unreachable
from graphsvc_verify.tiles import Fetch

_ATTEMPTS = 3


def read_folder(folder: Path) -> Fetch:
    """A log in files below ``folder``, with the same paths as at its address."""

    def fetch(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return fetch


@contextmanager
def read_address(url: str, keep: Path | None = None) -> Iterator[Fetch]:
    """A log at the address of a service (what comes before ``/log/``); ``keep`` is a folder for a copy.

    Fetching raises Unreachable or Refused.
    """
    with httpx2.Client(base_url=url, timeout=httpx2.Timeout(60.0, connect=10.0)) as http:

        def fetch(path: str) -> bytes | None:
            content = _get(http, f"/log/{path}")
            if keep is not None and content is not None:
                file = keep / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            return content

        yield fetch


def _get(http: httpx2.Client, path: str) -> bytes | None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            response = http.get(path)
        except httpx2.TransportError as error:
            if attempt == _ATTEMPTS:
                raise Unreachable(f"the log did not answer: {type(error).__name__}") from None
            continue
        if response.status_code == 404:
            return None
        if response.status_code == 200:
            return response.content
        raise Refused(response.status_code, "the log can't be read", code=f"http_{response.status_code}", where=path)
    raise AssertionError("the last attempt returns or raises")
