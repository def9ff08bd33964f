"""Sealing: from a prepared draft and its place to the bytes of a leaf, in the sequencer or the sealing process.

This is the reference; the accelerator (:mod:`graphsvc.ledger.fastsealer`) makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from graphsvc.ledger.daykeys import LATER, Epoch
from graphsvc.ledger.entry import Prepared
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc_verify.boxes import CLASSES, seal, section_info, section_key, size_class, tag_under
from graphsvc_verify.canonical import b64u, digest
from graphsvc_verify.entry import MAX_LEAF
from graphsvc_verify.lines import other_line

SEED = 32
"""Bytes of the seed of :class:`Noise`."""
FULL = 60_000
"""Above this many bytes the largest boxes of an entry become objects."""
FEWEST = 4
"""Every entry has at least this many sections: for the requester, oversight and two owners, real or dummies."""
MAX_SECTIONS = 64
"""Above this many sections all of them become one object."""
Part = tuple[bytes, bytes, bytes]
"""Tag, box and line of a section; the header has a box only."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: index, time, the epoch's keys and the index of the last key event (or None)."""

    index: int
    t: str
    epoch: Epoch
    key_head: int | None


class Noise:
    """Bytes that fill up the entries of one batch: AES-256 in counter mode, from zero, under a random ``seed``.

    Whoever does not have the seed, which is let go with the batch, can't tell them from a box. The system is asked for
    32 bytes, not for thousands, and a seed that is given makes the same bytes again in any implementation. It must not
    outlive the batch: a process that forks would hand out the same bytes twice.
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._stream: CipherContext | None = None

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, never given out again."""
        if self._stream is None:
            self._stream = Cipher(AES256(self._seed), CTR(bytes(16))).encryptor()
        return self._stream.update(bytes(size))


@dataclass(slots=True)
class Sealed:
    """A leaf and the objects that it refers to, by digest."""

    leaf: bytes
    objects: dict[str, bytes] = field(default_factory=dict)


def seal_entry(
    origin: str, prepared: Prepared, place: Place, numbers: Mapping[str, tuple[int, int | None]], noise: Noise
) -> Sealed:
    """The leaf of ``prepared`` at ``place``; ``numbers`` gives each owner's (owner_seq, prev).

    Raises TooLarge when even with all boxes as objects the entry is too long.
    """
    parts, lines = [(b"", prepared.header_box)], [b""]
    for section in prepared.sections:
        first, last = section.content
        if section.role == "owner":
            seq, prev = numbers[section.recipient]
            first = b'%b,"ownerSeq":%d,"prev":%b,%b' % (first, seq, b"null" if prev is None else b"%d" % prev, last)
        pair = place.epoch.keys.get(section.recipient)
        if pair is None:
            raise InvalidInput("an entry names an organisation that is not admitted")
        tag = tag_under(pair.tagging, section.role, prepared.nonce)
        info = section_info(origin, section.role, tag, place.epoch.index)
        parts.append((tag, seal(section_key(pair.key, prepared.nonce, info), first, _size(section.role, first))))
        lines.append(section.line or other_line(prepared.header_key, tag))
    dummies = _dummies(parts[1:], noise)
    lines += [other_line(prepared.header_key, tag) for tag, _ in dummies]
    return _assemble(prepared, place, [(*part, line) for part, line in zip(parts + dummies, lines, strict=True)], noise)


def _size(role: str, content: bytes) -> int:
    """The size of a section's box; what owners are told never gets the smallest class, however short it is."""
    told = role == "owner" or role.startswith(LATER)
    return max(size_class(len(content)), CLASSES[1] if told else 0)


def _dummies(real: list[tuple[bytes, bytes]], noise: Noise) -> list[tuple[bytes, bytes]]:
    """Random sections that fill up the number to a power of two, at least :data:`FEWEST`, in sizes of owners' sections.

    So an answer that shows nothing looks like one that shows a few records of one or two owners.
    """
    missing = max(FEWEST, 1 << (len(real) - 1).bit_length()) - len(real)
    sizes = [len(box) for _, box in real if len(box) > CLASSES[0]] or [CLASSES[1]]
    return [(noise.take(16), noise.take(_drawn(sizes, choice))) for choice in noise.take(missing)]


def _drawn(sizes: Sequence[int], choice: int) -> int:
    """One of the sizes, by a random byte; they are public, so it matters little that some come a bit more often."""
    return sizes[choice % len(sizes)]


def _assemble(prepared: Prepared, place: Place, parts: list[Part], noise: Noise) -> Sealed:
    sealed = Sealed(b"")
    many = len(parts) > MAX_SECTIONS + 1
    texts = _inline(parts, sealed, many)
    sections = ",".join(text for _, text in sorted(zip((tag for tag, _, _ in parts[1:]), texts[1:], strict=True)))
    sections = f"[{sections}]"
    if many:
        data = sections.encode()
        name = digest(data)
        sealed.objects[name] = data
        sections = f'{{"object":"{name}"}}'
    sealed.leaf = (
        f'{{"acts":[{_acts(prepared, noise)}],"epoch":{place.epoch.index},"header":{texts[0]},'
        f'"keyHead":{"null" if place.key_head is None else place.key_head},"nonce":"{b64u(prepared.nonce)}",'
        f'"sections":{sections},"t":"{place.t}","type":"{prepared.draft.type}","v":1}}'
    ).encode()
    if len(sealed.leaf) > MAX_LEAF:
        raise TooLarge("an entry is too large")
    return sealed


def _inline(parts: list[Part], sealed: Sealed, many: bool) -> list[str]:
    """Each part as JSON text: a box in place, or the digest of an object when it is too large."""
    total = 0 if many else sum(len(box) * 4 // 3 + 95 for _, box, _ in parts if len(box) <= CLASSES[-1])
    order = sorted(range(len(parts)), key=lambda place: len(parts[place][1]), reverse=True)
    outside = {place for place in order if len(parts[place][1]) > CLASSES[-1]}
    for place in order:
        if total <= FULL:
            break
        if place not in outside:
            outside.add(place)
            total -= len(parts[place][1]) * 4 // 3 - 60
    texts = []
    for place, (tag, box, line) in enumerate(parts):
        if place in outside:
            name = digest(box)
            sealed.objects[name] = box
            body = f'"object":"{name}"'
        else:
            body = f'"box":"{b64u(box)}"'
        # Canonical: "box" comes before "line", "line" before "object".
        named = f'"line":"{b64u(line)}"'
        both = f"{body},{named}" if place not in outside else f"{named},{body}"
        texts.append(f'{{{both},"tag":"{b64u(tag)}"}}' if place else f"{{{body}}}")
    return texts


def _acts(prepared: Prepared, noise: Noise) -> str:
    """Digests of acts, filled up with random ones to a power of two, so that signed and unsigned look alike."""
    names = [act.digest for act in prepared.acts] + list(prepared.act_digests)
    missing = (1 << (len(names) - 1).bit_length() if names else 1) - len(names)
    names += [f"sha256:{noise.take(32).hex()}" for _ in range(missing)]
    return ",".join(f'"{name}"' for name in names)
