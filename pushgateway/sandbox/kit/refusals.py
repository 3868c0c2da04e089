"""`CallRefused`: raised by the parts of a sandbox when the vendor would refuse a call."""

from __future__ import annotations


class CallRefused(Exception):
    """A call, or one item of it, is refused by the vendor.

    `code`: the vendor's code. `field`: what it is about, "" if nothing single. `status`: the HTTP status of the reply,
    0: the status that this code usually has. The text of the exception holds the code only.
    """

    def __init__(self, code: str, field: str = "", status: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.status = status
