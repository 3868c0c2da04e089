"""What every vendor's sandbox is built of. Pure: no socket, no thread, no clock or random of its own.

A plug-in's sandbox imports the module that it needs, such as `pushgateway.sandbox.kit.checks`; the classes that hosts
and tests use too are in `pushgateway.sandbox`.

    base             `Sandbox`, the class of every sandbox
    ruled            `RuledSandbox`: calls, codes and checks by the plug-in's `rules.toml`
    refusals         `CallRefused`, which any part raises
    admission        path, method, encoding, access and speed of a call
    readers          the fields of a request: form, JSON, query, multipart
    values           numbers, truth values and objects that may be texts
    checks           the fields of a notification, by the rules
    access_tokens    access tokens of a login
    signatures       signed logins, forms, receipts, and signed access tokens (JWT)
    limits           per day, per phone and day, per second
    bounded          memory that forgets its oldest entry
    outbox           receipts, in any shape
    pictures         the size of a picture
    mangling         replies with lists in disorder
    options          what can be switched while a sandbox runs
    phones           the phones
    ledger           what was delivered
    request_log      the last requests with their answers
    receipt_log      the last posted receipts
    changes          which phones changed last
    faults           scripted faults
"""
