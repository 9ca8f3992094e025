//! What probes come to, as a table.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{minutes_ago, now};
use crate::{
    GroupKey, RecordName, RecordSet, RecordType, ZoneId,
    gate::{
        Answer, Family, GateReport, ProbeData, ProbeOutcome, ProbeRead, ProbeTarget, Standing, Verdict,
        judge, off_limits, probe_targets,
    },
    plan::{Format, Plan, Question, parse},
    record::{AliasTarget, Routing, Weight},
};

const PLAN: &str = r#"
name: x
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1, spare: 0, other: 2 }
ramp: { steps: [10], hold: 10m }
gates: [{ name: reachable, probe: { path: /healthz } }]
"#;

fn plan() -> Plan {
    parse(PLAN, Format::Yaml).unwrap()
}

fn target(host: &str) -> ProbeTarget {
    let plan = plan();
    let Question::Probe(probed) = &plan.gates[0].question else { panic!("{:?}", plan.gates[0]) };
    let ask = probed.probe.clone();
    ProbeTarget { name: "www.example.com".to_owned(), host: host.to_owned(), family: Family::V4, ask }
}

const FINE: ProbeOutcome = ProbeOutcome::Fine;

fn failed() -> ProbeOutcome {
    ProbeOutcome::Failed("it answered with status 503".to_owned())
}

fn unknown() -> ProbeOutcome {
    ProbeOutcome::Unknown("there is no route to it from here".to_owned())
}

/// Probes every half a minute, the newest of them so many seconds ago.
fn reads(outcomes: &[ProbeOutcome], newest: i64) -> Vec<ProbeRead> {
    let ago = |index: usize| newest + 30 * (outcomes.len() - 1 - index) as i64;
    let read = |(index, outcome): (usize, &ProbeOutcome)| ProbeRead {
        at: now() - SignedDuration::from_secs(ago(index)),
        outcome: outcome.clone(),
    };
    outcomes.iter().enumerate().map(read).collect()
}

/// One target with these probes, and one that is fine.
fn data(outcomes: &[ProbeOutcome]) -> ProbeData {
    let targets = [(target("203.0.113.7"), reads(outcomes, 10)), (target("203.0.113.8"), reads(&[FINE], 10))];
    ProbeData { targets: BTreeMap::from(targets) }
}

/// Traffic was moved half an hour ago, and has settled.
fn standing() -> Standing {
    let (moved_at, settled_at) = (Some(minutes_ago(30)), Some(minutes_ago(20)));
    Standing { moved_at, began_at: moved_at, settled_at, ..Standing::default() }
}

fn told(data: &ProbeData, standing: Standing) -> GateReport {
    judge(&plan().gates[0], Some(&Answer::Probes(data.clone())), standing, now())
}

#[track_caller]
fn check(data: &ProbeData, standing: Standing, verdict: Verdict, code: &str, sentence: &str) {
    let report = told(data, standing);
    assert_eq!((report.verdict, report.code.as_str(), report.sentence.as_str()), (verdict, code, sentence));
}

const TITLE: &str = "www.example.com at 203.0.113.7:443";

#[test]
fn a_failing_target_holds_before_anything_has_moved_and_fails_after_three_times() {
    let three = [failed(), failed(), failed()];
    let once = format!("{TITLE}: it answered with status 503");
    for failures in 1..=3 {
        check(&data(&three[..failures]), Standing::default(), Verdict::Hold, "probe_failed", &once);
    }
    for failures in [1, 2] {
        let sentence = format!("{once}, {failures} of 3 times");
        check(&data(&three[..failures]), standing(), Verdict::Hold, "probe_failed", &sentence);
    }
    let sentence = format!("{once}, 3 times in a row or more");
    check(&data(&three), standing(), Verdict::Fail, "probe_failed", &sentence);
    let mut both = data(&three);
    both.targets.insert(target("203.0.113.8"), reads(&three, 10));
    let sentence = format!("{sentence}; another target has the like");
    check(&both, standing(), Verdict::Fail, "probe_failed", &sentence);
}

#[test]
fn a_row_of_failures_ends_with_an_answer_and_not_with_silence() {
    let interrupted = [failed(), failed(), FINE, failed()];
    let sentence = format!("{TITLE}: it answered with status 503, 1 of 3 times");
    check(&data(&interrupted), standing(), Verdict::Hold, "probe_failed", &sentence);
    let with_gap = [failed(), failed(), unknown(), failed()];
    let sentence = format!("{TITLE}: it answered with status 503, 3 times in a row or more");
    check(&data(&with_gap), standing(), Verdict::Fail, "probe_failed", &sentence);
    let mended = [failed(), failed(), failed(), FINE];
    check(&data(&mended), standing(), Verdict::Pass, "healthy", "all 2 targets answer as they should");
}

