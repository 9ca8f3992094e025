//! Shifts: written together with their events, in one statement.
//!
//! Such a statement either does everything or fails on a constraint and does nothing. Which of the reasons it was is
//! asked afterwards, when time no longer matters.

use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Claim, Filter, Head, IdempotencyKey, Lease, Listed, StoreError, Stored, refuse_unfounded,
    row::{self, ActiveRow, ShiftRow, SnapshotRow},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    events::{self, EventArguments},
    keys::{self, KeyArguments},
    leases::{self, LeaseArguments},
    pool::ask,
};

pub(crate) async fn create(
    pool: &PgPool,
    shift: &Shift,
    events: &[Event],
    key: Option<&IdempotencyKey>,
) -> Result<(), StoreError> {
    refuse_unfounded(&Head::default(), shift, events)?;
    let (row, events) = (ShiftRow::new(shift, events)?, EventArguments::new(&shift.name, events)?);
    let (groups, remembered) = (GroupArguments::new(shift), KeyArguments::new(key));
    let created = sqlx::query!(
        r#"
        WITH born AS (
            INSERT INTO shifts
                (name, version, phase, active, labels, snapshot, created_at, updated_at, account, head)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $23, $24)
            RETURNING name
        ), claimed AS (
            INSERT INTO claims (zone, name, type, shift)
            -- In one order everywhere, so that two shifts never wait for each other.
            SELECT DISTINCT g.zone, g.name, g.type, born.name
            FROM born, unnest($9::text[], $10::text[], $11::text[]) AS g (zone, name, type)
            ORDER BY g.zone, g.name, g.type
        ), forgotten AS (
            DELETE FROM idempotency WHERE at < $12 RETURNING key
        ), remembered AS (
            INSERT INTO idempotency (key, fingerprint, shift, seq, at)
            -- Reading `forgotten` lets it go first: the same key may be in it.
            SELECT $13, $14, born.name, $2, $15 FROM born
            WHERE $13::text IS NOT NULL AND (SELECT count(*) FROM forgotten) >= 0
        )
        INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT born.name, e.seq, e.at, e.kind, e.actor, e.reason, e.data, e.hash
        FROM born, unnest($16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])
            AS e (seq, at, kind, actor, reason, data, hash)
        ORDER BY e.seq
        "#,
        row.name,
        row.version,
        row.phase,
        row.active,
        row.labels,
        row.snapshot,
        row.created_at,
        row.updated_at,
        &groups.zone,
        &groups.name,
        &groups.record_type,
        remembered.forgotten_before,
        remembered.key,
        remembered.fingerprint,
        remembered.at,
        &events.seq,
        &events.at,
        &events.kind,
        &events.actor,
        &events.reason as &[Option<String>],
        &events.data,
        &events.hash,
        row.account,
        row.head,
    );
    match unless_taken(pool, async |connection| created.execute(connection).await).await? {
        Some(_) => Ok(()),
        None => Err(why_not_created(pool, shift, key, &groups).await?),
    }
}

