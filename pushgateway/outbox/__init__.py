"""A durable queue in front of the gateway: pushes are stored before they are sent, and sent until they have ended."""

from pushgateway.outbox.outbox import DeadLetter, IdConflict, Outbox, OutboxFull, OutboxStatus, Result
from pushgateway.outbox.sqlite import SQLiteStore
from pushgateway.outbox.store import Counts, Store, Withdrawn
from pushgateway.outbox.webhook import Webhook
from pushgateway.outbox.worker import Handler, Worker

__all__ = [
    "Counts",
    "DeadLetter",
    "Handler",
    "IdConflict",
    "Outbox",
    "OutboxFull",
    "OutboxStatus",
    "Result",
    "SQLiteStore",
    "Store",
    "Webhook",
    "Withdrawn",
    "Worker",
]
