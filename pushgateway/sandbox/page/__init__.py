"""The page of phones: what the sandboxes show while they run, in a browser.

view       sandboxes as JSON: brands, phones, notifications
requests   logged requests as text, without their secrets
receipts   posted receipts, read with the vendor's plug-in
switches   the faults that the page switches on and off
commands   what the page changes
gateway    `PageGateway`: what the page needs of a gateway
app        the ASGI app; needs the extra `pushgateway-core[sandbox]`
static/    the page itself: HTML, CSS and a script, without a build step
"""
