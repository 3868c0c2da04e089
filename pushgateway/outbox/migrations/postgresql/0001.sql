CREATE TABLE pushgateway_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedupe_id TEXT COLLATE "C" NOT NULL,
    certificate_id TEXT COLLATE "C" NOT NULL,
    token TEXT NOT NULL,
    priority SMALLINT NOT NULL,
    content BYTEA NOT NULL,
    context BYTEA,
    user_id TEXT,
    device TEXT,
    put_at DOUBLE PRECISION NOT NULL,
    due DOUBLE PRECISION NOT NULL,
    since DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION,
    lot BIGINT NOT NULL,
    binding BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    digest BYTEA,
    lease BIGINT NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    doubtful SMALLINT NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    state SMALLINT NOT NULL DEFAULT 0,
    dead SMALLINT NOT NULL DEFAULT 0,
    outcome BYTEA,
    CONSTRAINT pushgateway_outbox_dedupe_id UNIQUE (dedupe_id)
);
CREATE INDEX pushgateway_outbox_due ON pushgateway_outbox (certificate_id, priority, due, id) WHERE state = 0;
CREATE INDEX pushgateway_outbox_suspect ON pushgateway_outbox (due) WHERE state = 0 AND lost >= 1;
CREATE INDEX pushgateway_outbox_expires ON pushgateway_outbox (expires) WHERE state = 0 AND expires IS NOT NULL;
CREATE INDEX pushgateway_outbox_withdrawn ON pushgateway_outbox (due) WHERE state = 1;
CREATE INDEX pushgateway_outbox_done ON pushgateway_outbox (due) WHERE state = 2;
CREATE INDEX pushgateway_outbox_remembered ON pushgateway_outbox (due) WHERE state = 3;
CREATE INDEX pushgateway_outbox_dead ON pushgateway_outbox (dedupe_id) WHERE dead = 1;
CREATE INDEX pushgateway_outbox_user ON pushgateway_outbox (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX pushgateway_outbox_device ON pushgateway_outbox (device) WHERE device IS NOT NULL;
