CREATE TABLE pushgateway_badges (
    user_id TEXT NOT NULL PRIMARY KEY,
    badge BIGINT NOT NULL
);
