//! What PostgreSQL says, in the words of the port.

use crossfade_ports::StoreError;
use sqlx::error::DatabaseError;

pub(crate) trait StoreErrorExt<T> {
    fn store_error(self) -> Result<T, StoreError>;
}

impl<T> StoreErrorExt<T> for Result<T, sqlx::Error> {
    fn store_error(self) -> Result<T, StoreError> {
        self.map_err(store_error)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there may be says best itself what it is")]
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let what = match &error {
        sqlx::Error::Database(refusal) if !is_unavailable(refusal.as_ref()) => {
            return StoreError::Refused(refusal.message().to_owned());
        }
        sqlx::Error::Database(refusal) => refusal.message().to_owned(),
        sqlx::Error::ColumnDecode { index, source } => {
            let why = format!("column {index}: {source}");
            return StoreError::Inconsistent { table: "(any)", row: "(any)".to_owned(), why };
        }
        sqlx::Error::PoolTimedOut => {
            "no connection in time: the server is gone or all connections are busy".to_owned()
        }
        other => other.to_string(),
    };
    StoreError::Unavailable { what, source: Some(Box::new(error)) }
}

/// A standby's, before or after a failover: it takes no writes.
const READ_ONLY: &str = "25006";

pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == READ_ONLY)
}

/// Whether it is about the server and not about what was asked of it.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_unavailable(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    let classes = [
        "08", // connection exceptions
        READ_ONLY, "28",    // the password is wrong
        "3D",    // there is no such database
        "40",    // serialization failures and deadlocks
        "53",    // out of connections, memory or disk
        "55P03", // a lock was not to be had
        "57",    // shut down, starting up, or the statement took too long
        "58",    // input and output
    ];
    classes.iter().any(|class| code.starts_with(class))
}
