//! A running engine over fakes. Time is tokio's and stands still while anything is left to do, so that an hour of a
//! shift takes milliseconds and no test waits for a real clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crossfade_core::{
    GroupKey, RecordName, RecordType, ZoneId,
    event::{Actor, Event, Happened},
    fence::Fence,
    gate::MetricQuery,
    plan::{Format, Source, parse},
    shift::{Command, Phase, Shift, command, create},
};
use crossfade_engine::{Engine, Point, Probe, Settings};
use crossfade_ports::{
    Account, Accounts, Clock, Metrics, Poke, Store, StoreError, Vitals,
    fake::{metrics::MemoryMetrics, probes::MemoryProbes, store::MemoryStore, zones::MemoryZones},
    store::Head,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::replica::{Line, Mute, Reach, Running};

/// Follows tokio's clock from a fixed beginning, until it is set.
#[derive(Clone)]
pub(crate) struct VirtualClock {
    began: Instant,
    ahead_seconds: Arc<AtomicI64>,
}

impl VirtualClock {
    pub(crate) fn set_ahead(&self, ahead: SignedDuration) {
        self.ahead_seconds.store(ahead.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap();
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst));
        "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap() + passed + ahead
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) zones: MemoryZones,
    pub(crate) metrics: MemoryMetrics,
    pub(crate) clock: VirtualClock,
    /// The first one.
    pub(crate) group: GroupKey,
    pub(crate) groups: Vec<GroupKey>,
    /// Of the daemons' configurations.
    pub(crate) accounts: Vec<&'static str>,
    /// Of those, the one whose CloudWatch never answers.
    pub(crate) mute: Option<&'static str>,
    running: BTreeMap<&'static str, Running>,
    /// How many there have been: each process has a name of its own.
    starts: u32,
    probe: Probe,
    /// The endpoints themselves.
    pub(crate) probes: MemoryProbes,
}

/// The replica of a test that has only one.
const ONLY: &str = "a";

pub(crate) const SHIFT: &str = "www";

/// A plan over the records of its name.
pub(crate) fn plan(name: &str, zones: &[ZoneId]) -> String {
    let records = |zone: &ZoneId| format!("{{ zone: {zone}, name: {name}.example.com, types: [A] }}");
    let records = zones.iter().map(records).collect::<Vec<_>>().join(", ");
    format!(
        "
name: {name}
records: [{records}]
from: {{ legacy: 1 }}
to: {{ cloud: 1 }}
ramp: {{ steps: [10, 50, 100], hold: 10m }}
settle_margin: 10s
gates:
  - name: errors
    error_rate:
      to: {{ preset: custom, namespace: Test, errors: [Errors], requests: [Requests] }}
"
    )
}

impl World {
    /// A zone with two weighted records, healthy metrics for a day, and a shift that was created but not started.
    pub(crate) async fn new() -> World {
        World::of(1, |plan| plan).await
    }

    /// The same records in so many zones.
    pub(crate) async fn with_zones(count: usize) -> World {
        World::of(count, |plan| plan).await
    }

    /// With these gates beside the one that asks for errors.
    pub(crate) async fn asking(more: &str) -> World {
        World::with(|plan| plan + more).await
    }

    /// With something of the plan's text changed.
    pub(crate) async fn with(change: impl FnOnce(String) -> String) -> World {
        World::of(1, change).await
    }

    async fn of(count: usize, change: impl FnOnce(String) -> String) -> World {
        let clock = VirtualClock { began: Instant::now(), ahead_seconds: Arc::default() };
        let zones = MemoryZones::new();
        let group = || {
            let zone = zones.create_zone("example.com");
            zones.create_group(&zone, "www.example.com", &[("legacy", 100), ("cloud", 0)]);
            GroupKey { zone, name: RecordName::new("www.example.com"), record_type: RecordType::A }
        };
        let groups: Vec<GroupKey> = std::iter::repeat_with(group).take(count).collect();
        let metrics = MemoryMetrics::new();
        let from = clock.now() - SignedDuration::from_hours(1);
        metrics.put_each(&query("Requests"), from, from + SignedDuration::from_hours(24), 1_000.0);
        let store = Arc::new(MemoryStore::new());
        let world = World {
            store,
            zones,
            metrics,
            clock,
            group: groups[0].clone(),
            groups,
            accounts: vec!["default"],
            mute: None,
            running: BTreeMap::new(),
            starts: 0,
            probe: Probe::default(),
            probes: MemoryProbes::new(),
        };
        world.apply(&change(world.plan()), world.groups.clone()).await;
        world
    }

