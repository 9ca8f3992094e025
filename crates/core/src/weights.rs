//! The weights that realise a share.
//!
//! Route 53 answers with a record set in proportion to its weight, an integer from 0 to 255. Few shares can be
//! had exactly; this module finds the integers that come closest, over all sums that the weights may have.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{Share, Weight, plan::Side};

/// What Route 53 takes for one record set.
const LARGEST: u32 = 255;

/// As many weighted record sets as Route 53 allows for one name and type.
pub const MOST_MEMBERS: usize = 100;

/// The weights of one record group, and how close they come to what was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Realised {
    /// Set identifier to weight, for every set identifier of both sides. Never all zero.
    pub weights: BTreeMap<String, Weight>,
    /// The part of the answers that the `to` side gets, from 0 to 1.
    pub share: f64,
    /// The largest difference between what one set identifier gets and what it should get, from 0 to 1.
    pub error: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    #[error("the `{0}` side has no set identifier with a relative share above zero")]
    EmptySide(&'static str),
    #[error("the set identifier {0:?} is on both sides")]
    OnBothSides(String),
    #[error("{0} set identifiers are more than the {MOST_MEMBERS} that Route 53 allows in a record group")]
    TooMany(usize),
}

/// The weights whose largest error over the set identifiers is smallest; among those, the ones with the
/// smallest sum. Whoever should get anything has a weight of at least 1, everybody else has 0.
pub fn realise(share: Share, from: &Side, to: &Side) -> Result<Realised, WeightsError> {
    realise_up_to(LARGEST, share, from, to)
}

/// The part of the answers that the `to` side gets with these weights. `None` when all weights are zero.
pub fn share_of(weights: &BTreeMap<String, Weight>, to: &Side) -> Option<Share> {
    let (part, whole) = split(weights, to);
    (whole > 0).then(|| Share::of(part, whole))
}

/// The sum of the `to` side's weights, and the sum of all.
pub fn split(weights: &BTreeMap<String, Weight>, to: &Side) -> (u64, u64) {
    let sum = |weights: &mut dyn Iterator<Item = &Weight>| weights.map(|weight| u64::from(weight.0)).sum();
    let part = sum(&mut weights.iter().filter(|(id, _)| to.contains_key(*id)).map(|(_, weight)| weight));
    (part, sum(&mut weights.values()))
}

fn realise_up_to(largest: u32, share: Share, from: &Side, to: &Side) -> Result<Realised, WeightsError> {
    check_sides(from, to)?;
    let mut weights: BTreeMap<String, Weight> =
        from.keys().chain(to.keys()).map(|id| (id.clone(), Weight(0))).collect();
    let (ids, targets, whole) = targets(share, from, to);
    let best = search(largest, &targets, whole);
    for (id, weight) in ids.into_iter().zip(&best.weights) {
        weights.insert(id.clone(), Weight(u8::try_from(*weight).unwrap_or(u8::MAX)));
    }
    let (part, sum) = split(&weights, to);
    let error = best.error as f64 / (whole as f64 * f64::from(best.sum));
    Ok(Realised { weights, share: part as f64 / sum as f64, error })
}

fn check_sides(from: &Side, to: &Side) -> Result<(), WeightsError> {
    for (name, side) in [("from", from), ("to", to)] {
        if side.values().all(|relative| *relative == 0) {
            return Err(WeightsError::EmptySide(name));
        }
    }
    if let Some(id) = from.keys().find(|id| to.contains_key(*id)) {
        return Err(WeightsError::OnBothSides(id.clone()));
    }
    match from.len() + to.len() {
        count if count > MOST_MEMBERS => Err(WeightsError::TooMany(count)),
        _ => Ok(()),
    }
}

/// The set identifiers that should get something, and what: numerators over one common denominator.
///
/// Everything after this is exact. The denominator stays under 2^98 (a million times two sums of a hundred
/// 32-bit shares), so that it can be multiplied by two sums of weights within 128 bits.
fn targets<'a>(share: Share, from: &'a Side, to: &'a Side) -> (Vec<&'a String>, Vec<u128>, u128) {
    let sum = |side: &Side| side.values().map(|relative| u128::from(*relative)).sum::<u128>();
    let (from_sum, to_sum) = (sum(from), sum(to));
    let to_part = u128::from(share.ppm());
    let from_part = u128::from(Share::WHOLE) - to_part;
    let from = from.iter().map(|(id, relative)| (id, u128::from(*relative) * from_part * to_sum));
    let to = to.iter().map(|(id, relative)| (id, u128::from(*relative) * to_part * from_sum));
    let (ids, targets) = from.chain(to).filter(|(_, target)| *target > 0).unzip();
    (ids, targets, u128::from(Share::WHOLE) * from_sum * to_sum)
}

