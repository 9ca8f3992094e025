//! How a life begins: a plan and its records from the seed, daemons, people, and the faults that will come.

use std::collections::BTreeMap;

use crossfade_core::{
    GroupKey, RecordName, RecordSet, ZoneId,
    event::{Actor, Event},
    plan::{Format, parse},
    shift::{Shift, create as create_shift},
};
use jiff::Timestamp;

use super::{
    Due, Health, Options, Pace, Sim, Swarm, calendar,
    pace::Moved,
    random::{Random, mix},
    route53::{Route53, member},
    store::Store,
    tally::Tally,
    traffic::Traffic,
};

impl Sim {
    /// `None` when the core refuses the simulation's own plan.
    pub(crate) fn new(seed: u64, options: &Options) -> Option<Sim> {
        let mut random = Random::new(mix(seed.wrapping_add(0x5eed)));
        let pace = Pace::new(&mut random);
        let swarm = Swarm::new(&mut random, pace.calm());
        let ttl = random.pick(&[10_u32, 60, 60, 300]).unwrap_or(60);
        let clouds = random.pick(&[1, 2]).unwrap_or(1);
        let (zones, groups) = zones(&mut random, ttl, clouds);
        let moved = Moved { names: entries(&groups), ttl, clouds };
        let beginning = calendar::beginning(&mut random);
        let health = Health::new(&mut random, beginning);
        let text = pace.plan(&mut random, &health, 1, &moved, beginning);
        let (shift, events) = create(&text, &groups, super::stamp(beginning))?;
        let count = options.replicas.unwrap_or_else(|| random.pick(&[1, 1, 2, 2, 3]).unwrap_or(1)).max(1);
        let neighbour = random.next();
        let requests = 200.0 + 20_000.0 * random.unit() * random.unit();
        let traffic = Traffic::new(random.next(), requests, 0.002 * random.unit(), i64::from(ttl));
        let people_gap = pace.people() * 60_000.0 * (5.0 + 400.0 * random.unit() * random.unit());
        let slowest = random.pick(&[50, 500, 5_000, 9_000]).unwrap_or(500);
        let mut route53 = Route53::new(zones);
        route53.ignores_fences = options.mutations.ignores_fences;
        let mut sim = Sim {
            now: beginning,
            began: beginning,
            queue: BTreeMap::new(),
            queued: 0,
            random,
            swarm,
            owner: "installation".to_owned(),
            store: Store::new(shift, events),
            route53,
            traffic,
            health,
            replicas: (0..count).map(|_| super::Replica::default()).collect(),
            mutations: options.mutations,
            slowest,
            people_gap,
            pace,
            plans: 1,
            neighbour,
            ttl,
            forgetful_until: 0,
            edited_at: 0,
            confirmed_at: 0,
            lets_expire: false,
            expired_for: 0,
            goes_bad: false,
            demand: None,
            done: false,
            commits: Vec::new(),
            landed: Vec::new(),
            sent: Vec::new(),
            checked: 0,
            intents: Vec::new(),
            at_rest: false,
            defect: None,
            hash: seed,
            decisions: 0,
            timeline: options.timeline.then(Vec::new),
            tally: Tally::default(),
        };
        sim.store.compares_versions_only = options.mutations.compares_versions_only;
        sim.note(|| format!("seed {seed}, {count} daemons, TTL {ttl} s, {text}"));
        for r in 0..count {
            sim.at(beginning, Due::Start { r });
        }
        sim.at(beginning + 1_000, Due::Person);
        let gap = sim.random.gap(sim.swarm.gap_ms);
        sim.at(beginning + gap, Due::Trouble);
        let length = pace.length(&mut sim.random);
        sim.at(beginning + length, Due::Calm);
        Some(sim)
    }
}

pub(crate) fn create(text: &str, groups: &[GroupKey], now: Timestamp) -> Option<(Shift, Vec<Event>)> {
    let plan = parse(text, Format::Yaml).ok()?;
    create_shift(plan, groups.to_vec(), &Actor("a-person".to_owned()), None, now).ok()
}

/// What the next plan for the same records moves.
pub(crate) fn moved(shift: &Shift, ttl: u32) -> Moved {
    Moved { names: records(shift), ttl, clouds: shift.plan.to.len() }
}

/// The names and types of the shift's records, by zone.
pub(crate) fn records(shift: &Shift) -> Vec<(ZoneId, RecordName, Vec<String>)> {
    entries(&shift.groups)
}

fn entries(groups: &[GroupKey]) -> Vec<(ZoneId, RecordName, Vec<String>)> {
    let mut entries: Vec<(ZoneId, RecordName, Vec<String>)> = Vec::new();
    for group in groups {
        let record_type = group.record_type.as_str().to_owned();
        match entries.iter_mut().find(|(zone, name, _)| *zone == group.zone && *name == group.name) {
            Some((_, _, types)) => types.push(record_type),
            None => entries.push((group.zone.clone(), group.name.clone(), vec![record_type])),
        }
    }
    entries
}

/// A group as it is before anything is moved.
pub(crate) fn members(name: &str, record_type: &str, ttl: u32, clouds: usize) -> Vec<RecordSet> {
    let all = [("cloud", 0), ("cloud-b", 0), ("legacy", 100)].into_iter();
    let named = all.filter(|(id, _)| clouds > 1 || *id != "cloud-b");
    named.map(|(id, weight)| member(name, record_type, id, weight, ttl)).collect()
}

/// One or two zones, with one or two names of one or two types.
fn zones(random: &mut Random, ttl: u32, clouds: usize) -> (super::Zones, Vec<GroupKey>) {
    let mut zones = BTreeMap::new();
    let mut groups = Vec::new();
    for zone in 0..random.pick(&[1, 1, 1, 2]).unwrap_or(1) {
        let id = ZoneId::new(&format!("Z{zone}"));
        let mut sets = Vec::new();
        let names = if random.chance(0.25) {
            &["api.example.com", "www.example.com"][..]
        } else {
            &["www.example.com"][..]
        };
        let types = if random.chance(0.25) { &["A", "AAAA"][..] } else { &["A"][..] };
        for name in names {
            for record_type in types {
                sets.extend(members(name, record_type, ttl, clouds));
                groups.extend(GroupKey::try_from(format!("{id}/{name}/{record_type}")).ok());
            }
        }
        zones.insert(id, sets);
    }
    (zones, groups)
}
