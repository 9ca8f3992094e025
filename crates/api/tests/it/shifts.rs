//! Making, finding and revising shifts.

use axum::{body::Body, http::StatusCode};
use crossfade_api::types::{Shift, Shifts};
use crossfade_core::{
    RecordName,
    fence::Fence,
    gate::{Counts, Numbers, Standing, judge},
    report::{Next, Report},
};
use crossfade_ports::{Store, ZonesError};

use crate::world::{OWNER, World, now, plan, request};

const SHIFTS: &str = "/api/v1/shifts";

#[tokio::test]
async fn a_plan_becomes_a_shift() {
    let world = World::new();
    insta::assert_snapshot!(
        world.post_plan(&format!("{SHIFTS}?reason=move%20day"), &plan("www")).await.shown()
    );
    let history = world.get("/api/v1/shifts/www/history").await.json();
    assert_eq!(history["items"][0]["reason"], "move day");
    assert_eq!(history["items"][0]["actor"], "alice");
}

#[tokio::test]
async fn a_dry_run_makes_nothing() {
    let world = World::new();
    let answer = world.post_plan(&format!("{SHIFTS}?dry_run=true"), &plan("www")).await;
    assert_eq!((answer.status, answer.json()["phase"].clone()), (StatusCode::OK, "scheduled".into()));
    assert_eq!(world.get("/api/v1/shifts/www").await.code(), "no_such_shift");
}

#[tokio::test]
async fn every_mistake_of_a_plan_is_listed() {
    let world = World::new();
    let wrong = plan("www").replace("steps: [10, 50, 100]", "steps: [50, 10]").replace("owner:", "ovner:");
    insta::assert_snapshot!(world.post_plan(SHIFTS, &wrong).await.shown());
}

#[tokio::test]
async fn what_the_zone_speaks_against_is_refused() {
    let world = World::new();
    let wrong = plan("www").replace("cloud: 1", "clowd: 1");
    insta::assert_snapshot!(world.post_plan(SHIFTS, &wrong).await.shown());
    for (from, to) in [("zone: example.com", "zone: example.org"), ("owner: team-web", "account: other")] {
        assert_eq!(
            world.post_plan(SHIFTS, &plan("www").replace(from, to)).await.code(),
            "plan_invalid",
            "{to}"
        );
    }
    assert_eq!(world.get(SHIFTS).await.json()["items"], serde_json::json!([]));
}

#[tokio::test]
async fn somebody_elses_fence_is_refused_and_named() {
    let world = World::new();
    let fence = |owner: &str| Fence {
        owner: owner.to_owned(),
        shift: "blog-move".to_owned(),
        generation: 4,
        epoch: 1,
        baseline: Default::default(),
    };
    let name = RecordName::new("www.example.com");
    world.zones.foreign_write(&world.zone, fence("installation-2").record_set(&name));
    let answer = world.post_plan(SHIFTS, &plan("www")).await;
    insta::assert_snapshot!(answer.shown());
    world.zones.foreign_write(&world.zone, fence(OWNER).record_set(&name));
    assert_eq!(world.post_plan(SHIFTS, &plan("www")).await.code(), "plan_invalid");
}

