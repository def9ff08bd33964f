"""What stands between a reader and a Bolt server, and spoils what goes through: a proxy on a port of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Between:
    """A proxy to ``port``, as a context manager; :attr:`uri` is where it listens. What it does can be changed any time.

    ``stalled``: nothing comes back from the server. ``cut``: connections end after so many more bytes came back, all
    together. ``dripping``: what comes back does so in pieces of that size.
    ``greeting``: sent in place of the server's, which is not asked. ``gone``: nobody is let through.
    """

    port: int
    tls: ssl.SSLContext | None = None
    stalled: bool = False
    gone: bool = False
    cut: int | None = None
    dripping: int = 0
    greeting: bytes | None = None
    accepted: int = 0
    uri: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)

    def __enter__(self) -> Between:
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(begun,), name="between")
        self._thread.start()
        assert begun.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    def drop(self) -> None:
        """End all connections that go through, and wait until that is done."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(30)

    def _run(self, begun: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(begun))

    async def _serve(self, begun: threading.Event) -> None:
        self._done = asyncio.Event()
        server = await asyncio.start_server(self._line, "127.0.0.1", 0, ssl=self.tls)
        self.uri = f"bolt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        begun.set()
        await self._done.wait()
        server.close()
        await self._drop()

    async def _drop(self) -> None:
        for writer in list(self._lines):
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._lines.add(writer)
        try:
            if self.gone:
                return
            if self.greeting is not None:
                await reader.readexactly(20)
                writer.write(self.greeting)
                await reader.read()
                return
            back, forth = await asyncio.open_connection("127.0.0.1", self.port)
            self._lines.add(forth)
            ways = [asyncio.create_task(self._forth(reader, forth)), asyncio.create_task(self._back(back, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            forth.transport.abort()
            self._lines.discard(forth)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self._lines.discard(writer)

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                while self.stalled:
                    await asyncio.sleep(0.01)
                if self.cut is not None:
                    data, self.cut = data[: self.cut], max(0, self.cut - len(data))
                for at in range(0, len(data), self.dripping or len(data) or 1):
                    writer.write(data[at : at + (self.dripping or len(data))])
                    await writer.drain()
                    if self.dripping:
                        await asyncio.sleep(0)
                if self.cut == 0:
                    return
