"""Ten minutes of virtual time with many concurrent troubles, drawn from a seed: vendors, a host at work, and checks.

Everything that happens is drawn from the seed before it begins, each thing with a random generator of its own. So the
same seed gives the same day, and a day with one trouble less is otherwise the same day.

`plugin` is the vendor's plug-in, `server` the vendor, `logins` its access tokens, `troubles` what goes wrong, `host`
submits and cancels, `ledger` checks the promises, `day` runs it all, `many` runs many days.
"""