pub(crate) async fn commit(
    pool: &PgPool,
    before: &Head,
    shift: &Shift,
    events: &[Event],
    key: Option<&IdempotencyKey>,
    lease: Option<&Lease>,
) -> Result<(), StoreError> {
    refuse_unfounded(before, shift, events)?;
    let (row, events) = (ShiftRow::new(shift, events)?, EventArguments::new(&shift.name, events)?);
    let (remembered, leased) = (KeyArguments::new(key), LeaseArguments::new(lease));
    let committed = sqlx::query!(
        r#"
        -- Locks the lease: who is about to take it over waits until this is done.
        WITH held AS (
            SELECT account FROM leases
            WHERE account = $21 AND owner = $22 AND epoch = $23 AND expires_at > clock_timestamp()
            FOR SHARE
        ), moved AS (
            -- Locks the row. Who waited for the lock finds another head, and so no row.
            UPDATE shifts
            SET version = $3, phase = $4, active = $5, labels = $6, snapshot = $7, updated_at = $8, account = $24,
                head = $25
            WHERE name = $1 AND version = $2 AND head = $26 AND ($21::text IS NULL OR EXISTS (SELECT FROM held))
            RETURNING name
        ), freed AS (
            DELETE FROM claims USING moved WHERE claims.shift = moved.name AND NOT $9::boolean
        ), forgotten AS (
            DELETE FROM idempotency WHERE at < $10 RETURNING key
        ), remembered AS (
            INSERT INTO idempotency (key, fingerprint, shift, seq, at)
            -- Reading `forgotten` lets it go first: the same key may be in it.
            SELECT $11, $12, moved.name, $3, $13 FROM moved
            WHERE $11::text IS NOT NULL AND (SELECT count(*) FROM forgotten) >= 0
        )
        INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT moved.name, e.seq, e.at, e.kind, e.actor, e.reason, e.data, e.hash
        FROM moved, unnest($14::bigint[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[])
            AS e (seq, at, kind, actor, reason, data, hash)
        ORDER BY e.seq
        "#,
        row.name,
        row::number(before.version),
        row.version,
        row.phase,
        row.active,
        row.labels,
        row.snapshot,
        row.updated_at,
        shift.holds_records(),
        remembered.forgotten_before,
        remembered.key,
        remembered.fingerprint,
        remembered.at,
        &events.seq,
        &events.at,
        &events.kind,
        &events.actor,
        &events.reason as &[Option<String>],
        &events.data,
        &events.hash,
        leased.account,
        leased.owner,
        leased.epoch,
        row.account,
        row.head,
        before.hash.0,
    );
    match unless_taken(pool, async |connection| committed.execute(connection).await).await? {
        Some(done) if done.rows_affected() > 0 => Ok(()),
        Some(_) | None => Err(why_not_committed(pool, shift, before.version, key, lease).await?),
    }
}

pub(crate) async fn put_reports(pool: &PgPool, reports: &[(String, Report)]) -> Result<(), StoreError> {
    let names: Vec<String> = reports.iter().map(|(name, _)| name.clone()).collect();
    let texts: Vec<String> =
        reports.iter().map(|(name, report)| row::json("shifts", name, report)).collect::<Result<_, _>>()?;
    let put = sqlx::query!(
        r#"
        UPDATE shifts SET report = r.report
        FROM unnest($1::text[], $2::text[]) AS r (name, report) WHERE shifts.name = r.name
        "#,
        &names,
        &texts,
    );
    ask(pool, async |connection| put.execute(connection).await).await.map(drop)
}

pub(crate) async fn load(pool: &PgPool, name: &str) -> Result<Option<Stored>, StoreError> {
    let found = sqlx::query_as!(
        SnapshotRow,
        "SELECT name, version, head, snapshot, report FROM shifts WHERE name = $1",
        name,
    );
    match ask(pool, async |connection| found.fetch_optional(connection).await).await? {
        Some(row) => stored(pool, row).await.map(Some),
        None => Ok(None),
    }
}

pub(crate) async fn list(pool: &PgPool, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
    let (label, value) = filter.label.as_ref().map(|(label, value)| (label, value)).unzip();
    let rows = sqlx::query_as!(
        SnapshotRow,
        r#"
        SELECT name, version, head, snapshot, report
        FROM shifts
        WHERE ($1::text IS NULL OR phase = $1)
            AND ($2::text IS NULL OR labels::jsonb ->> $2 = $3)
            AND ($4::text IS NULL OR updated_at COLLATE "C" >= $4)
            AND name > coalesce($5, '')
        ORDER BY name LIMIT $6
        "#,
        filter.phase.as_deref(),
        label,
        value,
        filter.since.map(|since| since.to_string()),
        filter.after.as_deref(),
        i64::from(filter.limit),
    );
    let rows = ask(pool, async |connection| rows.fetch_all(connection).await).await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        listed.push(Listed::new(row.name.clone(), stored(pool, row).await)?);
    }
    Ok(listed)
}

pub(crate) async fn active(pool: &PgPool) -> Result<Vec<Active>, StoreError> {
    let rows = sqlx::query_as!(
        ActiveRow,
        "SELECT name, account, version, head FROM shifts WHERE active ORDER BY name"
    );
    ask(pool, async |connection| rows.fetch_all(connection).await)
        .await?
        .into_iter()
        .map(ActiveRow::active)
        .collect()
}

