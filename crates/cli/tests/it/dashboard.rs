//! The dashboard in a real browser, on machines that have one.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crossfade_core::shift::Cause;
use crossfade_ports::conformance::store::tampering::Shell as _;
use crossfade_store_sqlite::testing::Shell;

use crate::harness::{Process, World};

const BROWSER: &str = "chromium";

/// The page after a few of its looks at the daemon, and what the browser had to say about it.
async fn page(folder: &Path, url: &str) -> (String, String) {
    let mut command = Command::new(BROWSER);
    // The whole test is one page of our own; as root there is no sandbox.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", folder.join("browser").display()));
    command.args(["--virtual-time-budget=5000", "--dump-dom", url]).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

fn has_browser() -> bool {
    let there = Command::new(BROWSER).arg("--version").output().is_ok();
    if !there {
        eprintln!("{BROWSER} is missing, and so is this test");
    }
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_what_gates_and_approvals_and_the_tail_say() {
    if !has_browser() {
        return;
    }
    let world = World::start().await;
    let daemon = Process::start(&world).await;
    let ramp = "{ steps: [50, { share: 100, approval: true }], hold: 1s, bake: 1s }";
    let plan = world.plan("www", ramp);
    daemon.done(&["apply", plan.to_str().unwrap(), "--start"]).await;
    let waits = |shift: &crossfade_api::types::Shift| {
        shift.holds.iter().any(|hold| hold.cause == Cause::Approval)
            && shift.gates.iter().any(|gate| gate.errors().is_some_and(|told| told.baseline.is_some()))
    };
    daemon.await_shift("www", "waiting for its approval", waits).await;
    let (dom, log) = page(world.folder.path(), daemon.url()).await;
    for wanted in [
        "approval: step 2 (100 %) waits for somebody's approval",
        "<summary>Gates: errors ",
        "baseline ",
        " errors of ",
        "at 50 % and ",
    ] {
        assert!(dom.contains(wanted), "{wanted}\n{dom}\n{log}");
    }
    daemon.done(&["approve", "www"]).await;
    daemon.await_shift("www", "completed", |shift| shift.phase == "completed" && shift.tail.is_some()).await;
    let (dom, after) = page(world.folder.path(), daemon.url()).await;
    for wanted in ["still to the from side", "half-life", "safe to decommission"] {
        assert!(dom.contains(wanted), "{wanted}\n{dom}\n{after}");
    }
    for log in [log, after] {
        assert!(!log.contains("Uncaught") && !log.contains("Content Security Policy"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_the_others_where_one_shift_cannot_be_read() {
    if !has_browser() {
        return;
    }
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    let ramp = "{ steps: [50, 100], hold: 1h }";
    daemon.done(&["apply", &world.quiet_plan("former", ramp)]).await;
    daemon.done(&["cancel", "former"]).await;
    daemon.done(&["apply", &world.quiet_plan("www", ramp)]).await;
    let url = format!("sqlite://{}", world.folder.path().join("crossfade.db").display());
    Shell::open(&url).await.run("UPDATE shifts SET version = 9 WHERE name = 'former'").await;
    let (dom, log) = page(world.folder.path(), daemon.url()).await;
    let line = r#"<p class="unreadable">former: The shift cannot be read from the database.</p>"#;
    assert!(dom.contains(line) && !dom.contains("data-name=\"former\""), "{dom}\n{log}");
    let (_, other) = dom.split_once("<article data-name=\"www\">").unwrap_or_else(|| panic!("{dom}\n{log}"));
    let (other, _) = other.split_once("</article>").unwrap();
    assert!(other.contains("www: scheduled") && other.contains("<button data-verb=\"pause\">"), "{other}");
    assert!(!log.contains("Uncaught") && !log.contains("Content Security Policy"), "{log}");
}
