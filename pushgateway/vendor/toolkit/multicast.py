"""`SharedVendor`, `MulticastVendor` and `ListedReplies`: for vendors whose requests hold one notification for many
tokens, and whose replies name the tokens that failed.

Huawei, HarmonyOS and Honor have a JSON body with a list of tokens: a plug-in derives its class from `MulticastVendor`,
and adds its settings, its login and what its rules cannot say. Where the body is something else, such as a form, it
derives from `SharedVendor` and makes the request itself. Each writes a function that finds the failed tokens in a
reply. Pure.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple

import attrs

from pushgateway.vendor import (
    Batch,
    Batching,
    Broadcast,
    Call,
    CallBack,
    ConfigError,
    Exchange,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    Reason,
    Refused,
    Reply,
    Request,
    Response,
    Ruling,
    Vendor,
    code_text,
    safe_repr,
)
from pushgateway.vendor.features import LOOKS
from pushgateway.vendor.rules import Dialect, Rules
from pushgateway.vendor.text import whole
from pushgateway.vendor.toolkit.batches import Frame, TokenRule, push_same, quoted_list
from pushgateway.vendor.toolkit.calls import call_in_chunks
from pushgateway.vendor.toolkit.clicks import Clicks
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.fields import Check, Content, Sheet, milliseconds
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable, by_word
from pushgateway.vendor.toolkit.json_template import JsonTemplate
from pushgateway.vendor.toolkit.ordinary import OrdinaryEncoder, is_rare
from pushgateway.vendor.toolkit.readers import first_identifier
from pushgateway.vendor.toolkit.refusals import checked_text, invalid, unsupported
from pushgateway.vendor.toolkit.requests import JSON, make_request
from pushgateway.vendor.toolkit.rulings import Rulings
from pushgateway.vendor.toolkit.settings import Hosts
from pushgateway.vendor.toolkit.token_lists import refused_by

_PLAIN: Final = Notification("", "")


class Failures(NamedTuple):
    """The tokens that a reply names as failed."""

    lists: Mapping[str, Sequence[str] | None]
    """By code; None for a list that cannot be read."""
    number: int | None = None
    """How many failed by the vendor's count; None: as many as are named."""
    accepted: int | None = None
    """How many did not, by the vendor's count; None: all others."""

    def total(self, size: int) -> int:
        """How many of `size` tokens failed, at least: by the larger of the vendor's counts."""
        named = {token for listed in self.lists.values() for token in listed or ()}
        failed = len(named) if self.number is None else self.number
        return failed if self.accepted is None else max(failed, size - self.accepted)


def failures_by_code(items: Iterable[object], name: str, code: str) -> Failures:
    """The failed tokens of a reply that has an object for each, with the token under `name` and its code under `code`.
    An object that cannot be read leaves the tokens that are not named without a verdict."""
    lists: dict[str, list[str] | None] = {}
    for item in items:
        found = item if isinstance(item, dict) else {}
        given, token = code_text(found.get(code)), found.get(name)
        if given is None or not isinstance(token, str):
            lists["unreadable"] = None
        else:
            lists[given] = [*(lists.get(given) or ()), token.strip()]
    return Failures(lists)


