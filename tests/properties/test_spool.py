"""However a form is cut into chunks, the same parts come out of it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.api.spool import Receiver

TRICKY = st.lists(
    st.sampled_from([b"\r\n", b"--", b"--bo", b"\r\n--boundar", b"x", b"\x00", b"\n", b"--boundary"]), max_size=30
)


@settings(deadline=None, max_examples=150)
@given(
    TRICKY.map(b"".join),
    st.binary(min_size=32, max_size=32),
    st.lists(st.integers(1, 60), min_size=1),
    st.permutations([0, 1, 2]),
)
def test_chunking_does_not_matter(body: bytes, seed: bytes, cuts: list[int], order: list[int]) -> None:
    if b"\r\n--boundary" in b"\r\n" + body or b"\r\n--boundary" in seed:
        return  # no form has its own boundary in a part
    parts = [
        b'Content-Disposition: form-data; name="body"; filename="r"\r\nContent-Type: text/csv\r\n\r\n' + body,
        b'content-disposition: form-data; name="seed"\r\n\r\n' + seed,
        b'Content-Disposition: form-data; name="manifest"\r\n\r\na.b.c',
    ]
    form = b"--boundary\r\n" + b"\r\n--boundary\r\n".join(parts[i] for i in order) + b"\r\n--boundary--\r\n"
    with tempfile.TemporaryDirectory() as directory:
        receiver = Receiver(Path(directory), b"boundary", 10_000)
        try:
            position = turn = 0
            while position < len(form):
                step = cuts[turn % len(cuts)]
                receiver.feed(form[position : position + step])
                position, turn = position + step, turn + 1
            got = receiver.finish()
            assert got.path.read_bytes() == body
            assert (got.size, got.sha256) == (len(body), hashlib.sha256(body).digest())
            assert (got.seed, got.manifest, got.mapping, got.media_type) == (seed, "a.b.c", None, "text/csv")
        finally:
            receiver.discard()
        assert list(Path(directory).iterdir()) == []
