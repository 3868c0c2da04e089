"""Replies that have an item for each push, as OPPO and Xiaomi answer to a request with many different pushes.

Pure. Items are matched by token and not only by their order, because vendors reorder them, leave some out and name some
twice. A push without an item has no verdict (`UNKNOWN`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

import attrs

from pushgateway.vendor import Batch, Outcome, Push, Response, code_text, safe_repr
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.readers import ID_LENGTH, check_named_once, first_identifier

CHECKPOINT_EVERY: Final = 256
"""Number of items that were not simply accepted between two checkpoints (`yield None`). A reply with more items of any
kind has a checkpoint before its items are read."""
UNREAD: Final = "the reply does not say what became of this one"


@safe_repr
@attrs.frozen(eq=False)
class ItemReader:
    """How the items of one vendor are read. An item without a code, or with code 0, was accepted."""

    codes: CodeTable
    """What the code of an item means."""
    token: str
    """The name of the token in an item."""
    message_ids: tuple[str, ...]
    """The names that a message id may have, the usual one first."""
    code: str
    """The name of the code of an item."""
    message: str
    """The name of the vendor's sentence for it."""
    inside: tuple[str, ...] = ("data",)
    """The names in the reply that may hold the list of items, the usual one first."""
    decides: Callable[[str], object] = attrs.field(repr=False, default=lambda _: False)
    """Returns True for further names that a reply must not hold twice with different values."""
    _pick_token: itemgetter[Any] = attrs.field(init=False, repr=False)
    _pick_id: itemgetter[Any] = attrs.field(init=False, repr=False)
    _names: tuple[bytes, ...] = attrs.field(init=False, repr=False)
    _decisive: frozenset[str] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        set_once = object.__setattr__  # the object is frozen after its construction
        set_once(self, "_pick_token", itemgetter(self.token))
        set_once(self, "_pick_id", itemgetter(self.message_ids[0]))
        names = (self.token, self.code, *self.inside)
        set_once(self, "_names", tuple(f'"{name}"'.encode() for name in names))
        set_once(self, "_decisive", frozenset(names))

    def outcomes(
        self,
        response: Response,
        items: object,
        sent: Batch,
        truncated: Sequence[tuple[str, ...]],
        omitted: Sequence[tuple[str, ...]] | None = None,
    ) -> Generator[None, Any, list[Outcome]]:
        """The outcome of each push of `sent`, in their order; `truncated` has their cut fields, `omitted` the looks
        that were left out.

        `items`: the list in the accepted reply; any other value counts as an empty list. Raises `NoVerdict` for a reply
        that holds a name twice with different values.
        """
        listed = items if isinstance(items, list) else []
        ids = self._usual_ids(listed, sent)
        if self._may_name_twice(response.content, listed, are_usual=ids is not None):
            self.check_names(response)
        found = {} if ids is not None else self._by_token(listed, sent)
        if len(sent) > CHECKPOINT_EVERY:
            yield
        if ids is not None:
            return Outcome.all_accepted(sent, ids, truncated, omitted)
        pause = response.retry_after
        outcomes: list[Outcome] = []
        accepted, message_ids, name = Outcome.accepted, self.message_ids, self.code
        effort = 0
        for push, cut, left_out in zip(sent, truncated, repeat(()) if omitted is None else omitted, strict=False):
            item = found.get(push.push_token.token)
            if item is not None and item.get(name) is None:
                outcomes.append(accepted(push, first_identifier(item, message_ids), truncated=cut, omitted=left_out))
                continue
            if effort >= CHECKPOINT_EVERY:
                effort = 0
                yield
            effort += 1
            outcomes.append(self._outcome(item, push, cut, left_out, pause))
        return outcomes

    def check_names(self, response: Response) -> None:
        """Raise `NoVerdict` if the reply holds a name that decides about outcomes twice with different values."""
        check_named_once(response, lambda name: name in self._decisive or self.decides(name), self.inside)

    def fails(self, item: Mapping[str, Any]) -> bool:
        """True if an item has a code that is not 0 or cannot be read."""
        code = item.get(self.code)
        return code is not None and code_text(code) != "0"

    def _usual_ids(self, items: Sequence[Any], sent: Batch) -> list[str] | None:
        """The message ids of a usual reply, read without a loop: every push accepted, in order, and each item has the
        token and a message id of the usual name and nothing else. None for any other reply. A batch holds no token
        twice, so each item is the only one for its token."""
        try:
            if set(map(len, items)) != {2} or list(map(self._pick_token, items)) != sent.tokens:
                return None
            ids = list(map(self._pick_id, items))
            are_printable = "".join(ids).isprintable()
        except (LookupError, TypeError):  # an item is no object, or has no token or id, or an id is no text
            return None
        return ids if are_printable and all(ids) and max(map(len, ids)) <= ID_LENGTH else None

    def _may_name_twice(self, content: bytes, items: Sequence[Any], *, are_usual: bool) -> bool:
        """True if the body may hold a name twice: names are counted in its bytes, because a full check of every reply
        would double its cost. A name may also be spelled with escapes, so a backslash counts too. `are_usual`: each
        item has an id and a token and nothing else."""
        token, code, inside, *others = self._names
        if content.count(inside) != 1 or any(name in content for name in others) or b"\\" in content:
            return True
        named = content.count(token)
        if are_usual:
            return named != len(items)
        objects = [item for item in items if type(item) is dict]
        refused = sum(self.code in item for item in objects)
        return named != sum(self.token in item for item in objects) or content.count(code) != refused

    def _by_token(self, items: Iterable[Any], sent: Sequence[Push]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        nameless: list[Mapping[str, Any]] = []
        others = False
        for item in items:
            name = item.get(self.token) if isinstance(item, dict) else None
            if isinstance(name, str):
                known = found.get(name)
                found[name] = item if known is None else max(known, item, key=self._badness)
            elif isinstance(item, dict) and name is None:
                nameless.append(item)
            else:
                others = True
        if not found and not others and len(nameless) == len(sent):
            return {push.push_token.token: item for push, item in zip(sent, nameless, strict=True)}
        return found

    def _badness(self, item: Mapping[str, Any]) -> int:
        """0: accepted, 1: unreadable, 2: refused. Of two items for one token the one with the larger number is used."""
        code = item.get(self.code)
        text = "0" if code is None else code_text(code)
        return 1 if text is None else 0 if text == "0" else 2

    def _outcome(
        self,
        item: Mapping[str, Any] | None,
        push: Push,
        truncated: tuple[str, ...],
        omitted: tuple[str, ...],
        pause: float | None,
    ) -> Outcome:
        if item is None:
            return Outcome.unknown(push, UNREAD)
        code = item.get(self.code)
        text = "0" if code is None else code_text(code)
        if text is None:
            return Outcome.unknown(push, UNREAD)
        message_id = first_identifier(item, self.message_ids)
        if text == "0":
            return Outcome.accepted(push, message_id, truncated=truncated, omitted=omitted)
        message = item.get(self.message)
        return self.codes.rejected(
            push, text, message, truncated=truncated, omitted=omitted, pause=pause, message_id=message_id
        )
