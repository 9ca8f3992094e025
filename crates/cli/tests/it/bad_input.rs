//! What is refused before anything is written, each with what is wrong and what to do about it.

use crossfade_api::{BODY_MAX_BYTES, Code, types::Problem};
use crossfade_playground::Record;
use reqwest::{Method, StatusCode};

use crate::harness::{Process, World, http};

/// A plan that is in order but for what a case changes.
struct Plan {
    records: &'static str,
    from: &'static str,
    to: &'static str,
    steps: &'static str,
}

const ORDERLY: Plan = Plan {
    records: "{ zone: example.com, name: www.example.com, types: [A] }",
    from: "{ legacy: 1 }",
    to: "{ cloud: 1 }",
    steps: "[50, 100]",
};

impl Plan {
    fn text(&self) -> String {
        let Plan { records, from, to, steps } = self;
        format!(
            "name: bad\nrecords: [{records}]\nfrom: {from}\nto: {to}\nramp: {{ steps: {steps}, hold: 1m }}\n\
             gates:\n  - name: errors\n    error_rate: {{ to: {{ preset: custom, namespace: Playground, \
             dimensions: {{ Endpoint: cloud }}, errors: [Errors], requests: [Requests] }} }}\n"
        )
    }
}

/// The plan, what is wrong with it, and what to do.
fn cases() -> Vec<(Plan, &'static str, &'static str)> {
    let records = |records| Plan { records, ..ORDERLY };
    vec![
        (
            records("{ zone: example.com, name: nowhere.example.com, types: [A] }"),
            "there is no record nowhere.example.com A in zone",
            "correct the name or the zone, or create the records first",
        ),
        (
            records("{ zone: example.com, name: www.example.com, types: [AAAA] }"),
            "there is no record www.example.com AAAA",
            "at that name there are: A",
        ),
        (
            records("{ zone: example.com, name: plain.example.com, types: [A] }"),
            "plain.example.com A is a simple record, without weights",
            "create a weighted record for each side",
        ),
        (
            records("{ zone: example.com, name: two.example.com, types: [A, AAAA] }"),
            "the types of two.example.com have different TTLs: A 30 s, AAAA 60 s",
            "give all of them the same",
        ),
        (
            records("{ zone: example.com, name: zero.example.com, types: [A] }"),
            "all weights of zero.example.com A are zero now",
            "give the from side its weight first",
        ),
        (
            records("{ zone: nowhere.org, name: www.nowhere.org, types: [A] }"),
            "there is no zone nowhere.org in this account",
            "check the zone and the plan's account",
        ),
        (
            records("{ zone: twice.org, name: www.twice.org, types: [A] }"),
            "2 zones are named twice.org",
            "give the id of one of them: ",
        ),
        (
            Plan { to: "{ clowd: 1 }", ..ORDERLY },
            "www.example.com A has no record set with the identifier clowd",
            "create it with weight 0, or name one of those that are there: cloud, legacy",
        ),
        (
            Plan { to: "{ clowd: 1 }", ..ORDERLY },
            "www.example.com A has a record set cloud that the plan does not name",
            "put it on a side",
        ),
        (
            Plan { steps: "[50, 50.01]", ..ORDERLY },
            "line 5, ramp.steps[1]: 50.01 % cannot be told apart from 50 % before it",
            "leave one of them out, or put them further apart",
        ),
        (
            Plan { steps: "[50, 10]", ..ORDERLY },
            "line 5, ramp.steps[1]: 10 % is not above 50 %, the step before it",
            "put the steps in rising order",
        ),
        (
            Plan { to: "{ cloud: 0 }", ..ORDERLY },
            "line 4, to: no set identifier has a relative share above zero",
            "give one of them at least 1",
        ),
        (
            Plan { from: "{ cloud: 1 }", ..ORDERLY },
            "line 4, to.cloud: the set identifier \"cloud\" is on both sides",
            "take it out of from or of to",
        ),
    ]
}

