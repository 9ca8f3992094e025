//! Whether the database's schema is the one this program was built with, and how it becomes that.

use std::collections::BTreeSet;

use crossfade_ports::StoreError;
use sqlx::{
    PgConnection, PgPool,
    migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator},
};

use crate::{error::store_error, pool::ask};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Where sqlx keeps what it has applied.
const TABLE: &str = "_sqlx_migrations";

/// `undefined_table`
const NO_TABLE: &str = "42P01";

pub(crate) async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    MIGRATIONS.run(connection).await.map_err(refused)
}

pub(crate) async fn pending(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    let applied: BTreeSet<i64> = applied(pool).await?.iter().map(|migration| migration.version).collect();
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).map(name).collect())
}

/// Refuses a schema that is older or newer than this program's, or was made by another migration of the same number.
pub(crate) async fn check(pool: &PgPool) -> Result<(), StoreError> {
    let applied = applied(pool).await?;
    for migration in MIGRATIONS.iter() {
        match applied.iter().find(|applied| applied.version == migration.version) {
            None => {
                let why = "it has not been applied; run `crossfade migrate`".to_owned();
                return Err(StoreError::Inconsistent { table: TABLE, row: name(migration), why });
            }
            Some(applied) if applied.checksum != migration.checksum => {
                return Err(refused(MigrateError::VersionMismatch(migration.version)));
            }
            Some(_) => {}
        }
    }
    match applied.iter().find(|applied| !MIGRATIONS.version_exists(applied.version)) {
        Some(newer) => Err(refused(MigrateError::VersionMissing(newer.version))),
        None => Ok(()),
    }
}

async fn applied(pool: &PgPool) -> Result<Vec<AppliedMigration>, StoreError> {
    match ask(pool, async |connection| Ok(connection.list_applied_migrations(TABLE).await)).await? {
        Ok(applied) => Ok(applied),
        // There is no such table before the first migration.
        Err(MigrateError::Execute(sqlx::Error::Database(error)))
            if error.code().as_deref() == Some(NO_TABLE) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(refused(error)),
    }
}

fn name(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there may be says best itself what it is")]
fn refused(error: MigrateError) -> StoreError {
    let inconsistent = |version: i64, why: &str| StoreError::Inconsistent {
        table: TABLE,
        row: format!("{version:04}"),
        why: why.to_owned(),
    };
    match error {
        MigrateError::VersionMissing(version) => {
            inconsistent(version, "this program does not know it: the database was migrated by a newer one")
        }
        MigrateError::VersionMismatch(version) => {
            inconsistent(version, "it was applied with another text than this program's")
        }
        MigrateError::Dirty(version) => inconsistent(version, "it was applied in part"),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        other => StoreError::Refused(other.to_string()),
    }
}
