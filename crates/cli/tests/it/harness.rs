//! The emulated world in this process, and the daemon in one of its own, so that it can be killed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crossfade::client::Client;
use crossfade_api::types::Shift;
use crossfade_playground::{ExampleOptions, ExampleWorld, Options, Playground, example_world_with};
use tempfile::TempDir;

/// How long anything is waited for. Far above what it takes, because a test that fails on a busy machine tells nothing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// Route 53, CloudWatch, DNS, two endpoints and their traffic, and a folder for everything else.
pub(crate) struct World {
    pub(crate) playground: Playground,
    pub(crate) example: ExampleWorld,
    pub(crate) folder: TempDir,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `crossfade serve` on SQLite, in the folder of a world.
pub(crate) struct Process {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    child: Child,
    starts: u32,
    url: String,
}

impl World {
    /// Changes are INSYNC and forgotten by resolvers within seconds, so that a shift takes some, too.
    pub(crate) async fn start() -> World {
        let options = Options { insync_delay: Duration::from_millis(200), ..Options::default() };
        let playground = Playground::start(options).await.unwrap();
        let example =
            example_world_with(&playground.world(), &ExampleOptions { ttl: 1, ..ExampleOptions::default() });
        let world = World { playground, example, folder: TempDir::new().unwrap() };
        let config = format!(
            "[server]\nlisten = '127.0.0.1:0'\n\
             [accounts.default]\nemulator = '{}'\n\
             [engine]\npoll = '100ms'\nmetrics_every = '1s'\nread_back_every = '1s'\nrequests_per_second = 50\n",
            world.playground.aws_url()
        );
        std::fs::write(world.folder.path().join("crossfade.toml"), config).unwrap();
        world
    }

    /// Writes a plan for `www.example.com` and says where.
    pub(crate) fn plan(&self, name: &str, ramp: &str) -> PathBuf {
        let source = |endpoint: &str| {
            format!(
                "{{ preset: custom, namespace: Playground, dimensions: {{ Endpoint: {endpoint} }}, errors: [Errors], \
                 requests: [Requests], period: 10s }}"
            )
        };
        let plan = format!(
            "name: {name}\nlabels: {{ env: test }}\n\
             records: [{{ zone: example.com, name: www.example.com, types: [A] }}]\n\
             from: {{ legacy: 1 }}\nto: {{ cloud: 1 }}\n\
             ramp: {ramp}\nsettle_margin: 0s\n\
             gates:\n  - name: errors\n    error_rate: {{ to: {}, from: {} }}\n    max_error_rate: 5%\n    \
             min_requests: 5\n    metric_delay: 1s\n",
            source("cloud"),
            source("legacy"),
        );
        let path = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, plan).unwrap();
        path
    }

    /// The weight of a side as Route 53 has it.
    pub(crate) fn weight(&self, side: &str) -> u8 {
        let example = &self.example;
        self.playground.world().weights(&example.zone_id, &example.record_name, "A")[side]
    }

    /// Whether the fence is in the zone.
    pub(crate) fn is_fenced(&self) -> bool {
        let records = self.playground.world().records(&self.example.zone_id);
        records.iter().any(|record| record.name.starts_with("_crossfade."))
    }

    /// A command that needs no daemon, in this world's folder.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        run(self.folder.path(), &[], arguments).await
    }
}

impl Process {
    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start(world: &World) -> Process {
        Process::start_with(world, &[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn start_with(world: &World, environment: &[(&str, &str)]) -> Process {
        let folder = world.folder.path().to_owned();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let child = spawn(&folder, &environment, 1);
        let mut process = Process { folder, environment, child, starts: 1, url: String::new() };
        process.ready().await;
        process
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same store, with another environment from now on.
    pub(crate) async fn restart(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.try_wait().unwrap().is_some(), "it still runs");
        self.environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.starts += 1;
        self.child = spawn(&self.folder, &self.environment, self.starts);
        self.ready().await;
    }

    /// Asks it to stop, as an init system does.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon did not end\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url, "tester").unwrap()
    }

    /// A command against this daemon.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        run(&self.folder, &[("CROSSFADE_SERVER", &self.url)], arguments).await
    }

    /// The same, which must succeed.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:#?}\n{}", self.log());
        said
    }

    /// Polls until the shift is as wanted.
    pub(crate) async fn await_shift(&self, name: &str, what: &str, wanted: impl Fn(&Shift) -> bool) -> Shift {
        let (client, deadline) = (self.client(), Instant::now() + DEADLINE);
        loop {
            let seen = client.shift(name).await;
            match &seen {
                Ok(shift) if wanted(shift) => return shift.clone(),
                Ok(_) | Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{name} is not {what}: {seen:#?}\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn await_phase(&self, name: &str, phase: &str) -> Shift {
        self.await_shift(name, phase, |shift| shift.phase == phase).await
    }

    /// The log since the last start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_path(&self.folder, self.starts)).unwrap_or_default()
    }

    /// The port is in the log, since the daemon chose it; then /readyz has to agree.
    async fn ready(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let http = http();
        loop {
            if let Some(address) = address(&self.log()) {
                self.url = format!("http://{address}");
                let answer = http.get(format!("{}/readyz", self.url)).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the daemon is not ready\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end, with nothing of this machine's environment but what it needs to run.
pub(crate) async fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = command(folder);
    command.envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.current_dir(folder).env_clear().env("USER", "tester").env("HOME", folder);
    command
}

fn spawn(folder: &Path, environment: &[(String, String)], number: u32) -> Child {
    let log = File::create(log_path(folder, number)).unwrap();
    let mut command = command(folder);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.args(["serve", "--log-format", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn log_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("serve-{number}.log"))
}

fn address(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter(|line| line["message"] == "serving")
        .find_map(|line| line["server.address"].as_str().map(str::to_owned))
}

fn http() -> reqwest::Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
