"""A Spark session for one search: what is needed is looked for first, and told where it is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from graphsvc.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = 17
"""Spark 4.0 needs this Java, or a newer one."""
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Rows come back as they were written, and what is large is not gathered by accident.
    "spark.sql.ansi.enabled": "true",
    "spark.driver.maxResultSize": "0",
    "spark.sql.parquet.compression.codec": "zstd",
}


@contextmanager
def opened(master: str, folder: Path) -> Iterator[SparkSession]:
    """A session on the cluster at ``master``, which ends with the block; one that runs already is used, and stays.

    ``folder`` takes what Spark writes on this machine. Raises InvalidInput where PySpark or Java are missing, and
    Unavailable where the cluster can't be had or fails within the block.
    """
    check_installed()
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        with _plainly("the cluster failed"):
            yield running
        return
    _environment(master, folder)
    builder = SparkSession.builder.master(master).appName("graphsvc rings")
    for name, value in {**SETTINGS, **_local(master, folder)}.items():
        builder = builder.config(name, value)
    try:
        with _plainly("the cluster can't be had"):
            session = builder.getOrCreate()
            session.sparkContext.setLogLevel("OFF")
        try:
            with _plainly("the cluster failed"):
                yield session
        finally:
            session.stop()
    finally:
        _stop_java()


@contextmanager
def _plainly(what: str) -> Iterator[None]:
    """Tell an error of Spark's in one line: what it says at length may hold rows."""
    try:
        yield
    except Exception as error:
        if not from_spark(error):
            raise
        named = re.search(r"\b(?:[a-z]\w*\.)+([A-Z]\w+(?:Exception|Error))\b", str(error))
        said = named[1] if named else type(error).__name__
        told = f"{what} ({said}); its own logs say more"
        raise Unavailable(told, code="cluster_failed", where="--master") from None


def from_spark(error: Exception) -> bool:
    """Whether an error comes from Spark, or from Java behind it."""
    return type(error).__module__.partition(".")[0] in {"py4j", "pyspark"}


def check_installed() -> None:
    """Raises InvalidInput, with what to do, where PySpark or Java are missing."""
    if find_spec("pyspark") is None:
        told = "PySpark is not installed; install graphsvc[spark]"
        raise InvalidInput(told, code="no_pyspark", where="--engine")
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java") if home is None else shutil.which("java", path=str(Path(home) / "bin"))
    to_do = f"install a Java runtime of version {JAVA} or newer, or set JAVA_HOME"
    if found is None:
        where = "on the path" if home is None else "at JAVA_HOME"
        raise InvalidInput(f"there is no Java {where}; {to_do}", code="no_java", where="--engine")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < JAVA:
        old = "does not run" if version is None else f"is of version {version[1]}"
        raise InvalidInput(f"the Java at {found} {old}; {to_do}", code="no_java", where="--engine")


def _environment(master: str, folder: Path) -> None:
    """What Spark's own scripts and workers read."""
    import pyspark

    home = installed = Path(pyspark.__file__).parent
    if master.startswith("local"):
        # Workers on this machine write beside the programs: so these get a place of their own, full of links.
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        for part in installed.iterdir():
            if part.name != "work" and not (home / part.name).is_symlink():
                (home / part.name).symlink_to(part)
        os.environ["SPARK_WORKER_DIR"] = str(folder / "work")
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["SPARK_HOME"] = str(home)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)


def _local(master: str, folder: Path) -> dict[str, str]:
    """Settings that hang on where the cluster is."""
    scratch = {"spark.local.dir": str(folder / "scratch"), "spark.sql.warehouse.dir": str(folder / "warehouse")}
    if not master.startswith("local"):
        return scratch
    here = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    # On one machine many small parts cost more than they gain.
    return {**scratch, **here, "spark.sql.shuffle.partitions": "4", "spark.executor.memory": "1536m"}


def _stop_java() -> None:
    """End the Java process that belongs to this one: it would wait for the end of it."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is None or SparkContext._active_spark_context is not None:
        return
    process = getattr(gateway, "proc", None)
    with suppress(Exception):
        gateway.shutdown()
    if process is not None:
        process.stdin.close()
        process.wait(30)
    SparkContext._gateway = SparkContext._jvm = None


@contextmanager
def work_folder(chosen: Path | None) -> Iterator[Path]:
    """A folder for what is in between, emptied at the end: ``chosen``, which all machines see, or a temporary one."""
    base = None if chosen is None else str(chosen)
    if chosen is not None and not chosen.is_dir():
        raise InvalidInput("no such folder", code="no_folder", where=str(chosen))
    folder = Path(tempfile.mkdtemp(prefix="graphsvc-rings-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
