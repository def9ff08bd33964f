"""GraphQL and REST: what travels over HTTP, and nothing of what it means."""

from __future__ import annotations

from graphsvc.api.http import build_api
from graphsvc.api.ports import Ports

__all__ = ["Ports", "build_api"]
