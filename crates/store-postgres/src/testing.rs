//! A real PostgreSQL server for tests: made when first needed, gone when the process is, however that ends.
//!
//! A small shell script holds the server and waits on a pipe. The pipe closes when the test process exits or is
//! killed; then the script stops the server and removes its folder.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a server that does not start is a failed test")]

mod shell;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

pub use self::shell::Shell;
use crate::PostgresStore;

const SUPERVISOR: &str = include_str!("testing/supervisor.sh");

/// Migrated once, and copied for every test.
const TEMPLATE: &str = "crossfade_template";

const POLL: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Server {
    port: u16,
    supervisor: Mutex<Supervisor>,
    template: OnceCell<()>,
    databases: AtomicU32,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, and everything is written out.
    Fast,
    /// Recovers at the next start.
    Immediate,
    /// By SIGKILL to its first process; the others notice.
    Killed,
}

#[derive(Debug)]
struct Supervisor {
    process: Child,
    /// `None` when it has been told to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// The one server of this process. `None` where PostgreSQL is not installed and nobody insists on it.
    pub fn shared() -> Option<&'static Server> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Server::start).as_ref()
    }

    /// A server of its own, for a test that stops it.
    ///
    /// Panics where PostgreSQL is not installed and the environment has `CI` or `REQUIRE_PG`: there, a test that is
    /// skipped is a test that is missing.
    pub fn start() -> Option<Server> {
        Server::start_following(None)
    }

    /// A standby of this server, which follows it by streaming replication and answers reads.
    pub fn standby(&self) -> Server {
        Server::start_following(Some(self.port)).unwrap()
    }

    fn start_following(primary: Option<u16>) -> Option<Server> {
        let Some(programs) = programs() else {
            let missing =
                "PostgreSQL is not installed: `apt-get install postgresql`, or put initdb in the PATH";
            assert!(!is_required(), "{missing}");
            eprintln!("SKIPPED: {missing}; with REQUIRE_PG=1 this fails");
            return None;
        };
        // The script removes the folder; it outlives this process by a moment.
        let folder = tempfile::Builder::new().prefix("crossfade-pg-").tempdir().unwrap().keep();
        let port = free_port();
        let mut process = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .args([&programs, &folder])
            .args([Some(port), primary].into_iter().flatten().map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let supervisor = Mutex::new(Supervisor { process, commands, answers });
        let server = Server { port, supervisor, template: OnceCell::new(), databases: AtomicU32::new(0) };
        server.restart();
        Some(server)
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new database with the present schema.
    pub async fn database(&self) -> String {
        self.template.get_or_init(|| self.make_template()).await;
        self.create_database(&format!(" TEMPLATE {TEMPLATE}")).await
    }

    /// The URL of a new database without anything.
    pub async fn empty_database(&self) -> String {
        self.create_database("").await
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// At once, as in a crash; connections break.
    pub fn stop(&self) {
        self.stop_by(Stop::Immediate);
    }

    pub fn stop_by(&self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Killed => "KILL",
        };
        self.tell(&format!("stop {signal}"), "stopped");
    }

    pub fn restart(&self) {
        self.tell("start", "started");
    }

    /// Returns when the standby has everything that this server has committed.
    pub async fn awaits(&self, standby: &Server) {
        let written = self.ask("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint").await;
        let replayed = "SELECT coalesce(pg_last_wal_replay_lsn() - '0/0'::pg_lsn, 0)::bigint";
        while standby.ask(replayed).await < written {
            tokio::time::sleep(POLL).await;
        }
    }

    /// A standby gets nothing any more of what its primary commits from now on.
    pub async fn fall_behind(&self) {
        self.execute("ALTER SYSTEM SET primary_conninfo = ''").await;
        self.execute("SELECT pg_reload_conf()").await;
        while self.ask("SELECT count(*) FROM pg_stat_wal_receiver").await > 0 {
            tokio::time::sleep(POLL).await;
        }
    }

    /// A standby becomes a primary, with what it has.
    pub async fn promote(&self) {
        self.execute("SELECT pg_promote()").await;
    }

    async fn ask(&self, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        answer
    }

    async fn make_template(&self) {
        self.execute(&format!("CREATE DATABASE {TEMPLATE}")).await;
        let store = PostgresStore::connect(&self.url(TEMPLATE)).await.unwrap();
        store.migrate().await.unwrap();
        // A database in use cannot be copied.
        store.close().await;
    }

    async fn create_database(&self, template: &str) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name}{template}")).await;
        self.url(&name)
    }

    async fn execute(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    fn tell(&self, command: &str, expected: &str) {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(supervisor.commands.as_mut().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        supervisor.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim_end(), expected, "PostgreSQL's log is above");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let supervisor = self.supervisor.get_mut().unwrap_or_else(PoisonError::into_inner);
        supervisor.commands = None;
        supervisor.process.wait().ok();
    }
}

/// The folder of PostgreSQL's programs, of the newest version there is. Debian keeps it out of the PATH.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready", "pg_basebackup"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok();
    let installed = installed.into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let newest = installed.filter(has_all).max_by_key(version);
    newest.or_else(|| env::split_paths(&variable("PATH")?).find(has_all))
}

fn is_required() -> bool {
    variable("CI").is_some() || variable("REQUIRE_PG").is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a machine has for its tests is no configuration of the product"
)]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name)
}

/// Free now, and nobody's by chance while the server is stopped: below the range from which the system takes ports for
/// outgoing connections. Test programs that run side by side begin at different places.
fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 10_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed);
    let ports = (0..COUNT).filter_map(|n| u16::try_from(FIRST + (begin + n) % COUNT).ok());
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).unwrap()
}
