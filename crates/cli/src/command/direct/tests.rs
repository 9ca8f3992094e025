use crossfade_core::{RecordType, Weight, batch::Action};
use crossfade_ports::fake::zones::{MemoryZones, SubmitFault};

use super::*;

struct Zone {
    zones: MemoryZones,
    id: ZoneId,
    name: RecordName,
}

impl Zone {
    /// A shift at its fourth write has moved the name from 100 : 0 to 1 : 3.
    fn new() -> Zone {
        let zones = MemoryZones::new();
        let id = zones.create_zone("example.com");
        zones.create_group(&id, "www.example.com", &[("legacy", 1), ("cloud", 3)]);
        let baseline = BTreeMap::from([("legacy".to_owned(), Weight(100)), ("cloud".to_owned(), Weight(0))]);
        let fence = Fence {
            owner: "installation".to_owned(),
            shift: "www".to_owned(),
            generation: 4,
            epoch: 2,
            baseline: BTreeMap::from([(RecordType::A, baseline)]),
        };
        let name = RecordName::new("www.example.com");
        zones.foreign_write(&id, fence.record_set(&name));
        Zone { zones, id, name }
    }

    async fn write(&self) -> Result<(Found, Option<ChangeId>), Failure> {
        write(&self.zones, &self.id, &self.name, "a test", &mut Attempts(ATTEMPTS)).await
    }

    fn weights(&self) -> Vec<(String, u8)> {
        let key = GroupKey { zone: self.id.clone(), name: self.name.clone(), record_type: RecordType::A };
        self.zones.weights(&key).into_iter().map(|(id, weight)| (id, weight.0)).collect()
    }

    fn generation(&self) -> u64 {
        Fence::decode(fence::find(&self.zones.sets(&self.id), &self.name).unwrap()).unwrap().generation
    }

    fn refuse(&self, times: u32) {
        for _ in 0..times {
            self.zones
                .fail_submit(SubmitFault::Answer(SubmitError::Refused("somebody was faster".to_owned())));
        }
    }
}

fn baseline() -> Vec<(String, u8)> {
    vec![("cloud".to_owned(), 0), ("legacy".to_owned(), 100)]
}

#[tokio::test]
async fn the_baseline_comes_back_with_the_next_generation() {
    let zone = Zone::new();
    let (found, change) = zone.write().await.unwrap();
    assert!(change.is_some());
    assert_eq!((zone.weights(), zone.generation()), (baseline(), 5));
    assert_eq!((found.fence.shift.as_str(), found.fence.owner.as_str()), ("www", "installation"));
    let actions: BTreeSet<_> =
        zone.zones.journal()[0].batch.changes.iter().map(|change| format!("{:?}", change.action)).collect();
    assert_eq!(actions.into_iter().collect::<Vec<_>>(), ["Create", "Delete"]);
}

#[tokio::test]
async fn a_refused_write_is_made_anew_and_in_the_end_over_everything() {
    let zone = Zone::new();
    zone.refuse(REFUSALS - 1);
    zone.write().await.unwrap();
    let last = zone.zones.journal().last().unwrap().clone();
    assert!(last.batch.changes.iter().all(|change| change.action != Action::Upsert));

    let zone = Zone::new();
    zone.refuse(REFUSALS);
    zone.write().await.unwrap();
    let last = zone.zones.journal().last().unwrap().clone();
    assert!(last.batch.changes.iter().all(|change| change.action == Action::Upsert));
    assert_eq!((zone.weights(), zone.generation()), (baseline(), 5));
}

#[tokio::test]
async fn a_lost_answer_is_told_by_the_fence() {
    let zone = Zone::new();
    zone.zones.fail_submit(SubmitFault::AppliedUnanswered);
    let (_, change) = zone.write().await.unwrap();
    assert_eq!(change, None);
    assert_eq!((zone.weights(), zone.generation()), (baseline(), 5));
    assert_eq!(zone.zones.journal().len(), 1, "it is not written twice");
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_refused() {
    let zone = Zone::new();
    let nobody = RecordName::new("api.example.com");
    let failure =
        write(&zone.zones, &zone.id, &nobody, "a test", &mut Attempts(ATTEMPTS)).await.err().unwrap();
    assert_eq!(failure.exit, Exit::Refused);

    // The only member with a weight in the baseline is gone.
    let gone =
        zone.zones.sets(&zone.id).into_iter().find(|set| set.set_identifier() == Some("legacy")).unwrap();
    zone.zones.foreign_delete(&zone.id, gone);
    assert_eq!(zone.write().await.err().unwrap().exit, Exit::Refused);
    assert_eq!(zone.generation(), 4, "nothing was written");

    zone.zones.fail_submit(SubmitFault::Answer(SubmitError::Denied("no".to_owned())));
    zone.zones.create_group(&zone.id, "www.example.com", &[("legacy", 1)]);
    assert_eq!(zone.write().await.err().unwrap().exit, Exit::NotAllowed);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_cannot_be_read_is_read_again() {
    let zone = Zone::new();
    zone.zones.fail_submit(SubmitFault::AppliedUnanswered);
    zone.zones.fail_reads(Some(ZonesError::Throttled("slowly".to_owned())));
    let recovers = async {
        tokio::time::sleep(PAUSE * (ATTEMPTS / 2)).await;
        zone.zones.fail_reads(None);
    };
    let (written, ()) = tokio::join!(zone.write(), recovers);
    written.unwrap();
    assert_eq!((zone.weights(), zone.generation()), (baseline(), 5));
}

#[tokio::test(start_paused = true)]
async fn what_it_gives_up_on_says_what_stood_in_the_way() {
    let zone = Zone::new();
    zone.zones.fail_reads(Some(ZonesError::Throttled("slowly".to_owned())));
    let failure = zone.write().await.err().unwrap();
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(failure.hints().concat().contains("repeat the command"), "{failure:?}");

    let zone = Zone::new();
    zone.refuse(ATTEMPTS);
    assert_eq!(zone.write().await.err().unwrap().exit, Exit::Refused);
    assert_eq!(zone.generation(), 4);
}
