-- Names are compared by their bytes, whatever the database's collation: lists have one order everywhere.
-- Instants are RFC 3339 text, because the history's are hashed as such.

CREATE TABLE installation (
    -- There is one installation in a database.
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    -- Stands in every fence as its owner.
    id text NOT NULL
);

INSERT INTO installation (id) VALUES (replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE shifts (
    name text COLLATE "C" PRIMARY KEY,
    -- The sequence number of the newest event.
    version bigint NOT NULL CHECK (version > 0),
    -- The hash of the newest event.
    head text NOT NULL,
    phase text NOT NULL,
    active boolean NOT NULL,
    -- Of the plan: whose lease is needed to work on it.
    account text NOT NULL,
    labels text NOT NULL,
    -- The fold of the events: a cache.
    snapshot text NOT NULL,
    -- What the engine last saw: another.
    report text,
    created_at text NOT NULL,
    updated_at text NOT NULL
);

CREATE INDEX shifts_active ON shifts (name) WHERE active;

CREATE TABLE events (
    shift text COLLATE "C" NOT NULL REFERENCES shifts (name),
    seq bigint NOT NULL,
    at text NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    reason text,
    -- Exactly as hashed.
    data text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (shift, seq)
);

-- A record group belongs to one shift at a time.
CREATE TABLE claims (
    zone text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    shift text COLLATE "C" NOT NULL REFERENCES shifts (name),
    PRIMARY KEY (zone, name, type)
);

CREATE INDEX claims_shift ON claims (shift);

CREATE TABLE idempotency (
    key text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,
    shift text COLLATE "C" NOT NULL REFERENCES shifts (name),
    seq bigint NOT NULL,
    at text COLLATE "C" NOT NULL
);

CREATE INDEX idempotency_at ON idempotency (at);

-- Who works on an AWS account. Times are the server's, so that replicas need not agree on theirs.
CREATE TABLE leases (
    account text COLLATE "C" PRIMARY KEY,
    -- The replica; absent once it has given the lease up.
    owner text,
    -- One more with every change of hands. Rows are never removed, so that no epoch comes twice.
    epoch bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL
);

-- The daemons that take part, with the accounts of their configurations: what the leases are shared out among.
CREATE TABLE replicas (
    id text COLLATE "C" PRIMARY KEY,
    accounts text[] NOT NULL,
    expires_at timestamptz NOT NULL
);

-- The history is only ever added to, one event after the other. Tables are named with their schema, so that no
-- temporary table of the same name stands before them.

CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION history_has_no_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    EXECUTE format('SELECT coalesce(max(seq), 0) FROM %I.events WHERE shift = $1', TG_TABLE_SCHEMA)
        INTO newest USING NEW.shift;
    IF NEW.seq IS DISTINCT FROM newest + 1 THEN
        RAISE EXCEPTION 'the history has no gaps: event % of shift % does not follow event %',
            NEW.seq, NEW.shift, newest USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION history_keeps_its_shift() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.events WHERE shift = $1)', TG_TABLE_SCHEMA)
        INTO kept USING OLD.name;
    IF kept THEN
        RAISE EXCEPTION 'shift % has a history: % is refused', OLD.name, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

CREATE TRIGGER events_are_kept BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER events_are_not_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER events_follow_each_other BEFORE INSERT ON events
    FOR EACH ROW EXECUTE FUNCTION history_has_no_gaps();
CREATE TRIGGER shifts_are_kept BEFORE DELETE ON shifts
    FOR EACH ROW EXECUTE FUNCTION history_keeps_its_shift();
CREATE TRIGGER shifts_are_not_renamed BEFORE UPDATE ON shifts
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION history_keeps_its_shift();

-- Otherwise they would sleep in a session with session_replication_role = replica, as foreign keys do.
ALTER TABLE events
    ENABLE ALWAYS TRIGGER events_are_kept,
    ENABLE ALWAYS TRIGGER events_are_not_truncated,
    ENABLE ALWAYS TRIGGER events_follow_each_other;
ALTER TABLE shifts
    ENABLE ALWAYS TRIGGER shifts_are_kept,
    ENABLE ALWAYS TRIGGER shifts_are_not_renamed;