/// A candidate. Its largest error is `error / (whole · sum)`.
struct Candidate {
    weights: Vec<u32>,
    sum: u32,
    error: u128,
}

/// Tries every sum the weights can have, the small ones first, so that among equals the smallest sum stays.
fn search(largest: u32, targets: &[u128], whole: u128) -> Candidate {
    let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut parts: Vec<Part> = targets.iter().map(|target| Part::new(*target, count, whole)).collect();
    let mut best = nearest(largest, &parts, count, whole);
    for sum in count + 1..=count.saturating_mul(largest) {
        if best.error == 0 {
            break;
        }
        let mut at_least = 0;
        for part in &mut parts {
            part.advance(whole);
            at_least = at_least.max(part.smallest_error(largest, whole));
        }
        // Most sums are ruled out by one set identifier alone, without choosing any weights.
        if at_least * u128::from(best.sum) >= best.error * u128::from(sum) {
            continue;
        }
        let candidate = nearest(largest, &parts, sum, whole);
        if candidate.error * u128::from(best.sum) < best.error * u128::from(sum) {
            best = candidate;
        }
    }
    best
}

/// What one set identifier should have of the current sum: `floor + rest / whole`.
struct Part {
    target: u128,
    floor: u32,
    rest: u128,
}

impl Part {
    fn new(target: u128, sum: u32, whole: u128) -> Part {
        let exact = target * u128::from(sum);
        Part { target, floor: u32::try_from(exact / whole).unwrap_or(u32::MAX), rest: exact % whole }
    }

    /// Goes to the next sum, without a division.
    fn advance(&mut self, whole: u128) {
        self.rest += self.target;
        if self.rest >= whole {
            self.rest -= whole;
            self.floor += 1;
        }
    }

    /// How far the weight is from what it should be, in parts of `whole`.
    fn error(&self, weight: u32, whole: u128) -> u128 {
        (u128::from(weight) * whole).abs_diff(u128::from(self.floor) * whole + self.rest)
    }

    /// The error of the weight that would be best if there were no others.
    fn smallest_error(&self, largest: u32, whole: u128) -> u128 {
        match self.floor {
            0 => whole - self.rest,
            floor if floor < largest => self.rest.min(whole - self.rest),
            floor => u128::from(floor - largest) * whole + self.rest,
        }
    }
}

/// The weights with this sum whose largest error is smallest.
///
/// Rounded down and kept within bounds, the weights miss the sum by less than one each; the difference goes
/// where it is owed most, or is taken where most is had in excess. No other choice is better: moving a unit
/// between two weights either way makes the larger of their two errors larger, or leaves it.
fn nearest(largest: u32, parts: &[Part], sum: u32, whole: u128) -> Candidate {
    let mut weights: Vec<u32> = parts.iter().map(|part| part.floor.clamp(1, largest)).collect();
    let mut given: u32 = weights.iter().sum();
    while given < sum {
        let owed = (0..parts.len()).filter(|i| weights[*i] < largest);
        // Compared by what the error would be after it; the first of equals, so that the result is one.
        let Some(i) = owed.min_by_key(|i| excess(&parts[*i], weights[*i] + 1, whole)) else { break };
        weights[i] += 1;
        given += 1;
    }
    while given > sum {
        let over = (0..parts.len()).filter(|i| weights[*i] > 1);
        let Some(i) = over.min_by_key(|i| -excess(&parts[*i], weights[*i] - 1, whole)) else { break };
        weights[i] -= 1;
        given -= 1;
    }
    let error =
        parts.iter().zip(&weights).map(|(part, weight)| part.error(*weight, whole)).max().unwrap_or(0);
    Candidate { weights, sum, error }
}

/// How much more than its due a weight is, in parts of `whole`. Below 2^113, so the sign has room.
fn excess(part: &Part, weight: u32, whole: u128) -> i128 {
    let error = i128::try_from(part.error(weight, whole)).unwrap_or(i128::MAX);
    if weight > part.floor { error } else { -error }
}
