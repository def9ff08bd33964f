"""Policies of others are tried in a separate process, which may die: the engine is native code.

Whoever proposes a policy chooses what the engine's parser, validator and formatter read. What ends that process (a
stack that overflows, a loop, memory) ends nothing else; the policy is refused then, as if it did not parse. The
service decides only by policies that passed such a trial, on a stack half as large as any of its own threads.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from graphsvc.model.errors import Unavailable
from graphsvc.policy.bounds import InvalidPolicy, bound_files, bound_text
from graphsvc.policy.check import Finding, read_tables
from graphsvc.policy.diff import Difference
from graphsvc.policy.rules import Policies, policies_of, read_files

CPU_SECONDS = 60
"""Processor time of a trial, in seconds; that of the product's own policies takes two."""
CPU_EACH = 2
"""Additional processor seconds for every file of rules."""
PATIENCE = 5
"""A trial may last this many times its processor time: the machine may be busy with other things."""

_CHILD = "graphsvc.policy.trialchild"
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
"""The environment variables that the process gets; others may hold secrets."""

_log = logging.getLogger("graphsvc.policy")


class Order(msgspec.Struct, frozen=True):
    """What is to be done with the texts in ``files``, by name.

    ``prove``: do they parse and fit the schema; ``check``: also format, decision ``tables`` and invariants on labels of
    ``owners`` (None: of all); ``format``: give the first text in the one format; ``compare``: with the files ``old``,
    on labels of ``owners``.
    """

    what: Literal["prove", "check", "format", "compare"]
    files: dict[str, str]
    tables: dict[str, str] = {}
    owners: tuple[str, ...] | None = None
    old: dict[str, str] = {}
    cpu_seconds: int = CPU_SECONDS


class Answer(msgspec.Struct, frozen=True):
    """The result of an order: what is to be mended, the formatted text, the difference."""

    findings: tuple[Finding, ...] = ()
    text: str = ""
    difference: Difference | None = None


class TrialDied(InvalidPolicy):
    """The process that read a policy has ended: the policy is refused, whatever the reason was."""


def hold_trial(order: Order) -> Answer:
    """Carry out ``order`` in a process of its own, of bounded time and memory, and wait for it.

    Raises InvalidPolicy for texts past the bounds, TrialDied, Unavailable when no process can be started.
    """
    for files in (order.files, order.old, order.tables):
        bound_files(files)
    # -P: no module of the working directory may stand for one of ours.
    command = [sys.executable, "-P", "-m", _CHILD]
    names = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(order),
            capture_output=True,
            timeout=order.cpu_seconds * PATIENCE,
            env={**names, "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _died("it took too long") from None
    except OSError:
        raise Unavailable("no process can be started to check a policy; try again", code="policy_check_down") from None
    if done.returncode != 0:
        raise _died(
            "it took too long" if done.returncode == -signal.SIGXCPU else "the policy engine did not survive it"
        )
    return msgspec.json.decode(done.stdout, type=Answer)


def prove(files: Mapping[str, str], cpu_seconds: int = CPU_SECONDS) -> None:
    """Raise InvalidPolicy unless the files parse, fit the schema and can be used, as tried in another process."""
    refuse(hold_trial(Order("prove", dict(files), cpu_seconds=cpu_seconds)).findings)


def load_proved(directory: Path) -> Policies:
    """The policies of a folder, read here only after another process could read them. Raises InvalidPolicy."""
    files = read_files(directory)
    prove(files)
    return policies_of(files)


def check_folder(directory: Path) -> list[Finding]:
    """Everything wrong with the policies in ``directory``; never raises for what it finds."""
    try:
        files, tables = read_files(directory), read_tables(directory)
        return list(hold_trial(Order("check", files, tables, cpu_seconds=cpu_time(files))).findings)
    except InvalidPolicy as error:
        return [Finding(error.code, error.where, error.message)]


def formatted_apart(text: str, where: str) -> str:
    """``text`` in the one format of policy files. Raises InvalidPolicy when it does not parse."""
    bound_text(text, where)
    answer = hold_trial(Order("format", {where: text}))
    refuse(answer.findings)
    return answer.text


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    """Every decision that differs between the files ``old`` and ``new``. Raises InvalidPolicy."""
    answer = hold_trial(Order("compare", dict(new), old=dict(old), cpu_seconds=cpu_time(old) + cpu_time(new)))
    refuse(answer.findings)
    assert answer.difference is not None
    return answer.difference


def cpu_time(files: Mapping[str, str]) -> int:
    """Processor seconds that a trial over every decision of ``files`` may take."""
    return CPU_SECONDS + CPU_EACH * len(files)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise the first finding as InvalidPolicy, if there is any."""
    for one in findings:
        raise InvalidPolicy(one.message, code=one.code, where=one.where)


def _died(why: str) -> TrialDied:
    _log.warning("a process that checked a policy has ended: %s", why)
    return TrialDied(f"the policy can't be used: {why}; simplify its rules")
