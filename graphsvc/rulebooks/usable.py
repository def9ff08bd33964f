"""Which parts of the policies in force this release can read at all, tried before it reads them."""

from __future__ import annotations

from collections.abc import Mapping

from graphsvc.policy.bounds import PolicyTooLarge
from graphsvc.policy.rules import SCHEMA_FILE
from graphsvc.policy.trial import TrialDied, cpu_time, prove
from graphsvc.rulebooks.versions import Versions
from graphsvc_verify.meaning import SHARED


def unusable(versions: Versions, schema: str) -> list[str]:
    """The parts past the bounds, and those that end the process that reads them; the shared one first.

    Raises InvalidPolicy for a rule that is read and does not fit the schema: then the release is the wrong one.
    """
    files = {part: version.files for part, version in versions.current.items() if version.files}
    base = {SCHEMA_FILE: schema, **files.get(SHARED, {})}
    owners = sorted(files.keys() - {SHARED})
    # 1. All at once, which is the usual case.
    if _stands(base | {name: text for owner in owners for name, text in files[owner].items()}):
        return []
    # 2. Without the shared rulebook nothing is decided, so the others need not be looked at.
    if not _stands(base):
        return [SHARED]
    # 3. Find whose file it is. Where only all of them together fail, it is nobody's: then the shared part is closed.
    return [owner for owner in owners if not _stands({**base, **files[owner]})] or [SHARED]


def _stands(files: Mapping[str, str]) -> bool:
    try:
        prove(files, cpu_time(files))
    except (PolicyTooLarge, TrialDied):
        return False
    return True
