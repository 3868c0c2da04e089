"""Ten minutes of virtual time with many concurrent troubles, drawn from a seed: vendors, a host at work, and checks.

Everything that happens is drawn from the seed before it begins, each thing with a random generator of its own. So the
same seed gives the same day, and a day with one trouble less is otherwise the same day.

| modules | what |
| --- | --- |
| `kinds`, `plugin`, `wire` | what vendors are like; their plug-in; what plug-in and server have in common |
| `server`, `admission`, `answers` | the vendors: transport, checks of what is sent, replies |
| `visits`, `access`, `logins`, `quotas`, `reports` | their parts: requests, keys, access tokens, quotas, receipts |
| `troubles` | what goes wrong |
| `host`, `operator`, `inbox`, `token_calls`, `tasks` | who sends; who runs the process; who takes receipts |
| `ledger`, `receipt_ledger` | the promises and their checks |
| `day`, `many` | one day, and many |
"""
