"""Scenarios: what `rulings` say about a push, compared with what happens to it.

`Gateway.explain` shows rulings to the host; the request and the sandbox's `Delivery` show what really happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.testing.conformance.content_scenarios import FEATURES, PLAIN, ContentScenarios, with_fields
from pushgateway.testing.conformance.promises import checks


class RulingScenarios(ContentScenarios):
    """What `rulings` reports. Plug-ins that do not override it pass."""

    @checks("advice")
    def test_its_rulings_are_what_happens(self) -> None:
        """A field that is refused or cut by the rulings is refused or cut, and the other way round."""
        driver = self.driver(tokens=1)
        if not driver.vendor.rulings(Push(PushToken(1, driver.sandbox.tokens[0]), PLAIN)):
            return
        for name, note in self._asked():
            rulings = driver.vendor.rulings(Push(PushToken(1, driver.sandbox.tokens[0]), note))
            ((outcome, seen),) = self.shown(driver, [note])
            refused = sorted({one.field for one in rulings if one.effect == "refused"})
            cut = {one.field for one in rulings if one.effect == "cut"}
            if seen is None:
                assert refused, f"{name}: the push was refused ({outcome.detail}), and no ruling says so"
                continue
            assert not refused, f"{name}: the push was sent, and rulings say that {', '.join(refused)} is refused"
            assert cut == set(outcome.truncated), (
                f"{name}: rulings say that {', '.join(sorted(cut)) or 'nothing'} is cut, the outcome says "
                f"{', '.join(outcome.truncated) or 'nothing'}"
            )

    @checks("advice")
    def test_its_rulings_name_rows_of_the_rules(self) -> None:
        """If the plug-in ships rules: the path of a ruling leads to a row, and its source is that of the row."""
        rules, driver = self.rules, self.driver(tokens=1)
        for name, note in self._asked() if rules is not None else ():
            for one in driver.vendor.rulings(Push(PushToken(1, driver.sandbox.tokens[0]), note)):
                assert rules is not None
                head, _, path = one.rule.replace('"', "").partition(".")
                dialect = next((key for key in rules.dialects if path.startswith(f"{key}.")), None)
                known = head == "dialects" and dialect is not None
                assert known, f"{name}: {one.rule!r} is no path in rules.toml"
                table, _, key = path.removeprefix(f"{dialect}.").partition(".")
                row = getattr(rules.dialects[dialect or ""], table, {}).get(key)
                assert row is not None, f"{name}: rules.toml has no row {one.rule!r}"
                found = (one.source, one.seen, one.confidence)
                wanted = (rules.sources[row.source].title, row.seen, rules.confidence(row))
                assert found == wanted, f"{name}: the row {one.rule!r} is of {wanted}, the ruling says {found}"

    def _asked(self) -> Iterator[tuple[str, Notification]]:
        cases: dict[str, Mapping[str, Any]] = dict(FEATURES)
        for field in ("title", "body"):
            for count in (1, 20, 49, 50, 51, 200, 201, 1000):
                cases[f"{field} of {count} characters"] = {field: "x" * count}
        for count in (0, 1, 300, 10**6, 10**9):
            cases[f"ttl of {count} seconds"] = {"ttl": count}
        for name, fields in cases.items():
            yield name, with_fields(PLAIN, fields)
