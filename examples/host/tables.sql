-- The host's own tables: who is logged in, and what became of pushes. Whose phone is whose is in the devices.
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, user TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pushes (
    id TEXT PRIMARY KEY,                        -- the push's dedupe id, made before it is put into the outbox
    message TEXT NOT NULL, put_at REAL NOT NULL,
    status TEXT, reason TEXT, vendor_id TEXT    -- NULL: no result yet
);
CREATE INDEX IF NOT EXISTS pushes_of_message ON pushes (message);
CREATE TABLE IF NOT EXISTS receipts (
    push TEXT NOT NULL, kind TEXT NOT NULL, certificate_id TEXT NOT NULL, token TEXT NOT NULL, vendor_id TEXT
);
CREATE INDEX IF NOT EXISTS receipts_of_push ON receipts (push);
-- Tokens that a receipt calls dead: the vendor accepted the push under that id, and no receipt says that it arrived.
CREATE VIEW IF NOT EXISTS dead AS
    SELECT DISTINCT pushes.id, receipts.certificate_id, receipts.token, pushes.put_at
    FROM receipts JOIN pushes ON receipts.push = pushes.id AND receipts.vendor_id = pushes.vendor_id
    WHERE pushes.status = 'accepted' AND receipts.kind IN ('unregistered', 'suspect')
    AND NOT EXISTS (SELECT 1 FROM receipts AS one WHERE one.push = pushes.id AND one.kind IN ('arrived', 'clicked'));
CREATE VIEW IF NOT EXISTS states AS
    SELECT message, status, reason, (SELECT group_concat(kind) FROM receipts WHERE push = id) AS receipts FROM pushes;
