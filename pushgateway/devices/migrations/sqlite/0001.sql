CREATE TABLE pushgateway_devices (
    id INTEGER NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    device TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    token TEXT NOT NULL,
    token_key TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    locale TEXT NOT NULL,
    bound_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    UNIQUE (user_id, device)
);
CREATE INDEX pushgateway_devices_seen ON pushgateway_devices (seen_at);
