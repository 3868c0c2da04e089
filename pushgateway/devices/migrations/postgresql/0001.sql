CREATE TABLE pushgateway_devices (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    device TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    token TEXT NOT NULL,
    token_key CHAR(64) NOT NULL,
    generation BIGINT NOT NULL,
    locale TEXT NOT NULL,
    bound_at DOUBLE PRECISION NOT NULL,
    seen_at DOUBLE PRECISION NOT NULL,
    CONSTRAINT pushgateway_devices_token UNIQUE (token_key),
    CONSTRAINT pushgateway_devices_device UNIQUE (user_id, device)
);
CREATE INDEX pushgateway_devices_seen ON pushgateway_devices (seen_at);
