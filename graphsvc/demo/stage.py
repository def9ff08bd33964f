"""The stage of a told story: steps with the question asked, the answer as a table, and what it was checked against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table


@dataclass(slots=True)
class Step:
    """One step: what was expected, and whether it came true."""

    title: str
    checks: list[tuple[str, bool]] = field(default_factory=list)
    seconds: float = 0.0


class Stage:
    """Prints and keeps score. With ``quiet`` it only keeps score."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._started = time.monotonic()
        self.steps: list[Step] = []

    @property
    def held(self) -> bool:
        """Whether everything that was expected came true."""
        return bool(self.steps) and all(held for step in self.steps for _, held in step.checks)

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._close()
        self.steps.append(Step(title))
        self._print("")
        self._print(Rule(f"[bold]{len(self.steps)}. {escape(title)}", align="left", style="cyan"))

    def say(self, text: str) -> None:
        """Print a sentence of the story; rich markup takes effect."""
        self._print(text)

    def asked(self, query: str, variables: dict[str, Any] | None = None, footing: str = "") -> None:
        """Print the question as it was sent."""
        if footing:
            self._print(f"[dim]{escape(footing)}[/dim]")
        self._print(Syntax(query.strip(), "graphql", theme="ansi_dark", background_color="default", word_wrap=True))
        if variables:
            shown = ", ".join(f"{name} = {value}" for name, value in variables.items())
            self._print(f"[dim]{escape(shown)}[/dim]")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        """Print an answer as a table; cells are plain text."""
        table = Table(
            *columns, title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False
        )
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self._print(table)

    def expect(self, what: str, held: bool, seen: object = "") -> None:
        """Note whether the service gave one thing that the scenario planted; ``seen`` is printed if not."""
        self.steps[-1].checks.append((what, held))
        if held:
            self._print(f"[green]✓[/green] {escape(what)}")
        else:
            self._print(f"[bold red]✗ {escape(what)}[/bold red] {escape(str(seen))}")

    def broke(self, error: Exception) -> None:
        """Note that the step ended with an error, as a check that did not hold."""
        code = getattr(error, "code", type(error).__name__)
        self.expect("the step went through", False, f"{code}: {getattr(error, 'message', error)}")

    def end(self) -> None:
        """Close the last step and print how many checks held."""
        self._close()
        checks = [held for step in self.steps for _, held in step.checks]
        mark = "[bold green]All" if self.held else "[bold red]Not all"
        seconds = sum(step.seconds for step in self.steps)
        self._print("")
        self._print(
            f"{mark} as planted:[/] {sum(checks)} of {len(checks)} checks in {len(self.steps)} steps, {seconds:.0f} s"
        )

    def score(self) -> dict[str, Any]:
        """The steps and their checks as plain values."""
        steps = [
            {
                "title": step.title,
                "seconds": f"{step.seconds:.2f}",
                "checks": [{"what": what, "held": held} for what, held in step.checks],
            }
            for step in self.steps
        ]
        return {"held": self.held, "steps": steps}

    def _close(self) -> None:
        now = time.monotonic()
        if self.steps:
            self.steps[-1].seconds = now - self._started
        self._started = now

    def _print(self, what: Any) -> None:
        if not self._quiet:
            self._console.print(what, highlight=False)
