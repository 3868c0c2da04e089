"""Huawei Push Kit: the vendors `huawei` (Android, EMUI, HarmonyOS up to 4) and `harmony` (HarmonyOS NEXT and 5).

Two brands, because the phones have different tokens, interfaces, credentials and field names: a phone that is upgraded
to NEXT gets a new token of another certificate. Their facts are in `rules.toml` and `harmony.toml`.
"""

from pushgateway_huawei.harmony import Harmony
from pushgateway_huawei.huawei import Huawei

__all__ = ["Harmony", "Huawei"]
