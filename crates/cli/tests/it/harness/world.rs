//! Route 53, CloudWatch, DNS, two endpoints and their traffic, and a folder for everything else.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crossfade_playground::{ExampleOptions, ExampleWorld, Options, Playground, Record, example_world_with};
use tempfile::TempDir;

use super::{Backend, Said, run};

pub(crate) struct World {
    pub(crate) playground: Playground,
    pub(crate) example: ExampleWorld,
    pub(crate) folder: TempDir,
    /// Where the daemon keeps its state, unless that is in the folder.
    pub(crate) store: Option<String>,
    /// The second zone's id, where there is one.
    second: Option<String>,
}

/// Long enough that a busy machine seldom loses one, short enough to be waited for.
pub(crate) const LEASE: Duration = Duration::from_secs(6);

/// Longer than any test takes.
const PREPARED_SECONDS: u32 = 600;

const RECORD: &str = "{ zone: example.com, name: www.example.com, types: [A] }";
const SECOND_RECORD: &str = "{ zone: example.org, name: www.example.org, types: [A] }";
const SECOND_NAME: &str = "www.example.org";

impl World {
    /// Changes are INSYNC and forgotten by resolvers within seconds, so that a shift takes some, too.
    pub(crate) async fn start() -> World {
        World::with(None, Duration::from_millis(200), ExampleOptions { ttl: 1, ..ExampleOptions::default() })
            .await
    }

    /// Without traffic: the `to` side's metrics are there already, healthy, and change only by
    /// [`World::fail_requests`]. Changes are INSYNC at once.
    pub(crate) async fn quiet(backend: Backend) -> World {
        World::quiet_at(backend.url().await).await
    }

    pub(crate) async fn quiet_at(store: Option<String>) -> World {
        let options = ExampleOptions { ttl: 1, requests_per_second: 0.0, ..ExampleOptions::default() };
        let world = World::with(store, Duration::ZERO, options).await;
        world.put("Requests", -60.0, 100.0);
        world
    }

    /// The same with a second zone, whose records move together with those of the first.
    pub(crate) async fn quiet_with_two_zones(backend: Backend) -> World {
        let mut world = World::quiet(backend).await;
        let playground = world.playground.world();
        let zone = playground.create_zone("example.org");
        for (id, weight, value) in [("legacy", 100, "192.0.2.20"), ("cloud", 0, "198.51.100.20")] {
            playground.put_record(&zone, Record::weighted(SECOND_NAME, "A", 1, id, weight, [value]));
        }
        world.second = Some(zone);
        world
    }

    async fn with(store: Option<String>, insync_delay: Duration, example: ExampleOptions) -> World {
        let playground = Playground::start(Options { insync_delay, ..Options::default() }).await.unwrap();
        let example = example_world_with(&playground.world(), &example);
        let world = World { playground, example, folder: TempDir::new().unwrap(), store, second: None };
        world.configure("200ms", "1s");
        world
    }

    /// The same where a daemon looks about no more often than by default, for many of them side by side.
    pub(crate) async fn calm(store: Option<String>) -> World {
        let world = World::quiet_at(store).await;
        world.configure("1s", "60s");
        world
    }

    fn configure(&self, poll: &str, read_back_every: &str) {
        let config = format!(
            "[server]\nlisten = '127.0.0.1:0'\n\
             [accounts.default]\nemulator = '{}'\n\
             [engine]\npoll = '{poll}'\nmetrics_every = '1s'\nprobes_every = '1s'\nread_back_every = '{read_back_every}'\n\
             propagation = '1s'\nrequests_per_second = 50\nlease = '{}s'\n",
            self.playground.aws_url(),
            LEASE.as_secs(),
        );
        std::fs::write(self.folder.path().join("crossfade.toml"), config).unwrap();
    }

    /// Writes a plan for `www.example.com`, judged on both sides, and says where.
    pub(crate) fn plan(&self, name: &str, ramp: &str) -> PathBuf {
        let sides = format!("{{ to: {}, from: {} }}", source("cloud"), source("legacy"));
        self.write_plan(name, ramp, &sides)
    }

    /// The same, judged on the `to` side only: for a world without traffic.
    pub(crate) fn quiet_plan(&self, name: &str, ramp: &str) -> String {
        let path = self.write_plan(name, ramp, &format!("{{ to: {} }}", source("cloud")));
        path.to_str().unwrap().to_owned()
    }

