use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Fence;
use crate::{RecordName, RecordSet, RecordType, Weight};

fn fence(owner: &str, members: &[(&str, u8)]) -> Fence {
    let weights = members.iter().map(|(id, weight)| ((*id).to_owned(), Weight(*weight))).collect();
    Fence {
        owner: owner.to_owned(),
        shift: "www".to_owned(),
        generation: 7,
        epoch: 3,
        baseline: BTreeMap::from([(RecordType::A, weights)]),
    }
}

#[test]
fn it_can_be_read_by_a_person() {
    let set = fence("4f1c", &[("legacy", 100), ("cloud", 0)]).record_set(&RecordName::new("*.example.com"));
    insta::assert_snapshot!(set.name, @"_crossfade._wildcard.example.com");
    insta::assert_snapshot!(set.values[0], @r#""crossfade=1 owner=4f1c shift=www generation=7 epoch=3 baseline=A/cloud:0,legacy:100""#);
}

#[test]
fn a_baseline_that_does_not_fit_is_left_out() {
    let ids: Vec<String> = (0..100).map(|n| format!("{n}-{}", "x".repeat(100))).collect();
    let members: Vec<(&str, u8)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
    let set = fence("4f1c", &members).record_set(&RecordName::new("www.example.com"));
    let decoded = Fence::decode(&set).unwrap();
    assert_eq!(decoded.generation, 7);
    assert!(decoded.baseline.is_empty());
}

#[test]
fn a_long_baseline_is_split_into_strings_of_255() {
    let ids: Vec<String> = (0..40).map(|n| format!("member number {n}")).collect();
    let members: Vec<(&str, u8)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
    let fence = fence("4f1c", &members);
    let set = fence.record_set(&RecordName::new("www.example.com"));
    assert!(set.values[0].split('"').all(|string| string.len() <= 255));
    assert_eq!(Fence::decode(&set), Some(fence));
}

proptest! {
    #[test]
    fn what_is_written_is_read(owner in ".{0,40}", shift in ".{0,63}", generation in 0..=super::GENERATION_MAX, epoch: u64, ids in prop::collection::btree_map(".{1,60}", 0..=255_u8, 1..6)) {
        let weights = ids.into_iter().map(|(id, weight)| (id, Weight(weight))).collect();
        let baseline = BTreeMap::from([(RecordType::A, weights)]);
        let fence = Fence { owner, shift, generation, epoch, baseline };
        prop_assert_eq!(Fence::decode(&fence.record_set(&RecordName::new("www.example.com"))), Some(fence));
    }

    #[test]
    fn nothing_that_stands_there_panics(value in ".{0,300}") {
        let set = RecordSet { values: vec![value], ..fence("", &[]).record_set(&RecordName::new("x.example.com")) };
        let _ = Fence::decode(&set);
    }
}

#[test]
fn a_number_that_no_shift_comes_to_is_no_fence() {
    let name = RecordName::new("www.example.com");
    let at = |generation| {
        Fence::decode(&Fence { generation, ..fence("4f1c", &[("legacy", 100)]) }.record_set(&name)).is_some()
    };
    assert!(at(super::GENERATION_MAX) && !at(super::GENERATION_MAX + 1) && !at(u64::MAX));
}