pub(crate) async fn claims(pool: &PgPool) -> Result<Vec<Claim>, StoreError> {
    let rows = sqlx::query!(
        "SELECT zone, name, type AS record_type, shift FROM claims ORDER BY shift, zone, name, type"
    );
    let rows = ask(pool, async |connection| rows.fetch_all(connection).await).await?;
    let claims = rows.into_iter();
    Ok(claims
        .map(|row| Claim {
            group: format!("{}/{}/{}", row.zone, row.name, row.record_type),
            shift: row.shift,
        })
        .collect())
}

pub(crate) async fn exists(pool: &PgPool, name: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!("SELECT version FROM shifts WHERE name = $1", name);
    Ok(ask(pool, async |connection| found.fetch_optional(connection).await).await?.is_some())
}

/// Record groups as the arguments of a statement: one array per column.
#[derive(Default)]
struct GroupArguments {
    zone: Vec<String>,
    name: Vec<String>,
    record_type: Vec<String>,
}

impl GroupArguments {
    fn new(shift: &Shift) -> GroupArguments {
        let mut all = GroupArguments::default();
        for group in &shift.groups {
            all.zone.push(group.zone.0.clone());
            all.name.push(group.name.as_str().to_owned());
            all.record_type.push(group.record_type.as_str().to_owned());
        }
        all
    }
}

/// `None` when something was there already that may be there only once.
async fn unless_taken<T>(
    pool: &PgPool,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<Option<T>, StoreError> {
    let question = async |connection: &mut PgConnection| match question(connection).await {
        Ok(done) => Ok(Some(done)),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
        Err(error) => Err(error),
    };
    ask(pool, question).await
}

/// Answers with the reason; fails when it cannot be asked for.
async fn why_not_created(
    pool: &PgPool,
    shift: &Shift,
    key: Option<&IdempotencyKey>,
    groups: &GroupArguments,
) -> Result<StoreError, StoreError> {
    keys::refuse_used(pool, key).await?;
    if exists(pool, &shift.name).await? {
        return Ok(StoreError::Exists(shift.name.clone()));
    }
    let claim = sqlx::query!(
        r#"
        SELECT c.zone, c.name, c.type AS record_type, c.shift
        FROM claims AS c
        JOIN unnest($1::text[], $2::text[], $3::text[]) AS g (zone, name, type) USING (zone, name, type)
        ORDER BY c.zone, c.name, c.type LIMIT 1
        "#,
        &groups.zone,
        &groups.name,
        &groups.record_type,
    );
    Ok(match ask(pool, async |connection| claim.fetch_optional(connection).await).await? {
        Some(claim) => StoreError::Claimed {
            group: format!("{}/{}/{}", claim.zone, claim.name, claim.record_type),
            owner: claim.shift,
        },
        // Whatever it was, it has just gone.
        None => StoreError::Conflict { shift: shift.name.clone(), expected: 0 },
    })
}

/// Answers with the reason; fails when it cannot be asked for.
async fn why_not_committed(
    pool: &PgPool,
    shift: &Shift,
    expected: u64,
    key: Option<&IdempotencyKey>,
    lease: Option<&Lease>,
) -> Result<StoreError, StoreError> {
    keys::refuse_used(pool, key).await?;
    if let Some(lease) = lease
        && !leases::is_held(pool, lease).await?
    {
        return Ok(StoreError::LeaseLost { account: lease.account.clone() });
    }
    Ok(match exists(pool, &shift.name).await? {
        true => StoreError::Conflict { shift: shift.name.clone(), expected },
        false => StoreError::NotFound(shift.name.clone()),
    })
}

async fn stored(pool: &PgPool, row: SnapshotRow) -> Result<Stored, StoreError> {
    let report = row.report();
    let shift = match row.shift()? {
        Some(shift) => shift,
        None => row.rebuild(events::all(pool, &row.name).await?)?,
    };
    Ok(Stored { shift, report })
}
