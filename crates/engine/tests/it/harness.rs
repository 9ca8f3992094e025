//! A running engine over fakes. Time is tokio's and stands still while anything is left to do, so that an hour of a
//! shift takes milliseconds and no test waits for a real clock.

use std::{sync::Arc, time::Duration};

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
    Account, Accounts, Clock, Poke, Store, StoreError, Vitals,
    fake::{metrics::MemoryMetrics, store::MemoryStore, zones::MemoryZones},
};
use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Follows tokio's clock from a fixed beginning.
#[derive(Clone)]
pub(crate) struct VirtualClock {
    began: Instant,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap();
        "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap() + passed
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) zones: MemoryZones,
    pub(crate) metrics: MemoryMetrics,
    pub(crate) clock: VirtualClock,
    pub(crate) group: GroupKey,
    poke: Poke,
    running: Option<(CancellationToken, JoinHandle<()>)>,
    probe: Probe,
}

pub(crate) const SHIFT: &str = "www";

fn plan(zone: &ZoneId) -> String {
    format!(
        "
name: {SHIFT}
records: [{{ zone: {zone}, name: www.example.com, types: [A] }}]
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
        let clock = VirtualClock { began: Instant::now() };
        let zones = MemoryZones::new();
        let zone = zones.create_zone("example.com");
        zones.create_group(&zone, "www.example.com", &[("legacy", 100), ("cloud", 0)]);
        let group = GroupKey { zone, name: RecordName::new("www.example.com"), record_type: RecordType::A };
        let metrics = MemoryMetrics::new();
        let from = clock.now() - SignedDuration::from_hours(1);
        metrics.put_each(&query("Requests"), from, from + SignedDuration::from_hours(24), 1_000.0);
        let store = Arc::new(MemoryStore::new());
        let parsed = parse(&plan(&group.zone), Format::Yaml).unwrap();
        let (shift, events) = create(parsed, vec![group.clone()], &ada(), None, clock.now()).unwrap();
        store.create(&shift, &events, None).await.unwrap();
        World {
            store,
            zones,
            metrics,
            clock,
            group,
            poke: Poke::default(),
            running: None,
            probe: Probe::default(),
        }
    }

    /// With the engine running and the shift started.
    pub(crate) async fn started() -> World {
        let mut world = World::new().await;
        world.run().await;
        world.ask(Command::Start).await;
        world
    }

    pub(crate) async fn run(&mut self) {
        assert!(self.running.is_none());
        let account =
            Account { zones: Arc::new(self.zones.clone()), metrics: Arc::new(self.metrics.clone()) };
        let engine = Engine {
            store: self.store.clone(),
            accounts: Accounts([("default".to_owned(), account)].into()),
            clock: Arc::new(self.clock.clone()),
            poke: self.poke.clone(),
            vitals: Vitals::default(),
            settings: Settings::default(),
            probe: self.probe.clone(),
            installation: self.store.begin_epoch().await.unwrap(),
        };
        let token = CancellationToken::new();
        let task = tokio::spawn(engine.run(token.clone()));
        self.running = Some((token, task));
    }

    /// Ends the engine as a crash would: wherever it is.
    pub(crate) async fn kill(&mut self) {
        let (_, task) = self.running.take().unwrap();
        task.abort();
        let _ = task.await;
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
        for _ in 0..10 {
            let shift = self.shift().await;
            let (next, events) = command(&shift, verb, &ada(), None, self.clock.now()).unwrap();
            match self.store.commit(&next, &events, None).await {
                Ok(()) => return self.poke.poke(),
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

    /// Lets virtual time pass until the shift is as wanted; at most six virtual hours.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Shift) -> bool) -> impl Future<Output = Shift> {
        let caller = std::panic::Location::caller();
        let what = what.to_owned();
        async move {
            for _ in 0..6 * 60 * 60 {
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
