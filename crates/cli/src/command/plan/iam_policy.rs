//! `plan iam-policy`: what the daemon must be allowed for one plan, and nothing besides.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_core::{
    RecordName, RecordType,
    gate::{Provider, latency_queries, queries},
    plan::{Errors, Plan, Question},
};
use serde_json::{Value, json};

/// The policy as AWS takes it.
///
/// IAM can name records, types and actions of a write. It cannot name weights or values, so that it cannot keep anybody
/// who has this policy from pointing these names elsewhere.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html>
pub(super) fn policy(plan: &Plan) -> Value {
    let mut statements = Vec::new();
    for (number, (zone, (names, types))) in by_zone(plan).into_iter().enumerate() {
        let zone = zone_arn(zone);
        statements.push(json!({
            "Sid": format!("Move{number}"),
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": zone,
            "Condition": { "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
                "route53:ChangeResourceRecordSetsRecordTypes": types,
                // UPSERT is the last resort of a revert.
                "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE", "UPSERT"],
            }},
        }));
        statements.push(json!({
            "Sid": format!("Read{number}"),
            "Effect": "Allow",
            "Action": ["route53:GetHostedZone", "route53:ListResourceRecordSets"],
            "Resource": zone,
        }));
    }
    statements.push(json!({
        "Sid": "Follow", "Effect": "Allow", "Action": "route53:GetChange", "Resource": "arn:aws:route53:::change/*",
    }));
    // None of these can be narrowed to a resource, or, as with composite alarms, only by leaving some out.
    let mut unscoped: BTreeSet<&str> = plan.gates.iter().flat_map(|gate| reads(&gate.question)).collect();
    if plan.records.iter().any(|records| !is_id(&records.zone)) {
        unscoped.insert("route53:ListHostedZonesByName");
    }
    // IAM takes no statement without an action.
    if !unscoped.is_empty() {
        statements.push(json!({ "Sid": "Look", "Effect": "Allow", "Action": unscoped, "Resource": "*" }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What a gate reads of CloudWatch; what a preview looks for besides, where it finds nothing.
fn reads(question: &Question) -> Vec<&'static str> {
    let asked: Vec<_> = match question {
        Question::Errors(Errors { error_rate, .. }) => {
            [&error_rate.to].into_iter().chain(&error_rate.from).flat_map(queries).collect()
        }
        Question::Latency(latency) => {
            latency.sources().flat_map(|source| latency_queries(source, latency.percentile)).collect()
        }
        Question::Alarms(_) => return vec!["cloudwatch:DescribeAlarms"],
        Question::Probe(_) => return Vec::new(),
    };
    match asked.iter().any(|query| query.provider == Provider::CloudWatch) {
        true => vec!["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"],
        false => Vec::new(),
    }
}

type Zones<'a> = BTreeMap<&'a str, (BTreeSet<String>, BTreeSet<&'static str>)>;

fn by_zone(plan: &Plan) -> Zones<'_> {
    let mut zones = Zones::new();
    for records in &plan.records {
        let (names, types) = zones.entry(&records.zone).or_default();
        let name = RecordName::new(&records.name);
        names.extend([normalized(&name), normalized(&name.fence())]);
        types.extend(records.types.iter().map(|record_type| record_type.as_str()));
        types.insert(RecordType::Txt.as_str());
    }
    zones
}

/// Lower case, no dot at the end, and everything but letters, digits, `-`, `_` and `.` in octal, `*` included.
fn normalized(name: &RecordName) -> String {
    name.as_str().replace('*', "\\052")
}

/// A zone that the plan only names could be any.
fn zone_arn(zone: &str) -> String {
    format!("arn:aws:route53:::hostedzone/{}", if is_id(zone) { zone } else { "*" })
}

/// Names of zones have a dot, or at least no capital letters.
fn is_id(zone: &str) -> bool {
    zone.starts_with('Z') && zone.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crossfade_core::plan::{Format, parse};

    use super::*;

    #[test]
    fn a_policy_names_the_records_their_fences_and_nothing_else() {
        let text = "\
            name: www\n\
            records:\n\
              - { zone: Z0123, name: www.example.com, types: [A, AAAA] }\n\
              - { zone: example.net, name: '*.example.net', types: [CNAME] }\n\
            from: { legacy: 1 }\n\
            to: { cloud: 1 }\n\
            ramp: { steps: [100], hold: 1m }\n\
            gates:\n\
              - { name: errors, error_rate: { to: { preset: alb, load_balancer: app/cloud/50dc6c495c0c9188 } } }\n";
        let policy = policy(&parse(text, Format::Yaml).unwrap());
        let statements = policy["Statement"].as_array().unwrap();
        let of = |sid: &str| statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
        let condition = |sid: &str, key: &str| {
            of(sid)["Condition"]["ForAllValues:StringEquals"]
                [format!("route53:ChangeResourceRecordSets{key}")]
            .clone()
        };
        assert_eq!(of("Move0")["Resource"], "arn:aws:route53:::hostedzone/Z0123");
        assert_eq!(
            condition("Move0", "NormalizedRecordNames"),
            json!(["_crossfade.www.example.com", "www.example.com"])
        );
        assert_eq!(condition("Move0", "RecordTypes"), json!(["A", "AAAA", "TXT"]));
        assert_eq!(of("Move1")["Resource"], "arn:aws:route53:::hostedzone/*");
        assert_eq!(
            condition("Move1", "NormalizedRecordNames"),
            json!(["\\052.example.net", "_crossfade._wildcard.example.net"])
        );
        assert_eq!(
            of("Look")["Action"],
            json!(["cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "route53:ListHostedZonesByName"])
        );
        let alarms = text.to_owned() + "- { name: alarms, alarms: { names: [latency] } }\n";
        let actions = super::policy(&parse(&alarms, Format::Yaml).unwrap())["Statement"][5]["Action"].clone();
        assert!(actions.as_array().unwrap().contains(&json!("cloudwatch:DescribeAlarms")), "{actions}");
    }

    #[test]
    fn a_plan_that_asks_cloudwatch_nothing_may_ask_it_nothing() {
        let text = "\
            name: www\n\
            records: [{ zone: Z0123, name: www.example.com, types: [A] }]\n\
            from: { legacy: 1 }\n\
            to: { cloud: 1 }\n\
            ramp: { steps: [100], hold: 1m }\n\
            gates:\n\
              - { name: answers, probe: { path: /healthz } }\n\
              - { name: errors, error_rate: { to: { preset: prometheus, errors: a, requests: b } } }\n";
        let policy = policy(&parse(text, Format::Yaml).unwrap());
        let statements = policy["Statement"].as_array().unwrap().iter();
        let sids: Vec<&str> = statements.filter_map(|statement| statement["Sid"].as_str()).collect();
        assert_eq!(sids, ["Move0", "Read0", "Follow"]);

        let latency = "- { name: slow, latency: { to: { preset: custom, namespace: N, latency: L } }, max_latency: 1s }\n";
        let policy = super::policy(&parse(&(text.to_owned() + latency), Format::Yaml).unwrap());
        assert_eq!(
            policy["Statement"][3]["Action"],
            json!(["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"])
        );
    }
}
