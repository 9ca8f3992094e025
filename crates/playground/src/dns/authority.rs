//! What the name servers would answer, as values; nothing here knows a packet.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;

use crate::endpoint::Endpoints;
use crate::record::{Alias, Policy, Record};
use crate::route53::names;
use crate::world::State;
use crate::zone::Zone;

/// The part of the world that answers depend on.
pub(crate) struct Authority<'a> {
    zones: &'a BTreeMap<String, Zone>,
    health_checks: &'a BTreeMap<String, bool>,
    endpoints: &'a Endpoints,
    rng: &'a mut StdRng,
}

/// One record of an answer, in presentation form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerRecord {
    pub(crate) name: String,
    pub(crate) record_type: String,
    pub(crate) ttl: u32,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There may still be no records: the name exists without this type.
    Found,
    NameUnknown,
    /// No zone of this world.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) records: Vec<AnswerRecord>,
    /// The zone's SOA when there are no records.
    pub(crate) authority: Option<AnswerRecord>,
}

/// How far CNAMEs and aliases are followed.
const MAX_HOPS: usize = 8;
/// Load balancers answer with this TTL, and so do aliases to them.
const LOAD_BALANCER_TTL: u32 = 60;
/// A multivalue answer has at most this many records.
const MULTI_VALUE_LIMIT: usize = 8;

impl Answer {
    /// The shortest TTL, which is how long a resolver may keep the answer.
    pub(crate) fn ttl(&self) -> Option<u32> {
        self.records.iter().map(|record| record.ttl).min()
    }

    /// The values at the end of the chain of names.
    pub(crate) fn final_values(&self) -> Vec<String> {
        let Some(last) = self.records.last() else { return Vec::new() };
        self.records
            .iter()
            .filter(|record| record.name == last.name && record.record_type == last.record_type)
            .map(|record| record.value.clone())
            .collect()
    }
}

impl<'a> Authority<'a> {
    pub(crate) fn of(state: &'a mut State) -> Self {
        Self {
            zones: &state.zones,
            health_checks: &state.health_checks,
            endpoints: &state.endpoints,
            rng: &mut state.rng,
        }
    }

    /// Answers a question about a canonical name.
    pub(crate) fn resolve(&mut self, name: &str, record_type: &str) -> Answer {
        let mut records = Vec::new();
        let mut current = name.to_owned();
        for _ in 0..MAX_HOPS {
            let step = self.lookup(&current, record_type, MAX_HOPS);
            let first = records.is_empty();
            match step {
                Step::Records(found) => {
                    records.extend(found);
                    return Answer { verdict: Verdict::Found, records, authority: None };
                }
                Step::Cname(cname) => {
                    let Ok(target) = names::canonical(&cname.value) else { break };
                    records.push(cname);
                    current = target;
                }
                Step::Nothing { verdict, authority } if first => {
                    return Answer { verdict, records, authority };
                }
                Step::Nothing { .. } => break,
            }
        }
        Answer { verdict: Verdict::Found, records, authority: None }
    }

    fn lookup(&mut self, name: &str, record_type: &str, hops: usize) -> Step {
        let zones = self.zones;
        let Some(zone) = zone_of(zones, name) else { return self.lookup_host(name, record_type) };
        let sets = match sets_at(zone, name) {
            Place::Sets(sets) => sets,
            Place::NoData => Vec::new(),
            Place::Unknown => {
                return Step::Nothing { verdict: Verdict::NameUnknown, authority: soa(zone) };
            }
        };
        let group: Vec<&Record> =
            sets.iter().filter(|record| record.record_type == record_type).copied().collect();
        if !group.is_empty() {
            let picked = self.pick(&group);
            let records = self.written_out(name, &picked, hops);
            if !records.is_empty() {
                return Step::Records(records);
            }
        }
        let cnames: Vec<&Record> =
            sets.iter().filter(|record| record.record_type == "CNAME").copied().collect();
        if !cnames.is_empty() {
            let picked = self.pick(&cnames);
            if let Some(cname) = self.written_out(name, &picked, hops).into_iter().next() {
                return Step::Cname(cname);
            }
        }
        Step::Nothing { verdict: Verdict::Found, authority: soa(zone) }
    }

    /// A load balancer of the world, asked by its own name.
    fn lookup_host(&self, name: &str, record_type: &str) -> Step {
        match self.endpoints.named(name) {
            Some(_) => Step::Records(self.host_records(name, name, record_type)),
            None => Step::Nothing { verdict: Verdict::Refused, authority: None },
        }
    }

    fn host_records(&self, asked: &str, host: &str, record_type: &str) -> Vec<AnswerRecord> {
        let Some(endpoint) = self.endpoints.named(host) else { return Vec::new() };
        endpoint
            .addresses
            .iter()
            .filter(|address| match address.parse() {
                Ok(std::net::IpAddr::V4(_)) => record_type == "A",
                Ok(std::net::IpAddr::V6(_)) => record_type == "AAAA",
                Err(_) => false,
            })
            .map(|address| AnswerRecord {
                name: asked.to_owned(),
                record_type: record_type.to_owned(),
                ttl: LOAD_BALANCER_TTL,
                value: address.clone(),
            })
            .collect()
    }