/// With records of every kind that a plan must not be started on.
async fn world() -> World {
    let world = World::quiet_at(None).await;
    let playground = world.playground.world();
    let zone = &world.example.zone_id;
    playground.put_record(zone, Record::simple("plain.example.com", "A", 30, ["192.0.2.1"]));
    for (name, record_type, ttl, values) in [
        ("two.example.com", "A", 30, ["192.0.2.1", "192.0.2.2"]),
        ("two.example.com", "AAAA", 60, ["2001:db8::1", "2001:db8::2"]),
        ("zero.example.com", "A", 30, ["192.0.2.1", "192.0.2.2"]),
    ] {
        let legacy = if name.starts_with("zero") { 0 } else { 100 };
        for (id, weight, value) in [("legacy", legacy, values[0]), ("cloud", 0, values[1])] {
            playground.put_record(zone, Record::weighted(name, record_type, ttl, id, weight, [value]));
        }
    }
    playground.create_zone("twice.org");
    playground.create_private_zone("twice.org");
    world
}

async fn nothing_was_written(world: &World, daemon: &Process) {
    assert!(world.playground.world().journal().is_empty());
    assert_eq!(daemon.client().shifts(None, None).await.unwrap(), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_followed_is_refused_with_what_to_do() {
    let world = world().await;
    let daemon = Process::start(&world).await;
    let before = world.playground.world().records(&world.example.zone_id);
    for (plan, wrong, hint) in cases() {
        std::fs::write(world.folder.path().join("bad.yaml"), plan.text()).unwrap();
        let said = daemon.run(&["apply", "bad.yaml", "--start"]).await;
        assert_eq!(said.code, 1, "{wrong}: {said:#?}");
        assert!(said.stdout.is_empty(), "{said:#?}");
        let line = said.stderr.lines().find(|line| line.contains(wrong));
        let line = line.unwrap_or_else(|| panic!("{wrong}: {said:#?}"));
        assert!(line.contains(hint), "{hint}: {line}");
        let previewed = daemon.run(&["plan", "preview", "bad.yaml"]).await;
        assert!(previewed.code == 1 && previewed.stderr.contains(wrong), "{previewed:#?}");
        nothing_was_written(&world, &daemon).await;
    }
    assert_eq!(world.playground.world().records(&world.example.zone_id), before);
}

/// Without a daemon the command itself has to see it.
#[tokio::test]
async fn a_direct_revert_of_what_cannot_be_meant_is_refused() {
    let world = world().await;
    for (zone, name, code, wrong, hint) in [
        ("twice.org", "www.twice.org", 1, "2 zones are named twice.org", "give one of these ids as --zone"),
        ("nowhere.org", "www.nowhere.org", 1, "there is no hosted zone nowhere.org", "--account names"),
        ("example.com", "www.example.com", 5, "www.example.com has no fence", "_crossfade.www.example.com"),
        ("example.com", "nowhere.example.com", 5, "has no fence", "--name is the record that moves"),
    ] {
        let said = world.run(&["revert", "--direct", "--zone", zone, "--name", name]).await;
        assert_eq!(said.code, code, "{said:#?}");
        assert!(said.stderr.contains(wrong) && said.stderr.contains(hint), "{said:#?}");
    }
    assert!(world.playground.world().journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shift_is_made_of_cannot_be_revised() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    let plan = world.quiet_plan("www", "{ steps: [50, 100], hold: 1h }");
    daemon.done(&["apply", &plan]).await;
    let text = std::fs::read_to_string(&plan).unwrap();
    for (before, after, what) in [
        ("{ cloud: 1 }", "{ cloud: 2 }", "sides"),
        (
            "{ zone: example.com",
            "{ zone: example.com., types: [A], name: two.example.com }, { zone: example.com",
            "records",
        ),
    ] {
        std::fs::write(&plan, text.replace(before, after)).unwrap();
        let refused = daemon.run(&["apply", &plan]).await;
        assert_eq!(refused.code, 5, "{refused:#?}");
        assert!(refused.stderr.contains(&format!("A shift's {what} cannot be changed")), "{refused:#?}");
    }
    assert_eq!(daemon.history("www").await.len(), 1);
    assert!(world.playground.world().journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_belong_to_one_shift_at_a_time() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    daemon.done(&["apply", &world.quiet_plan("first", "{ steps: [50, 100], hold: 1h }")]).await;
    let second = world.quiet_plan("second", "{ steps: [50, 100], hold: 1h }");
    let refused = daemon.refused(&["apply", &second]).await;
    assert!(refused.stderr.contains("belong to shift first"), "{refused:#?}");
    assert!(refused.stderr.contains("`crossfade cancel first`"), "{refused:#?}");
    daemon.done(&["cancel", "first"]).await;
    daemon.done(&["apply", &second]).await;
    assert!(world.playground.world().journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_at_the_wrong_time_names_those_that_are_possible() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    daemon.done(&["apply", &world.quiet_plan("www", "{ steps: [50, 100], hold: 1h }")]).await;
    for verb in
        ["resume", "advance", "approve", "step-back", "revert", "retry", "adopt", "reassert", "finalize"]
    {
        let problem = problem(&daemon, &format!("shifts/www/{verb}"), JSON, b"{}").await;
        assert_eq!((problem.status, problem.code), (409, Code::NotNow), "{problem:#?}");
        assert_eq!(problem.possible.as_deref().unwrap_or_default(), ["start", "pause", "cancel"]);
        let said = daemon.refused(&[verb, "www"]).await;
        assert!(said.stderr.contains("possible now: start, pause, cancel"), "{said:#?}");
    }
    assert!(world.playground.world().journal().is_empty());
    assert_eq!(daemon.history("www").await.len(), 1);
}

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused_whole() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    let plan = ORDERLY.text();
    let large = vec![b' '; BODY_MAX_BYTES + 1];
    let unclosed = br#"{"name": "www","#;
    for (path, content_type, body, status, code) in [
        ("shifts", JSON, &unclosed[..], 422, Code::PlanInvalid),
        ("shifts", JSON, plan.as_bytes(), 422, Code::PlanInvalid),
        ("shifts", "application/yaml", b"\xff\xfe", 400, Code::MalformedBody),
        ("shifts", "application/yaml", &large, 413, Code::BodyTooLarge),
        ("shifts", "text/html", plan.as_bytes(), 415, Code::UnsupportedMediaType),
        ("shifts", "", plan.as_bytes(), 415, Code::UnsupportedMediaType),
        ("pause", JSON, &unclosed[..], 400, Code::MalformedBody),
        ("pause", JSON, b"", 400, Code::MalformedBody),
        ("revert", JSON, br#"{"selector": {}, "freeze": true}"#, 400, Code::MalformedBody),
        ("shifts/www/start", JSON, br#"{"raeson": "typo"}"#, 400, Code::MalformedBody),
        ("shifts/www/start", JSON, b"{}", 404, Code::NoSuchShift),
        ("shifts/www/begin", JSON, b"{}", 404, Code::NoSuchPath),
    ] {
        let problem = problem(&daemon, path, content_type, body).await;
        assert_eq!((problem.status, problem.code), (status, code), "{path}: {problem:#?}");
        let mistakes = &problem.errors;
        let placed = !mistakes.is_empty() && mistakes.iter().all(|error| error.line.is_some());
        let explained = problem.hint.is_some() || placed;
        assert!(explained && problem.detail.ends_with('.'), "{path}: {problem:#?}");
    }
    nothing_was_written(&world, &daemon).await;
}

/// The refusal that a POST gets.
async fn problem(daemon: &Process, path: &str, content_type: &str, body: &[u8]) -> Problem {
    let mut request =
        http().request(Method::POST, format!("{}/api/v1/{path}", daemon.url())).body(body.to_vec());
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status();
    let problem: Problem = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(StatusCode::from_u16(problem.status).unwrap(), status);
    problem
}
