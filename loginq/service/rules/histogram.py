"""How long many things took: counts in bins that grow by a twentieth, so that a percentile is right to some 2.5 %.

From 1 s on each bin is 5 % wide and a percentile is told as its middle: off by 2.5 % of itself at most, and by 0.5 s
below 1 s. The bins are the same for ever, so that histograms of minutes are added up.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from loginq.service.rules.times import DAY, SECOND

Histogram = tuple[tuple[int, int], ...]
"""(Bin, how many), in order, without those that are empty."""


def _starts() -> Iterator[int]:
    yield 0
    start = SECOND
    while start < DAY:
        yield start
        start = start * 21 // 20


STARTS = tuple(_starts())
"""Where each bin begins, ms; it ends where the next begins, and the last one, of a day and more, nowhere."""


def histogram(lengths: Iterable[int]) -> Histogram:
    """Lengths of time, in ms, in their bins; a negative one is none."""
    found = Counter[int]()
    for ms, count in Counter(lengths).items():
        found[bisect_right(STARTS, max(0, ms)) - 1] += count
    return tuple(sorted(found.items()))


def merged(several: Iterable[Histogram]) -> Histogram:
    """All of them as one."""
    together = Counter[int]()
    for each in several:
        for bin_, count in each:
            together[bin_] += count
    return tuple(sorted(together.items()))


def size(of: Histogram) -> int:
    """How many are in it."""
    return sum(count for _, count in of)


def longer(of: Histogram, ms: int) -> int:
    """How many are in bins that begin at `ms` or later."""
    return sum(count for bin_, count in of if STARTS[bin_] >= ms)


def middle(bin_: int) -> int:
    """The middle of a bin, ms; of the last one its beginning."""
    return STARTS[bin_] if bin_ + 1 == len(STARTS) else (STARTS[bin_] + STARTS[bin_ + 1]) // 2


def percentile(of: Histogram, share: float) -> int | None:
    """What `share` of all do not exceed (nearest rank), as the middle of its bin, ms; None of nothing."""
    left = max(1, -(-size(of) * round(share * 1_000) // 1_000))
    for bin_, count in of:
        left -= count
        if left <= 0:
            return middle(bin_)
    return None


def pack(of: Histogram) -> bytes:
    """As few bytes: the first bin, then the count of each bin up to the last, seven bits a byte, lowest first."""
    if not of:
        return b""
    first, counts = of[0][0], dict(of)
    return b"".join(map(_varint, (first, *(counts.get(bin_, 0) for bin_ in range(first, of[-1][0] + 1)))))


def unpack(packed: bytes) -> Histogram:
    """What `pack` made small."""
    numbers, number, shift = list[int](), 0, 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return tuple((numbers[0] + n, count) for n, count in enumerate(numbers[1:]) if count)


def _varint(number: int) -> bytes:
    said = bytearray()
    while number >= 0x80:
        said.append(number & 0x7F | 0x80)
        number >>= 7
    said.append(number)
    return bytes(said)
