"""Whether the time of a key's check tells how much of a wrong key is right: `python -m benchmarks.key_timing`.

Strategy: Welch's t of two populations of samples, as in dudect (https://eprint.iacr.org/2016/1123): keys whose secret
is wrong in its first character, and in its last. Each sample is a key of its own, made before the clock runs, so that
neither where a text lies in memory nor what was done just before tells the two apart. They are shuffled, a thousand at
a time and half of each kind, so that a drift meets both; the garbage collector is off. The slowest hundredth of both
together is left out: it is other programs. An absolute t below 4.5 says that no difference is seen. A comparison that
stops at the first difference is measured in the same way, to show that one would be.
"""

import argparse
import gc
import math
import statistics
import string
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter_ns

from sluice.stores.keys import digest_of, shown_until

LIMIT = 4.5
SAMPLES = 100_000
KEPT = 0.99
SECRET = "aB3-fake_secret-fake_secret-fake_secret-xyz"
KEY = f"slu_fakefakefake_{SECRET}"
FIRST, LAST = KEY.index(SECRET), len(KEY) - 1
BATCH = 1000
LETTERS = [letter for letter in string.ascii_letters + string.digits if letter not in (KEY[FIRST], KEY[LAST])]
ROW = {"h": digest_of(KEY)}

Check = Callable[[str], object]


def checked(shown: str) -> int:
    """As the gateway checks a key."""
    return shown_until(ROW, digest_of(shown))


def leaky(shown: str) -> bool:
    """As nobody should: it stops where the texts differ."""
    return all(one == other for one, other in zip(shown, KEY, strict=True))


def wrong(place: int, random: Random) -> str:
    """The key but for one character."""
    return KEY[:place] + random.choice(LETTERS) + KEY[place + 1 :]


def samples(check: Check, count: int, seed: int) -> tuple[list[int], list[int]]:
    """Nanoseconds for keys that are wrong in the first character and in the last, `count` of both together."""
    random = Random(seed)
    found: dict[int, list[int]] = {FIRST: [], LAST: []}
    gc.collect()
    gc.disable()
    try:
        for _ in range(count // BATCH):
            places = [FIRST, LAST] * (BATCH // 2)
            random.shuffle(places)
            timed(check, [(found[place].append, wrong(place, random)) for place in places])
    finally:
        gc.enable()
    return found[FIRST], found[LAST]


def timed(check: Check, shown: Sequence[tuple[Callable[[int], None], str]]) -> None:
    for note, key in shown:
        started = perf_counter_ns()
        check(key)
        note(perf_counter_ns() - started)


def kept(one: Sequence[int], other: Sequence[int]) -> tuple[list[int], list[int]]:
    """Without the slowest, by one threshold for both."""
    most = sorted([*one, *other])[int((len(one) + len(other)) * KEPT) - 1]
    return [each for each in one if each <= most], [each for each in other if each <= most]


def welch(one: Sequence[int], other: Sequence[int]) -> float:
    """The statistic t of the difference of two means."""
    error = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(error)


def report(name: str, check: Check, count: int, seed: int) -> float:
    one, other = kept(*samples(check, count, seed))
    found = welch(one, other)
    means = f"first wrong {statistics.fmean(one):8.1f} ns, last wrong {statistics.fmean(other):8.1f} ns"
    print(f"{name:18} {means}, |t| = {abs(found):8.2f} over {len(one) + len(other):,} of {count:,} samples")
    return abs(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--seed", type=int, default=20261121)
    options = parser.parse_args()
    samples(checked, min(options.samples, 10_000), options.seed)  # warm
    found = report("the key's check", checked, options.samples, options.seed)
    control = report("one that would leak", leaky, options.samples, options.seed)
    print(f"no difference is seen below {LIMIT}: {'yes' if found < LIMIT < control else 'NO'}")
    return 0 if found < LIMIT < control else 1


if __name__ == "__main__":
    raise SystemExit(main())
