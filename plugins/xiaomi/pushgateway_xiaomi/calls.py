"""Xiaomi's calls other than sending: topics, token checks, taking back, statistics, quota, and `ask` for the others.

Pure. Each method returns a `Call`; no request is made before it is awaited:
`await gateway.vendor(certificate_id).subscribe_topic(tokens, "news")`. A wrong argument ends the call without a
request. Where no source shows the shape of a reply, the result is its `data` as it came.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from pushgateway.vendor import Call, Exchange, NoVerdict, Reason, Refused, Reply, Request, Response, Statistics
from pushgateway.vendor.toolkit.calls import call, call_in_chunks
from pushgateway.vendor.toolkit.readers import count, figures_of, texts
from pushgateway.vendor.toolkit.refusals import invalid, unsupported
from pushgateway.vendor.toolkit.requests import make_request
from pushgateway_xiaomi.replies import TOKENS, data_of, read_accepted
from pushgateway_xiaomi.settings import FACTS, Settings

T = TypeVar("T")
_SIZE: Final = FACTS.number("call_size")
_MOST_ID: Final = FACTS.fields["notify_id"].max or 0
_SENDS: Final = re.compile(r"/v[0-9]/(message|multi_messages)/[a-z_]+")
_ASKED: Final = [name for name, row in FACTS.operations.items() if not (_SENDS.fullmatch(row.path) or row.struck_out)]
_NO_STATISTICS: Final = ("10038", "10039")
"""Codes of an app without the right to statistics, or that asks too often: the secret was accepted."""


class Calls(Settings):
    """Xiaomi's calls other than sending, for one certificate. Each may be repeated after a failure."""

    def probe(self) -> Exchange[str]:
        """Ask for the quota, which reaches no phone. A refusal for lack of the right to statistics proves the secret
        too, by the table of codes."""
        try:
            read_accepted((yield self._asked("quota", {})))
        except Refused as refused:
            if refused.code not in _NO_STATISTICS:
                raise
        return "the secret was accepted (a query of the quota)"

    def subscribe_topic(self, tokens: Sequence[str], topic: str) -> Call[Mapping[str, Reason | None]]:
        """Subscribe phones to a topic; a phone has 30 topics at most (page 1656)."""
        return self._for_tokens("subscribe_topic", "registration_id", tokens, {"topic": topic}, _done)

    def unsubscribe_topic(self, tokens: Sequence[str], topic: str) -> Call[Mapping[str, Reason | None]]:
        """Take phones from a topic."""
        return self._for_tokens("unsubscribe_topic", "registration_id", tokens, {"topic": topic}, _done)

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Ask which tokens are alive. A token that the reply does not name is `NO_VERDICT`: its shape is not known."""
        return self._for_tokens("check_tokens", "registration_ids", tokens, {}, _alive)

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Take a notification back from phones; `handle` is `Outcome.handle`. The fields of the call are inferred."""
        return self._for_tokens("recall", "registration_ids", tokens, {"notify_id": handle}, _done)

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How far a message has come."""
        return self._call("trace", {"msg_id": message_id or task_id}, _figures)

    def trace(self, message_id: str = "", jobkey: str = "") -> Call[object]:
        """The figures of one message, or of all with a jobkey."""
        return self._call("trace", {"msg_id": message_id} if message_id else {"job_key": jobkey}, _data)

    def counters(self, start: str, end: str) -> Call[object]:
        """The figures of each day from `start` to `end`, as `yyyyMMdd`."""
        fields = {"start_date": start, "end_date": end, "restricted_package_name": self.package_name}
        return self._call("counters", fields, _data)

    def quota_state(self) -> Call[object]:
        """The quota and what is used of it; once a second at most."""
        return self._call("quota", {}, _data)

    def ask(self, name: str, fields: Mapping[str, str]) -> Call[object]:
        """Any other call of `rules.toml` that sends nothing, by its name, with Xiaomi's own fields: `ask("topics_of",
        {"registration_id": token, "restricted_package_name": package})`."""
        return self._call(name, fields, _data)

    def _call(self, name: str, fields: Mapping[str, str], read: Callable[[Reply], T]) -> Call[T]:
        ask = functools.partial(self._asked, name, fields)
        return call(name, self.home_region, ask, lambda response: read(read_accepted(response)))

    def _for_tokens(
        self,
        name: str,
        field: str,
        tokens: Sequence[str],
        more: Mapping[str, str],
        read: Callable[[Reply, Sequence[str]], Mapping[str, Reason | None]],
    ) -> Call[Mapping[str, Reason | None]]:
        """A call with tokens in `field`, in as many requests as it takes."""

        def ask(chunk: Sequence[str]) -> Request:
            for problem in filter(None, map(TOKENS.problem, chunk)):
                raise Refused(problem[0], detail=problem[1])
            package = {"restricted_package_name": self.package_name}
            return self._asked(name, {field: ",".join(chunk), **more, **package})

        def read_chunk(response: Response, chunk: Sequence[str]) -> Mapping[str, Reason | None]:
            return read(read_accepted(response, one_target=len(chunk) == 1), chunk)

        return call_in_chunks(name, self.home_region, tokens, size=_SIZE, ask=ask, read=read_chunk)

    def _asked(self, name: str, fields: Mapping[str, str]) -> Request:
        if name not in _ASKED or not isinstance(fields, Mapping):
            raise unsupported("name", f"must be one of {', '.join(_ASKED)}")
        for field, value in fields.items():
            if not isinstance(value, str) or not value.strip() or not value.isprintable():
                raise invalid(field, "must be a text, not blank")
            if field == "notify_id" and ((number := count(value)) is None or number > _MOST_ID):
                raise invalid(field, f"must be Outcome.handle, which is a number of 0 to {_MOST_ID}")
        return make_request(self.url(name), FACTS.operations[name], fields)


def _done(_: Reply, tokens: Sequence[str]) -> Mapping[str, Reason | None]:
    """What an accepted call about tokens was for: all of them."""
    return dict.fromkeys(tokens)


def _data(reply: Reply) -> object:
    """The data of a reply; of statistics, which have data inside of data, the inner one."""
    data = reply.body.get("data")
    return data.get("data", data) if isinstance(data, dict) else data


def _figures(reply: Reply) -> Statistics:
    return figures_of(_data(reply), {"valid": "resolved", "arrived": "delivered", "opened": "click"})


def _alive(reply: Reply, tokens: Sequence[str]) -> Mapping[str, Reason | None]:
    lists = [(name.lower(), texts(value, ",")) for name, value in data_of(reply).items() if "valid" in name.lower()]
    if not lists:
        raise NoVerdict("the reply lists no regids under a name with valid or invalid in it")
    dead = {one.strip() for name, values in lists if "invalid" in name for one in values or ()}
    alive = {one.strip() for name, values in lists if "invalid" not in name for one in values or ()}
    verdicts = {**dict.fromkeys(dead - alive, Reason.UNREGISTERED), **dict.fromkeys(alive - dead)}
    return {one: verdicts.get(one, Reason.NO_VERDICT) for one in tokens}
