"""From waiting pushes to batches.

Law of this file: pure and synchronous. A `Queue` holds what waits in one lane; `cut` takes out what fits into one
vendor request. A batch holds one region, no token twice, and one notification unless the vendor can mix them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import add

from pushgateway.engine.pushes.runs import Cohort, Item, Part, present
from pushgateway.model.batch import distinct
from pushgateway.model.intent import Priority
from pushgateway.model.push import Notification
from pushgateway.vendor import Batching
from pushgateway.vendor.text import most_quoted

SHARE = 8
"""Every so many batches begin with the lowest priority that waits: what is urgent goes first, and nobody starves."""


class _Group:
    """What may share a request, in order."""

    __slots__ = ("items", "size")

    def __init__(self) -> None:
        self.items: deque[Item] = deque()
        self.size = 0  # pushes

    def add(self, items: Sequence[Item]) -> int:
        """At the end; returns how many pushes these are."""
        size = sum([item.size for item in items])
        self.items.extend(items)
        self.size += size
        return size

    def put_back(self, items: Sequence[Item]) -> None:
        """What was taken, to the front again."""
        self.items.extendleft(reversed(items))
        self.size += sum([item.size for item in items])


PIECE = 256
"""Pushes of a cohort that are weighed together."""
_Groups = OrderedDict[Hashable, _Group]  # ordered: a plain dict gets slow when it is always emptied from its front


class _Line:
    """What waits for one region: by priority, groups that take turns."""

    __slots__ = ("groups", "size", "turn")

    def __init__(self) -> None:
        self.groups: list[_Groups] = [OrderedDict() for _ in Priority]
        self.size = 0
        self.turn = 0

    def put_back(self, batch: list[Item], part: Hashable) -> None:
        """What was taken, to the front again."""
        for item in reversed(batch):
            self.groups[item.priority].setdefault(part, _Group()).put_back((item,))
            self.size += item.size


class Queue:
    """First in, first out within a group; the groups of a region take turns; higher priorities come first.

    A group is what may share a request: one region, one notification where the vendor cannot mix, one daily quota and
    one part of a batch that was split. `part` is any object; pushes given with different parts never meet again. A
    batch begins with the highest priority that waits and is filled up from the others of its part.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return sum(line.size for line in self._lines.values())

    def __iter__(self) -> Iterator[Item]:
        for line in self._lines.values():
            for groups in line.groups:
                for group in groups.values():
                    yield from present(group.items)

    @property
    def regions(self) -> list[str]:
        """Regions for which something waits."""
        return [region for region, line in self._lines.items() if line.size]

    def add(self, those: Sequence[Item], region: str, part: Hashable = None) -> None:
        """Put at the end of their group; they are of one priority."""
        line = self._lines.get(region)
        if line is None:
            line = self._lines[region] = _Line()
        groups = line.groups[those[0].priority]
        group = groups.get(part)
        if group is None:
            group = groups[part] = _Group()
        line.size += group.add(those)

    def waiting(self, region: str) -> int:
        """How many pushes wait for `region`."""
        line = self._lines.get(region)
        return 0 if line is None else line.size

    def has_urgent(self, region: str) -> bool:
        """Whether an urgent push waits for `region`."""
        line = self._lines.get(region)
        return line is not None and bool(line.groups[Priority.URGENT])

    def batches(self, region: str, size: int, most: int) -> int:
        """How many batches of `size` wait for `region`; `most` is as good as more."""
        count = 0
        line = self._lines.get(region)
        for groups in () if line is None else line.groups:
            for part, group in groups.items():
                count += -(-group.size // (size if part is None else _most(part, size)))
                if count >= most:
                    return most
        return count

    def cut(
        self, region: str, batching: Batching, weigh: Callable[[Notification], int], most: int | None = None
    ) -> tuple[list[Item], Hashable]:
        """Take out the next batch of `region`, of `most` pushes at the most, and its part.

        Empty when nothing of that region waits any more.
        """
        line = self._lines.get(region)
        if line is None:
            return [], None
        line.turn += 1
        order = line.groups if line.turn % SHARE else line.groups[::-1]
        size = max(1, batching.size if most is None else min(most, batching.size))
        for groups in order:
            while groups:
                part = next(iter(groups))
                batch = _Batch(size if part is None else _most(part, size), batching.max_bytes, weigh)
                try:
                    batch.fill(line, groups, part)
                    for others in order:
                        if others is not groups and part in others and not batch.is_full:
                            batch.fill(line, others, part)
                except BaseException:
                    line.put_back(batch.taken, part)  # a plug-in's weigh failed: each is still owed an outcome
                    raise
                if batch.taken:
                    return batch.taken, part
        return [], None

    def purge(self) -> None:
        """Let go of those that have their outcome."""
        for line in self._lines.values():
            line.size = 0
            for groups in line.groups:
                for part, group in list(groups.items()):
                    left = groups[part] = _Group()
                    line.size += left.add([item for item in present(group.items) if not item.settled])
                    if not left.items:
                        del groups[part]

    def clear(self) -> list[Item]:
        """Take out everything."""
        everything = list(self)
        self._lines.clear()
        return everything


def _most(part: Hashable, size: int) -> int:
    """How many pushes of a part go into one request."""
    return min(size, part.limit) if isinstance(part, Part) else size


class _Batch:
    """A batch while it is being cut."""

    __slots__ = ("_room", "_size", "_tokens", "_weigh", "_weights", "count", "is_full", "taken")

    def __init__(self, size: int, room: int | None, weigh: Callable[[Notification], int]) -> None:
        self._size = size
        self._room = room if size > 1 else None  # alone, the vendor judges what it weighs
        self._weigh = weigh
        self._weights: dict[int, int] = {}  # by identity: a notification for many is weighed once
        self._tokens: set[str] = set()
        self.taken: list[Item] = []
        self.count = 0  # pushes in it
        self.is_full = False

    def fill(self, line: _Line, groups: _Groups, part: Hashable) -> None:
        """Take from one group what still fits. The group goes to the end of its row: the others come first now."""
        group = groups[part]
        before = group.size
        again: list[Item] = []  # second pushes for a token of this batch: they stay, in their order
        try:
            self._take(group, again)
        finally:
            if again:
                group.put_back(again)
            line.size -= before - group.size
            if group.items:
                groups.move_to_end(part)
            else:
                del groups[part]

    def _take(self, group: _Group, again: list[Item]) -> None:
        items, taken, tokens, weights = group.items, self.taken, self._tokens, self._weights
        size = self._size
        while items and len(again) < size and not self.is_full:
            if self.count >= size:
                self.is_full = True
                break
            item = items.popleft()
            if isinstance(item, Cohort):
                group.size -= self._admit(item, items)
                continue
            group.size -= 1
            if item.settled or item.withdrawn:
                continue
            push = item.push
            token = push.push_token.token
            if token in tokens:
                again.append(item)
                continue
            if self._room is not None:
                note = push.notification
                weight = weights.get(id(note))
                if weight is None:
                    try:
                        weight = weights[id(note)] = self._weigh(note)
                    except BaseException:
                        group.put_back((item,))
                        raise
                address = token + push.dedupe_id
                left = self._room - weight - (6 * len(address) if address.isascii() else most_quoted(address))
                if left < 0 and taken:
                    group.put_back((item,))
                    self.is_full = True
                    break  # even the first may weigh too much: it goes alone, and the vendor judges
                self._room = left
            tokens.add(token)
            taken.append(item)
            self.count += 1

    def _fitting(self, cohort: Cohort, room: int) -> tuple[int, int]:
        """How many of a cohort fit, and what they weigh together.

        Piece by piece: what does not fit would have to be weighed again for the next batch.
        """
        batch, weights, load = cohort.batch, self._weights, 0
        for start in range(0, len(batch), PIECE):
            piece = slice(start, start + PIECE)
            notes = batch.notifications[piece]
            for note in distinct(notes):
                if id(note) not in weights:
                    weights[id(note)] = self._weigh(note)
            own = list(map(weights.__getitem__, map(id, notes)))
            addresses = list(map(add, batch.tokens[piece], batch.dedupe_ids[piece]))
            together = "".join(addresses)
            if together.isascii() and load + sum(own) + most_quoted(together) <= room:
                load += sum(own) + most_quoted(together)
                continue
            for place, (weight, address) in enumerate(zip(own, addresses, strict=True), start):
                if load + weight + most_quoted(address) > room:
                    return place, load
                load += weight + most_quoted(address)
        return len(batch), load

    def _admit(self, cohort: Cohort, items: deque[Item]) -> int:
        """Take of a cohort what fits; the rest goes back to `items`. How many pushes are no longer there.

        One that cannot be taken as it is gives way to its members.
        """
        if cohort.settled or cohort.sink.withdrawn:
            return cohort.size
        if cohort.dispersed or cohort.withdrawn:
            items.extendleft(reversed(cohort.members()))
            return 0
        if cohort.size > self._size - self.count:
            cohort, rest = cohort.split(self._size - self.count), cohort
            items.appendleft(rest)
        tokens = cohort.batch.tokens
        if len(set(tokens)) < len(tokens) or not self._tokens.isdisjoint(tokens):
            items.extendleft(reversed(cohort.members()))
            return 0
        if self._room is not None:
            try:
                fits, load = self._fitting(cohort, self._room)
            except BaseException:
                items.appendleft(cohort)
                raise
            if fits < cohort.size:
                self.is_full = fits > 0 or bool(self.taken)
                if not fits:  # perhaps even the first weighs too much
                    items.extendleft((cohort,) if self.taken else reversed(cohort.members()))
                    return 0
                cohort, rest = cohort.split(fits), cohort
                items.appendleft(rest)
                tokens = cohort.batch.tokens
            self._room -= load
        self._tokens.update(tokens)
        self.taken.append(cohort)
        self.count += cohort.size
        return cohort.size