    fn write_plan(&self, name: &str, ramp: &str, error_rate: &str) -> PathBuf {
        let second = self.second.as_ref().map(|_| SECOND_RECORD);
        let records = [Some(RECORD), second].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let plan = format!(
            "name: {name}\nlabels: {{ env: test }}\n\
             records: [{records}]\n\
             from: {{ legacy: 1 }}\nto: {{ cloud: 1 }}\n\
             ramp: {ramp}\nsettle_margin: 0s\n\
             gates:\n  - name: errors\n    error_rate: {error_rate}\n    max_error_rate: 5%\n    \
             min_requests: 5\n    metric_delay: 1s\n",
        );
        let path = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, plan).unwrap();
        path
    }

    /// Adds a gate to a plan.
    pub(crate) fn add_gate(&self, plan: &str, gate: &str) {
        let text = std::fs::read_to_string(plan).unwrap();
        std::fs::write(plan, format!("{text}  - {gate}\n")).unwrap();
    }

    /// The `to` side is at this address.
    pub(crate) fn move_cloud(&self, address: &str) {
        let example = &self.example;
        let record = Record::weighted(&example.record_name, "A", 1, &example.cloud, 0, [address]);
        self.playground.world().put_record(&example.zone_id, record);
    }

    /// From now on, every request of the `to` side fails.
    pub(crate) fn fail_requests(&self) {
        self.put("Errors", 0.0, 1_000.0);
    }

    /// The weight of a side as Route 53 has it.
    pub(crate) fn weight(&self, side: &str) -> u8 {
        self.weights_in(&self.example.zone_id)[side]
    }

    /// The share of the `to` side as Route 53 has it, in percent.
    pub(crate) fn share(&self) -> f64 {
        let [cloud, legacy] = ["cloud", "legacy"].map(|side| f64::from(self.weight(side)));
        100.0 * cloud / (cloud + legacy)
    }

    /// The weights of the zone's one group.
    pub(crate) fn weights_in(&self, zone: &str) -> BTreeMap<String, u8> {
        let first = self.example.zone_id == zone;
        let name = if first { self.example.record_name.as_str() } else { SECOND_NAME };
        self.playground.world().weights(zone, name, "A")
    }

    /// The ids of the zones.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.example.zone_id.as_str()).chain(self.second.as_deref())
    }

    /// Legacy has everything, as before the shift, in every zone.
    pub(crate) fn is_taken_back(&self) -> bool {
        self.zones()
            .map(|zone| self.weights_in(zone))
            .all(|sides| sides["legacy"] == 100 && sides["cloud"] == 0)
    }

    /// Somebody else's edit.
    pub(crate) fn foreign_weight(&self, side: &str, weight: u8) {
        let example = &self.example;
        let world = self.playground.world();
        world.foreign_weight(&example.zone_id, &example.record_name, "A", side, weight).unwrap();
    }

    /// How long changes stay PENDING, those that are PENDING now included.
    pub(crate) fn delay_sync(&self, delay: Duration) {
        let world = self.playground.world();
        world.set_insync_delay(delay);
        if delay.is_zero() {
            world.sync_now();
        }
    }

    /// Waits until more batches than these were applied, and says how many.
    pub(crate) async fn applied_after(&self, before: usize) -> usize {
        let applied = |world: &crossfade_playground::World| {
            Some(world.journal().iter().filter(|entry| entry.is_applied()).count())
                .filter(|now| *now > before)
        };
        self.playground.world().wait_for(applied).await
    }

    /// Whether a fence is in any zone.
    pub(crate) fn is_fenced(&self) -> bool {
        self.zones().any(|zone| self.fence_in(zone).is_some())
    }

    /// The fence's value.
    pub(crate) fn fence_in(&self, zone: &str) -> Option<String> {
        let records = self.playground.world().records(zone);
        records.into_iter().find(|record| record.name.starts_with("_crossfade.")).map(|r| r.values.concat())
    }

    /// A command that needs no daemon, in this world's folder.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        run(self.folder.path(), &[], arguments).await
    }

    /// One value each second, from some seconds away from now on.
    fn put(&self, metric: &str, from: f64, value: f64) {
        let world = self.playground.world();
        let dimensions = [(self.example.dimension.as_str(), "cloud")];
        let first = world.now_unix() + from;
        for second in 0..PREPARED_SECONDS {
            world.put_metric(&self.example.namespace, metric, &dimensions, first + f64::from(second), value);
        }
    }
}

fn source(endpoint: &str) -> String {
    format!(
        "{{ preset: custom, namespace: Playground, dimensions: {{ Endpoint: {endpoint} }}, errors: [Errors], \
         requests: [Requests], period: 5s }}"
    )
}