class ListedReplies:
    """How the replies of one vendor are read."""

    def __init__(
        self,
        codes: CodeTable,
        targets: CodeTable,
        failures: Callable[[Reply, Response], Failures | None],
        message_ids: Sequence[str],
        *,
        names_decide: bool = False,
    ) -> None:
        """`targets`: the codes of failed tokens. `failures`: finds them in a reply; None: the reply names none.
        `message_ids`: the names that the id of a request may have in its reply. `names_decide`: a token that is named
        has failed, whatever the code of the reply is; otherwise only beside codes of a success or about targets."""
        self.codes, self.targets, self._failures, self._message_ids = codes, targets, failures, message_ids
        self._names_decide = names_decide

    def message_id(self, reply: Reply) -> str | None:
        """The vendor's id of the request."""
        return first_identifier(reply.body, self._message_ids)

    def outcomes(self, response: Response, frame: Frame, sent: Batch) -> Sequence[Outcome]:
        """The outcome of each push of `sent`, in their order. Raises what a refusal of the whole request means.

        A code about targets with a list says that all of them failed, and so does any refusal with a list where
        `names_decide` or whose code is not known: one that is not listed has no verdict. To take a reply with an
        unknown code for a refusal of all would send the notification again, in smaller requests, to those who may have
        it.
        """
        reply = self.codes.read(response)
        failures, is_partial = self._failures(reply, response), reply.code in self.codes.partial
        is_unknown = reply.code not in self.codes.rows and response.status < 500
        decide = is_partial or is_unknown or self._names_decide or self._all_failed(reply)
        if reply.code in self.codes.accepted or (failures and decide):
            return frame.outcomes(
                self.targets,
                sent,
                failures.lists if failures else {},
                message_id=self.message_id(reply) or frame.message_id,
                pause=response.retry_after if failures else None,
                failures=self._failed(reply, failures, len(sent)) if failures else None,
            )
        if is_partial:
            raise NoVerdict(f"code {reply.code}, and the reply does not name the tokens that failed")
        if len(sent) == 1:
            return [self.codes.only_push_refused(sent[0], reply, response, frame.truncated)]
        raise self.codes.refusal(reply, response)

    def _all_failed(self, reply: Reply) -> bool:
        """Whether the code says that all tokens failed."""
        row = self.codes.rows.get(reply.code)
        return row is not None and row.scope == "target"

    def _failed(self, reply: Reply, failures: Failures, size: int) -> int:
        """How many of `size` tokens failed, at least; of a success in part without counts one."""
        is_success = reply.code in self.codes.accepted or reply.code in self.codes.partial
        if not is_success:
            return size
        has_counts = failures.number is not None or failures.accepted is not None
        return max(failures.total(size), int(reply.code in self.codes.partial and not has_counts))

    def reasons(self, response: Response, tokens: Sequence[str]) -> Mapping[str, Reason | None]:
        """By token: None if a call was done for it, or why not. Raises what a refusal of the whole call means.

        A token that is not named has no verdict (`NO_VERDICT`) if a list cannot be read, or if more failed than are
        named.
        """
        reply = self.codes.read(response)
        failures = self._failures(reply, response)
        if not (failures and (self._names_decide or self._all_failed(reply))):
            reply = self.codes.read_accepted(response, one_target=len(tokens) == 1)
        named = refused_by(self.targets, failures.lists) if failures else {}
        failed = self._failed(reply, failures, len(tokens)) if failures else 0
        is_clear = failures is not None and None not in failures.lists.values()
        is_clear = is_clear and failed <= sum(token in named for token in tokens)
        is_done = is_clear or (failures is None and reply.code in self.codes.accepted)
        found: dict[str, Reason | None] = dict.fromkeys(tokens, None if is_done else Reason.NO_VERDICT)
        for token in named.keys() & found.keys():
            row = self.targets.rows.get(named[token])
            found[token] = (row.host_reason if row else None) or Reason.INVALID_NOTIFICATION
        return found


