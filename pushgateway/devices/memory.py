"""`MemoryDevices`: bindings in the memory of one process, for tests and first tries. They end with it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import attrs

from pushgateway.devices.store import Bound, Count, Counts, Verdict, added
from pushgateway.model.binding import Binding
from pushgateway.model.push import Owner, PushToken
from pushgateway.model.secret import safe_repr


@safe_repr
class MemoryDevices:
    """See `DeviceStore`. For one event loop."""

    name = "devices in memory"
    is_shared = False

    def __init__(self, rng: random.Random) -> None:
        """`rng`: for the numbers of bindings."""
        self._rng = rng
        self._by_number: dict[int, Binding] = {}
        self._by_token: dict[PushToken, Binding] = {}
        self._by_user: dict[str, dict[str, Binding]] = {}
        self._badges: dict[str, int] = {}

    async def bind(
        self,
        user: str,
        device: str,
        push_token: PushToken,
        locale: str,
        now: float,
        *,
        most: int | None = None,
        is_late: bool = False,
    ) -> Bound:
        """See `DeviceStore`."""
        same_device = self._by_user.get(user, {}).get(device)
        same_token = self._by_token.get(push_token)
        later = [one for one in (same_token, same_device) if is_late and one is not None and one.seen_at > now]
        if later:
            return Bound(later[0])
        if same_token is not None and same_token is same_device:
            again = attrs.evolve(same_token.owner, generation=same_token.owner.generation + 1)
            binding = attrs.evolve(same_token, owner=again, locale=locale or same_token.locale, seen_at=now)
            self._keep(binding)
            return Bound(binding, former_at=binding.bound_at)
        former = [one for one in (same_device, same_token) if one is not None]
        for one in former:
            self._end(one)
        owner = Owner(user, device, self._rng.getrandbits(62) + 1, 1)
        binding = Binding(owner=owner, push_token=push_token, locale=locale, bound_at=now, seen_at=now)
        self._keep(binding)
        beyond = frozenset[int]()
        if most is not None:
            others = [one for one in self._by_user[user].values() if one is not binding]
            others.sort(key=lambda one: one.seen_at, reverse=True)
            beyond = self._end_all(others[most - 1 :])
        ended = frozenset(one.owner.binding for one in former if one.user != user)
        return Bound(binding, ended | beyond, max((one.bound_at for one in former), default=None))

    async def rotate(self, old: PushToken, new: PushToken, now: float) -> Binding | None:
        """See `DeviceStore`."""
        before = self._by_token.get(old)
        if before is None or new in self._by_token:
            return None
        self._end(before)
        owner = attrs.evolve(before.owner, binding=self._rng.getrandbits(62) + 1, generation=1)
        binding = attrs.evolve(before, owner=owner, push_token=new, bound_at=now)
        self._keep(binding)
        return binding

    async def unbind(self, user: str, device: str | None, *, keep: str | None = None) -> frozenset[int]:
        """See `DeviceStore`."""
        bound = self._by_user.get(user, {})
        names = bound.keys() - {keep} if device is None else bound.keys() & {device}
        return self._end_all([bound[name] for name in names])

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """See `DeviceStore`."""
        found = {user: self._by_user.get(user, {}) for user in users}
        return {user: [bound[device] for device in sorted(bound)] for user, bound in found.items()}

    async def counts(self) -> Counts:
        """See `DeviceStore`."""
        users: dict[str, list[str]] = {}  # by certificate: the user of each device
        for push_token, binding in self._by_token.items():
            users.setdefault(push_token.certificate_id, []).append(binding.user)
        certificates = {key: Count(len(set(users[key])), len(users[key])) for key in sorted(users)}
        return Counts(Count(len(self._by_user), len(self._by_token)), certificates)

    async def holding(self, bindings: Collection[int]) -> AbstractSet[int]:
        """See `DeviceStore`."""
        return self._by_number.keys() & bindings

    async def retire(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """See `DeviceStore`."""
        retired: list[Verdict] = []
        for verdict in verdicts:
            binding = self._by_number.get(verdict.binding)
            if binding is not None and binding.owner.generation == verdict.generation:
                self._end(binding)
                retired.append(verdict)
        return retired

    async def retire_token(self, push_token: PushToken, before: float) -> bool:
        """See `DeviceStore`."""
        binding = self._by_token.get(push_token)
        if binding is None or binding.seen_at >= before:
            return False
        self._end(binding)
        return True

    async def count_badges(self, users: Sequence[str], add: int) -> Mapping[str, int]:
        """See `DeviceStore`."""
        for user in users:
            self._badges[user] = added(self._badges.get(user, 0), add)
        return {user: self._badges[user] for user in users}

    async def set_badge(self, user: str, count: int) -> None:
        """See `DeviceStore`."""
        self._badges[user] = count

    async def prune(self, before: float) -> int:
        """See `DeviceStore`."""
        return len(self._end_all([one for one in self._by_number.values() if one.seen_at < before]))

    async def aclose(self) -> None:
        """See `DeviceStore`."""

    def _keep(self, binding: Binding) -> None:
        self._by_number[binding.owner.binding] = self._by_token[binding.push_token] = binding
        self._by_user.setdefault(binding.user, {})[binding.device] = binding

    def _end(self, binding: Binding) -> None:
        self._by_number.pop(binding.owner.binding, None)
        self._by_token.pop(binding.push_token, None)
        bound = self._by_user.get(binding.user, {})
        bound.pop(binding.device, None)
        if not bound:
            self._by_user.pop(binding.user, None)

    def _end_all(self, bindings: Sequence[Binding]) -> frozenset[int]:
        for binding in bindings:
            self._end(binding)
        return frozenset(binding.owner.binding for binding in bindings)

    def __repr__(self) -> str:
        return f"MemoryDevices({len(self._by_number)} bindings)"
