-- Instants are RFC 3339 text, because the history's are hashed as such.
-- Shifts and events have no rowid: INSERT OR REPLACE by another row's rowid would remove that row unseen.

CREATE TABLE installation (
    -- There is one installation in a database.
    single INTEGER PRIMARY KEY DEFAULT 1 CHECK (single = 1),
    -- Stands in every fence as its owner.
    id TEXT NOT NULL
) STRICT;

INSERT INTO installation (id) VALUES (lower(hex(randomblob(16))));

CREATE TABLE shifts (
    name TEXT NOT NULL PRIMARY KEY,
    -- The sequence number of the newest event.
    version INTEGER NOT NULL CHECK (version > 0),
    -- The hash of the newest event.
    head TEXT NOT NULL,
    phase TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- Of the plan: whose lease is needed to work on it.
    account TEXT NOT NULL,
    labels TEXT NOT NULL,
    -- The fold of the events: a cache.
    snapshot TEXT NOT NULL,
    -- What the engine last saw: another.
    report TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX shifts_active ON shifts (name) WHERE active;

CREATE TABLE events (
    shift TEXT NOT NULL REFERENCES shifts (name),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    -- Exactly as hashed.
    data TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (shift, seq)
) STRICT, WITHOUT ROWID;

-- A record group belongs to one shift at a time.
CREATE TABLE claims (
    zone TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    shift TEXT NOT NULL REFERENCES shifts (name),
    PRIMARY KEY (zone, name, type)
) STRICT;

CREATE INDEX claims_shift ON claims (shift);

CREATE TABLE idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    shift TEXT NOT NULL REFERENCES shifts (name),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE INDEX idempotency_at ON idempotency (at);

-- Who works on an AWS account.
CREATE TABLE leases (
    account TEXT NOT NULL PRIMARY KEY,
    -- The replica; absent once it has given the lease up.
    owner TEXT,
    -- One more with every change of hands. Rows are never removed, so that no epoch comes twice.
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    -- Milliseconds since 1970.
    expires_at INTEGER NOT NULL
) STRICT;

-- The daemons that take part, with the accounts of their configurations: what the leases are shared out among.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    -- A JSON array.
    accounts TEXT NOT NULL,
    -- Milliseconds since 1970.
    expires_at INTEGER NOT NULL
) STRICT;

-- The history is only ever added to, one event after the other.

CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the history is append-only: UPDATE on events is refused');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the history is append-only: DELETE on events is refused');
END;

-- INSERT OR REPLACE deletes without waking the trigger above, unless recursive_triggers is on: this one sees it.
CREATE TRIGGER events_follow_each_other BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events WHERE shift = NEW.shift)
BEGIN
    SELECT RAISE(ABORT, 'the history has no gaps: an event does not follow the newest of its shift');
END;

-- Foreign keys would do the same, but they are off in a session that does not turn them on.
CREATE TRIGGER shifts_are_not_deleted BEFORE DELETE ON shifts
WHEN EXISTS (SELECT 1 FROM events WHERE shift = OLD.name)
BEGIN
    SELECT RAISE(ABORT, 'a shift with a history is kept: DELETE on shifts is refused');
END;

CREATE TRIGGER shifts_are_not_renamed BEFORE UPDATE OF name ON shifts
WHEN NEW.name IS NOT OLD.name AND EXISTS (SELECT 1 FROM events WHERE shift = OLD.name)
BEGIN
    SELECT RAISE(ABORT, 'a shift with a history keeps its name: UPDATE on shifts is refused');
END;

CREATE TRIGGER shifts_are_not_replaced BEFORE INSERT ON shifts
WHEN EXISTS (SELECT 1 FROM events WHERE shift = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'a shift with a history is kept: it cannot be inserted again');
END;