@safe_repr
@attrs.frozen(kw_only=True)
class SharedVendor(Vendor):
    """What vendors have in common whose requests hold one notification for many tokens: fields by the rules, intents,
    batches, what a broadcast adds, rulings.

    The rules have the numbers `batch_size` and `token_characters`.
    """

    rules: ClassVar[Rules]
    replies: ClassVar[ListedReplies]
    names: ClassVar[Mapping[str, str]]
    """The fields that are set by code: `mark` (the receipt parameter), `receipt_url` (its address, if it is sent with
    a message), `handle` (what takes a notification back, if there is one), and by the names of `IntentSetting` those of
    an intent."""
    needs: ClassVar[Mapping[str, str]] = {}
    """By look of a notification: the setting without which it is left out, such as `badge_class` of a badge."""

    intents: Mapping[str, IntentSetting] = attrs.field(factory=dict, converter=by_word, hash=False)
    """By intent: category and channel. What is not set here is as in the rules."""

    def __attrs_post_init__(self) -> None:
        if wrong := list(self.intent_table.problems()):
            raise ConfigError(wrong)

    # Of each vendor

    @abstractmethod
    def clicks(self) -> Clicks:
        """The table of click actions."""

    @abstractmethod
    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """Fields that the rules cannot say. `batch`: the pushes of the notification; None for a broadcast."""

    @property
    @abstractmethod
    def hosts(self) -> Hosts:
        """The URLs of calls."""

    @abstractmethod
    def encode(self, note: Notification, batch: Batch | None) -> Frame:
        """The notification, encoded; `batch`: its pushes. Raises `Refused`."""

    @abstractmethod
    def ask(self, frame: Frame, sent: Batch) -> Request:
        """The request for an encoded notification and its pushes."""

    def scheduled(self, broadcast: Broadcast) -> dict[str, Any]:
        """The fields of what only a broadcast has, its start and its speed, by the rows with `says`. Raises `Refused`
        (`UNSUPPORTED`) where the vendor has none."""
        start, fields = broadcast.start_at, dict[str, Any]()
        for word, value in (("start_at", None if start is None else milliseconds(start)), ("rate", broadcast.rate)):
            rows = {name: row.sends for name, row in self.facts.fields.items() if row.says == word}
            if value is not None and not rows:
                raise unsupported(word, f"{self.rules.vendor} has no such thing")
            fields |= {} if value is None else {n: value if sent is None else sent for n, sent in rows.items()}
        return fields

    @property
    def limits(self) -> Mapping[str, int]:
        """By field: a maximum that the certificate sets in the place of that of the rules. Default: none."""
        return {}

    @property
    def checks(self) -> Mapping[str, Check]:
        """By field: a check that its row cannot say. Default: none."""
        return {}

    # The same for all

    @property
    def dialect(self) -> str:
        """The first dialect of the rules."""
        return next(iter(self.rules.dialects))

    @functools.cached_property
    def facts(self) -> Dialect:
        """The rows of the dialect."""
        return self.rules.dialects[self.dialect]

    @functools.cached_property
    def sheet(self) -> Sheet:
        """How a notification becomes fields."""
        return Sheet(self.rules, self.dialect, clicks=self.clicks(), checks=self.checks, limits=self.limits)

    @functools.cached_property
    def intent_table(self) -> IntentTable:
        """What intents mean for this certificate."""
        settings = {field.name for field in attrs.fields(IntentSetting)}
        wire = {name: field for name, field in self.names.items() if name in settings}
        return IntentTable(self.rules, self.dialect, self.intents, wire)

    @functools.cached_property
    def token_rule(self) -> TokenRule:
        """What a token looks like."""
        return TokenRule(vendor=self.rules.vendor, longest=self.facts.number("token_characters"))

    def request(self, name: str, fields: Mapping[str, Any]) -> Request:
        """The request of a call. Raises `Refused` if the certificate lacks a setting that the URL needs."""
        row = self.facts.operations[name]
        try:
            url = self.hosts.url(row)
        except KeyError as missing:
            raise invalid(str(missing.args[0]), f"is not among the settings, and {name} needs it") from None
        return make_request(url, row, fields)

    def _call_over(
        self,
        operation: str,
        field: str,
        values: Sequence[str],
        read: Callable[[Response, Sequence[str]], Mapping[str, Any]],
        **fields: str | int,
    ) -> Call[Any]:
        """A call over many values, which are in `field`: the number `call_size` of the rules says how many of them in
        one request. `fields`: the others, which must not be blank."""

        def ask(part: Sequence[str]) -> Request:
            for word, value in fields.items():
                checked_text(word, str(value))
            return self.request(operation, {**fields, field: list(part)})

        return call_in_chunks(operation, "", values, size=self.facts.number("call_size"), ask=ask, read=read)

    @property
    def batching(self) -> Batching:
        """As many tokens as the rules say, with one notification."""
        return Batching(size=self.facts.number("batch_size"))

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        """One parameter for all tokens of a request."""
        return "message"

    def regions(self, tokens: Sequence[str]) -> Collection[str]:
        """One host serves all tokens."""
        return ("",)

    def is_alone(self, notification: Notification) -> bool:
        """By the rules: some fields are for a push to one phone only."""
        return self.sheet.is_alone(notification)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One request for the whole batch, whose pushes have one notification."""
        return self.push_with(self.ask, batch)

    def push_with(
        self, ask: Callable[[Frame, Batch], Request], batch: Sequence[Push], frame: Frame | None = None
    ) -> Exchange[Sequence[Outcome]]:
        """The same with another request. `frame`: the notification, if it is encoded already."""

        def encode(sent: Batch) -> Frame:
            return self.encode(sent.notifications[0], sent) if frame is None else frame

        return push_same(batch, self.token_rule, encode=encode, ask=ask, read=self.replies.outcomes)

    def reduced(self, note: Notification) -> tuple[Notification, tuple[str, ...]]:
        """The notification without the looks for which the certificate lacks a setting (`needs`), and their names."""
        lacking = tuple(look for look, name in self.needs.items() if not getattr(self, name) and LOOKS[look](note))
        plain: dict[str, Any] = {look: getattr(_PLAIN, look) for look in lacking}
        return (attrs.evolve(note, **plain) if lacking else note), lacking

    def build(
        self,
        note: Notification,
        batch: Batch | None = None,
        broadcast: Broadcast | None = None,
        callback: CallBack | None = None,
    ) -> Content:
        """The fields of a notification for a batch or a broadcast, checked; looks without a setting are in `omitted`.
        `callback`: where receipts go, of a content that is saved; a batch has its own. Raises `Refused`."""
        note, left_out = self.reduced(note)
        planned = self.planned(note, batch)
        callback = callback if batch is None else batch.callback
        if callback is not None and note.receipt_url is None and note.receipt_parameter is None:
            planned |= self._marked(callback)
        audience = None
        if broadcast is not None:
            planned.update(self.scheduled(broadcast))
            audience = broadcast.audience.kind
        content = self.sheet.build(note, planned=planned, intents=self.intent_table, audience=audience)
        return attrs.evolve(content, omitted=(*content.omitted, *left_out)) if left_out else content

    def _marked(self, callback: CallBack) -> dict[str, Any]:
        """The fields of where receipts go."""
        given = {"mark": callback.parameter, "receipt_url": callback.url}
        return {self.names[name]: value for name, value in given.items() if name in self.names}

    def category_of(self, note: Notification) -> str:
        """The category under which a notification counts. Default: that of its intent, "" without."""
        return self.intent_table.category(note)

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """What the rules say of each field, of category, quotas and rates, and of the size of a batch."""
        note, left_out = self.reduced(asked.notification)
        made = Rulings(attrs.evolve(asked, notification=note), self.sheet, self.intent_table)
        found, scheduled = list[Ruling](), dict[str, Any]()
        try:
            scheduled = self.scheduled(asked) if isinstance(asked, Broadcast) else {}
        except Refused as refused:
            word, _, sentence = refused.detail.partition(": ")
            found.append(made.of_row(word, f"refused: {sentence}", "refused"))
        found += made.fields(
            lambda one: self.sheet.gather(one, {**self.planned(one, None), **scheduled}, self.intent_table)
        )
        found += [made.of_row(word, "has no effect: a setting for it is missing", "ignored") for word in left_out]
        if not any(one.effect == "refused" for one in found):
            found += self._together_rulings(made, asked)
        found += self.size_rulings(made, note, refused=any(one.effect == "refused" for one in found))
        found += made.of_intent(self.names["category"])
        found += made.of_quotas_and_rates(self.category_of(note), self.quota(note))
        return [*found, *made.of_batch("batch_size", "batch_size")]

    def _together_rulings(self, made: Rulings, asked: Push | Broadcast) -> Iterator[Ruling]:
        """What is refused because fields need or exclude each other."""
        try:
            self.build(asked.notification, broadcast=asked if isinstance(asked, Broadcast) else None)
        except Refused as refused:
            word, _, sentence = refused.detail.partition(": ")
            yield made.of_row(word, f"refused: {sentence}", "refused")

    def size_rulings(self, made: Rulings, note: Notification, *, refused: bool) -> Iterator[Ruling]:
        """What the size of the whole body does to a notification; `refused`: another rule forbids it. Default: there is
        no such rule."""
        yield from ()


@safe_repr
@attrs.frozen(kw_only=True)
class MulticastVendor(SharedVendor):
    """A `SharedVendor` whose body is JSON with the notification and a list of tokens.

    The rules have the number `body_bytes` too (of a body without its tokens).
    """

    frame: ClassVar[tuple[bytes, bytes, bytes]]
    """What stands in a body before the fields, between them and the target, and at the end: `{"message":{…},` for
    example is the fields with `{"message":` before them."""
    texts: ClassVar[Collection[str]]
    """The fields that are cut where a body is too large."""

    @property
    def sending(self) -> str:
        """The name of the call that sends. Default: "send"."""
        return "send"

    @functools.cached_property
    def _sends(self) -> tuple[str, str, Mapping[str, str]]:
        """Method, URL and headers of the call that sends."""
        row = self.facts.operations[self.sending]
        return row.method, self.hosts.url(row), {**JSON, **row.headers}

    def send_request(self, content: bytes) -> Request:
        """The request that sends a body."""
        return Request(*self._sends, content)

    def ask(self, frame: Frame, sent: Batch) -> Request:
        """The tokens of the pushes, within the encoded notification."""
        return self.send_request(frame.around(quoted_list(sent.tokens)))

    def identified(self, note: Notification, batch: Batch) -> Mapping[str, Any]:
        """The fields of `planned` that differ from one batch to the next, such as an id of the message. Default: none.
        What `planned` adds for an ordinary notification (`ordinary.is_rare`) without a batch depends on nothing but its
        intent, click, ttl and channel."""
        return {}

    def encode(self, note: Notification, batch: Batch | None, target: str = "token", size: int = 2) -> Frame:
        """The notification as it stands around its target. `batch`: its pushes; None for a broadcast, whose `target` is
        no list of tokens and takes `size` bytes. Raises `Refused`."""
        before, middle, after = self.frame
        between = b',%b"%b":' % (middle, target.encode())
        most = self.facts.number("body_bytes") - len(before) - len(between) - len(after) - size + 1
        made = None if batch is None else self._ordinary_json(note, batch)
        if made is None or len(made[0]) > most:
            content = self.build(note, batch)
            made = content.json(), content
            if len(made[0]) > most:
                content = self.sheet.shorten(note, content, self.texts, most)
                made = content.json(), content
        encoded, content = made
        handle = content.fields.get(self._handle)
        return Frame(
            head=b"".join((before, encoded[:-1], between)),
            tail=after,
            truncated=content.truncated,
            omitted=content.omitted,
            handle=None if handle is None else str(handle),
        )

    @functools.cached_property
    def _handle(self) -> str:
        return self.names.get("handle", "")

    @functools.cached_property
    def _ordinary(self) -> OrdinaryEncoder[JsonTemplate]:
        """What is kept of ordinary notifications."""
        return OrdinaryEncoder(self.sheet, self.build, lambda rest: JsonTemplate(rest.fields), self.intent_table)

    def _ordinary_json(self, note: Notification, batch: Batch) -> tuple[bytes, Content] | None:
        """The JSON of an ordinary notification, and the fields that are not of its template; None: it is none. Raises
        `Refused`."""
        if is_rare(note):
            return None
        encoded = self._ordinary.encode(note)
        if isinstance(encoded, Refused):
            raise encoded
        own = dict(encoded.own)
        planned = dict(self.identified(note, batch))
        if batch.callback is not None:
            planned |= self._marked(batch.callback)
        for name, value in planned.items():
            row = self.sheet.fields[name]
            own[name], _ = self.sheet.check(row.says or name, name, row, value, planned)
        content = Content(own, truncated=encoded.truncated, omitted=encoded.omitted)
        return whole(encoded.rest.filled(own)).encode(), content

    def size_rulings(self, made: Rulings, note: Notification, *, refused: bool) -> Iterator[Ruling]:
        """Texts that are cut because the whole body is too large, or that it cannot be cut."""
        most = f"{self.facts.number('body_bytes'):,} bytes of the whole body"
        try:
            cut = self.encode(note, None).truncated
        except Refused as refusal:
            word, _, sentence = refusal.detail.partition(": ")
            if not refused:
                yield made.ruling(word, f"refused: {sentence}", "numbers", "body_bytes", "refused")
            return
        yield from (made.ruling(word, f"cut: {most}", "numbers", "body_bytes", "cut") for word in cut)
