//! What the binary says without a daemon.

use std::path::Path;

use tempfile::TempDir;

use crate::harness::{Said, run};

struct Desk(TempDir);

impl Desk {
    fn with(files: &[(&str, &str)]) -> Desk {
        let desk = Desk(TempDir::new().unwrap());
        for (name, text) in files {
            std::fs::write(desk.0.path().join(name), text).unwrap();
        }
        desk
    }

    async fn run(&self, arguments: &[&str]) -> Said {
        run(self.0.path(), &[], arguments).await
    }
}

fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(path).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn help_lists_the_commands_and_the_exit_codes() {
    let desk = Desk::with(&[]);
    let help = desk.run(&["--help"]).await;
    assert_eq!(help.code, 0);
    for word in
        ["serve", "playground", "step-back", "Exit codes:", "9  the daemon, or AWS, cannot be reached"]
    {
        assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
    }
    let version = desk.run(&["--version"]).await;
    assert_eq!(version.stdout, format!("crossfade {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn what_cannot_be_asked_is_a_usage_error() {
    let desk = Desk::with(&[]);
    for arguments in [
        &["stat"] as &[&str],
        &[],
        &["pause"],
        &["pause", "www", "--all"],
        &["revert", "--direct"],
        &["revert", "www", "--zone", "Z1"],
        &["history"],
        &["history", "verify"],
        &["list", "--label", "env"],
        &["status", "www", "--timeout", "1s"],
        &["--server", "nowhere", "list"],
    ] {
        let said = desk.run(arguments).await;
        assert_eq!(said.code, 2, "{arguments:?}: {said:#?}");
        assert!(said.stdout.is_empty() && !said.stderr.is_empty(), "{arguments:?}: {said:#?}");
    }
    let said = desk.run(&["stat"]).await;
    assert!(said.stderr.contains("'start'") || said.stderr.contains("'status'"), "{said:#?}");
}

#[tokio::test]
async fn a_mistake_in_the_configuration_starts_nothing() {
    let desk = Desk::with(&[("crossfade.toml", "[server]\nlissten = '127.0.0.1:1'\n[store]\nurl = 7\n")]);
    for arguments in [&["serve"] as &[&str], &["config", "check"], &["config", "print"], &["migrate"]] {
        let said = desk.run(arguments).await;
        assert_eq!(said.code, 1, "{said:#?}");
        assert!(said.stderr.starts_with("error: the configuration has mistakes\n"), "{said:#?}");
        let unknown = "crossfade.toml, line 2: server.lissten: unknown key; did you mean server.listen?";
        assert!(said.stderr.contains(unknown), "{said:#?}");
        assert!(said.stderr.contains("crossfade.toml, line 4: store.url: expected"), "{said:#?}");
        assert!(said.stdout.is_empty(), "{said:#?}");
    }
    let missing = desk.run(&["serve", "--config", "nowhere.toml"]).await;
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("nowhere.toml cannot be read\n  caused by: No such file"),
        "{missing:#?}"
    );
}

#[tokio::test]
async fn an_account_that_contradicts_itself_is_a_mistake() {
    let desk =
        Desk::with(&[("crossfade.toml", "[accounts.prod]\nregion = 'eu-west-1'\nexternal_id = 'x'\n")]);
    // Whoever else listens on the default port is not what this is about.
    let environment = [("CROSSFADE_SERVER__LISTEN", "127.0.0.1:0")];
    for arguments in [&["config", "check"] as &[&str], &["serve"]] {
        let said = run(desk.0.path(), &environment, arguments).await;
        assert_eq!(said.code, 1, "{said:#?}");
        assert!(said.stderr.contains("account prod: `external_id`"), "{said:#?}");
    }
}

#[tokio::test]
async fn a_daemon_without_authentication_listens_on_loopback_only() {
    let desk = Desk::with(&[]);
    let said = run(desk.0.path(), &[("CROSSFADE_SERVER__LISTEN", "0.0.0.0:8080")], &["serve"]).await;
    assert_eq!(said.code, 1);
    let wanted = "environment variable CROSSFADE_SERVER__LISTEN: server.listen: 0.0.0.0:8080 can be reached";
    assert!(said.stderr.contains(wanted), "{said:#?}");
}

#[tokio::test]
async fn the_configuration_is_printed_with_sources_and_without_secrets() {
    let desk = Desk::with(&[("crossfade.toml", "[engine]\npoll = '2s'\n")]);
    let environment = [("DATABASE_URL", "postgres://me:s3cret@db/crossfade")];
    let said = run(desk.0.path(), &environment, &["config", "print"]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(!said.stdout.contains("s3cret"), "{said:#?}");
    let line = |start: &str| said.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    assert!(
        line("url = \"postgres://me:***@db/crossfade\"").ends_with("# environment variable DATABASE_URL"),
        "{said:#?}"
    );
    assert!(line("poll = \"2s\"").ends_with("# crossfade.toml, line 2"), "{said:#?}");
    assert!(line("listen").ends_with("# default"), "{said:#?}");
}

#[tokio::test]
async fn a_plan_is_checked_without_asking_anybody() {
    let wrong = "name: www\nrecods: []\nfrom: { legacy: 1 }\nto: { cloud: 1 }\nramp: { steps: [5, 1], hold: 1m }\ngates: []\n";
    let desk = Desk::with(&[("wrong.yaml", wrong), ("plan.txt", "")]);
    for plan in ["plans/minimal.yaml", "plans/www-to-aws.yaml", "plans/demo.yaml"] {
        let said = desk.run(&["plan", "check", &shipped(plan)]).await;
        assert_eq!(said.code, 0, "{said:#?}");
        assert!(said.stdout.contains("is in order"), "{said:#?}");
    }
    let said = desk.run(&["plan", "check", "wrong.yaml"]).await;
    assert_eq!(said.code, 1);
    assert!(said.stderr.starts_with("error: wrong.yaml has "), "{said:#?}");
    assert!(said.stderr.contains("line 2") && said.stderr.contains("did you mean records?"), "{said:#?}");
    assert!(said.stderr.contains("hint: "), "{said:#?}");

    assert_eq!(desk.run(&["plan", "check", "plan.txt"]).await.code, 1);
    assert_eq!(desk.run(&["plan", "check", "none.yaml"]).await.code, 1);
    let policy = desk.run(&["plan", "iam-policy", &shipped("plans/www-to-aws.yaml")]).await;
    assert!(policy.stdout.contains("arn:aws:route53:::hostedzone/Z0123456789ABC"), "{policy:#?}");
    let schema = desk.run(&["plan", "schema"]).await;
    assert!(serde_json::from_str::<serde_json::Value>(&schema.stdout).is_ok(), "{schema:#?}");
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_unreachable() {
    let desk = Desk::with(&[]);
    for arguments in [&["list"] as &[&str], &["status", "www"], &["pause", "--all"], &["revert", "www"]] {
        let arguments = [&["--server", "http://127.0.0.1:9"], arguments].concat();
        let said = desk.run(&arguments).await;
        assert_eq!(said.code, 9, "{said:#?}");
        assert!(said.stderr.contains("cannot be reached\n  caused by: "), "{said:#?}");
    }
}

#[tokio::test]
async fn a_database_is_migrated_once() {
    let desk = Desk::with(&[]);
    assert_eq!(desk.run(&["migrate", "--check"]).await.code, 3);
    let first = desk.run(&["migrate"]).await;
    assert!(first.code == 0 && first.stdout.contains("applied: 0001"), "{first:#?}");
    let second = desk.run(&["migrate", "--check"]).await;
    assert!(second.code == 0 && second.stdout.contains("up to date"), "{second:#?}");
}

#[tokio::test]
async fn completions_are_there_for_every_shell() {
    let desk = Desk::with(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = desk.run(&["completions", shell]).await;
        assert!(said.code == 0 && said.stdout.contains("crossfade"), "{shell}");
    }
}
