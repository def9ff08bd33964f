"""Build and install the optional accelerator, where cargo is found; without it, or where that fails, say so and go on.

``build.py [--strict]``: with ``--strict`` an accelerator that could be built, but fails to, is an error.
``build.py --write`` writes crates.lock anew, after a change of Cargo.toml.

Cargo's own lock file names where crates come from, so it is no part of the sources: it is made here, and is taken only
if it has exactly the crates of crates.lock, with these checksums.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
NAMES = HERE / "crates.lock"
OLDEST = (1, 89)
PATIENCE = 1_200.0


class NotBuilt(Exception):
    """Why there is no accelerator. ``broken``: for a reason that lies in the sources."""

    def __init__(self, why: str, broken: bool = False) -> None:
        super().__init__(why)
        self.broken = broken


def build(strict: bool) -> int:
    """Build and install; returns the exit code."""
    try:
        cargo = find_cargo()
        print("Building the optional accelerator with cargo; ACCELERATOR=off leaves it out", flush=True)
        make_lock(cargo)
        compare(read_lock(), listed())
        run("its crates can't be had", [cargo, "fetch", "--locked"])
        install()
    except NotBuilt as error:
        print(f"The accelerator is not built, all works without it: {error}")
        return 1 if strict and error.broken else 0
    print("The accelerator is built and installed; GRAPHSVC_ACCELERATOR=off leaves it unused")
    return 0


def find_cargo() -> str:
    """Cargo's path. Raises NotBuilt: there is none, or it is too old."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise NotBuilt("cargo is not here")
    told = re.match(r"cargo (\d+)\.(\d+)", run("cargo does not run", [cargo, "--version"]))
    if told is None or (int(told[1]), int(told[2])) < OLDEST:
        raise NotBuilt(f"cargo {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    return cargo


def make_lock(cargo: str) -> None:
    """Have cargo write its lock file from the pins in Cargo.toml, without the network if it knows all crates."""
    lock = HERE / "Cargo.lock"
    if lock.exists() and lock.stat().st_mtime >= (HERE / "Cargo.toml").stat().st_mtime:
        return
    lock.unlink(missing_ok=True)
    try:
        run("", [cargo, "generate-lockfile", "--offline"])
    except NotBuilt:
        run("its crates can't be had", [cargo, "generate-lockfile"])


def read_lock() -> dict[str, str]:
    """Name and version of each crate, with its checksum, as cargo's lock file has them."""
    packages = tomllib.loads((HERE / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    return {f"{one['name']} {one['version']}": one["checksum"] for one in packages if "source" in one}


def listed() -> dict[str, str]:
    """The same from crates.lock."""
    return dict(line.rsplit(" ", 1) for line in NAMES.read_text(encoding="utf-8").splitlines())


def compare(found: dict[str, str], expected: dict[str, str]) -> None:
    """Raise NotBuilt unless both have the same crates with the same checksums."""
    if wrong := sorted(name for name, _ in found.items() ^ expected.items()):
        (HERE / "Cargo.lock").unlink()
        raise NotBuilt(f"these crates are not those of crates.lock: {', '.join(dict.fromkeys(wrong))}", broken=True)


def install() -> None:
    """Build the wheel, offline, and install it into this environment."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    run("maturin can't be had", [*pip, "--require-hashes", "--requirement", str(HERE / "requirements.lock")])
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--force-reinstall"]
    run("cargo or maturin fail", [*pip, *options, str(HERE)], broken=True, offline=True)


def run(why: str, command: list[str], broken: bool = False, offline: bool = False) -> str:
    """The output of a command. Raises NotBuilt that begins with ``why``, when it fails."""
    variables = os.environ | ({"CARGO_NET_OFFLINE": "true"} if offline else {})
    # Maturin must find the cargo that was found here, and the environment that this runs in.
    variables["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    try:
        done = subprocess.run(
            command, cwd=HERE, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{why}: {type(error).__name__}", broken) from None
    if done.returncode:
        if broken:
            print(done.stdout[-4_000:], done.stderr[-4_000:], sep="\n")
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-1:]
        raise NotBuilt(f"{why}: {''.join(last)[:200]}", broken)
    return done.stdout


def main() -> int:
    """Do what the arguments say."""
    if "--write" in sys.argv[1:]:
        make_lock(find_cargo())
        NAMES.write_text("".join(f"{name} {value}\n" for name, value in sorted(read_lock().items())), encoding="utf-8")
        return 0
    return build("--strict" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
