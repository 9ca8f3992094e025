//! What SQLite says, in the words of the port.

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
        sqlx::Error::PoolTimedOut => "all connections are busy".to_owned(),
        other => other.to_string(),
    };
    StoreError::Unavailable { what, source: Some(Box::new(error)) }
}

/// Whether it is about the file and not about what was asked of it.
fn is_unavailable(error: &dyn DatabaseError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    // The low byte of an extended code is the primary one. <https://www.sqlite.org/rescode.html>
    matches!(
        code.map(|code| code & 0xff),
        Some(BUSY | LOCKED | NOMEM | READONLY | IOERR | FULL | CANTOPEN | PROTOCOL)
    )
}

const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