    fn plan(&self) -> String {
        let zones: Vec<ZoneId> = self.groups.iter().map(|group| group.zone.clone()).collect();
        plan(SHIFT, &zones)
    }

    /// A shift of all the groups.
    pub(crate) async fn create(&self) {
        self.apply(&self.plan(), self.groups.clone()).await;
    }

    pub(crate) async fn apply(&self, plan: &str, groups: Vec<GroupKey>) {
        let plan = parse(plan, Format::Yaml).unwrap();
        let (shift, events) = create(plan, groups, &ada(), None, self.clock.now()).unwrap();
        self.store.create(&shift, &events, None).await.unwrap();
    }

    /// With the engine running and the shift started.
    pub(crate) async fn started() -> World {
        let mut world = World::new().await;
        world.run().await;
        world.ask(Command::Start).await;
        world
    }

    pub(crate) async fn run(&mut self) {
        self.start(ONLY).await;
    }

    /// Runs one more engine over the same store and the same zones.
    pub(crate) async fn start(&mut self, name: &'static str) {
        let (poke, vitals) = (Poke::default(), Vitals::default());
        let reach = Arc::new(Reach::new(self.store.clone()));
        let line = Arc::new(Line::new(self.zones.clone()));
        let account = |name: &&'static str| {
            let metrics: Arc<dyn Metrics> =
                if self.mute == Some(*name) { Arc::new(Mute) } else { Arc::new(self.metrics.clone()) };
            ((*name).to_owned(), Account { zones: line.clone(), metrics })
        };
        self.starts += 1;
        let engine = Engine {
            store: reach.clone(),
            accounts: Accounts(self.accounts.iter().map(account).collect()),
            probes: Arc::new(self.probes.clone()),
            clock: Arc::new(self.clock.clone()),
            poke: poke.clone(),
            vitals: vitals.clone(),
            settings: Settings::default(),
            probe: self.probe.clone(),
            installation: self.store.installation().await.unwrap(),
            replica: format!("{name}-{}", self.starts),
        };
        let token = CancellationToken::new();
        let task = tokio::spawn(engine.run(token.clone()));
        let before = self.running.insert(name, Running { token, task, poke, vitals, reach, line });
        assert!(before.is_none());
    }

    /// Ends the engine as a crash would: wherever it is.
    pub(crate) async fn kill(&mut self) {
        self.kill_one(ONLY).await;
    }

    pub(crate) async fn kill_one(&mut self, name: &str) {
        let Running { task, .. } = self.running.remove(name).unwrap();
        task.abort();
        let _ = task.await;
    }

    /// Ends one as a signal would.
    pub(crate) async fn stop(&mut self, name: &str) {
        let Running { token, task, .. } = self.running.remove(name).unwrap();
        token.cancel();
        task.await.unwrap();
    }

    pub(crate) fn is_running(&self, name: &str) -> bool {
        self.running.contains_key(name)
    }

    pub(crate) fn replica(&self, name: &str) -> &Running {
        &self.running[name]
    }

    /// The replica that holds each account, by the beginning of its name.
    pub(crate) async fn holders(&self) -> BTreeMap<String, String> {
        let leases = self.store.leases().await.unwrap();
        let holder = |owner: String| owner.split('-').next().unwrap().to_owned();
        leases.into_iter().map(|tenure| (tenure.lease.account, holder(tenure.lease.owner))).collect()
    }

    /// Lets virtual time pass until each of these accounts has one of these holders, and says how much it was.
    #[track_caller]
    pub(crate) fn until_held(&self, wanted: &[(&str, &str)]) -> impl Future<Output = Duration> {
        let caller = std::panic::Location::caller();
        let wanted: BTreeMap<String, String> =
            wanted.iter().map(|(account, holder)| ((*account).to_owned(), (*holder).to_owned())).collect();
        async move {
            let began = Instant::now();
            while self.holders().await != wanted {
                assert!(began.elapsed() < Duration::from_secs(120), "{caller}: {:?}", self.holders().await);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            began.elapsed()
        }
    }

    /// How many accounts each holder has.
    pub(crate) async fn shares(&self) -> BTreeMap<String, usize> {
        let holders = self.holders().await;
        let names: BTreeSet<&String> = holders.values().collect();
        let count = |name: &String| holders.values().filter(|holder| *holder == name).count();
        names.into_iter().map(|name| (name.clone(), count(name))).collect()
    }

    /// Lets the engine panic, once, when it comes to this point.
    pub(crate) fn crash_at(&mut self, point: Point, count: u32) {
        let left = std::sync::atomic::AtomicU32::new(count);
        self.probe = Probe::new(move |at| {
            if at == point && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                panic!("the crash that was asked for, {}", point.as_str());
            }
        });
    }

    pub(crate) async fn ask(&self, verb: Command) {
        self.ask_at(ONLY, verb).await;
    }

    /// A command that came to this replica, where it is poked if it runs.
    pub(crate) async fn ask_at(&self, replica: &str, verb: Command) {
        self.command(SHIFT, verb).await;
        if let Some(replica) = self.running.get(replica) {
            replica.poke.poke_at(SHIFT);
        }
    }

    /// A command that no replica is told of.
    pub(crate) async fn command(&self, name: &str, verb: Command) {
        for _ in 0..10 {
            let shift = self.store.load(name).await.unwrap().unwrap().shift;
            let (next, events) = command(&shift, verb, &ada(), None, self.clock.now()).unwrap();
            match self.store.commit(&Head::of(&shift), &next, &events, None, None).await {
                Ok(()) => return,
                Err(StoreError::Conflict { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("never got its turn");
    }

    pub(crate) async fn shift(&self) -> Shift {
        self.store.load(SHIFT).await.unwrap().unwrap().shift
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        self.store.events(SHIFT, 0, 10_000).await.unwrap()
    }

    /// Lets virtual time pass until the shift is as wanted; at most a virtual day.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Shift) -> bool) -> impl Future<Output = Shift> {
        let caller = std::panic::Location::caller();
        let what = what.to_owned();
        async move {
            for _ in 0..24 * 60 * 60 {
                let shift = self.shift().await;
                if wanted(&shift) {
                    return shift;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            panic!("{caller}: never {what}: {:#?}", self.shift().await);
        }
    }

    pub(crate) async fn pass(&self, minutes: u64) {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    }

    pub(crate) fn cloud(&self) -> u8 {
        self.zones.weights(&self.group)["cloud"].0
    }

    pub(crate) fn weights(&self) -> (u8, u8) {
        let weights = self.zones.weights(&self.group);
        (weights["legacy"].0, weights["cloud"].0)
    }

    pub(crate) fn fence(&self) -> Option<Fence> {
        self.zones.sets(&self.group.zone).iter().find_map(Fence::decode)
    }

    /// From now on, this part of the requests fails.
    pub(crate) fn fail_requests(&self, ratio: f64) {
        let now = self.clock.now();
        self.metrics.put_each(&query("Errors"), now, now + SignedDuration::from_hours(20), 1_000.0 * ratio);
    }

    pub(crate) async fn steps(&self) -> Vec<f64> {
        let events = self.events().await;
        let mut steps = Vec::new();
        for event in events {
            if let Happened::Intended {
                purpose: crossfade_core::shift::Purpose::Step { .. }, share, ..
            } = event.what
            {
                steps.push(share.percent());
            }
        }
        steps
    }
}

pub(crate) fn is(name: &'static str) -> impl Fn(&Shift) -> bool {
    move |shift| shift.phase.as_str() == name
}

pub(crate) fn observing(share: f64) -> impl Fn(&Shift) -> bool {
    move |shift| {
        matches!(shift.phase, Phase::Running { .. })
            && shift.landed.percent() == share
            && shift.settled_at.is_some()
            && shift.write.is_none()
    }
}

pub(crate) fn ada() -> Actor {
    Actor("ada".to_owned())
}

pub(crate) fn query(metric: &str) -> MetricQuery {
    let source: Source = serde_json::from_str(
        r#"{"preset":"custom","namespace":"Test","errors":["Errors"],"requests":["Requests"],"period":"60s"}"#,
    )
    .unwrap();
    crossfade_core::gate::queries(&source).into_iter().find(|query| query.metric == metric).unwrap()
}
