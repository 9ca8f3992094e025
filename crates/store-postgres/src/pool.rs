//! Connections, and how long anything waits for one.
//!
//! A server that vanishes says nothing. What hangs on a connection to it would hang until the kernel gives up, which
//! is a quarter of an hour later or never. So every wait for a connection has an end here, also those that the pool
//! itself would wait without one, and a connection that does not answer leaves the pool.

use std::{io, str::FromStr, time::Duration};

use crossfade_ports::StoreError;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::error::{StoreErrorExt, is_read_only};

/// The engine works on one account at a time and the API on a few requests; a server allows a hundred by default.
const CONNECTIONS: u32 = 10;

/// What a healthy server takes milliseconds for is not worth waiting for longer: the engine tries again anyway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Leaves time to connect anew within that.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the server works on a statement, such as while another session holds the row.
const STATEMENT_TIMEOUT: &str = "5s";

/// For everything together, also when the network swallows the answer.
const DEADLINE: Duration = Duration::from_secs(10);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that was idle for longer is tried before it is used; a busy one costs no extra round trip.
pub(crate) const TRUSTED_IDLE: Duration = Duration::from_secs(5);

pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgPool, StoreError> {
    within(pool().connect_with(options.clone())).await
}

/// Asks over a connection of the pool, and gives up on an answer that does not come. The statement may have been done
/// or not.
pub(crate) async fn ask<T>(
    pool: &PgPool,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, StoreError> {
    within(async {
        let mut lent = Lent { connection: pool.acquire().await?, then: Then::Return(PING_TIMEOUT) };
        let answer = question(&mut lent.connection).await;
        lent.then =
            if answer.as_ref().is_err_and(is_read_only) { Then::Close } else { Then::Return(DEADLINE) };
        answer
    })
    .await
}

/// Gives up on an answer that does not come.
pub(crate) async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match timeout(DEADLINE, answer).await {
        Ok(answered) => answered.store_error(),
        Err(_) => {
            let what = format!("no answer within {} s", DEADLINE.as_secs());
            Err(StoreError::Unavailable { what, source: None })
        }
    }
}

/// Gives up sooner on a connection of which only a sign of life is asked.
pub(crate) async fn tried<T>(
    sign_of_life: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = |_| sqlx::Error::Io(io::ErrorKind::TimedOut.into());
    timeout(PING_TIMEOUT, sign_of_life).await.map_err(silent)?
}

pub(crate) async fn close(pool: &PgPool) {
    // Connections that do not answer are closed by nobody's waiting for them.
    let _ = timeout(CLOSE_TIMEOUT, pool.close()).await;
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).store_error()?;
    // A start-up parameter that some poolers refuse, for numbers that are not used here.
    Ok(options.application_name("crossfade").extra_float_digits(None))
}

/// A connection that was lent by the pool.
struct Lent {
    connection: PoolConnection<Postgres>,
    then: Then,
}

/// What becomes of it.
enum Then {
    /// It goes back once it has answered the pool, for so long: not for long where the caller has left without an answer.
    /// A server that answers late is still a server.
    Return(Duration),
    /// It leads to a server that takes no writes: a standby, perhaps the one that the old primary has become. A new one
    /// goes where the name leads to by now.
    Close,
}

impl Drop for Lent {
    /// The pool tries a connection before it takes it back, and would wait for ever, with one connection less: a caller
    /// may have left because there is no answer. What this drops is closed, and makes room for another.
    fn drop(&mut self) {
        match self.then {
            Then::Return(tried_for) => {
                tokio::spawn(timeout(tried_for, self.connection.return_to_pool()));
            }
            Then::Close => self.connection.close_on_drop(),
        }
    }
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_IDLE {
                    tried(connection.ping()).await?;
                }
                Ok(true)
            })
        })
        // Not a start-up parameter: poolers refuse those they do not know.
        .after_connect(|connection, _| {
            Box::pin(async move {
                let set =
                    sqlx::query("SELECT set_config('statement_timeout', $1, false)").bind(STATEMENT_TIMEOUT);
                set.execute(connection).await.map(drop)
            })
        })
}