#[tokio::test]
async fn records_belong_to_one_shift_at_a_time() {
    let world = World::new();
    world.shift("www", "scheduled").await;
    let other = plan("other").replace("other.example.com", "www.example.com");
    let answer = world.post_plan(SHIFTS, &other).await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    world.post("/api/v1/shifts/www/cancel", "").await;
    assert_eq!(world.post_plan(SHIFTS, &other).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_name_is_used_once() {
    let world = World::new();
    world.shift("www", "cancelled").await;
    insta::assert_snapshot!(world.post_plan(SHIFTS, &plan("www")).await.shown());
}

#[tokio::test]
async fn without_route_53_nothing_is_made() {
    let world = World::new();
    world.zones.fail_reads(Some(ZonesError::Unavailable("connection reset".to_owned())));
    insta::assert_snapshot!(world.post_plan(SHIFTS, &plan("www")).await.shown());
    world.zones.fail_reads(Some(ZonesError::Denied("AccessDenied".to_owned())));
    assert_eq!(world.post_plan(SHIFTS, &plan("www")).await.code(), "route53_denied");
}

#[tokio::test]
async fn a_plan_may_be_json_yaml_or_toml_and_nothing_else() {
    let world = World::new();
    let send = async |content_type: &str, body: String| {
        let request = request("POST", SHIFTS).header("content-type", content_type);
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    let yaml = world.post_plan(&format!("{SHIFTS}?dry_run=true"), &plan("www")).await.json()["plan"].clone();
    assert_eq!(send("application/json; charset=utf-8", yaml.to_string()).await.status, StatusCode::CREATED);
    insta::assert_snapshot!(send("application/x-www-form-urlencoded", plan("shop")).await.shown());
    assert_eq!(send("application/json", "{\"name\":\n oops}".to_owned()).await.code(), "plan_invalid");
}

#[tokio::test]
async fn a_shift_is_shown_with_what_the_engine_saw() {
    let world = World::new();
    world.shift("www", "moved").await;
    let standing = Standing { moved_at: Some(now()), settled_at: Some(now()), ..Standing::default() };
    let gate = &world.store.load("www").await.unwrap().unwrap().shift.plan.gates[0];
    let gate = judge(gate, None, standing, now());
    let next = Next { at: Some(now()), what: "50 % (step 2 of 3)".to_owned() };
    let observed = crossfade_core::Share::from_percent(10.0).ok();
    let report = Report { gates: vec![gate], observed, next: Some(next), ..Report::default() };
    world.store.put_reports(&[("www".to_owned(), report)]).await.unwrap();
    let answer = world.get("/api/v1/shifts/www").await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    let gate = &answer.json()["gates"][0];
    assert_eq!((&gate["name"], &gate["verdict"]), (&"errors".into(), &"wait".into()));
    assert!(gate["sentence"].is_string());
    // A client reads it with the same types, and loses nothing.
    let read: Shift = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), answer.json());
    assert_eq!(answer.json()["plan"]["ramp"]["hold"], "30m");
}

/// What takes longest to say is said to whoever asks for it.
#[tokio::test]
async fn what_gates_can_see_is_said_of_one_shift() {
    let world = World::new();
    world.shift("www", "moved").await;
    let gate = world.store.load("www").await.unwrap().unwrap().shift.plan.gates.remove(0);
    let mut told = judge(&gate, None, Standing::default(), now());
    let Numbers::Errors(numbers) = &mut told.numbers else { panic!("{told:?}") };
    numbers.recent = Counts { requests: 1_000, errors: 1 };
    numbers.recent_from = Some(Counts { requests: 9_000, errors: 9 });
    let report = Report { gates: vec![told], ..Report::default() };
    world.store.put_reports(&[("www".to_owned(), report)]).await.unwrap();
    let one = world.get("/api/v1/shifts/www").await.json();
    // Of the present step and of both that follow.
    assert_eq!(one["sensitivity"].as_array().unwrap().len(), 3);
    let sentence = one["sensitivity"][0]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("at 10 % and "), "{sentence}");
    let list = world.get(SHIFTS).await.json();
    assert_eq!(list["items"][0]["gates"], one["gates"]);
    assert_eq!(list["items"][0].get("sensitivity"), None);
    let paused = world.post("/api/v1/shifts/www/pause", "").await.json();
    assert_eq!(paused["shift"].get("sensitivity"), None);
}

