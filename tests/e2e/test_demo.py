"""`make demo`'s command: it streams two answers, proves that it did, and shows their records."""

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


def count(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text, re.M))


def test_the_demo_streams_from_openai_and_bedrock_and_shows_the_gaps_and_the_settled_records() -> None:
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
    assert "a gate across its way" in text
    assert len(reads) >= 20  # the demo itself passes on each token at once
    assert count(r"first token after \d+ ms, then \d+ gaps in [\d.]+ s: min \d+  median \d+  max \d+ ms", text) == 2
    assert re.findall(r"^  surface +(\w+)$", text, re.M) == ["openai", "bedrock"]
    assert re.findall(r"^  model +(\S+)$", text, re.M) == ["gpt-4o-mini", "amazon.nova-micro-v1:0"]
    assert count(r"^  status +settled$", text) == 2
    assert count(r"^  usage_source +provider$", text) == 2
    assert count(r"^  cost +\$0\.\d{9}$", text) == 2
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
