"""Offline push for Chinese phones, inside a Python process. The door for hosts: imports, and nothing else."""

from pushgateway.audience import Audience, AudienceKind, Broadcast
from pushgateway.calls import Ruling
from pushgateway.certificates import Certificate
from pushgateway.config import Config, load_config
from pushgateway.errors import ConfigError, FieldError, LoopError, PluginError, PushFailed, PushgatewayError
from pushgateway.explaining import Explanation
from pushgateway.gateway import Gateway
from pushgateway.intent import Intent, Priority
from pushgateway.journal import Journal
from pushgateway.masking import Secret
from pushgateway.model import (
    ClickAction,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
)
from pushgateway.outcome import BroadcastOutcome, CallOutcome, CertificateCheck, Outcome, Reason, Status, SumStatus
from pushgateway.receipt import Heard, Proof, Receipt, ReceiptKind, Statistics
from pushgateway.retry import RetryPolicy
from pushgateway.tracing import Trace
from pushgateway.transport import HttpTransport, LeanTransport, Transport

__all__ = [
    "Audience",
    "AudienceKind",
    "Broadcast",
    "BroadcastOutcome",
    "CallOutcome",
    "Certificate",
    "CertificateCheck",
    "ClickAction",
    "Config",
    "ConfigError",
    "Explanation",
    "FieldError",
    "Gateway",
    "Heard",
    "HttpTransport",
    "Intent",
    "Journal",
    "LeanTransport",
    "LoopError",
    "Network",
    "Notification",
    "OpenActivity",
    "OpenApp",
    "OpenIntent",
    "OpenIntentUri",
    "OpenUrl",
    "Outcome",
    "PluginError",
    "Priority",
    "Proof",
    "Push",
    "PushFailed",
    "PushToken",
    "PushgatewayError",
    "Reason",
    "Receipt",
    "ReceiptKind",
    "RetryPolicy",
    "Ruling",
    "Secret",
    "Statistics",
    "Status",
    "SumStatus",
    "Trace",
    "Transport",
    "load_config",
]
