"""Options that belong together, declared once: a parameter that is a dataclass becomes an option for each field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Footing


@dataclass(frozen=True)
class FootingOptions:
    """The footing of a question; without purpose, legal basis and case it looks at one's own records only."""

    purpose: Annotated[str, typer.Option("--purpose", help="Why you ask, as investigation.")] = ""
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="Under which law, as court-order.")] = ""
    case: Annotated[str, typer.Option("--case", help="Reference of a registered case.")] = ""
    signed: Annotated[
        bool, typer.Option("--signed", help="Sign the question with the profile's signingKey: nobody else asked it.")
    ] = False

    @property
    def footing(self) -> Footing:
        """The footing as stated."""
        return Footing(self.purpose, self.legal_basis, self.case)


@dataclass(frozen=True)
class Page:
    """A part of a list, newest first."""

    first: Annotated[int, typer.Option("--first", help="How many at most.", min=1, max=500)] = 50
    before: Annotated[int | None, typer.Option("--before", help="Go on before this ledger index.", min=0)] = None

    @property
    def asked(self) -> dict[str, int | None]:
        """The arguments of the question."""
        return {"first": self.first, "before": self.before}

    def next_before(self, indexes: Sequence[int]) -> int | None:
        """Where to go on after entries with these ledger indexes; None when they are the last."""
        return indexes[-1] if len(indexes) >= self.first else None

    def tell_more(self, indexes: Sequence[int]) -> None:
        """Print how to go on, where there may be more."""
        following = self.next_before(indexes)
        if following is not None:
            typer.echo(f"there may be more: go on with --before {following}")


CursorOption = Annotated[str, typer.Option("--cursor", help="Go on after the part that ended with this cursor.")]


def identifier(text: str, where: str = "--id") -> tuple[str, dict[str, str]]:
    """Kind and key parts of an identifier written as ``Account:site=shopee,id=u17``. Raises InvalidInput."""
    kind, colon, rest = text.partition(":")
    pairs = [part.partition("=") for part in rest.split(",")]
    if not (kind and colon and all(name and equals for name, equals, _ in pairs)):
        raise InvalidInput("write it as Account:site=shopee,id=u17", code="bad_identifier", where=where)
    return kind, {name.strip(): value.strip() for name, _, value in pairs}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``command`` for typer: each of its dataclass parameters becomes one option per field."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)}

    def run(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)}) for name, kind in groups.items()
        }
        command(**given, **made)

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        own = get_type_hints(groups[name], include_extras=True)
        parameters += [_option(field.name, own[field.name], field.default) for field in fields(groups[name])]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    empty = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=empty, annotation=annotation)
