//! What every implementation of [`Probes`] must do.
//!
//! A backend implements [`ProbesWorld`] and calls `probes_suite!` with an expression that makes a fresh one.

#![expect(clippy::unwrap_used, reason = "a suite is tests")]

use async_trait::async_trait;
use crossfade_core::gate::{ProbeOutcome, ProbeTarget};

use crate::Probes;

/// A prober, and endpoints for it to meet.
#[async_trait]
pub trait ProbesWorld: Send + Sync {
    fn probes(&self) -> &dyn Probes;

    /// A target that behaves like this, asked for as a plan's defaults have it.
    async fn target(&self, endpoint: Endpoint) -> ProbeTarget;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Answers with this status.
    Answers(u16),
    /// Nobody listens there.
    Absent,
}

/// One named test for each case. The expression is awaited for a fresh [`ProbesWorld`] in each.
#[macro_export]
macro_rules! probes_suite {
    (@cases $world:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::probes::$case(&$world.await).await;
            }
        )+
    };
    ($world:expr) => {
        $crate::probes_suite! { @cases $world;
            an_endpoint_that_answers_is_fine,
            without_a_choice_every_status_below_500_is_fine,
            only_the_chosen_statuses_are_fine,
            an_absent_endpoint_fails,
            every_target_is_answered_for,
            nothing_asked_is_nothing_probed,
            where_credentials_lie_is_never_asked,
        }
    };
}

pub async fn an_endpoint_that_answers_is_fine(world: &impl ProbesWorld) {
    let target = world.target(Endpoint::Answers(200)).await;
    assert_eq!(outcome(world, &target).await, ProbeOutcome::Fine);
}

pub async fn without_a_choice_every_status_below_500_is_fine(world: &impl ProbesWorld) {
    for (status, wanted) in [(204, true), (302, true), (404, true), (500, false), (503, false)] {
        let target = world.target(Endpoint::Answers(status)).await;
        assert_eq!(outcome(world, &target).await, by_status(status, wanted));
    }
}

pub async fn only_the_chosen_statuses_are_fine(world: &impl ProbesWorld) {
    for (status, wanted) in [(204, true), (503, true), (200, false), (404, false)] {
        let mut target = world.target(Endpoint::Answers(status)).await;
        target.ask.status = vec![204, 503];
        assert_eq!(outcome(world, &target).await, by_status(status, wanted));
    }
}

pub async fn an_absent_endpoint_fails(world: &impl ProbesWorld) {
    let target = world.target(Endpoint::Absent).await;
    let outcome = outcome(world, &target).await;
    assert!(matches!(&outcome, ProbeOutcome::Failed(why) if why.contains("refused")), "{outcome:?}");
}

pub async fn every_target_is_answered_for(world: &impl ProbesWorld) {
    let good = world.target(Endpoint::Answers(200)).await;
    let bad = world.target(Endpoint::Answers(503)).await;
    let targets: Vec<ProbeTarget> = (0..40)
        .map(|number| {
            let mut target = if number % 2 == 0 { good.clone() } else { bad.clone() };
            target.ask.path = format!("/{number}");
            target
        })
        .collect();
    let outcomes = world.probes().probe(&targets).await;
    assert_eq!(outcomes.len(), targets.len());
    for (number, target) in targets.iter().enumerate() {
        assert_eq!(outcomes[target] == ProbeOutcome::Fine, number % 2 == 0, "{number}");
    }
}

pub async fn nothing_asked_is_nothing_probed(world: &impl ProbesWorld) {
    assert!(world.probes().probe(&[]).await.is_empty());
}

pub async fn where_credentials_lie_is_never_asked(world: &impl ProbesWorld) {
    for host in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"] {
        let target = ProbeTarget { host: host.to_owned(), ..world.target(Endpoint::Answers(200)).await };
        let outcome = outcome(world, &target).await;
        assert!(
            matches!(&outcome, ProbeOutcome::Unknown(why) if why.contains("never probed")),
            "{host}: {outcome:?}"
        );
    }
}

async fn outcome(world: &impl ProbesWorld, target: &ProbeTarget) -> ProbeOutcome {
    let mut outcomes = world.probes().probe(std::slice::from_ref(target)).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(target).unwrap()
}

fn by_status(status: u16, wanted: bool) -> ProbeOutcome {
    if wanted {
        ProbeOutcome::Fine
    } else {
        ProbeOutcome::Failed(format!("it answered with status {status}"))
    }
}
