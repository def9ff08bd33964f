"""The rulebook once more, as plain Python that shares nothing with Cedar or the product: an oracle for tests."""

from __future__ import annotations

GROUPS = ("identity", "personal", "content", "financial", "operational")
AUTHORITY = {"police", "customs", "prosecution", "cites-authority", "wildlife-authority", "fiu", "task-force"}
OBSERVER = {"ngo", "laboratory", "intergovernmental"}


def oracle(reader: dict, footing: dict | None, label: dict) -> tuple[set[str], dict[str, str]]:
    """What ``reader`` may do with ``label``, and for groups withheld one rule that withholds them."""
    own = reader["org"] == label["owner"]
    if own:
        allowed = {"match", "view", "export", *GROUPS}
        return (allowed | {"analyse"} if "analyst" in reader["roles"] else allowed), {}
    if footing is None:
        return set(), {}
    if label["purposes"] and footing["purpose"] not in label["purposes"]:
        return set(), {}
    if reader["kind"] in {"operator", "oversight"}:
        return set(), {}
    member = reader["kind"] in AUTHORITY | OBSERVER
    shared = bool(set(reader["groups"]) & set(label["groups"]))
    scheme, code = label["handling"]
    if scheme == "europol" and code == "H1" and not shared and "prosecution" in {reader["kind"], footing["purpose"]}:
        return set(), {}

    allowed: set[str] = set()
    by_code = _by_code(reader["kind"], scheme, code)
    roles = set(reader["roles"])
    if roles & {"submitter", "investigator", "analyst"} and (member or label["pap"] in {"GREEN", "CLEAR"}):
        customs = label["owner"] == "customs-cn" and scheme == "tlp-2.0" and reader["kind"] in AUTHORITY
        counter = (
            label["owner"] == "police-ke"
            and reader["kind"] == "courier"
            and footing["purpose"] in {"interdiction", "screening"}
        )
        if by_code or shared or customs or counter:
            allowed.add("match")
    if not (member and roles & {"investigator", "analyst"} and (by_code or shared) and code != "RED"):
        return allowed, {}

    withheld = _withheld(reader, footing, label, shared)
    allowed |= {"view"} | (set(GROUPS) - set(withheld))
    if "analyst" in roles:
        allowed.add("analyse")
    if label["pap"] in {"GREEN", "CLEAR"}:
        allowed.add("export")
    return allowed, withheld


def _by_code(kind: str, scheme: str, code: str) -> bool:
    if (scheme, code) in {("tlp-2.0", "CLEAR"), ("tlp-2.0", "GREEN")}:
        return kind in AUTHORITY | OBSERVER
    for_authorities = {("tlp-2.0", "AMBER"), ("europol", "H0"), ("europol", "H1"), ("uk-3x5x2", "P")}
    return kind in AUTHORITY and (scheme, code) in for_authorities


def _withheld(reader: dict, footing: dict, label: dict, shared: bool) -> dict[str, str]:
    rules: dict[str, str] = {}
    if "investigator" not in reader["roles"]:
        rules["personal"] = "personal-needs-investigator"
    if reader["kind"] in OBSERVER:
        # Of several of the rulebook's rules the first by name is shown.
        rules["personal"] = rules["financial"] = "personal-authorities-only"
        if label["owner"] == "police-ke":
            rules["operational"] = "police-ke-operational"
    # An owner's own rule is named before the rulebook's.
    if label["owner"] == "swiftline" and not shared:
        rules["personal"] = "swiftline-personal"
    if label["owner"] == "pasar" and not shared and footing["legal_basis"] != "court-order":
        rules["financial"] = "pasar-financial"
    return rules
