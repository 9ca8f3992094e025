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
use crossfade_core::event::Event;

use super::{DEADLINE, POLL, Said, World, command, http, run};

pub(crate) struct Process {
    folder: PathBuf,
    store: Option<String>,
    child: Child,
    starts: u32,
    url: String,
}

const SIGABRT: i32 = 6;

impl Process {
    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start(world: &World) -> Process {
        Process::start_with(world, &[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn start_with(world: &World, environment: &[(&str, &str)]) -> Process {
        let folder = world.folder.path().to_owned();
        let child = spawn(&folder, world.store.as_deref(), environment, 1);
        let store = world.store.clone();
        let mut process = Process { folder, store, child, starts: 1, url: String::new() };
        process.ready().await;
        process
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

    /// The same without waiting, for a daemon that may die before it is ready.
    pub(crate) fn spawn_again(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.try_wait().unwrap().is_some(), "it still runs");
        self.starts += 1;
        self.child = spawn(&self.folder, self.store.as_deref(), environment, self.starts);
    }

    /// Asks it to stop, as an init system does.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.ended().await
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

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn starts(&self) -> u32 {
        self.starts
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
        std::fs::read_to_string(log_path(&self.folder, self.starts)).unwrap_or_default()
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

fn spawn(folder: &Path, store: Option<&str>, environment: &[(&str, &str)], number: u32) -> Child {
    let log = File::create(log_path(folder, number)).unwrap();
    let mut command = command(folder);
    command.envs(environment.iter().copied());
    command.envs(store.map(|url| ("CROSSFADE_STORE__URL", url)));
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
