//! The protocol of leases, intents and fences as a model, and every order of its events tried.
//!
//! Two replicas share a store and one zone. A replica takes the lease, remembers the history as it then is, lists the
//! zone, commits an intent under its lease, and sends a batch; later it lists the zone again and, when its write
//! stands there, commits that it is confirmed. Between any two of these it may be paused for as long as somebody else
//! needs to take the lease, write, and confirm; it may crash; and its lease may run out without its knowing. A batch
//! that was sent may land at any later time, before or after any other, or never; the same write may be sent many
//! times. A person reverts, and may then try again.
//!
//! What a batch is compared with when it lands is the [`Guard`]:
//!
//! - [`Guard::Fence`], as built: a batch names the fence it was made on and is refused when another stands there. A
//!   replica that finds a fence of a later epoch than its own lease knows that it was overtaken, and sends nothing.
//! - [`Guard::FenceAlone`]: the same without the look at the epoch. A replica that slept through a whole takeover then
//!   lists the zone, finds a fence that compares equal to itself, and sends its old revert over a newer write. Steps
//!   are safe even so, because a step is only sent on the zone that its history left.
//! - [`Guard::Lease`]: plain UPSERTs, and the database's lease as the only fence. A batch that is already on its way
//!   does not ask the database.
//!
//! Beside it, a commit names the version of the history it was decided on. Without (`versions`), whoever intends a step
//! while a person reverts leaves two intents open.
//!
//! Two more things that the product does are modelled as additions, because they leave the fence's protection. What
//! keeps both safe is time: AWS refuses a request that was signed more than some minutes ago, and the product waits for
//! that long. The model has no time; to have waited (`waits`) is that no such batch is on its way any more. Without, there
//! are counterexamples:
//!
//! - `overwrite`: a revert that was refused three times is sent as UPSERTs. In the model any revert may be, at any time.
//!   Such a batch can land over something newer. By itself it only lowers the share; but when it lands a second time
//!   it brings its old fence back, and a step that was once made on that fence, reverted since and sent twice, too,
//!   compares equal again.
//! - `finalize`: the fence is deleted when a shift gives its records up. The first write of a shift expects that no
//!   fence stands there, which is true again from then on.
//!
//! Where it simplifies: one zone, one record group and no foreign edits; accepted, in sync and confirmed are one commit;
//! a refused commit is only seen by looking again; the number of writes, terms and batches in flight is bounded. A
//! lease's epoch never comes twice (as it could when a database loses what it had committed).

mod protocol;
mod world;

use stateright::{Checker, HasDiscoveries, Model};

use self::protocol::{Action, Guard, Protocol};

const SAFETY: [&str; 3] = [NEVER_OLDER, REVERT_IS_FINAL, ONE_OPEN_INTENT];
const NEVER_OLDER: &str = "an older write never lands over a newer one";
const REVERT_IS_FINAL: &str = "after a confirmed revert the share never rises by itself";
const ONE_OPEN_INTENT: &str = "there is at most one open intent";
const GOALS: [&str; 2] = ["the top share is reached", "a revert is confirmed"];

/// Every state, and every goal reached in one; panics where one of the properties fails that are to hold.
#[track_caller]
fn all_hold(protocol: Protocol, properties: &[&'static str]) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{protocol:?}: {} states, depth {}", checker.unique_state_count(), checker.max_depth());
    for property in properties {
        if let Some(path) = checker.discovery(property) {
            panic!("{property}: {:#?}", path.into_vec());
        }
    }
    for goal in GOALS {
        assert!(checker.discovery(goal).is_some(), "never: {goal}");
    }
}

/// A short way to where a property fails, in actions.
#[track_caller]
fn counterexample(protocol: Protocol, property: &'static str) -> Vec<Action> {
    let found = HasDiscoveries::AllOf([property].into());
    let checker = protocol.checker().finish_when(found).spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("always: {property}"));
    let actions = path.into_actions();
    println!("not so: {property}, after {} actions: {actions:?}", actions.len());
    actions
}

#[test]
fn with_the_fence_everything_holds() {
    all_hold(Protocol::new(Guard::Fence), &SAFETY);
}

#[test]
fn without_the_fence_a_late_batch_undoes_what_came_after_it() {
    for property in [NEVER_OLDER, REVERT_IS_FINAL] {
        assert!(counterexample(Protocol::new(Guard::Lease), property).len() < 15);
    }
}

#[test]
fn a_commit_that_names_no_version_opens_a_second_intent() {
    let protocol = Protocol { versions: false, ..Protocol::new(Guard::Fence) };
    assert!(counterexample(protocol, ONE_OPEN_INTENT).len() < 15);
}

#[test]
fn a_fence_alone_does_not_stop_who_slept_through_a_takeover() {
    assert!(counterexample(Protocol::new(Guard::FenceAlone), NEVER_OLDER).len() < 25);
}

#[test]
fn an_overwriting_revert_may_land_late_but_raises_nothing() {
    let protocol = Protocol { overwrite: true, waits: false, epochs: 1, ..Protocol::new(Guard::Fence) };
    assert!(counterexample(protocol, NEVER_OLDER).len() < 25);
    all_hold(protocol, &SAFETY[1..]);
}

#[test]
fn an_overwriting_revert_that_lands_twice_lets_an_older_step_land() {
    let protocol = Protocol {
        overwrite: true,
        waits: false,
        epochs: 1,
        generations: 4,
        in_flight: 3,
        ..Protocol::new(Guard::Fence)
    };
    assert!(counterexample(protocol, REVERT_IS_FINAL).len() > 15);
}

#[test]
fn a_fence_that_goes_once_nothing_can_arrive_any_more_has_guarded_everything() {
    let protocol = Protocol { finalize: true, epochs: 1, ..Protocol::new(Guard::Fence) };
    all_hold(protocol, &SAFETY);
}

#[test]
fn a_deleted_fence_guards_nothing() {
    let protocol = Protocol { finalize: true, waits: false, epochs: 1, ..Protocol::new(Guard::Fence) };
    assert!(counterexample(protocol, REVERT_IS_FINAL).len() > 15);
}
