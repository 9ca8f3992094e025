//! A plan before there is a shift: played through, and tried on what was recorded.

use serde_json::Value;

use crate::harness::World;

const PLAN: &str = "name: www\n\
    records: [{ zone: example.com, name: www.example.com, types: [A] }]\n\
    from: { legacy: 1 }\nto: { cloud: 1 }\n\
    ramp: { steps: [5, 50], hold: 20m }\n\
    gates:\n\
    - name: errors\n\
    \x20 error_rate:\n\
    \x20   to: { preset: custom, namespace: Record, dimensions: { Side: cloud }, errors: [Errors], requests: [Requests] }\n\
    \x20   from: { preset: custom, namespace: Record, dimensions: { Side: legacy }, errors: [Errors], requests: [Requests] }\n";

async fn world() -> World {
    let world = World::quiet_at(None).await;
    std::fs::write(world.folder.path().join("plan.yaml"), PLAN).unwrap();
    world
}

#[tokio::test]
async fn gates_are_tried_on_what_was_recorded() {
    let world = world().await;
    let arguments = ["plan", "backtest", "plan.yaml", "--from", "6h", "--output", "json"];
    let nothing = world.run(&arguments).await;
    assert_eq!(nothing.code, 1, "{nothing:#?}");
    assert!(
        nothing.stderr.contains("gate errors: the from side has 0 periods with requests"),
        "{nothing:#?}"
    );

    let playground = world.playground.world();
    let minute = (playground.now_unix() / 60.0).floor() * 60.0;
    for ago in 1..=330 {
        let (at, side) = (minute - f64::from(ago) * 60.0, [("Side", "legacy")]);
        playground.put_metric("Record", "Requests", &side, at, 6_000.0);
        playground.put_metric("Record", "Errors", &side, at, 6.0);
    }
    let said = world.run(&arguments).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let tested: Value = serde_json::from_str(&said.stdout).unwrap();
    let steps = tested[0]["steps"].as_array().unwrap();
    assert_eq!(
        (tested[0]["gate"].as_str(), tested[0]["side"].as_str(), steps.len()),
        (Some("errors"), Some("from"), 2)
    );
    for step in steps {
        assert_eq!(
            (step["failed"].as_u64(), step["watched_seconds"].as_u64()),
            (Some(0), Some(1_200)),
            "{step}"
        );
        let missed: Vec<u64> =
            step["added"].as_array().unwrap().iter().map(|added| added["missed"].as_u64().unwrap()).collect();
        assert!(missed.is_sorted_by(|one, other| one >= other) && missed[4] == 0, "{step}");
    }
    let table = world.run(&["plan", "backtest", "plan.yaml", "--from", "6h"]).await;
    assert!(table.stdout.contains("MISSES +0.5 %"), "{table:#?}");
    assert!(!table.stdout.contains("BUDGET"), "{table:#?}");

    // A budget of failed requests is spent where half a percent more is tolerated.
    let budget = format!("{PLAN}\x20 blast_radius: {{ per_step: 40 }}\n");
    std::fs::write(world.folder.path().join("plan.yaml"), budget).unwrap();
    let tested: Value = serde_json::from_str(&world.run(&arguments).await.stdout).unwrap();
    let half = &tested[0]["steps"][1];
    assert_eq!(half["spent"]["places"], 0, "{half}");
    assert!(half["added"][0]["spent"]["places"].as_u64() > Some(0), "{half}");
    assert!(half["added"][0]["spent"]["after_seconds"].as_i64() > Some(120), "{half}");
    let table = world.run(&["plan", "backtest", "plan.yaml", "--from", "6h"]).await;
    assert!(table.stdout.contains("BUDGET SPENT"), "{table:#?}");
}

#[tokio::test]
async fn a_plan_is_played_through_without_anything_around_it() {
    let world = world().await;
    let fails = ["plan", "simulate", "plan.yaml", "--error-rate", "5%", "--at", "50%", "--svg", "shares.svg"];
    let said = world.run(&fails).await;
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(
        said.stdout.contains("gate errors failed") && said.stdout.contains("It is reverted at"),
        "{said:#?}"
    );
    let svg = std::fs::read_to_string(world.folder.path().join("shares.svg")).unwrap();
    assert!(svg.starts_with("<svg"), "{svg}");

    std::fs::write(world.folder.path().join("calm.yaml"), "plan: plan.yaml\ntraffic: 9000/min\n").unwrap();
    let calm = world.run(&["plan", "simulate", "--script", "calm.yaml", "--output", "json"]).await;
    let calm: Value = serde_json::from_str(&calm.stdout).unwrap();
    assert_eq!((calm["phase"].as_str(), calm["failed"].as_f64()), (Some("completed"), Some(0.0)));
    assert_eq!(calm["sensitivity"].as_array().unwrap().len(), 2);

    for (arguments, wrong) in [
        (vec!["plan.yaml", "--at", "soon"], "neither a share (25%)"),
        (vec!["plan.yaml", "--traffic", "many"], "write it as in 400/min"),
        (vec!["--script", "plan.yaml"], "is not a script"),
        (vec!["--script", "none.yaml"], "cannot be read"),
    ] {
        let said = world.run(&[vec!["plan", "simulate"], arguments.clone()].concat()).await;
        assert!(said.code != 0 && said.stderr.contains(wrong), "{arguments:?}: {said:#?}");
    }
}

/// Straight from AWS: what is there, what the gates will see with it, and when.
#[tokio::test]
async fn a_preview_tells_what_the_gates_will_see_and_when_it_is_open() {
    let world = world().await;
    let calendar = "schedule: { windows: [{ days: [mon], from: \"09:00\", to: \"10:00\" }] }\n";
    std::fs::write(world.folder.path().join("plan.yaml"), format!("{PLAN}{calendar}")).unwrap();
    let playground = world.playground.world();
    let minute = (playground.now_unix() / 60.0).floor() * 60.0;
    for ago in 1..=90 {
        let at = minute - f64::from(ago) * 60.0;
        playground.put_metric("Record", "Requests", &[("Side", "legacy")], at, 6_000.0);
    }
    let said = world.run(&["plan", "preview", "plan.yaml", "--direct"]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    // An hour has sixty beginnings of a minute, or one less.
    let seen = |requests: u32| {
        said.stdout.contains(&format!("gate errors, step 1: at 5 % and {requests} requests a minute"))
    };
    assert!((290..=300).any(seen), "{said:#?}");
    assert_eq!(said.stdout.matches("open from Mon ").count(), 3, "{said:#?}");
    let json = world.run(&["plan", "preview", "plan.yaml", "--direct", "--output", "json"]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["sensitivity"].as_array().unwrap().len(), 2);
    assert_eq!(json["openings"].as_array().unwrap().len(), 3);
}