#[tokio::test]
async fn an_unchanged_version_need_not_be_sent_again() {
    let world = World::new();
    world.shift("www", "scheduled").await;
    let ask = async |tag: &str| {
        let request = request("GET", "/api/v1/shifts/www").header("if-none-match", tag);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let same = ask("\"1\"").await;
    assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(same.headers["etag"], "\"1\"");
    world.post("/api/v1/shifts/www/start", "").await;
    let newer = ask("\"1\"").await;
    assert_eq!((newer.status, newer.headers["etag"].to_str().unwrap()), (StatusCode::OK, "\"2\""));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let world = World::new();
    for (name, state) in [("www", "running"), ("shop", "scheduled"), ("api", "running")] {
        world.shift(name, state).await;
    }
    let names = async |query: &str| {
        let page = world.get(&format!("{SHIFTS}{query}")).await.json();
        let items =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        (items.collect::<Vec<_>>(), page["next"].clone())
    };
    assert_eq!(names("").await, (vec!["api".into(), "shop".into(), "www".into()], serde_json::Value::Null));
    assert_eq!(names("?phase=running").await.0, ["api", "www"]);
    assert_eq!(names("?label=product=shop").await.0, ["shop"]);
    assert_eq!(names("?label=env%3Dprod&phase=scheduled").await.0, ["shop"]);
    assert_eq!(names("?limit=2").await, (vec!["api".into(), "shop".into()], "shop".into()));
    assert_eq!(names("?limit=2&cursor=shop").await, (vec!["www".into()], serde_json::Value::Null));
    for query in ["?phase=flying", "?label=env", "?limit=many", "?colour=red"] {
        assert_eq!(world.get(&format!("{SHIFTS}{query}")).await.code(), "malformed_request", "{query}");
    }
}

#[tokio::test]
async fn a_shift_that_cannot_be_read_is_named_beside_the_others() {
    let world = World::new();
    for name in ["www", "shop", "api"] {
        world.shift(name, "running").await;
    }
    world.store.spoil(&["shop"]);
    let page = async |query: &str| {
        let answer = world.get(&format!("{SHIFTS}{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let page: Shifts = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(serde_json::to_value(&page).unwrap(), answer.json(), "a client loses nothing");
        page
    };
    let names = |page: &Shifts| {
        let items: Vec<String> = page.items.iter().map(|shift| shift.name.clone()).collect();
        let unreadable: Vec<String> = page.unreadable.iter().map(|shift| shift.name.clone()).collect();
        (items.join(" "), unreadable.join(" "), page.next.clone())
    };
    let told = |items: &str, unreadable: &str, next: Option<&str>| {
        (items.to_owned(), unreadable.to_owned(), next.map(str::to_owned))
    };
    let all = page("").await;
    assert_eq!(names(&all), told("api www", "shop", None));
    // What is wrong with it is for the log, as ever.
    insta::assert_snapshot!(serde_json::to_string_pretty(&all.unreadable).unwrap());
    // The cursor goes on past it, and the last page may have nothing else.
    assert_eq!(names(&page("?limit=1").await), told("api", "", Some("api")));
    assert_eq!(names(&page("?limit=1&cursor=api").await), told("", "shop", Some("shop")));
    assert_eq!(names(&page("?limit=1&cursor=shop").await), told("www", "", None));
    assert_eq!(names(&page("?limit=2").await), told("api", "shop", Some("shop")));
    assert_eq!(names(&page("?label=product=shop").await), told("", "shop", None));
    // A database that does not answer is another matter.
    world.store.take_down(&["list"]);
    assert_eq!(world.get(SHIFTS).await.code(), "store_unavailable");
}

#[tokio::test]
async fn a_plan_is_revised_within_what_may_change() {
    let world = World::new();
    world.shift("www", "running").await;
    let path = "/api/v1/shifts/www/plan";
    let same = world.plan("PUT", path, &plan("www")).await;
    assert_eq!((same.status, same.json()["events"].clone()), (StatusCode::OK, serde_json::json!([])));

    let slower = plan("www").replace("hold: 30m", "hold: 2h");
    // Slowing down must be possible while Route 53 does not answer.
    world.zones.fail_reads(Some(ZonesError::Unavailable("down".to_owned())));
    let revised = world.plan("PUT", path, &slower).await;
    assert_eq!(revised.status, StatusCode::ACCEPTED, "{}", revised.text);
    assert_eq!(revised.json()["events"][0]["kind"], "revised");
    assert_eq!(revised.json()["shift"]["revision"], 2);
    world.zones.fail_reads(None);

    let elsewhere = plan("www").replace("www.example.com", "shop.example.com");
    insta::assert_snapshot!(world.plan("PUT", path, &elsewhere).await.shown());
    assert_eq!(
        world.plan("PUT", path, &plan("www").replace("cloud: 1", "cloud: 2")).await.code(),
        "plan_fixed"
    );
    assert_eq!(world.plan("PUT", path, &plan("shop")).await.code(), "plan_fixed");
    assert_eq!(world.plan("PUT", path, "name: [").await.code(), "plan_invalid");
    assert_eq!(world.plan("PUT", "/api/v1/shifts/none/plan", &plan("none")).await.code(), "no_such_shift");
}
