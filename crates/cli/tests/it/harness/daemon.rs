//! `crossfade serve` in a process of its own, in the folder of a world.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Instant,
};

use crossfade::client::Client;
use crossfade_api::types::Shift;
use crossfade_core::event::{Event, Happened};

use super::{DEADLINE, POLL, Said, World, command, http, run};

pub(crate) struct Process {
    /// Of its logs.
    name: String,
    folder: PathBuf,
    /// In its environment at every start.
    settings: Settings,
    child: Child,
    starts: u32,
    url: String,
}

pub(crate) type Settings = Vec<(String, String)>;

pub(super) const STORE: &str = "CROSSFADE_STORE__URL";

const SIGABRT: i32 = 6;

impl Process {
    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start(world: &World) -> Process {
        Process::start_with(world, &[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn start_with(world: &World, environment: &[(&str, &str)]) -> Process {
        let mut process = Process::spawn(world, environment);
        process.ready().await;
        process
    }

    /// The same without waiting, for a daemon that may die before it is ready.
    pub(crate) fn spawn(world: &World, environment: &[(&str, &str)]) -> Process {
        let store = world.store.iter().map(|url| (STORE.to_owned(), url.clone()));
        Process::spawn_as("serve", world, store.collect(), environment)
    }

    /// One of several in the same world.
    pub(crate) async fn start_as(
        name: &str,
        world: &World,
        settings: Settings,
        environment: &[(&str, &str)],
    ) -> Process {
        let mut process = Process::spawn_as(name, world, settings, environment);
        process.ready().await;
        process
    }

    fn spawn_as(name: &str, world: &World, settings: Settings, environment: &[(&str, &str)]) -> Process {
        let (name, folder) = (name.to_owned(), world.folder.path().to_owned());
        let child = spawn(&folder, &name, &settings, environment, 1);
        Process { name, folder, settings, child, starts: 1, url: String::new() }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same store, with this in its environment, and waits until it is ready.
    pub(crate) async fn restart(&mut self, environment: &[(&str, &str)]) {
        self.spawn_again(environment);
        self.ready().await;
    }

    /// The same without waiting.
    pub(crate) fn spawn_again(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.try_wait().unwrap().is_some(), "it still runs");
        self.starts += 1;
        self.child = spawn(&self.folder, &self.name, &self.settings, environment, self.starts);
    }

    /// Asks it to stop, as an init system does.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.ended().await
    }

    /// Stops it where it is, as a machine does that is out of memory or moved to another host.
    pub(crate) fn suspend(&self) {
        self.signal("-STOP");
    }

    /// It goes on, and does not know that it was stopped.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Waits until it stands still at the point that `CROSSFADE_SUSPEND_AT` names.
    pub(crate) async fn suspended_at_its_point(&self) {
        let (id, deadline) = (self.child.id().to_string(), Instant::now() + DEADLINE);
        loop {
            let state = Command::new("ps").args(["-o", "stat=", "-p", &id]).output().unwrap();
            if state.stdout.starts_with(b"T") {
                return;
            }
            assert!(Instant::now() < deadline, "the daemon goes on\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has come to the point that `CROSSFADE_STOP_AT` names.
    pub(crate) async fn stopped_at_its_point(&mut self) {
        let status = self.ended().await;
        assert_eq!(status.signal(), Some(SIGABRT), "{status}\n{}", self.log());
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

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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

    /// The same, which must be refused by a safety rule.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 5, "{arguments:?}: {said:#?}\n{}", self.log());
        assert!(said.stdout.is_empty() && said.stderr.contains("\nhint: "), "{arguments:?}: {said:#?}");
        said
    }

    pub(crate) async fn history(&self, name: &str) -> Vec<Event> {
        self.client().events(name, 0).await.unwrap()
    }

    /// Polls until the shift is as wanted.
    pub(crate) async fn await_shift(&self, name: &str, what: &str, wanted: impl Fn(&Shift) -> bool) -> Shift {
        let (client, deadline) = (self.client(), Instant::now() + DEADLINE);
        let mut pause = POLL;
        loop {
            let seen = client.shift(name).await;
            match &seen {
                Ok(shift) if wanted(shift) => return shift.clone(),
                Ok(_) | Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{name} is not {what}: {seen:#?}\n{}", self.log());
            // A hundred of these may be at it at the same time.
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL * 10);
        }
    }

    pub(crate) async fn await_phase(&self, name: &str, phase: &str) -> Shift {
        self.await_shift(name, phase, |shift| shift.phase == phase).await
    }

    /// Polls until the history has such an event.
    pub(crate) async fn await_event(&self, name: &str, what: &str, wanted: impl Fn(&Happened) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !self.history(name).await.iter().any(|event| wanted(&event.what)) {
            assert!(Instant::now() < deadline, "{what} did not happen to {name}\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    /// Polls until a write of this share has been confirmed.
    pub(crate) async fn await_share(&self, name: &str, percent: f64) -> Shift {
        let there = |shift: &Shift| {
            shift.share.set.is_some_and(|share| (share.percent() - percent).abs() < 0.5)
                && shift.share.set == shift.share.wanted
                && matches!(
                    shift.step.stage,
                    crossfade_core::shift::Stage::Settling | crossfade_core::shift::Stage::Observing
                )
        };
        self.await_shift(name, &format!("at {percent} %"), there).await
    }

    /// The log since the last start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_path(&self.folder, &self.name, self.starts)).unwrap_or_default()
    }

    /// The port is in the log, since the daemon chose it; then /readyz has to agree.
    async fn ready(&mut self) {
        let (http, deadline) = (http(), Instant::now() + DEADLINE);
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

fn spawn(folder: &Path, name: &str, settings: &Settings, environment: &[(&str, &str)], number: u32) -> Child {
    let log = File::create(log_path(folder, name, number)).unwrap();
    let mut command = command(folder);
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command.envs(environment.iter().copied());
    command.args(["serve", "--log-format", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn log_path(folder: &Path, name: &str, number: u32) -> PathBuf {
    folder.join(format!("{name}-{number}.log"))
}

fn address(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter(|line| line["message"] == "serving")
        .find_map(|line| line["server.address"].as_str().map(str::to_owned))
}