    /// The record sets of a group that answer this query.
    fn pick<'r>(&mut self, group: &[&'r Record]) -> Vec<&'r Record> {
        let healthy: Vec<&Record> =
            group.iter().filter(|record| self.is_healthy(record, MAX_HOPS)).copied().collect();
        let candidates = if healthy.is_empty() { group.to_vec() } else { healthy };
        let policy = group.first().map_or(Policy::Simple, |record| record.policy());
        match policy {
            Policy::Simple | Policy::Latency | Policy::Geolocation => {
                candidates.into_iter().take(1).collect()
            }
            Policy::MultiValue => candidates.into_iter().take(MULTI_VALUE_LIMIT).collect(),
            Policy::Failover => {
                let primary = candidates.iter().find(|record| record.failover.as_deref() == Some("PRIMARY"));
                primary.or(candidates.first()).copied().into_iter().collect()
            }
            Policy::Weighted => self.draw(&candidates).into_iter().collect(),
        }
    }

    /// One of the candidates, by weight; each with an equal chance when all weights are zero.
    fn draw<'r>(&mut self, candidates: &[&'r Record]) -> Option<&'r Record> {
        let weight = |record: &Record| u32::from(record.weight.unwrap_or_default());
        let total: u32 = candidates.iter().map(|record| weight(record)).sum();
        if total == 0 {
            return match candidates.len() {
                0 => None,
                count => candidates.get(self.rng.random_range(0..count)).copied(),
            };
        }
        let mut drawn = self.rng.random_range(0..total);
        candidates
            .iter()
            .find(|record| {
                let weight = weight(record);
                let hit = drawn < weight;
                drawn = drawn.saturating_sub(weight);
                hit
            })
            .copied()
    }

    /// A record without a health check is healthy.
    fn is_healthy(&self, record: &Record, hops: usize) -> bool {
        let checked = record
            .health_check_id
            .as_ref()
            .is_none_or(|id| self.health_checks.get(id).copied().unwrap_or(true));
        checked
            && record
                .alias
                .as_ref()
                .is_none_or(|alias| self.is_target_healthy(alias, &record.record_type, hops))
    }

    fn is_target_healthy(&self, alias: &Alias, record_type: &str, hops: usize) -> bool {
        if !alias.evaluate_target_health || hops == 0 {
            return true;
        }
        if let Some(endpoint) = self.endpoints.named(&alias.name) {
            return endpoint.healthy;
        }
        let Some(zone) = zone_of(self.zones, &alias.name) else { return true };
        let Place::Sets(sets) = sets_at(zone, &alias.name) else { return true };
        sets.iter()
            .filter(|record| record.record_type == record_type)
            .any(|record| self.is_healthy(record, hops - 1))
    }

    fn written_out(&mut self, name: &str, picked: &[&Record], hops: usize) -> Vec<AnswerRecord> {
        let mut records = Vec::new();
        for record in picked {
            match &record.alias {
                Some(alias) => records.extend(self.follow(name, alias, &record.record_type, hops)),
                None => records.extend(record.values.iter().map(|value| AnswerRecord {
                    name: name.to_owned(),
                    record_type: record.record_type.clone(),
                    ttl: record.ttl.unwrap_or_default(),
                    value: value.clone(),
                })),
            }
        }
        records
    }

    /// An alias answers with its target's records under its own name.
    fn follow(&mut self, name: &str, alias: &Alias, record_type: &str, hops: usize) -> Vec<AnswerRecord> {
        if hops == 0 {
            return Vec::new();
        }
        if self.endpoints.named(&alias.name).is_some() {
            return self.host_records(name, &alias.name, record_type);
        }
        match self.lookup(&alias.name, record_type, hops - 1) {
            Step::Records(found) => {
                found.into_iter().map(|record| AnswerRecord { name: name.to_owned(), ..record }).collect()
            }
            Step::Cname(_) | Step::Nothing { .. } => Vec::new(),
        }
    }
}

enum Step {
    Records(Vec<AnswerRecord>),
    Cname(AnswerRecord),
    Nothing { verdict: Verdict, authority: Option<AnswerRecord> },
}

enum Place<'a> {
    Sets(Vec<&'a Record>),
    /// Nothing here, but something below.
    NoData,
    Unknown,
}

/// The zone whose name is the longest end of this one.
fn zone_of<'a>(zones: &'a BTreeMap<String, Zone>, name: &str) -> Option<&'a Zone> {
    zones.values().filter(|zone| names::is_within(name, &zone.name)).max_by_key(|zone| zone.name.len())
}

/// The records at the name, or at the wildcard that stands for it.
fn sets_at<'a>(zone: &'a Zone, name: &str) -> Place<'a> {
    let exact = exactly_at(zone, name);
    if !exact.is_empty() {
        return Place::Sets(exact);
    }
    if exists(zone, name) {
        return Place::NoData;
    }
    let mut encloser = names::parent(name);
    while let Some(parent) = encloser.filter(|parent| names::is_within(parent, &zone.name)) {
        let wildcard = exactly_at(zone, &format!("\\052.{parent}"));
        if !wildcard.is_empty() {
            return Place::Sets(wildcard);
        }
        if exists(zone, parent) {
            break;
        }
        encloser = names::parent(parent);
    }
    Place::Unknown
}

fn exactly_at<'a>(zone: &'a Zone, name: &str) -> Vec<&'a Record> {
    zone.visible.values().filter(|record| record.name == name).collect()
}

fn exists(zone: &Zone, name: &str) -> bool {
    zone.visible.values().any(|record| names::is_within(&record.name, name))
}

fn soa(zone: &Zone) -> Option<AnswerRecord> {
    let record =
        zone.visible.values().find(|record| record.record_type == "SOA" && record.name == zone.name)?;
    Some(AnswerRecord {
        name: record.name.clone(),
        record_type: "SOA".to_owned(),
        ttl: record.ttl.unwrap_or_default(),
        value: record.values.first()?.clone(),
    })
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
