"""Slugs: the names that organisations, sharing groups and rules of retention go by."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

PATTERN = r"[a-z][a-z0-9-]{1,38}[a-z0-9]"
FORM = "3 to 40 small letters, digits and hyphens, a letter first, no hyphen last"
"""What a slug is made of, in words."""
SLUG = re.compile(PATTERN)
"""Use with ``fullmatch``."""

Slug = Annotated[str, Meta(pattern=rf"\A{PATTERN}\Z")]
