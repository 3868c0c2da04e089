"""Sandboxes of Push Kit: `HuaweiSandbox` (v1 and v2) and `HarmonySandbox` (v3)."""

from pushgateway_huawei.sandbox.harmony import HarmonySandbox
from pushgateway_huawei.sandbox.huawei import HuaweiSandbox

__all__ = ["HarmonySandbox", "HuaweiSandbox"]
