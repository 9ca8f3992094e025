//! The periods of one side. Two series that begin alike share what they have in common, so that this can be seen
//! without a comparison, and a new minute costs nothing for the day before it.

use std::sync::Arc;

use jiff::Timestamp;

use super::Period;

/// Periods of one side, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What came before `firm`; not expected to change.
    old: Option<Arc<Block>>,
    /// A multiple of [`SPAN`], in seconds since 1970.
    firm: Option<i64>,
    recent: Arc<Vec<Period>>,
}

/// A quarter of an hour, and everything before it. Never changed once it is made: whoever has the same block has the
/// same periods.
#[derive(Debug)]
pub(super) struct Block {
    before: Option<Arc<Block>>,
    /// Its last period begins before this.
    until: i64,
    periods: Vec<Period>,
}

/// Seconds.
pub(super) const SPAN: i64 = 900;

impl Series {
    /// From the newest to the oldest.
    pub fn newest_first(&self) -> impl Iterator<Item = &Period> {
        let blocks = std::iter::successors(self.old.as_deref(), |block| block.before.as_deref());
        self.recent.iter().rev().chain(blocks.flat_map(|block| block.periods.iter().rev()))
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> impl Iterator<Item = &Period> {
        self.since(None)
    }

    /// Everything from this time on is as these periods say, oldest first. What came before stays.
    pub fn put(&mut self, from: Timestamp, periods: Vec<Period>) {
        // Most of what is read again is as it was.
        let known: Vec<&Period> = {
            let mut known: Vec<&Period> =
                self.newest_first().take_while(|period| period.start >= from).collect();
            known.reverse();
            known
        };
        let alike = known.iter().zip(&periods).take_while(|(known, period)| **known == *period).count();
        if alike < known.len() || alike < periods.len() {
            // The first period that is not as it was.
            let changed = known.get(alike).map(|period| period.start).into_iter();
            let changed = changed.chain(periods.get(alike).map(|period| period.start)).min().unwrap_or(from);
            self.cut(changed);
            let recent = Arc::make_mut(&mut self.recent);
            recent.extend(periods.into_iter().skip(alike).filter(|period| period.start >= changed));
        }
        self.settle(from.as_second().div_euclid(SPAN) * SPAN);
    }

    /// Forgets what began before this time.
    pub fn forget_before(&mut self, at: Timestamp) {
        if self.newest_first().last().is_none_or(|oldest| oldest.start >= at) {
            return;
        }
        let kept: Vec<Period> = self.iter().filter(|period| period.start >= at).copied().collect();
        let firm = self.firm;
        *self = Series { recent: Arc::new(kept), ..Series::default() };
        if let Some(firm) = firm {
            self.settle(firm);
        }
    }

    /// Before this, in seconds since 1970, it comes in blocks.
    pub(super) fn firm(&self) -> Option<i64> {
        self.firm
    }

    /// Everything that began before `until`, which is not after [`Series::firm`].
    pub(super) fn block_at(&self, until: i64) -> Option<&Arc<Block>> {
        let mut block = self.old.as_ref();
        while let Some(newer) = block.filter(|block| block.until > until) {
            block = newer.before.as_ref();
        }
        block
    }

    /// What began at this time or later, oldest first. The time is a multiple of [`SPAN`].
    pub(super) fn since(&self, at: Option<i64>) -> impl Iterator<Item = &Period> {
        let blocks = std::iter::successors(self.old.as_deref(), |block| block.before.as_deref());
        let mut blocks: Vec<&Block> =
            blocks.take_while(|block| at.is_none_or(|at| block.until > at)).collect();
        blocks.reverse();
        blocks.into_iter().flat_map(|block| &block.periods).chain(self.recent.iter())
    }

    /// Whether both are one: then they are equal.
    pub(super) fn is(&self, other: &Series) -> bool {
        Arc::ptr_eq(&self.recent, &other.recent) && same_block(self.old.as_ref(), other.old.as_ref())
    }

    /// Drops everything from `at` on.
    fn cut(&mut self, at: Timestamp) {
        while let Some(block) =
            self.old.as_ref().filter(|block| block.periods.first().is_some_and(|p| p.start >= at))
        {
            self.recent = Arc::new(Vec::new());
            self.old = block.before.clone();
        }
        if let Some(block) = &self.old
            && block.until > at.as_second()
        {
            // It goes on in the middle of this block.
            let mut periods = block.periods.clone();
            periods.extend(self.recent.iter());
            let firm = block.until - SPAN;
            self.old = block.before.clone();
            self.firm = Some(firm);
            self.recent = Arc::new(periods);
        }
        let recent = Arc::make_mut(&mut self.recent);
        recent.truncate(recent.partition_point(|period| period.start < at));
        if let Some(firm) = self.firm {
            self.firm = Some(firm.min(at.as_second().div_euclid(SPAN) * SPAN));
        }
    }

    /// Makes blocks of what began before `until`.
    fn settle(&mut self, until: i64) {
        if self.firm.is_some_and(|firm| firm >= until) {
            return;
        }
        let count = self.recent.partition_point(|period| period.start.as_second() < until);
        if count > 0 {
            let recent = Arc::make_mut(&mut self.recent);
            let rest = recent.split_off(count);
            let end = |period: &Period| (period.start.as_second().div_euclid(SPAN) + 1) * SPAN;
            for periods in recent.chunk_by(|a, b| end(a) == end(b)) {
                let block = Block {
                    before: self.old.take(),
                    until: periods.first().map_or(until, end),
                    periods: periods.to_vec(),
                };
                self.old = Some(Arc::new(block));
            }
            *recent = rest;
        }
        self.firm = Some(until);
    }
}

pub(super) fn same_block(one: Option<&Arc<Block>>, other: Option<&Arc<Block>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl From<Vec<Period>> for Series {
    fn from(mut periods: Vec<Period>) -> Series {
        periods.sort_by_key(|period| period.start);
        Series { recent: Arc::new(periods), ..Series::default() }
    }
}

impl FromIterator<Period> for Series {
    fn from_iter<I: IntoIterator<Item = Period>>(periods: I) -> Series {
        Series::from(Vec::from_iter(periods))
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Series) -> bool {
        self.is(other) || self.iter().eq(other.iter())
    }
}