/// After a failure was answered by a person or a step back, it takes three new ones.
#[test]
fn failures_of_before_do_not_fail_it_again() {
    let resumed = Standing { moved_at: Some(now() - SignedDuration::from_secs(45)), ..standing() };
    let sentence = format!("{TITLE}: it answered with status 503, 2 of 3 times");
    check(&data(&[failed(), failed(), failed()]), resumed, Verdict::Hold, "probe_failed", &sentence);
}

#[test]
fn what_is_not_known_holds_and_never_fails() {
    let silent = [unknown(), unknown(), unknown(), unknown()];
    let sentence = format!("{TITLE}: there is no route to it from here");
    let mut never = data(&[FINE]);
    never.targets.insert(target("203.0.113.7"), Vec::new());
    let mut stale = data(&[FINE]);
    stale.targets.insert(target("203.0.113.7"), reads(&[FINE], 121));
    for standing in [Standing::default(), standing()] {
        check(&data(&silent), standing, Verdict::Hold, "no_data", &sentence);
        let sentence = format!("{TITLE}: it has not been probed");
        check(&never, standing, Verdict::Hold, "no_data", &sentence);
        let sentence = format!("{TITLE}: it was last probed 121 s ago");
        check(&stale, standing, Verdict::Hold, "no_data", &sentence);
        let sentence = "the `to` side has no A, AAAA or CNAME records to be probed";
        check(&ProbeData::default(), standing, Verdict::Hold, "no_data", sentence);
    }
    let report = judge(&plan().gates[0], None, standing(), now());
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Wait, "unread"));
}

#[test]
fn every_target_is_probed_again_after_the_traffic_has_settled() {
    let fine = data(&[FINE]);
    let sentence = "all 2 targets answer as they should before any traffic is moved";
    check(&fine, Standing::default(), Verdict::Pass, "nothing_moved", sentence);
    for settled_at in [None, Some(now() - SignedDuration::from_secs(9))] {
        let unsettled = Standing { settled_at, ..standing() };
        let sentence = "the traffic has not settled on the new weights";
        check(&fine, unsettled, Verdict::Wait, "settling", sentence);
    }
    check(&fine, standing(), Verdict::Pass, "healthy", "all 2 targets answer as they should");
}

#[test]
fn numbers_show_every_target() {
    let mut data = data(&[FINE, failed()]);
    data.targets.insert(target("2001:db8::7"), Vec::new());
    let report = told(&data, standing());
    insta::assert_json_snapshot!(report);
    let read: GateReport = serde_json::from_value(serde_json::to_value(&report).unwrap()).unwrap();
    assert_eq!(read, report);
}

fn listed(name: &str, record_type: RecordType, id: &str, values: &[&str], alias: Option<&str>) -> RecordSet {
    RecordSet {
        name: RecordName::new(name),
        record_type: record_type.as_str().to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(0) },
        ttl_seconds: alias.is_none().then_some(60),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        alias: alias.map(|name| AliasTarget {
            hosted_zone_id: "Z2".to_owned(),
            dns_name: name.to_owned(),
            evaluate_target_health: false,
        }),
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}

#[test]
fn targets_are_the_members_of_the_to_side_under_the_names_they_serve() {
    let (www, any) = ("www.example.com", "*.example.com");
    let sets = [
        listed(www, RecordType::A, "legacy", &["192.0.2.1"], None),
        listed(www, RecordType::A, "cloud", &["203.0.113.7", "203.0.113.8"], None),
        listed(www, RecordType::A, "spare", &[], Some("dualstack.LB-1.elb.amazonaws.com.")),
        listed(www, RecordType::A, "a-stranger", &["192.0.2.9"], None),
        listed(www, RecordType::Aaaa, "cloud", &["2001:db8::7"], None),
        listed(www, RecordType::Txt, "cloud", &["\"text\""], None),
        listed(any, RecordType::Cname, "other", &["Edge.example.net."], None),
    ];
    let groups =
        [(www, RecordType::A), (www, RecordType::Aaaa), (www, RecordType::Txt), (any, RecordType::Cname)]
            .map(|(name, record_type)| GroupKey {
                zone: ZoneId::new("Z1"),
                name: RecordName::new(name),
                record_type,
            });
    let ask = target("").ask;
    let found = probe_targets(&ask, &plan(), groups.iter().map(|group| (group, sets.as_slice())));
    let found: Vec<_> = found.into_iter().map(|target| (target.name, target.host, target.family)).collect();
    let wanted = [
        (www, "203.0.113.7", Family::V4),
        (www, "203.0.113.8", Family::V4),
        (www, "dualstack.lb-1.elb.amazonaws.com", Family::V4),
        (www, "2001:db8::7", Family::V6),
        ("crossfade-probe.example.com", "edge.example.net", Family::Any),
    ];
    assert_eq!(found, wanted.map(|(name, host, family)| (name.to_owned(), host.to_owned(), family)));
}

