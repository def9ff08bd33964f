"""All rulebooks once more, as plain Python that shares nothing with Cedar or the product: an oracle for tests."""

from __future__ import annotations

GROUPS = ("identity", "personal", "content", "financial", "operational")
AUTHORITY = {"police", "customs", "prosecution", "cites-authority", "wildlife-authority", "fiu", "task-force"}
OBSERVER = {"ngo", "laboratory", "intergovernmental"}
FOR_AUTHORITIES = {("tlp-2.0", "AMBER"), ("europol", "H0"), ("europol", "H1"), ("uk-3x5x2", "P")}
FOR_THE_COMMUNITY = {("tlp-2.0", "CLEAR"), ("tlp-2.0", "GREEN")}
BY_PERMISSION = {("tlp-2.0", "AMBER+STRICT"), ("europol", "H2"), ("uk-3x5x2", "C")}
ACTIONS = ("match", "view", "analyse", "export", *GROUPS)


def oracle(reader: dict, footing: dict | None, label: dict) -> tuple[set[str], dict[str, str]]:
    """What ``reader`` may do with ``label``, and for groups withheld the rule that is shown.

    ``reader["grants"]`` maps disclosures in force to the actions that each covers.
    """
    if reader["org"] == label["owner"]:
        allowed = {"match", "view", "export", *GROUPS}
        return (allowed | {"analyse"} if "analyst" in reader["roles"] else allowed), {}
    if footing is None:
        return set(), {}
    denied = {action: _denied(action, reader, footing, label) for action in ACTIONS}
    if denied["match"]:
        return set(), {}
    if denied["view"]:
        return {"match"}, {}
    withheld = {group: denied[group][0] for group in GROUPS if denied[group]}
    return {action for action in ACTIONS if not denied[action]}, withheld


def _denied(action: str, reader: dict, footing: dict, label: dict) -> list[str]:
    """Why an action is denied, the owner's own rules first; empty when it is allowed."""
    granted = any(action in actions and grant in label["grants"] for grant, actions in reader["grants"].items())
    shared = bool(set(reader["groups"]) & set(label["groups"]))
    why = [
        *sorted(_own_file(action, reader, footing, label, shared or granted)),
        *sorted(_rulebook(action, reader, footing, label, (shared, granted))),
    ]
    if why:
        return why
    kind, handling = reader["kind"], tuple(label["handling"])
    by_code = (kind in AUTHORITY and handling in FOR_AUTHORITIES | FOR_THE_COMMUNITY) or (
        kind in OBSERVER and handling in FOR_THE_COMMUNITY
    )
    customs = label["owner"] == "customs-cn" and handling[0] == "tlp-2.0" and kind in AUTHORITY
    counter = (
        label["owner"] == "police-ke" and kind == "courier" and footing["purpose"] in {"interdiction", "screening"}
    )
    open_ = by_code or shared or granted or (action == "match" and (customs or counter))
    return [] if open_ else ["default-deny"]


def _own_file(action: str, reader: dict, footing: dict, label: dict, permitted: bool) -> set[str]:
    why = set()
    if label["owner"] == "swiftline" and action == "personal" and not permitted:
        why.add("swiftline-personal")
    if (
        label["owner"] == "pasar"
        and action == "financial"
        and not permitted
        and footing["legal_basis"] != "court-order"
    ):
        why.add("pasar-financial")
    if label["owner"] == "police-ke" and action == "operational" and reader["kind"] in OBSERVER:
        why.add("police-ke-operational")
    return why


def _rulebook(action: str, reader: dict, footing: dict, label: dict, given: tuple[bool, bool]) -> set[str]:
    shared, granted = given
    kind, roles, purpose = reader["kind"], set(reader["roles"]), footing["purpose"]
    scheme, code = label["handling"]
    member = kind in AUTHORITY | OBSERVER
    content = action != "match"
    why = set()
    if label["purposes"] and purpose not in label["purposes"] and not granted:
        why.add("purpose-limitation")
    if kind in {"operator", "oversight"}:
        why.add("operator-sees-nothing")
    if (scheme, code) == ("europol", "H1") and "prosecution" in {kind, purpose} and not (shared or granted):
        why.add("europol-h1-proceedings")
    if content and not roles & {"investigator", "analyst"}:
        why.add("role-required")
    if not content and not roles & {"submitter", "investigator", "analyst"}:
        why.add("match-role-required")
    if content and not member:
        why.add("company-own-only")
    if not content and not member and label["pap"] not in {"GREEN", "CLEAR"}:
        why.add("company-match")
    if content and purpose == "screening":
        why.add("screening-hit-only")
    if content and (scheme, code) == ("tlp-2.0", "RED"):
        why.add("tlp-red")
    if "jtf-wildlife" in reader["groups"] and "jtf-wildlife" in label["groups"] and not granted:
        if content and purpose not in {"investigation", "interdiction", "analysis"}:
            why.add("jtf-wildlife-mandate")
        if action == "financial" and kind != "fiu" and footing["legal_basis"] != "court-order":
            why.add("jtf-wildlife-financial")
    return why | _uses(action, kind, roles, label, granted)


def _uses(action: str, kind: str, roles: set[str], label: dict, granted: bool) -> set[str]:
    handling = tuple(label["handling"])
    why = set()
    if action == "personal" and "investigator" not in roles:
        why.add("personal-needs-investigator")
    if action in {"personal", "financial"} and kind in OBSERVER:
        why.add("personal-authorities-only")
    if action == "analyse" and "analyst" not in roles:
        why.add("analyse-needs-analyst")
    if action == "export" and label["pap"] not in {"GREEN", "CLEAR"}:
        why.add("pap-export")
    if action in {"analyse", "export"} and handling == ("europol", "H3") and not granted:
        why.add("europol-h3-uses")
    if action == "export" and handling in BY_PERMISSION and not granted:
        why.add("third-party-rule")
    return why
