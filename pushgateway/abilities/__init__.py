"""What the installed brands can do, found by asking their plug-ins: for `pushgateway vendors` and the documents.

facts      what a plug-in says about itself: batches, login, receipts, quotas
features   what is asked: each use of each field of a notification, and each audience
asking     sends it through a gateway to the brand's sandbox, and says what came of it
limits     the longest text and the longest `ttl`
cells      what becomes of one feature at one brand
brand      all of it for one brand
table      all of it for several brands, as rows of short texts
"""
