"""The queue of one lane: from runs that wait to the runs of one vendor request.

Pure and synchronous: no clock, no vendor but for a weight that is handed in. A `Queue` has a `Line` for each endpoint;
`Line.cut` takes out what fits into one request. A batch is of one endpoint, holds no token twice and, unless the vendor
can mix them, one notification. Used by `Lane` (which adds) and `Endpoint` (which cuts).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import add
from typing import NamedTuple, TypeAlias

from pushgateway.engine.pushes.runs import Run, is_wanted, size_of
from pushgateway.model.batch import distinct
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.vendor.capacity import Batching
from pushgateway.vendor.text import most_quoted

SHARE = 8
"""Every so many batches begin with the lowest priority that waits: what is urgent goes first, and nobody starves."""
PIECE = 32
"""Pushes that are split off a long run before they are cut one by one."""
WEIGHED = 256
"""Pushes of a run that are weighed together."""


class HalvedBatch(NamedTuple):
    """The part of pushes whose batch was refused as a whole: at most `limit` of them share a request, and only with
    others of `of`, the part that they had before.

    A value, so pushes of several refused batches wait together: however many were refused, there are at most as many
    groups as a batch can be halved, and fresh pushes keep their turns.
    """

    limit: int
    of: Hashable


class OneMessage(NamedTuple):
    """The part of pushes that have a message id and wait for another request at a vendor that cannot mix notifications.
    Only pushes with the same id share it, so that no push is repeated under another id."""

    message_id: str
    of: Hashable
    """The part that they had before."""


def of_message(part: Hashable, message_id: str) -> Hashable:
    """`part`, for pushes with this message id only."""
    if isinstance(part, HalvedBatch):
        return part._replace(of=of_message(part.of, message_id))
    return part if isinstance(part, OneMessage) else OneMessage(message_id, part)


WeighEach: TypeAlias = Callable[[Sequence[Notification]], Sequence[int]]
"""Bytes that a push of each of these notifications adds to a request, in their order."""


class _Group:
    """Runs that may share a request, in order."""

    __slots__ = ("runs", "size")

    def __init__(self) -> None:
        self.runs: deque[Run] = deque()
        self.size = 0  # pushes

    def put_back(self, runs: Sequence[Run]) -> None:
        """What was taken, to the front again."""
        self.runs.extendleft(reversed(runs))
        self.size += size_of(runs)


_Groups = OrderedDict[Hashable, _Group]  # ordered: a plain dict gets slow when it is always emptied from its front


class Line:
    """What waits for one endpoint: by priority, groups that take turns.

    A group is what may share a request: one notification and, for repeats, one message id where the vendor cannot mix,
    one daily quota and one part of a batch that was halved. A batch begins with the highest priority that waits and is
    filled up from the others of its part.
    """

    __slots__ = ("groups", "resting", "size", "turn")

    def __init__(self) -> None:
        self.groups: list[_Groups] = [OrderedDict() for _ in Priority]
        self.size = 0  # pushes
        self.turn = 0
        self.resting: dict[Hashable, list[Run]] = {}
        """By part, runs that are not to be cut yet, because others of their part are probably on their way. They do not
        count in `size`."""

    def __iter__(self) -> Iterator[Run]:
        for groups in self.groups:
            for group in groups.values():
                yield from group.runs
        for runs in self.resting.values():
            yield from runs

    @property
    def has_urgent(self) -> bool:
        """Whether an urgent push waits."""
        return bool(self.groups[Priority.URGENT])

    def add(self, run: Run, part: Hashable = None) -> None:
        """Put a run at the end of its group. `part`: any object; runs of different parts never share a request."""
        groups = self.groups[run.priority]
        group = groups.get(part)
        if group is None:
            group = groups[part] = _Group()
        size = run.size
        group.runs.append(run)
        group.size += size
        self.size += size

    def put_back(self, runs: Sequence[Run], part: Hashable) -> None:
        """What was taken, to the front again."""
        for run in reversed(runs):
            self.groups[run.priority].setdefault(part, _Group()).put_back((run,))
            self.size += run.size

    def holds(self, part: Hashable) -> bool:
        """Whether pushes of this part wait."""
        return part in self.resting or any(part in groups for groups in self.groups)

    def rouse(self, part: Hashable) -> bool:
        """Have those of this part that rest wait as all others do. False: there are none."""
        runs = self.resting.pop(part, ())
        for run in runs:
            self.add(run, part)
        return bool(runs)

    def batches(self, size: int, most: int) -> int:
        """How many batches of `size` pushes wait; `most` is as good as more."""
        count = 0
        for groups in self.groups if self.size else ():
            for part, group in groups.items():
                count += -(-group.size // (min(size, part.limit) if isinstance(part, HalvedBatch) else size))
                if count >= most:
                    return most
        return count

    def cut(self, batching: Batching, weigh_each: WeighEach, most: int | None = None) -> tuple[list[Run], Hashable]:
        """Take out the next batch, of `most` pushes at the most, and its part. Empty when nothing waits any more.

        `weigh_each`: bytes that a push of each of these notifications adds to a request.
        """
        self.turn += 1
        order = self.groups if self.turn % SHARE else self.groups[::-1]
        size = max(1, batching.size if most is None else min(most, batching.size))
        for groups in order:
            while groups:
                part = next(iter(groups))
                most = min(size, part.limit) if isinstance(part, HalvedBatch) else size
                if most == 1 or self.size == 1:
                    if (run := self._cut_one(groups, part)) is not None:
                        return [run], part
                    continue
                cut = _Cut(most, batching.max_bytes, weigh_each)
                try:
                    cut.fill(self, groups, part)
                    for others in order:
                        if others is not groups and part in others and not cut.is_full:
                            cut.fill(self, others, part)
                except BaseException:
                    self.put_back(cut.taken, part)  # a plug-in's weigh failed: each is still owed an outcome
                    raise
                if cut.taken:
                    return cut.taken, part
        return [], None

    def _cut_one(self, groups: _Groups, part: Hashable) -> Run | None:
        """One push from a group that is sent alone, so it is neither compared nor weighed with others: the vendor
        judges what it weighs. None: nothing of the group is wanted any more."""
        group = groups[part]
        before, runs, found = group.size, group.runs, None
        while runs and found is None:
            run = runs.popleft()
            group.size -= run.size
            if run.settled or run.sink.withdrawn:
                continue
            if run.size > 2 * PIECE:  # to split off one push is to copy the rest: first a piece
                piece = run.split(PIECE)
                group.put_back((piece, run) if is_wanted(piece) else (run,))
                continue
            if run.size > 1:
                rest, run = run, run.split(1)
                group.put_back((rest,))
            if not run.sink.is_abandoned(run.places):
                found = run
        self.size -= before - group.size
        if runs:
            groups.move_to_end(part)  # the other groups come first now
        else:
            del groups[part]
        return found

    def purge(self) -> None:
        """Let go of those that have their outcome."""
        self.size = 0
        for groups in self.groups:
            for part, group in list(groups.items()):
                kept = groups[part] = _Group()
                kept.put_back([run for run in group.runs if not run.settled])
                self.size += kept.size
                if not kept.runs:
                    del groups[part]
        for runs in self.resting.values():
            runs[:] = [run for run in runs if not run.settled]

    def clear(self) -> list[Run]:
        """Take out everything."""
        everything = list(self)
        for groups in self.groups:
            groups.clear()
        self.resting.clear()
        self.size = 0
        return everything


class Queue:
    """The lines of one lane, by the key of their endpoint."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return sum(line.size + sum(map(size_of, line.resting.values())) for line in self._lines.values())

    def __iter__(self) -> Iterator[Run]:
        for line in self._lines.values():
            yield from line

    @property
    def regions(self) -> list[str]:
        """Keys of the endpoints for which something waits."""
        return [region for region, line in self._lines.items() if line.size or line.resting]

    def line(self, region: str) -> Line:
        """That of one endpoint; the same object as long as the queue lives."""
        line = self._lines.get(region)
        if line is None:
            line = self._lines[region] = Line()
        return line

    def purge(self) -> None:
        """Let go of those that have their outcome."""
        for line in self._lines.values():
            line.purge()

    def clear(self) -> list[Run]:
        """Take out everything."""
        return [run for line in self._lines.values() for run in line.clear()]


