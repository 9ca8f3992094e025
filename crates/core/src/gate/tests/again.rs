//! What is kept between two looks changes nothing: whatever arrives late or is corrected, and however the clock and the
//! shift go on, judging again says what judging from nothing says.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    gate::{Answer, Memory, Series, judge, judge_again, observed_share},
    plan::Question,
};

#[derive(Clone, Debug)]
enum Turn {
    /// Seconds pass; a clock may also be set back.
    Pass(i64),
    /// Everything from so many minutes ago on is read, and is new from so many minutes ago on.
    Read {
        to: bool,
        minutes: i64,
        changed: i64,
        seed: u64,
    },
    Incomplete {
        to: bool,
        incomplete: bool,
    },
    /// What began so many hours ago is forgotten.
    Forget(i64),
    /// It settled so many minutes ago, on this share.
    Settled(i64, f64),
    Moved(i64),
}

fn turn() -> impl Strategy<Value = Turn> {
    let read = (any::<bool>(), prop_oneof![6 => 1..20_i64, 1 => 20..200_i64], any::<u64>()).prop_flat_map(
        |(to, minutes, seed)| {
            (0..=minutes).prop_map(move |changed| Turn::Read { to, minutes, changed, seed })
        },
    );
    prop_oneof![
        6 => (0..90_i64).prop_map(Turn::Pass),
        2 => (90..2_000_i64).prop_map(Turn::Pass),
        1 => (-1_500..0_i64).prop_map(Turn::Pass),
        12 => read,
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(to, incomplete)| Turn::Incomplete { to, incomplete }),
        1 => (1..4_i64).prop_map(Turn::Forget),
        1 => (0..60_i64, 0.0..100.0).prop_map(|(minutes, share)| Turn::Settled(minutes, share)),
        1 => (0..120_i64).prop_map(Turn::Moved),
    ]
}

/// What is known of one side, kept twice.
#[derive(Default)]
struct Side {
    series: Series,
    plain: BTreeMap<Timestamp, Period>,
}

impl Side {
    fn read(&mut self, now: Timestamp, minutes: i64, changed: i64, seed: u64) {
        let this = now.as_second().div_euclid(60) * 60;
        let at = |minutes: i64| Timestamp::from_second(this - 60 * minutes).unwrap();
        let from = at(minutes);
        let fresh = (0..changed).rev().filter_map(|ago| {
            let dice = seed.rotate_left(7 * u32::try_from(ago % 9).unwrap()) ^ (seed >> (ago % 31));
            let requests = (!dice.is_multiple_of(7)).then_some(dice % 900);
            // Some are missing, and some are of a dead endpoint.
            (!dice.is_multiple_of(11)).then_some(Period {
                start: at(ago),
                requests,
                errors: (dice.is_multiple_of(3)).then_some(dice % 5),
            })
        });
        let kept = self.plain.range(from..).map(|(_, period)| *period).filter(|p| p.start < at(changed - 1));
        let read: Vec<Period> = kept.chain(fresh).collect();
        self.plain.retain(|start, _| *start < from);
        self.plain.extend(read.iter().map(|period| (period.start, *period)));
        self.series.put(from, read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn judging_again_says_what_judging_from_nothing_says(
        turns in prop::collection::vec(turn(), 1..60),
        compares: bool,
    ) {
        let (mut memory, mut now) = (Memory::default(), now());
        let (mut to, mut from) = (Side::default(), Side::default());
        let (mut standing, mut incomplete) = (standing(), [false, false]);
        from.read(now, 60, 60, 0x5eed_5eed_5eed);
        for turn in turns {
            match turn {
                Turn::Pass(seconds) => now += SignedDuration::from_secs(seconds),
                Turn::Read { to: which, minutes, changed, seed } => {
                    if which { &mut to } else { &mut from }.read(now, minutes, changed, seed);
                }
                Turn::Incomplete { to, incomplete: is } => incomplete[usize::from(to)] = is,
                Turn::Forget(hours) => for side in [&mut to, &mut from] {
                    let at = now - SignedDuration::from_hours(hours);
                    side.series.forget_before(at);
                    side.plain.retain(|start, _| *start >= at);
                },
                Turn::Settled(minutes, share) => {
                    standing.settled_at = Some(now - SignedDuration::from_mins(minutes));
                    standing.share = Share::from_percent((share * 100.0).round() / 100.0).unwrap();
                    standing.waits_until = Some(now + SignedDuration::from_mins(30 - minutes));
                }
                Turn::Moved(minutes) => {
                    standing.moved_at = (minutes > 3).then(|| now - SignedDuration::from_mins(minutes));
                }
            }
            let why = |is: bool| is.then(|| "?".to_owned());
            let data = |to: Series, from: Series| GateData {
                fetched_at: now,
                to: Fetched { periods: to, incomplete: why(incomplete[1]) },
                from: compares.then(|| Fetched { periods: from, incomplete: why(incomplete[0]) }),
            };
            let plain = |side: &Side| side.plain.values().copied().collect::<Series>();
            let (kept, plain) = (data(to.series.clone(), from.series.clone()), data(plain(&to), plain(&from)));
            prop_assert_eq!(&kept, &plain);
            let gate = gate();
            let Question::Errors(errors) = &gate.question else { panic!("{gate:?}") };
            let observed = observed_share(errors, &plain, standing, now);
            let (kept, plain) = (Answer::Counts(kept), Answer::Counts(plain));
            let pure = (judge(&gate, Some(&plain), standing, now), observed);
            let again = judge_again(&gate, Some(&kept), standing, now, &mut memory);
            prop_assert_eq!(&again, &pure);
            // And once more, when nothing has changed but the time.
            let later = now + SignedDuration::from_secs(7);
            let pure = judge(&gate, Some(&plain), standing, later);
            prop_assert_eq!(&judge_again(&gate, Some(&kept), standing, later, &mut memory).0, &pure);
        }
    }
}
