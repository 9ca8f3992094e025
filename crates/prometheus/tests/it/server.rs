//! A real Prometheus of one test's own.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use crossfade_prometheus::{Config, Server};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

pub(crate) struct Prometheus {
    process: Child,
    pub(crate) url: String,
    pub(crate) server: Server,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// With samples that were written beforehand, in OpenMetrics; more can be written from outside, at any time of the last
/// day. `None` where the programs are not there; in continuous integration they have to be.
#[expect(clippy::disallowed_methods, reason = "a test has no other way to know where it runs")]
pub(crate) async fn start(samples: Option<String>) -> Option<Prometheus> {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !there("prometheus") || !there("promtool") {
        assert!(
            std::env::var_os("CI").is_none(),
            "Prometheus is missing; on Debian: apt-get install prometheus"
        );
        eprintln!("Prometheus is missing, and so is this test; on Debian: apt-get install prometheus");
        return None;
    }
    let folder = TempDir::new().unwrap();
    let (record, data, config) =
        (folder.path().join("record.om"), folder.path().join("data"), folder.path().join("prometheus.yml"));
    fs::write(&config, "storage: { tsdb: { out_of_order_time_window: 1d } }\n").unwrap();
    if let Some(samples) = samples {
        fs::write(&record, samples).unwrap();
        let made = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", &text(&record), &text(&data)])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new("prometheus")
        .arg(format!("--config.file={}", text(&config)))
        .arg(format!("--storage.tsdb.path={}", text(&data)))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-remote-write-receiver")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let server = Server::new(&Config { url: url.clone(), ..Config::default() }).unwrap();
    let prometheus = Prometheus { process, url, server, _folder: folder };
    let (minute, hour) = (SignedDuration::from_mins(1), Timestamp::from_second(3_600).unwrap());
    for _ in 0..600 {
        if prometheus.server.range("up", minute, Timestamp::UNIX_EPOCH, hour).await.is_ok() {
            return Some(prometheus);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("Prometheus does not become ready");
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
