"""Who takes part on a single machine: the scenario's organisations and the development identities of their people."""

from __future__ import annotations

from graphsvc.local.identity import DevelopmentClient

OPERATOR = "operator.operator"
"""The development client that admits organisations; every service on one machine has it."""

CLIENTS = (
    DevelopmentClient("pasar.feed", "pasar", "feed@pasar.example", ("submitter",)),
    DevelopmentClient("pasar.officer", "pasar", "dpo@pasar.example", ("officer",)),
    DevelopmentClient("swiftline.feed", "swiftline", "feed@swiftline.example", ("submitter",)),
    DevelopmentClient("swiftline.officer", "swiftline", "dpo@swiftline.example", ("officer",)),
    DevelopmentClient("customs-cn.feed", "customs-cn", "feed@customs.example", ("submitter",)),
    DevelopmentClient("customs-cn.officer", "customs-cn", "dpo@customs.example", ("officer",)),
    DevelopmentClient("police-ke.feed", "police-ke", "feed@police.example", ("submitter",)),
    DevelopmentClient("police-ke.investigator", "police-ke", "wanjiru@police.example", ("investigator",)),
    DevelopmentClient("police-ke.analyst", "police-ke", "otieno@police.example", ("analyst", "investigator")),
)
"""Machine clients by name: ``<organisation>.<part>``."""


def feed_of(org: str) -> str:
    """The client by which an organisation submits."""
    return f"{org}.feed"


def people_of(org: str) -> dict[str, DevelopmentClient]:
    """The persons of an organisation, by part: all clients but the one that submits. Each has a signing key."""
    clients = (client for client in CLIENTS if client.org == org and client.client_id != feed_of(org))
    return {client.client_id.partition(".")[2]: client for client in clients}
