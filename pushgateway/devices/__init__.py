"""Which phone belongs to which user: device records for hosts that have none of their own.

`Devices` binds push tokens to users and devices, and unbinds them; with `Gateway(devices=…)` a push for a user goes to
all his devices, dead tokens are retired, and nothing is sent for a user after `unbind` has returned. Kept in SQLite,
PostgreSQL or MySQL (extra `sql`), or in memory.
"""

from pushgateway.devices.devices import Devices
from pushgateway.devices.store import Count, Counts, DeviceStore
from pushgateway.model.binding import Binding
from pushgateway.model.push import Owner

__all__ = ["Binding", "Count", "Counts", "DeviceStore", "Devices", "Owner"]
