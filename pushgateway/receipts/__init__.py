"""What vendors report later: the ASGI app that takes their receipts, and waiting until pushes are confirmed."""

from pushgateway.receipts.app import Busy, Handler, Receipts
from pushgateway.receipts.confirm import Confirmation, Confirming

__all__ = ["Busy", "Confirmation", "Confirming", "Handler", "Receipts"]
