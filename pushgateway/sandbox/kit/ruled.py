"""`RuledSandbox`: a sandbox whose calls, codes and checks come from the plug-in's `rules.toml`.

A vendor's sandbox derives from it, names its `package`, makes an `Admission` and the table `calls` in `set_up`, and
writes `refusal` and `settings`. It shares rules with the plug-in and no other code: an encoder and a checker that share
code would share their mistakes.

    class AcmeSandbox(RuledSandbox):
        brand = "acme"
        package = "pushgateway_acme"
        pushing = ("send",)
        options = {"daily_limit": count()}

        def set_up(self) -> None:
            codes = AdmissionCodes(path="404", method="405", encoding="400", speed="429")
            self.admission = Admission(operations=self.facts.operations, codes=codes, access=self.check_key)
            self.checks = Checks(self.facts, CheckCodes(missing="10", wrong="11"))
            self.calls = {"send": self.send}
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, Asked
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Reason, Request, Response
from pushgateway.vendor.rules import Dialect, Operation, Rules, load_rules


class RuledSandbox(Sandbox):
    """A sandbox in one dialect of a `rules.toml`."""

    package: ClassVar[str]
    """The package of the plug-in, which has the rules."""
    rules_name: ClassVar[str] = "rules"
    """The name of the rules' file, for a package with two brands."""
    rules: ClassVar[Rules]
    """The rules of the package; set from `package`."""

    facts: Dialect
    """The rules of the dialect."""
    chosen: dict[str, Any]
    """The value of each of `options` now."""
    admission: Admission
    """Made by `set_up`."""
    asked: Asked
    """The call that is being performed, with its request and the places of its path."""
    access: AccessTokens
    """Made by `set_up`, for a vendor whose logins give access tokens; other sandboxes do not have it."""
    calls: Mapping[str, Callable[[Mapping[str, Any]], Response]]
    """By name of the call in the rules: what does it. Takes its fields, returns the reply, or raises `CallRefused`.
    A call of the rules that is not here does not exist. Made by `set_up`; `asked` has the rest of the request."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Read the rules of a subclass that names its package."""
        super().__init_subclass__(**arguments)
        if "package" in cls.__dict__ or "rules_name" in cls.__dict__:
            cls.rules = load_rules(cls.package, cls.rules_name)
            if "operations" not in cls.__dict__:
                dialects = cls.rules.dialects.values()
                cls.operations = tuple(sorted({name for dialect in dialects for name in dialect.operations}))

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        tokens: int = 20,
        keep: bool = True,
        dialect: str = "",
        **options: Any,
    ) -> None:
        """`dialect`: one of those of the rules; "": the first. `options`: values of `options` that are not the
        defaults; a wrong name or value raises `FieldError`."""
        self.dialect = dialect or next(iter(self.rules.dialects))
        self.facts = self.rules.dialects[self.dialect]
        # Clients compare these texts, so they are the vendor's own where a document shows them.
        self.texts = {code: rule.text or rule.meaning for code, rule in self.rules.codes.items()}
        self.chosen = {}
        super().__init__(clock=clock, seed=seed, tokens=tokens, keep=keep)
        self._ids = 0
        self._id_start = f"{self.random.getrandbits(32):08x}"
        self.set_up()
        defaults = {name: option.default for name, option in self.options.items()}
        for name, value in {**defaults, **options}.items():
            self.set_option(name, value)

    # Implemented by a vendor's sandbox.

    @abstractmethod
    def set_up(self) -> None:
        """Make `admission`, `calls` and whatever the calls need. Called once, before the options are set."""

    @abstractmethod
    def refusal(self, code: str, field: str = "") -> Response:
        """The vendor's reply with this code; nothing is performed. `field`: what it is about, never a value."""

    def apply_option(self, name: str, value: Any) -> None:
        """Set one of `options` to a value that it takes. Override it where something else has to know the value."""

    # The same for every ruled sandbox.

    def set_option(self, name: str, value: object) -> None:
        """Change an option of the sandbox from now on. Raises `FieldError` for a wrong name or value."""
        with self.lock:
            self.check_option(name, value)
            self.chosen[name] = value
            self.apply_option(name, value)

    def operation(self, request: Request) -> str:
        """The name of the call that this request makes, as in the rules."""
        return self.admission.operation(request)

    def perform(self, request: Request, operation: str) -> Response:
        """Check and do the call; the reply is the vendor's, refusals included."""
        self.asked = self.admission.ask(request)
        try:
            self.asked = self.admission.admit(self.asked)
            call = self.calls.get(self.asked.operation)
            if call is not None:
                return call(self.asked.fields)
        except CallRefused as refused:
            return self.refused(refused)
        return self.refusal(self.admission.codes.path)  # in the rules, and not imitated

    def refused(self, refused: CallRefused) -> Response:
        """The reply to a call that is refused."""
        response = self.refusal(refused.code, refused.field)
        return attrs.evolve(response, status=refused.status) if refused.status else response

    def expire_tokens(self) -> None:
        """Make all access tokens invalid; the next login returns a new one."""
        with self.lock:
            if hasattr(self, "access"):
                self.access.expire()

    def has_access_tokens(self) -> bool:
        """Whether there are access tokens that can expire."""
        return hasattr(self, "access") or type(self).expire_tokens is not RuledSandbox.expire_tokens

    def is_access_token(self, text: str) -> bool:
        """Whether `text` is an access token that a login returned."""
        return hasattr(self, "access") and self.access.state(text) != "unknown"

    def code_for(self, reason: Reason) -> str | None:
        """The code with which the vendor refuses a whole request for `reason`, by `codes` or else the rules."""
        return self.codes[reason] if reason in self.codes else self.rules.code_for(reason, self.dialect)

    def operations_with(self, paths: Mapping[str, str]) -> Mapping[str, Operation]:
        """The calls of the dialect; those without a path in the rules have the one given in `paths`, by name."""
        return {
            name: row if row.path else attrs.evolve(row, path=paths.get(name, ""))
            for name, row in self.facts.operations.items()
        }

    def new_id(self) -> str:
        """An id that this sandbox has not given before: 24 hexadecimal digits."""
        self._ids += 1
        return f"{self._id_start}{self._ids:016x}"

    def text(self, code: str, unknown: str = "unknown error") -> str:
        """The vendor's text of a code, or else its meaning; `unknown` for a code that the rules do not have."""
        return self.texts.get(code, unknown)
