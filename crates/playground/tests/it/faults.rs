//! Faults: what the caller sees, and what became of the batch.

use std::time::Duration;

use crossfade_playground::{Fault, FaultKind, Outcome};

use crate::support::{change, get, immediate, swap, with_group};

/// What one armed fault does to a batch.
struct Expected {
    /// Status and code, or no answer at all.
    seen: Option<(u16, Option<&'static str>)>,
    applied: bool,
    journal: fn(&Outcome) -> bool,
}

async fn check(what: &str, kind: FaultKind, expected: Expected) {
    let playground = immediate().await;
    let world = playground.world();
    let zone = with_group(&playground);
    world.arm(Fault::next(kind));
    let answer = change(&playground, &zone, &swap()).await;
    let seen = answer.as_ref().map(|answer| (answer.status, answer.text("Code")));
    assert_eq!(seen, expected.seen, "{what}");
    let weight = world.weights(&zone, "www.example.com", "A")["cloud"];
    assert_eq!(weight == 25, expected.applied, "{what}");
    let journal = world.journal();
    assert_eq!(journal.len(), 1, "{what}");
    assert!((expected.journal)(&journal[0].outcome), "{what}: {:?}", journal[0].outcome);
    assert_eq!(journal[0].changes.len(), 4, "{what}");
    assert!(world.armed().is_empty(), "{what}: used up");
    assert_eq!(
        get(&playground, &format!("/2013-04-01/hostedzone/{zone}")).await.status,
        200,
        "{what}: the next call works"
    );
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
    let lost = |outcome: &Outcome| matches!(outcome, Outcome::Lost);
    let unheard = |outcome: &Outcome| matches!(outcome, Outcome::Applied { answered: false, .. });
    let hold = Duration::from_millis(10);
    let not_applied =
        |status, code| Expected { seen: Some((status, Some(code))), applied: false, journal: refused };
    check("throttle", FaultKind::Throttle, not_applied(400, "Throttling")).await;
    check("500", FaultKind::InternalError, not_applied(500, "InternalFailure")).await;
    check("403", FaultKind::AccessDenied, not_applied(403, "AccessDenied")).await;
    check("busy", FaultKind::PriorRequestNotComplete, not_applied(400, "PriorRequestNotComplete")).await;
    let after = Expected { seen: Some((500, Some("InternalFailure"))), applied: true, journal: unheard };
    check("500 after", FaultKind::InternalErrorAfterApply, after).await;
    check("lost before", FaultKind::LostBeforeApply, Expected { seen: None, applied: false, journal: lost })
        .await;
    check(
        "timeout before",
        FaultKind::TimeoutBeforeApply { hold },
        Expected { seen: None, applied: false, journal: lost },
    )
    .await;
    check("lost after", FaultKind::LostAfterApply, Expected { seen: None, applied: true, journal: unheard })
        .await;
    check(
        "timeout after",
        FaultKind::TimeoutAfterApply { hold },
        Expected { seen: None, applied: true, journal: unheard },
    )
    .await;
}

#[tokio::test]
async fn a_batch_can_arrive_late() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = with_group(&playground);
    world.arm(Fault::next(FaultKind::DelayedArrival { delay: Duration::from_millis(30) }));
    assert!(change(&playground, &zone, &swap()).await.is_none());
    assert_eq!(world.under_way(), 1);
    let entry = world.wait_for(|world| world.journal().into_iter().next()).await;
    assert!(entry.is_applied());
    assert_eq!(world.weights(&zone, "www.example.com", "A")["cloud"], 25);

    world.arm(Fault::next(FaultKind::DelayedArrival { delay: Duration::from_millis(30) }));
    world.foreign_weight(&zone, "www.example.com", "A", "cloud", 26).unwrap();
    assert!(change(&playground, &zone, &swap()).await.is_none());
    let late = world.wait_for(|world| world.journal().into_iter().nth(1)).await;
    assert!(
        matches!(late.outcome, Outcome::Refused { ref code, .. } if code == "InvalidChangeBatch"),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_batch_can_arrive_twice() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = with_group(&playground);
    let weight = || world.weights(&zone, "www.example.com", "A")["cloud"];
    world.arm(Fault::next(FaultKind::Duplicate));
    let answer = change(&playground, &zone, &swap()).await.unwrap();
    assert_eq!(
        (answer.status, answer.text("Code")),
        (400, Some("InvalidChangeBatch")),
        "the second's answer"
    );
    assert_eq!(weight(), 25);
    let journal = world.journal();
    let [first, second] = journal.as_slice() else { panic!("{journal:#?}") };
    assert!(matches!(first.outcome, Outcome::Applied { answered: false, .. }), "{first:?}");
    assert!(matches!(second.outcome, Outcome::Refused { .. }), "{second:?}");
    assert_eq!(first.changes, second.changes);
}

#[tokio::test]
async fn a_second_copy_of_a_batch_can_arrive_late() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = with_group(&playground);
    world.arm(Fault::next(FaultKind::LateDuplicate { delay: Duration::from_millis(30) }));
    assert_eq!(change(&playground, &zone, &swap()).await.unwrap().status, 200);
    assert_eq!(world.under_way(), 1);
    world.wait_for(|world| (world.under_way() == 0).then_some(())).await;
    let journal = world.journal();
    let [first, second] = journal.as_slice() else { panic!("{journal:#?}") };
    assert!(matches!(first.outcome, Outcome::Applied { answered: true, .. }), "{first:?}");
    assert!(matches!(second.outcome, Outcome::Refused { .. }), "{second:?}");
}

#[tokio::test]
async fn a_fault_can_wait_for_a_later_call() {
    let playground = immediate().await;
    playground.world().arm(Fault::next(FaultKind::Throttle).after(1));
    let status = async || get(&playground, "/2013-04-01/hostedzone").await.status;
    assert_eq!([status().await, status().await, status().await], [200, 400, 200]);
}

#[tokio::test]
async fn faults_can_be_taken_back() {
    let playground = immediate().await;
    let world = playground.world();
    world.arm(Fault::always(FaultKind::Throttle));
    for _ in 0..3 {
        assert_eq!(get(&playground, "/2013-04-01/hostedzone").await.status, 400);
    }
    world.disarm_all();
    assert_eq!(get(&playground, "/2013-04-01/hostedzone").await.status, 200);
}
