"""What most plug-ins need in addition to the contract `pushgateway.vendor`.

A plug-in imports the module that it needs, such as `pushgateway.vendor.toolkit.codes`. Everything is pure, knows no
vendor's name, and takes the vendor's facts from its `rules.toml` or as arguments. Nothing here is needed by the core.

    fields           a notification in the vendor's fields, by its rules: `Sheet`; what the vendor lacks
    field_checks     one value against its row: checked, cut, spelled
    ordinary         ordinary notifications encoded fast: what they share is kept
    clicks           what a tap becomes: fields, intent URIs, web addresses, data
    intents          categories, channels and templates of a certificate; stable numbers and keys
    refusals         refusals before a request: `invalid`, `unsupported`
    json_text        JSON without blanks, and JSON text that stands for a value
    readers          ids, lists of texts, counts and times out of a reply, strictly
    codes            a vendor's return codes: which outcome or refusal each means
    items            replies that have an item for each push
    token_lists      replies that list the refused tokens; the others were accepted
    batches          pushes of one notification and of different ones: `push_same`, `push_mixed`; what a token is
    multicast        a vendor with one notification for many tokens whose replies name the failed ones
    form_json        ordinary notifications encoded as JSON in a form, in one pass
    columns          requests that hold different notifications as JSON in a form field
    broadcasts       a broadcast to a list of tokens, some of which are not sent
    pictures         kind and size of a picture, for uploads
    rulings          which rules apply to a push, for `explain`
    settings         validators of settings, and the URLs of a vendor's calls
    requests         fields in the encoding of an operation; access tokens in header or body; signed forms
    calls            a vendor's own calls: which dialect has one, lists longer than a request
    receipts         posted forms, times, tokens, one receipt, signatures
    access           access tokens out of the reply to a login; a login with OAuth 2.0
    jwt              access tokens that are signed here (PS256)
"""