class _Cut:
    """A batch while it is being cut."""

    __slots__ = ("_size", "_space", "_tokens", "_weigh_each", "_weights", "count", "is_full", "taken")

    def __init__(self, size: int, space: int | None, weigh_each: WeighEach) -> None:
        self._size = size
        self._space = space if size > 1 else None  # alone, the vendor judges what it weighs
        self._weigh_each = weigh_each
        self._weights: dict[int, int] = {}  # by identity: a notification for many is weighed once
        self._tokens: set[str] = set()
        self.taken: list[Run] = []
        self.count = 0  # pushes in it
        self.is_full = False

    def fill(self, line: Line, groups: _Groups, part: Hashable) -> None:
        """Take from one group what still fits. The group goes to the end of its row: the others come first now."""
        group = groups[part]
        before = group.size
        runs, size = group.runs, self._size
        again: list[Run] = []  # further pushes for tokens of this batch: they stay, in their order
        set_aside = 0  # how many these are
        try:
            while runs and set_aside < size and not self.is_full:
                if self.count >= size:
                    self.is_full = True
                    break
                run = runs.popleft()
                group.size -= run.size
                if not is_wanted(run):
                    continue
                if run.size > size - self.count:
                    first = run.split(size - self.count)
                    group.put_back((run,))
                    run = first
                starts = self._changes(run)
                if not starts:
                    self._take(run, group)
                elif len(starts) == 1:
                    again.append(run)
                    set_aside += run.size
                else:
                    group.put_back(run.cut_at(starts))
        finally:
            if again:
                group.put_back(again)
            line.size -= before - group.size
            if runs:
                groups.move_to_end(part)
            else:
                del groups[part]

    def _changes(self, run: Run) -> Sequence[int]:
        """Where pushes for tokens of this batch begin and end in a run; empty where there are none, `(0,)` where all of
        them are."""
        taken = self._tokens
        if run.size == 1:
            return (0,) if run.push_tokens[0].token in taken else ()
        tokens = run.pushes.tokens
        if len(set(tokens)) == len(tokens) and taken.isdisjoint(tokens):
            return ()  # nearly always
        seen, starts = set(taken), []
        before = None
        for index, token in enumerate(tokens):
            is_second = token in seen
            if is_second is not before:
                starts.append(index)
                before = is_second
            seen.add(token)
        return starts

    def _take(self, run: Run, group: _Group) -> None:
        """Take of a run what fits by its weight; the rest goes back to the front of its group."""
        if self._space is not None:
            try:
                fits, load = self._fitting(run, self._space)
            except BaseException:
                group.put_back((run,))
                raise
            if fits < run.size:
                self.is_full = fits > 0 or bool(self.taken)
                if not fits and self.taken:
                    group.put_back((run,))
                    return
                # Even the first may weigh too much: it goes alone, and the vendor judges.
                count, load = (fits, load) if fits else (1, self._space + 1)
                if count < run.size:
                    first = run.split(count)
                    group.put_back((run,))
                    run = first
            self._space -= load
        if run.size == 1:
            self._tokens.add(run.push_tokens[0].token)
        else:
            self._tokens.update(run.pushes.tokens)
        self.taken.append(run)
        self.count += run.size

    def _fitting(self, run: Run, space: int) -> tuple[int, int]:
        """How many of a run fit, and what they weigh together.

        Piece by piece: what does not fit would have to be weighed again for the next batch.
        """
        batch, weights, load = run.pushes, self._weights, 0
        if run.size == 1:
            note = batch.notifications[0]
            weight = weights.get(id(note))
            if weight is None:
                (weight,) = self._weigh_each((note,))
                weights[id(note)] = weight
            address = batch.tokens[0] + batch.dedupe_ids[0]
            load = weight + (6 * len(address) if address.isascii() else most_quoted(address))
            return (1, load) if load <= space else (0, 0)
        for start in range(0, len(batch), WEIGHED):
            piece = slice(start, start + WEIGHED)
            notes = batch.notifications[piece]
            new = [note for note in distinct(notes) if id(note) not in weights]
            if new:
                weights.update(zip(map(id, new), self._weigh_each(new), strict=True))
            own = list(map(weights.__getitem__, map(id, notes)))
            addresses = list(map(add, batch.tokens[piece], batch.dedupe_ids[piece]))
            together = "".join(addresses)
            if together.isascii() and load + sum(own) + most_quoted(together) <= space:
                load += sum(own) + most_quoted(together)
                continue
            for place, (weight, address) in enumerate(zip(own, addresses, strict=True), start):
                if load + weight + most_quoted(address) > space:
                    return place, load
                load += weight + most_quoted(address)
        return len(batch), load
