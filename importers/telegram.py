"""Chats as Telegram Desktop exports them to JSON: one chat (``result.json``), or all of an account.

A message is a record, with its chat's id and name. Its sender is in contact with the chat; telephone numbers, e-mail
addresses and names of users that Telegram itself has marked in the text are named by the sender.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from graphsvc.model.drafts import Draft, DraftEntity, DraftLink, Observed, RowProblem, Superseded
from importers.documents import RecordImporter, broken, encoded, filled, read_json, text_of
from importers.formats import Format, Salt
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping
from importers.written import dated

_WHAT = "Telegram export"
_SITE = "telegram"
_PARTS = {"phone": ("Phone", "value"), "email": ("Email", "value")}
_MOST = 50
_HELD = frozenset(
    (
        "id", "type", "date", "date_unixtime", "from", "from_id", "text", "text_entities", "actor", "actor_id",
        "action", "edited", "edited_unixtime",
    )
)  # fmt: skip


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    found = read_json(body, _WHAT)
    if not isinstance(found, dict):
        raise broken(_WHAT, "it is no object")
    chats: Any = [found]
    if isinstance(found.get("chats"), dict):
        chats = found["chats"].get("list", [])
    if not isinstance(chats, list) or not all(isinstance(one, dict) and "messages" in one for one in chats):
        raise broken(_WHAT, "it has no chat with messages")
    yield from records_as_rows(_records(chats), max_row, salt)


def _records(chats: list[dict[str, Any]]) -> Iterator[bytes]:
    for chat in chats:
        about = {key: chat.get(key) for key in ("id", "name", "type")}
        for message in chat["messages"] if isinstance(chat["messages"], list) else ():
            yield encoded({"chat": about, "message": message})


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    chat, message = record.get("chat"), record.get("message")
    if not isinstance(chat, dict) or not isinstance(message, dict):
        return RowProblem(row, "bad_record", "", "this is no message of a Telegram export: correct it in the source")
    if message.get("type") != "message":
        losses["service messages (joined, left, pinned, calls)"] += 1
        return None
    sender = text_of(message.get("from_id"))
    room = text_of(chat.get("id"))
    if sender is None or room is None:
        losses["messages without a sender or a chat"] += 1
        return None
    for word, value in message.items():
        if word not in _HELD and value not in (None, "", [], {}):
            losses[f"message.{word[:40]}: not held"] += 1
    account = _account("sender", sender, text_of(message.get("from")))
    group = _account("chat", _room(chat, room), text_of(chat.get("name")))
    draft = Draft([account, group], row=row, observed=_when(message))
    draft.links.append(
        DraftLink("CONTACTED", "sender", "chat", filled(channel="chat", text=_text(message.get("text"))))
    )
    number = text_of(message.get("id"))
    draft.supersedes = Superseded(reference=f"telegram {room}/{number}") if number else None
    _named(message, draft)
    return draft


def _account(ref: str, name: str, shown: str | None) -> DraftEntity:
    return DraftEntity(ref, "Account", {"site": _SITE, "id": name}, filled(displayName=shown))


def _room(chat: dict[str, Any], room: str) -> str:
    """The chat's id as senders' ids are written: ``user`` for a person, ``channel`` for channels and large groups."""
    kind = str(chat.get("type"))
    if kind in ("personal_chat", "bot_chat"):
        return f"user{room}"
    return f"channel{room}" if "channel" in kind or "supergroup" in kind else f"chat{room}"


def _when(message: dict[str, Any]) -> Observed | None:
    """When it was sent. Without the count of seconds the export's times have no offset: then only the day is known."""
    seconds = text_of(message.get("date_unixtime"))
    if seconds is not None and seconds.isdecimal():
        at = dated(seconds, "epoch")
        return Observed(at, at)
    day = (text_of(message.get("date")) or "")[:10]
    return Observed(day, day) if day else None


def _text(value: Any) -> str | None:
    pieces = value if isinstance(value, list) else [value]
    words = [piece.get("text") if isinstance(piece, dict) else piece for piece in pieces]
    return "".join(word for word in words if isinstance(word, str))[:20_000].strip() or None


def _named(message: dict[str, Any], draft: Draft) -> None:
    """What Telegram has marked in the text."""
    found = message.get("text_entities") or message.get("text")
    for nth, piece in enumerate(found[:_MOST] if isinstance(found, list) else ()):
        if not isinstance(piece, dict):
            continue
        kind, value = piece.get("type"), text_of(piece.get("text"))
        if value is None:
            continue
        if kind in _PARTS:
            made, part = _PARTS[kind]
            draft.entities.append(DraftEntity(f"named{nth}", made, {part: value}))
        elif kind == "mention_name" and (user := text_of(piece.get("user_id"))) is not None:
            draft.entities.append(_account(f"named{nth}", f"user{user}", None))
        else:
            continue
        draft.links.append(DraftLink("MENTIONS", "sender", f"named{nth}"))


def _open(mapping: Mapping | None, body: BinaryIO) -> RecordImporter:
    return RecordImporter(_make)


def _recognises(head: bytes, ending: str) -> bool:
    return head.lstrip()[:1] == b"{" and (
        (b'"messages"' in head and b'"type"' in head and b'"name"' in head)
        or (b'"chats"' in head and b'"personal_information"' in head)
    )


FORMAT = Format(
    name="telegram",
    title="Telegram export",
    media_type="application/x-telegram+json",
    endings=(),
    mapping="none",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a message, as JSON with its chat",
    read=(
        "sender and chat as Account on telegram, by Telegram's ids; the message as CONTACTED with its time and text",
        "telephone numbers, e-mail addresses and users that Telegram has marked in the text (MENTIONS)",
    ),
    lost=(
        "service messages; photos, files, voice, stickers, replies, forwards, reactions; they are counted",
        "usernames written as @name: they can change hands, and the export has no id for them",
    ),
    rank=4,
)
"""Telegram Desktop, https://core.telegram.org/import-export."""
