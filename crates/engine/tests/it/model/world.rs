//! What there is in the model: the store, the zone, replicas, and batches on their way.

/// Counts the writes of the shift; 0 is before the first one.
pub(super) type Generation = u8;
pub(super) type Epoch = u8;
/// 0 is the baseline.
pub(super) type Share = u8;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) history: History,
    pub(super) lease: Lease,
    pub(super) zone: Zone,
    pub(super) replicas: [Option<Replica>; 2],
    /// Sorted, because their order means nothing.
    pub(super) in_flight: Vec<Batch>,
    pub(super) seen_to_happen: Happenings,
}

/// The state of the shift, as the store has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct History {
    pub(super) phase: Phase,
    /// Of the newest intent.
    pub(super) generation: Generation,
    /// Intents that are neither confirmed nor replaced by a later one.
    pub(super) open: Vec<Write>,
    /// The newest confirmed write, and the share it left.
    pub(super) known: (Generation, Share),
    /// Commands after which the share may rise again.
    pub(super) retries: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    #[default]
    Running,
    Reverting,
    Reverted,
    /// The records are given up, and the fence is to be deleted.
    Finalized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Write {
    pub(super) generation: Generation,
    pub(super) purpose: Purpose,
    pub(super) share: Share,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Purpose {
    Step,
    Revert,
    /// Deletes the fence, and touches nothing else.
    Release,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) holder: Option<usize>,
    pub(super) epoch: Epoch,
}

/// What a listing shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Zone {
    pub(super) fence: Option<(Generation, Epoch)>,
    pub(super) share: Share,
}

/// A replica that takes itself for the holder of the lease of this epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Replica {
    pub(super) epoch: Epoch,
    /// The history as it last read or wrote it.
    pub(super) history: History,
    /// The zone as it last listed it, until it sends something.
    pub(super) listing: Option<Zone>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Batch {
    pub(super) write: Write,
    pub(super) epoch: Epoch,
    /// What it deletes, and so is compared with; nothing for UPSERTs.
    pub(super) expects: Option<Zone>,
}

impl Batch {
    /// Whether no fence has to stand for it to land.
    pub(super) fn is_unfenced(&self) -> bool {
        self.expects.is_none_or(|expected| expected.fence.is_none())
    }
}

/// What the properties ask about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Happenings {
    /// The newest write that ever landed.
    pub(super) newest: Generation,
    pub(super) older_over_newer: bool,
    pub(super) rose_after_revert: bool,
}

impl World {
    pub(super) fn holds_lease(&self, id: usize, replica: &Replica) -> bool {
        self.lease == Lease { holder: Some(id), epoch: replica.epoch }
    }

    pub(super) fn send(&mut self, batch: Batch) {
        self.in_flight.push(batch);
        self.in_flight.sort_unstable();
    }

    /// Route 53 applies the batch as a whole, or not at all.
    pub(super) fn land(&mut self, batch: Batch) {
        let write = batch.write;
        let refused = match (write.purpose, batch.expects) {
            // Weights are not part of a release.
            (Purpose::Release, Some(expected)) => expected.fence != self.zone.fence,
            (_, Some(expected)) => expected != self.zone,
            (_, None) => false,
        };
        if refused {
            return;
        }
        let happenings = &mut self.seen_to_happen;
        happenings.older_over_newer |= write.generation < happenings.newest;
        happenings.newest = happenings.newest.max(write.generation);
        if write.purpose == Purpose::Release {
            self.zone.fence = None;
            return;
        }
        let is_down = matches!(self.history.phase, Phase::Reverted | Phase::Finalized);
        happenings.rose_after_revert |= is_down && write.share > self.zone.share;
        self.zone = Zone { fence: Some((write.generation, batch.epoch)), share: write.share };
    }
}

impl History {
    /// Opens a write beside whatever is open: that nothing is, is for whoever intends it to have seen.
    pub(super) fn intend(&mut self, purpose: Purpose, share: Share) {
        self.generation += 1;
        self.open.push(Write { generation: self.generation, purpose, share });
    }

    /// What a person asks for takes the place of whatever is open.
    pub(super) fn command(&mut self, phase: Phase, purpose: Purpose) {
        self.phase = phase;
        self.open.clear();
        self.intend(purpose, 0);
    }

    pub(super) fn confirm(&mut self, write: Write) {
        self.open.retain(|open| *open != write);
        self.known = (write.generation, write.share);
        if write.purpose == Purpose::Revert {
            self.phase = Phase::Reverted;
        }
    }
}
