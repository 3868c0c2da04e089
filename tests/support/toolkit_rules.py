"""Rules of a made-up vendor with most kinds of rows, for tests of the toolkit."""

from __future__ import annotations

from pushgateway.vendor.rules import parse_rules

TEXT = """
brand = "acme"
title = "ACME"
[sources]
doc = { title = "Acme's document", date = 2020-02-02 }
[dialects.old]
title = "the first"
[dialects.old.hosts]
main = { url = "https://push.acme.example", SEEN }
[dialects.old.operations]
send = { method = "POST", path = "/v1/{app_id}/send", encoding = "json", SEEN }
save = { method = "POST", path = "/save", SEEN }
find = { method = "GET", path = "/find", encoding = "query", SEEN }
upload = { method = "POST", path = "/upload", encoding = "multipart", host = "main", SEEN }
later = { method = "POST", path = "", SEEN }
[dialects.old.numbers]
token_bytes = { value = 64, unit = "bytes of a token", SEEN }
batch_size = { value = 100, unit = "pushes", SEEN }
[dialects.old.fields]
id = { kind = "text", says = "dedupe_id", SEEN }
title = { kind = "text", says = "title", required = true, min = 1, max = 10, past = "cut", SEEN }
text = { kind = "text", says = "body", required = true, max = 20, past = "cut", SEEN }
[dialects.new]
title = "the second"
[dialects.new.hosts]
main = { url = "https://push.acme.example", SEEN }
eu = { url = "https://eu.acme.example", SEEN }
[dialects.new.operations]
send = { method = "POST", path = "/v2/{app_id}/send", encoding = "json", SEEN }
later = { method = "POST", path = "/later", SEEN }
[dialects.new.numbers]
token_bytes = { value = 64, unit = "bytes of a token", SEEN }
batch_size = { value = 100, unit = "pushes", SEEN }
[dialects.new.fields]
id = { kind = "text", says = "dedupe_id", SEEN }
title = { kind = "text", says = "title", required = true, min = 1, max = 10, past = "cut", SEEN }
text = { kind = "text", says = "body", required = true, max = 20, max_when = { "style=2" = 40 }, past = "cut", SEEN }
style = { kind = "int", says = "long_body", sends = 2, choices = [1, 2, 3], SEEN }
"click.kind" = { kind = "int", says = "click", choices = [1, 2, 3], SEEN }
"click.url" = { kind = "text", says = "click", required_when = ["click.kind=2"], max = 30, SEEN }
"click.name" = { kind = "text", says = "click", max = 30, SEEN }
"extra.data" = { kind = "json", says = "data", max = 60, SEEN }
"extra.keep" = { kind = "int", says = "ttl", min = 60000, max = 86400000, scale = 0.001, unit = "seconds", SEEN }
"extra.online" = { kind = "text", says = "store_offline", values = { false = "1" }, SEEN }
"extra.net" = { kind = "text", says = "network", values = { wifi = "wifi" }, SEEN }
"extra.channel" = { kind = "text", says = "channel_id", pattern = "[0-9]{1,6}", must = "must be digits", SEEN }
"extra.window" = { kind = "bool", says = "show_from", also = ["show_until"], sends = true, wire = "number", SEEN }
"extra.from" = { kind = "time", says = "show_from", wire = "text", SEEN }
"extra.until" = { kind = "time", says = "show_until", wire = "text", SEEN }
"badge.add" = { kind = "int", says = "badge.add", min = 1, max = 99, excludes = ["badge.set"], SEEN }
"badge.set" = { kind = "int", says = "badge.set", min = 0, max = 99, SEEN }
"badge.class" = { kind = "text", required_with = ["badge.add", "badge.set"], SEEN }
"extra.level" = { kind = "choice", says = "alert", choices = ["LOW", "HIGH"], values = { VALUES }, SEEN }
"extra.notify" = { kind = "int", says = "replace_key", min = 1, max = 2147483647, SEEN }
"extra.sound" = { kind = "text", says = "sound", max = 8, counts = "bytes", SEEN }
"extra.front" = { kind = "text", says = "show_in_foreground", values = { false = "0" }, SEEN }
icon = { kind = "text", says = "icon", scope = "broadcast", SEEN }
"extra.speed" = { kind = "int", says = "rate", scope = "broadcast", audiences = ["everyone"], min = 1, SEEN }
verify = { kind = "bool", scope = "message", SEEN }
category = { kind = "text", required_with = ["extra.level"], SEEN }
template = { kind = "text", required_with = ["template_title", "template_text"], SEEN }
template_title = { kind = "object", SEEN }
template_text = { kind = "object", SEEN }
urgency = { kind = "choice", choices = ["LOW", "HIGH"], SEEN }
hours = { kind = "int", min = 1, max = 72, below = "raise", wire = "{}h", unit = "hours", SEEN }
note = { kind = "text", blank = true, max = 5, SEEN }
[dialects.new.quotas]
daily = { value = 100000, unit = "pushes a day", SEEN }
rate_small = { value = 500, unit = "a second", SEEN }
[dialects.new.categories]
IM = { group = "personal", meaning = "messages", private = true, SEEN }
ADS = { group = "public", meaning = "offers", SEEN, confidence = "one source" }
[dialects.new.intents]
chat = { category = "IM", fields = { urgency = "HIGH" }, SEEN }
marketing = { category = "ADS", SEEN }
[dialects.new.events]
came = { kind = "ARRIVED", meaning = "it came", SEEN }
[codes]
0 = { reason = "accepted", meaning = "fine", SEEN, dialects = ["old", "new"] }
""".replace("SEEN", 'source = "doc", seen = 2020-02-02').replace("VALUES", 'silent = "LOW", urgent = "HIGH"')

RULES = parse_rules(TEXT, "acme/rules.toml")
