//! Shifts: written together with their events, in one transaction that takes the file's write lock first.

use std::collections::BTreeSet;

use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Claim, Filter, Head, IdempotencyKey, Lease, Listed, StoreError, Stored, refuse_unfounded,
    row::{self, ActiveRow, ShiftRow, SnapshotRow},
};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::{error::StoreErrorExt, events, keys, leases};

pub(crate) async fn create(
    writer: &SqlitePool,
    shift: &Shift,
    events: &[Event],
    key: Option<&IdempotencyKey>,
) -> Result<(), StoreError> {
    refuse_unfounded(&Head::default(), shift, events)?;
    let mut transaction = begin(writer).await?;
    keys::refuse_used(&mut transaction, key).await?;
    if exists(&mut *transaction, &shift.name).await? {
        return Err(StoreError::Exists(shift.name.clone()));
    }
    insert(&mut transaction, shift, events).await?;
    claim(&mut transaction, shift).await?;
    finish(transaction, shift, events, key).await
}

pub(crate) async fn commit(
    writer: &SqlitePool,
    before: &Head,
    shift: &Shift,
    events: &[Event],
    key: Option<&IdempotencyKey>,
    lease: Option<&Lease>,
) -> Result<(), StoreError> {
    refuse_unfounded(before, shift, events)?;
    let mut transaction = begin(writer).await?;
    keys::refuse_used(&mut transaction, key).await?;
    leases::refuse_lost(&mut transaction, lease).await?;
    if !update(&mut transaction, before, shift, events).await? {
        return Err(match exists(&mut *transaction, &shift.name).await? {
            true => StoreError::Conflict { shift: shift.name.clone(), expected: before.version },
            false => StoreError::NotFound(shift.name.clone()),
        });
    }
    if !shift.holds_records() {
        let freed = sqlx::query!("DELETE FROM claims WHERE shift = ?1", shift.name);
        freed.execute(&mut *transaction).await.store_error()?;
    }
    finish(transaction, shift, events, key).await
}

pub(crate) async fn put_reports(writer: &SqlitePool, reports: &[(String, Report)]) -> Result<(), StoreError> {
    let mut transaction = begin(writer).await?;
    for (name, report) in reports {
        let report = row::json("shifts", name, report)?;
        let put = sqlx::query!("UPDATE shifts SET report = ?2 WHERE name = ?1", name, report);
        put.execute(&mut *transaction).await.store_error()?;
    }
    transaction.commit().await.store_error()
}

pub(crate) async fn load(readers: &SqlitePool, name: &str) -> Result<Option<Stored>, StoreError> {
    let found = sqlx::query_as!(
        SnapshotRow,
        r#"
        SELECT name AS "name!", version AS "version!: i64", head AS "head!", snapshot AS "snapshot!", report
        FROM shifts WHERE name = ?1
        "#,
        name,
    );
    match found.fetch_optional(readers).await.store_error()? {
        Some(row) => stored(readers, row).await.map(Some),
        None => Ok(None),
    }
}

pub(crate) async fn list(readers: &SqlitePool, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
    let (label, value) = filter.label.as_ref().map(|(label, value)| (label, value)).unzip();
    let since = filter.since.map(|since| since.to_string());
    let rows = sqlx::query_as!(
        SnapshotBytes,
        r#"
        SELECT name AS "name!", version AS "version!: i64", head AS "head!: Vec<u8>",
            snapshot AS "snapshot!: Vec<u8>", report AS "report: Vec<u8>"
        FROM shifts
        WHERE (?1 IS NULL OR phase = ?1)
            AND (?2 IS NULL OR EXISTS (
                SELECT 1 FROM json_each(labels) AS label WHERE label.key = ?2 AND label.value = ?3
            ))
            AND (?4 IS NULL OR updated_at >= ?4)
            AND name > coalesce(?5, '')
        ORDER BY name LIMIT ?6
        "#,
        filter.phase,
        label,
        value,
        since,
        filter.after,
        filter.limit,
    );
    let rows = rows.fetch_all(readers).await.store_error()?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let name = row.name.clone();
        let found = match row.text() {
            Ok(row) => stored(readers, row).await,
            Err(error) => Err(error),
        };
        listed.push(Listed::new(name, found)?);
    }
    Ok(listed)
}

/// A [`SnapshotRow`] whose text may be none: SQLite keeps what it is given. Read as text, one such row would keep all
/// the others of its list from being read.
struct SnapshotBytes {
    name: String,
    version: i64,
    head: Vec<u8>,
    snapshot: Vec<u8>,
    report: Option<Vec<u8>>,
}

impl SnapshotBytes {
    fn text(self) -> Result<SnapshotRow, StoreError> {
        let SnapshotBytes { name, version, head, snapshot, report } = self;
        let text = |column, bytes| {
            String::from_utf8(bytes).map_err(|error| StoreError::Inconsistent {
                table: "shifts",
                row: name.clone(),
                why: format!("column {column}: {error}"),
            })
        };
        let (head, snapshot) = (text("head", head)?, text("snapshot", snapshot)?);
        let report = report.and_then(|report| String::from_utf8(report).ok());
        Ok(SnapshotRow { name, version, head, snapshot, report })
    }
}

