"""Ten hostile minutes in virtual time, by seed: a vendor, its troubles, a host at work, and who compares them.

Law of this package: everything that happens is drawn from the seed before it begins, each thing with a random of its
own. So the same seed is the same day, and a day with one trouble less is otherwise the same day.

`plugin` translates, `server` is the vendor, `troubles` are what goes wrong, `host` submits and cancels, `ledger` knows
what must be true, `day` puts them together.
"""
