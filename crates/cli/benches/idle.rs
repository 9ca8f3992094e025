//! What a daemon costs that has nothing to do: memory and CPU with 1,000 shifts that are held.
//!
//! ```text
//! cargo bench -p crossfade --bench idle
//! ```
//!
//! The daemon is a process of its own with its default settings, but for the budget of AWS requests while the shifts
//! are brought under way; it is measured from `/proc`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to say")]

mod fleet;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crossfade::client::Client;
use crossfade_core::shift;

const SHIFTS: usize = 1_000;
const MEASURED_FOR: Duration = Duration::from_secs(60);

/// Of `/proc/PID/stat`; it has been 100 on every Linux for decades.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let playground = fleet::playground().await;
        let names = fleet::records(&playground, SHIFTS);
        let folder = tempfile::tempdir().unwrap();
        let url = playground.aws_url();
        let (daemon, address) = serve(folder.path(), &url, "500");
        let client = Client::new(&address, "bench").unwrap();
        fleet::under_way(&client, &names).await;
        client.fleet(shift::Command::Pause { freeze: false }, [].into(), None).await.unwrap();
        stop(daemon);

        // Started again, with the settings that a user would have.
        let (daemon, _) = serve(folder.path(), &url, "5");
        tokio::time::sleep(Duration::from_secs(30)).await;
        let calls =
            |playground: &crossfade_playground::Playground| playground.world().calls().values().sum::<u64>();
        let (ticks, asked) = (cpu_ticks(&daemon), calls(&playground));
        tokio::time::sleep(MEASURED_FOR).await;
        let seconds = (cpu_ticks(&daemon) - ticks) as f64 / TICKS_PER_SECOND;
        let percent = 100.0 * seconds / MEASURED_FOR.as_secs_f64();
        println!("{SHIFTS} shifts held, over {} s:", MEASURED_FOR.as_secs());
        println!("  resident memory   {:>8.1} MB", resident_kib(&daemon) as f64 / 1024.0);
        println!("  CPU               {percent:>8.2} % of a core");
        println!(
            "  AWS requests      {:>8.2} a second",
            (calls(&playground) - asked) as f64 / MEASURED_FOR.as_secs_f64()
        );
        stop(daemon);
    });
}

fn serve(folder: &Path, url: &str, requests_per_second: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .args(["--log-format", "json", "serve"])
        .current_dir(folder)
        .env("CROSSFADE_SERVER__LISTEN", "127.0.0.1:0")
        .env("CROSSFADE_STORE__URL", "sqlite://bench.db")
        .env("CROSSFADE_ACCOUNTS__DEFAULT__EMULATOR", url)
        .env("CROSSFADE_ENGINE__REQUESTS_PER_SECOND", requests_per_second)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
            Some(format!("http://{}", line.get("server.address")?.as_str()?))
        })
        .unwrap();
    // Whatever it says later has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}

fn stop(mut child: Child) {
    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    child.wait().unwrap();
}

/// User and system time so far.
fn cpu_ticks(child: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn resident_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
