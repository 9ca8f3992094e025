//! boto3 and the AWS CLI as the clients: the script is in `tests/boto3`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crossfade_playground::Options;
use tokio::process::Command;

use crate::support::start;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3");

#[tokio::test(flavor = "multi_thread")]
async fn boto3_and_the_aws_cli_find_what_they_know() {
    let Some(python) = python().await else { return };
    let playground = start(Options {
        throttle: None,
        insync_delay: std::time::Duration::from_millis(300),
        ..Options::default()
    })
    .await;
    let output = Command::new(python)
        .arg(Path::new(FOLDER).join("check_playground.py"))
        .arg(playground.aws_url())
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .output()
        .await
        .expect("python runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("all checks passed"), "{said}");
}

/// A Python with boto3 and the AWS CLI: the system's, or one made in the target folder. Without either the test
/// fails in CI and is skipped, loudly, elsewhere.
async fn python() -> Option<PathBuf> {
    let system = PathBuf::from("python3");
    if has_clients(&system).await {
        return Some(system);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boto3");
    let python = folder.join("bin/python");
    if has_clients(&python).await {
        return Some(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await;
    let requirements = Path::new(FOLDER).join("requirements.txt");
    if made
        && run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements)).await
        && has_clients(&python).await
    {
        return Some(python);
    }
    #[expect(clippy::disallowed_methods, reason = "only the environment says whether this is CI")]
    let in_ci = std::env::var_os("CI").is_some();
    assert!(!in_ci, "boto3 and awscli can neither be found nor installed");
    eprintln!(
        "SKIPPED: boto3 and awscli can neither be found nor installed, so they were NOT tried against the playground"
    );
    None
}

async fn has_clients(python: &Path) -> bool {
    run(Command::new(python).args(["-c", "import boto3, awscli"])).await
}

async fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().await.is_ok_and(|status| status.success())
}
