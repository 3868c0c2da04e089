CREATE TABLE IF NOT EXISTS pushgateway_devices (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id VARCHAR(255) NOT NULL,
    device VARCHAR(255) NOT NULL,
    certificate_id VARCHAR(255) NOT NULL,
    token TEXT NOT NULL,
    token_key CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    generation BIGINT NOT NULL,
    locale VARCHAR(255) NOT NULL,
    bound_at DOUBLE NOT NULL,
    seen_at DOUBLE NOT NULL,
    UNIQUE KEY pushgateway_devices_token (token_key),
    UNIQUE KEY pushgateway_devices_device (user_id, device),
    KEY pushgateway_devices_seen (seen_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