pub(crate) async fn active(readers: &SqlitePool) -> Result<Vec<Active>, StoreError> {
    let rows = sqlx::query_as!(
        ActiveRow,
        r#"
        SELECT name AS "name!", account AS "account!", version AS "version!: i64", head AS "head!"
        FROM shifts WHERE active ORDER BY name
        "#
    );
    rows.fetch_all(readers).await.store_error()?.into_iter().map(ActiveRow::active).collect()
}

pub(crate) async fn claims(readers: &SqlitePool) -> Result<Vec<Claim>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT zone AS "zone!", name AS "name!", type AS "record_type!", shift AS "shift!"
        FROM claims ORDER BY shift, zone, name, type
        "#
    );
    let claims = rows.fetch_all(readers).await.store_error()?.into_iter();
    Ok(claims
        .map(|row| Claim {
            group: format!("{}/{}/{}", row.zone, row.name, row.record_type),
            shift: row.shift,
        })
        .collect())
}

pub(crate) async fn exists(executor: impl sqlx::SqliteExecutor<'_>, name: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(r#"SELECT version AS "version!: i64" FROM shifts WHERE name = ?1"#, name);
    Ok(found.fetch_optional(executor).await.store_error()?.is_some())
}

/// With the write lock from the start: a transaction that reads first and writes later can be refused in between.
async fn begin(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, StoreError> {
    writer.begin_with("BEGIN IMMEDIATE").await.store_error()
}

async fn finish(
    mut transaction: Transaction<'static, Sqlite>,
    shift: &Shift,
    events: &[Event],
    key: Option<&IdempotencyKey>,
) -> Result<(), StoreError> {
    events::append(&mut transaction, &shift.name, events).await?;
    if let Some(key) = key {
        keys::keep(&mut transaction, key, &shift.name, shift.version).await?;
    }
    transaction.commit().await.store_error()
}

async fn insert(
    connection: &mut SqliteConnection,
    shift: &Shift,
    events: &[Event],
) -> Result<(), StoreError> {
    let row = ShiftRow::new(shift, events)?;
    let inserted = sqlx::query!(
        r#"
        INSERT INTO shifts (name, version, phase, active, labels, snapshot, created_at, updated_at, account, head)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        "#,
        row.name,
        row.version,
        row.phase,
        row.active,
        row.labels,
        row.snapshot,
        row.created_at,
        row.updated_at,
        row.account,
        row.head,
    );
    inserted.execute(connection).await.store_error()?;
    Ok(())
}

/// Whether the row's history ended there, and the row now is the new state.
async fn update(
    connection: &mut SqliteConnection,
    before: &Head,
    shift: &Shift,
    events: &[Event],
) -> Result<bool, StoreError> {
    let (row, version) = (ShiftRow::new(shift, events)?, row::number(before.version));
    let updated = sqlx::query!(
        r#"
        UPDATE shifts
        SET version = ?3, phase = ?4, active = ?5, labels = ?6, snapshot = ?7, updated_at = ?8, account = ?9,
            head = ?10
        WHERE name = ?1 AND version = ?2 AND head = ?11
        "#,
        row.name,
        version,
        row.version,
        row.phase,
        row.active,
        row.labels,
        row.snapshot,
        row.updated_at,
        row.account,
        row.head,
        before.hash.0,
    );
    Ok(updated.execute(connection).await.store_error()?.rows_affected() == 1)
}

/// Inserts, or finds the present owner: the update changes nothing, and lets the row be returned.
async fn claim(connection: &mut SqliteConnection, shift: &Shift) -> Result<(), StoreError> {
    // In the order in which every store does, so that all name the same group when several are taken.
    for group in shift.groups.iter().collect::<BTreeSet<_>>() {
        let (zone, name, record_type) = (&group.zone.0, group.name.as_str(), group.record_type.as_str());
        let claimed = sqlx::query_scalar!(
            r#"
            INSERT INTO claims (zone, name, type, shift) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (zone, name, type) DO UPDATE SET shift = shift
            RETURNING shift AS "shift!"
            "#,
            zone,
            name,
            record_type,
            shift.name,
        );
        let owner = claimed.fetch_one(&mut *connection).await.store_error()?;
        if owner != shift.name {
            return Err(StoreError::Claimed { group: group.to_string(), owner });
        }
    }
    Ok(())
}

async fn stored(readers: &SqlitePool, row: SnapshotRow) -> Result<Stored, StoreError> {
    let report = row.report();
    let shift = match row.shift()? {
        Some(shift) => shift,
        None => row.rebuild(events::all(readers, &row.name).await?)?,
    };
    Ok(Stored { shift, report })
}
