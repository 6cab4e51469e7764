"""`make demo`'s command: it streams, proves that it did, and shows the record."""

import os
import re
import subprocess

import pytest
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, environment

pytestmark = pytest.mark.slow


def reads_of(descriptor: int) -> list[bytes]:
    reads = []
    while read := os.read(descriptor, 65536):
        reads.append(read)
    return reads


def test_the_demo_streams_and_shows_the_gaps_and_the_settled_record() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        reads = reads_of(process.stdout.fileno())
        complaints = process.stderr.read().decode()
        code = process.wait(PATIENCE_SECONDS)

    text = b"".join(reads).decode()
    assert code == 0, complaints
    assert "I stream one token at a time" in text
    assert len(reads) >= 10  # the demo itself passes on each token at once
    assert re.search(r"first token after \d+ ms, then \d+ gaps in [\d.]+ s: min \d+  median \d+  max \d+ ms", text)
    assert re.search(r"^  status +settled$", text, re.M)
    assert re.search(r"^  usage_source +provider$", text, re.M)
    assert re.search(r"^  cost +\$0\.\d{9}$", text, re.M)
    assert "make dev" in text
    assert text.isascii()


def test_a_demo_that_nobody_reads_ends_quietly() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        complaints = process.stderr.read().decode()
        code = process.wait(PATIENCE_SECONDS)

    assert code == 141
    assert "Traceback" not in complaints
    assert "Exception ignored" not in complaints