#[test]
fn where_credentials_lie_is_off_limits() {
    for (address, allowed) in [
        ("203.0.113.7", true),
        ("10.0.0.1", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("fd00:1::7", true),
        ("2001:db8::7", true),
        ("169.254.169.254", false),
        ("169.254.0.1", false),
        ("0.0.0.0", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("fe80::1", false),
        ("febf::1", false),
        ("fd00:ec2::254", false),
        ("::ffff:169.254.169.254", false),
        ("64:ff9b::a9fe:a9fe", false),
        ("::", false),
        ("ff02::1", false),
    ] {
        assert_eq!(off_limits(address.parse().unwrap()).is_none(), allowed, "{address}");
    }
}

fn outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop_oneof![4 => Just(FINE), 2 => Just(failed()), 1 => Just(unknown())]
}

/// How grave an outcome is: what is not known stands between the two others.
fn gravity(outcome: &ProbeOutcome) -> u8 {
    match outcome {
        ProbeOutcome::Fine => 0,
        ProbeOutcome::Unknown(_) => 1,
        ProbeOutcome::Failed(_) => 2,
    }
}

fn standings() -> impl Strategy<Value = Standing> {
    let ago = |seconds: i64| now() - SignedDuration::from_secs(seconds);
    proptest::option::of((0..300_i64, proptest::option::of(0..300_i64))).prop_map(move |moved| match moved {
        None => Standing::default(),
        Some((moved, settled)) => Standing {
            moved_at: Some(ago(moved)),
            began_at: Some(ago(moved)),
            settled_at: settled.map(ago),
            ..Standing::default()
        },
    })
}

proptest! {
    /// Only targets of which every one was just seen to answer let a shift go on.
    #[test]
    fn nothing_unknown_and_nothing_failing_passes(
        outcomes in prop::collection::vec(outcome(), 0..6),
        newest in 0..200_i64,
        standing in standings(),
    ) {
        let mut data = data(&[FINE]);
        data.targets.insert(target("203.0.113.7"), reads(&outcomes, newest));
        let report = told(&data, standing);
        let probed: Option<Timestamp> = Some(now() - SignedDuration::from_secs(newest.max(10)));
        let settled = standing.moved_at.is_none()
            || standing.settled_at.is_some_and(|settled| probed.is_some_and(|at| at >= settled));
        let fine = outcomes.last() == Some(&FINE) && newest <= 120;
        prop_assert_eq!(report.verdict == Verdict::Pass, fine && settled, "{:?}", report);
    }

    /// A graver outcome never makes the verdict milder.
    #[test]
    fn graver_is_never_milder(
        outcomes in prop::collection::vec(outcome(), 1..6),
        at in any::<prop::sample::Index>(),
        other in outcome(),
        newest in 0..200_i64,
        standing in standings(),
    ) {
        let mut changed = outcomes.clone();
        let place = at.index(outcomes.len());
        changed[place] = other;
        let verdict = |outcomes: &[ProbeOutcome]| {
            let mut data = data(&[FINE]);
            data.targets.insert(target("203.0.113.7"), reads(outcomes, newest));
            told(&data, standing)
        };
        let (one, two) = (verdict(&outcomes), verdict(&changed));
        let (milder, graver) =
            if gravity(&outcomes[place]) <= gravity(&changed[place]) { (one, two) } else { (two, one) };
        prop_assert!(graver.verdict >= milder.verdict, "{:?} then {:?}", milder, graver);
    }
}

/// What a plan may want probed by itself, and what has targets, are the same types.
#[test]
fn a_plan_that_is_taken_has_targets() {
    for record_type in RecordType::ALL {
        let text = PLAN.replace("types: [A]", &format!("types: [{record_type}]"));
        let set = listed("www.example.com", record_type, "cloud", &["203.0.113.7"], None);
        let key = GroupKey { zone: ZoneId::new("Z1"), name: RecordName::new("www.example.com"), record_type };
        let targets = probe_targets(&target("x").ask, &plan(), [(&key, [set].as_slice())]);
        assert_eq!(parse(&text, Format::Yaml).is_ok(), !targets.is_empty(), "{record_type}");
    }
}
