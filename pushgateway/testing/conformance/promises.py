"""The list of what a plug-in promises, how to keep each promise, and the decorator `checks`.

For each promise there is at least one scenario that checks it, one broken plug-in in `tests/support/broken`, and one
row of the table in `docs/en/writing-a-plugin.md`; tests keep the three equal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import attrs
import pytest

from pushgateway.model.secret import safe_repr

P = ParamSpec("P")


@safe_repr
@attrs.frozen
class Promise:
    """One promise of the contract."""

    key: str
    text: str
    """What a plug-in promises."""
    how_to_keep: str
    """How a plug-in keeps it: what to do if a scenario fails."""


_ALL = (
    Promise(
        "found",
        "plug-in and sandbox are found by their brand",
        "register the class under its brand in [project.entry-points.'pushgateway.vendors'] of pyproject.toml, the "
        "sandbox under the same name in 'pushgateway.sandboxes', and install the package",
    ),
    Promise(
        "imports",
        "it imports the modules of the contract and nothing else of this project",
        "import only from pushgateway.vendor and its `rules`, `text` and `toolkit`: the rest may change in any release",
    ),
    Promise(
        "contract",
        "it says for which contract it was written, and its figures have the right types",
        "set the class attribute contract to the version of the contract that you read (pushgateway.vendor.contract), "
        "and return from deduplicates, dead_tokens, marks, proves_receipts and compartment what their docstrings name",
    ),
    Promise(
        "pure",
        "it is a translator: no clock, random, network, task or file of its own",
        "use the `now` of login(), the push's dedupe_id and the certificate's settings; yield a Request and let the "
        "core send it",
    ),
    Promise(
        "memory",
        "it remembers nothing: the same pushes make the same requests",
        "keep no counter, cache or set on the instance or the module; make the class attrs.frozen; leave access "
        "tokens to the core",
    ),
    Promise(
        "settings",
        "a certificate that is wrong is refused by the names of its fields",
        "make the settings typed attrs fields, required ones without a default, with validators that raise FieldError",
    ),
    Promise(
        "secrets",
        "no secret, token, title or text is shown",
        "type secrets as Secret, keep them out of URLs, and quote neither settings nor pushes in details and logs",
    ),
    Promise(
        "outcomes",
        "one outcome for each push of a batch, in its order",
        "return a list as long as the batch, the outcome at each place made from the push at that place "
        "(Outcome.accepted(push, ...)), also where the vendor answers in another order or leaves one out",
    ),
    Promise(
        "size",
        "a request of `batching.size` pushes is taken, and used",
        "set Batching(size=...) to what the vendor takes in one request, and put the whole batch into one request",
    ),
    Promise(
        "compartments",
        "pushes that cannot hurt each other share a request, others do not",
        "return from compartment() and quota() a name for the few things that a mistake or a daily quota is about, "
        "such as the channel, never a text or an id of one push; or do not override them",
    ),
    Promise(
        "saves",
        "content is saved once for a notification, reaches nobody by that, and is used",
        "store the notification in save_push() and return Saved(id, ...); name Batch.saved.id in the request of push() "
        "in place of the content, and send the content itself where Batch.saved is None",
    ),
    Promise(
        "own text",
        "each phone gets its own notification, once",
        "encode push.notification for each push; say Batching(mixed=False) where one request has only one text",
    ),
    Promise(
        "any text",
        "any text is delivered, or refused by the name of its field; what is cut is said",
        "cut and clean with pushgateway.vendor.text.fit, name the field in `truncated`; settle what cannot be sent by "
        "Outcome.not_sent(push, Reason.INVALID_NOTIFICATION, 'title: ...')",
    ),
    Promise(
        "content",
        "each feature of a notification reaches the phone unchanged, is cut, left out or refused, and is then named",
        "encode every field of Notification (click, data, ttl, overrides, callback ...) in the vendor's unit; name in "
        "`omitted` the looks that the vendor lacks (find_omitted helps); refuse what else it lacks (find_unsupported) "
        "or what is past its limit with Outcome.not_sent(push, Reason.UNSUPPORTED or INVALID_NOTIFICATION, "
        "'field: ...'); and let the sandbox's Delivery show what arrived",
    ),
    Promise(
        "intents",
        "no marketing leaves as a personal message, and templates get their parameters",
        "choose category and channel from each push's own intent, never a private one where intent.is_public, and fill "
        "the template's places from notification.parameters, refusing missing and unknown ones by name",
    ),
    Promise(
        "blame",
        "a refusal of the whole request is raised, not reported for each push",
        "raise Refused for a code that names no target: the core tries smaller requests until the push that causes the "
        "refusal is alone",
    ),
    Promise(
        "dead tokens",
        "a dead or odd token is UNREGISTERED and hurts nobody else",
        "map the vendor's code for a bad token to Reason.UNREGISTERED for that push alone (where dead_tokens is "
        '"receipt": in receipts()), and settle tokens that would spoil the request with '
        "Outcome.not_sent(push, Reason.UNREGISTERED, 'token: ...')",
    ),
    Promise(
        "batch",
        "the batch and its notifications stay as they were given",
        "build new lists and dicts; never sort, pop from or write into batch, notification.data or overrides",
    ),
    Promise(
        "errors",
        "it raises nothing but Refused and NoVerdict, whatever the vendor says",
        "read replies with read_reply or read_json, check the type of every value before using it, and raise "
        "NoVerdict('...') where the reply makes no sense",
    ),
    Promise(
        "kept",
        "pushes that it has settled itself keep their outcomes when the request fails",
        "catch (Refused, NoVerdict) around the request and raise error.keeping({place: outcome}) from None",
    ),
    Promise(
        "verdicts",
        "only the vendor's own word makes a push accepted, refused or dead",
        "let NoVerdict pass, return Outcome.accepted only for the vendor's success code, and Outcome.unknown for a "
        "push that the reply does not name",
    ),
    Promise(
        "codes",
        "each of the vendor's codes has its reason, an unknown one too",
        "look the code up in rules.toml (RULES.codes[code].host_reason), and raise Refused for unknown codes",
    ),
    Promise(
        "limits",
        "the core learns of the vendor's limits",
        "raise Refused with RATE_LIMITED, QUOTA_EXCEEDED or UNAVAILABLE for the whole request, retry_after where the "
        "vendor names one",
    ),
    Promise(
        "access",
        "an access token that is refused is AccessExpired, at every call",
        "raise AccessExpired for that code in push(), save() and broadcast() alike, set AccessToken.lifetime to what "
        "the vendor says, and put the token into the request in finish()",
    ),
    Promise(
        "finish",
        "`finish` puts in the access token and depends on nothing but the request, the token and the time",
        "return attrs.evolve(request, headers={...}) with the access token, the key or a signature; use its `now` as "
        "the clock, and put no access token in anywhere else",
    ),
    Promise(
        "credentials",
        "refused credentials are CREDENTIALS and never a dead token",
        "raise Refused(Reason.CREDENTIALS, ...) for a wrong key or a missing right, not AccessExpired or UNREGISTERED",
    ),
    Promise(
        "dedupe",
        "with `deduplicates` a repeat is recognised by its id",
        'send push.dedupe_id (where it is "message": Batch.message_ids) in the vendor\'s field for it, or leave '
        "`deduplicates` False: the core repeats pushes without a verdict only where repeats are dropped",
    ),
    Promise(
        "weight",
        "`weigh` is never less than what is sent",
        "count 12 bytes for each character of every text you send and the names of all fields, or leave `weigh` out",
    ),
    Promise(
        "hosts",
        "each region's requests, logins included, go to that region's own host",
        "build every URL from the region of the token and the setting or row of the rules for that region's host",
    ),
    Promise(
        "total",
        "`region`, `quota`, `weigh` and `batching` return a value for every input",
        "return a str (weigh: an int, 0 or more) for any token and notification, odd ones too, and raise nothing: "
        "push() is where they are refused",
    ),
    Promise(
        "broadcasts",
        "each kind in `audiences` is reached once; the others are UNSUPPORTED",
        "list in `audiences` what broadcast() can address; for tokens return one outcome for each in their order",
    ),
    Promise(
        "receipts",
        "what the vendor reports later is read, proved and answered, and rubbish is refused",
        "read with read_posted, return Receipts made of what was checked, None for an element that cannot be read, and "
        "raise Refused(Reason.INVALID_NOTIFICATION) for what is no receipt at all; with proves_receipts raise "
        "Refused(Reason.CREDENTIALS) for a wrong or old signature; or do not override receipts()",
    ),
    Promise(
        "recall",
        "a notification is taken back from the phones that are named, and tokens are checked without a push",
        "return from recall() and check_tokens() a Call whose result has, for each token, None or the Reason; a handle "
        "or a token that the vendor does not know has a Reason",
    ),
    Promise(
        "probe",
        "`probe` reaches nobody and proves the settings",
        "make a request that the vendor accepts with right credentials only and that pushes nothing, and return in "
        "words what it proved; raise Refused(Reason.CREDENTIALS) otherwise; or do not override probe()",
    ),
    Promise(
        "calls",
        "calls other than sending end with what the vendor says",
        "read each value of the reply under the name and in the unit of the vendor's documents, and give samples of "
        "these documents to the kit as call_samples",
    ),
    Promise(
        "advice",
        "`advice` and `rulings` are true, never fail, and show nothing that was sent",
        "make the rulings by the same checks as the request, name fields, limits and rules in them, never a secret, "
        "token, title or text; and let them raise nothing",
    ),
)
PROMISES = {promise.key: promise for promise in _ALL}
"""By key, in the order in which a plug-in is written."""


class BrokenPromiseError(AssertionError):
    """A plug-in does not keep its promise: what was seen, which promise that is, and how to keep it."""

    def __init__(self, promise: Promise, seen: str) -> None:
        super().__init__(f"{seen}\n  promise '{promise.key}': {promise.text}\n  to keep it: {promise.how_to_keep}")
        self.promise = promise
        self.seen = seen


def checks(key: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a test a scenario for the promise `key`: a failure is reported with the promise and how to keep it."""
    promise = PROMISES[key]

    def wrap(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def scenario(*args: P.args, **named: P.kwargs) -> None:
            try:
                test(*args, **named)
            except (BrokenPromiseError, NotImplementedError):  # reported already; a missing hook of the test
                raise
            except (AssertionError, pytest.fail.Exception) as seen:
                raise BrokenPromiseError(promise, str(seen)) from None
            except Exception as error:
                raise BrokenPromiseError(promise, f"it raised {type(error).__name__}: {error}") from error

        marked: Any = scenario
        marked.promise = promise
        return scenario

    return wrap
