//! What may happen next in the model.

use stateright::{Model, Property};

use super::{
    GOALS, ONE_OPEN_INTENT, REVERT_IS_FINAL, SAFETY,
    world::{Batch, Epoch, Generation, Lease, Phase, Purpose, Replica, Share, World, Write, Zone},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    Fence,
    FenceAlone,
    Lease,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    pub(super) guard: Guard,
    /// Whether a commit names the version it was decided on.
    pub(super) versions: bool,
    pub(super) overwrite: bool,
    pub(super) finalize: bool,
    /// Whether what only a fence refuses is waited for before the fence goes, and what overwrites before a new run.
    pub(super) waits: bool,
    pub(super) generations: Generation,
    pub(super) epochs: Epoch,
    pub(super) in_flight: usize,
    pub(super) retries: u8,
    pub(super) top: Share,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    // The lease.
    Claim(usize),
    Expire,
    Crash(usize),
    // A replica.
    Reload(usize),
    List(usize),
    Intend(usize),
    Send(usize),
    Overwrite(usize),
    Confirm(usize),
    // The network.
    Land(usize),
    Lose(usize),
    // A person.
    Revert,
    Retry,
    Finalize,
}

impl Protocol {
    /// Enough for a revert in the middle of everything, with a run after it; and few enough states for a test.
    pub(super) fn new(guard: Guard) -> Protocol {
        Protocol {
            guard,
            versions: true,
            overwrite: false,
            finalize: false,
            waits: true,
            generations: 3,
            epochs: 2,
            in_flight: 2,
            retries: 1,
            top: 2,
        }
    }

    /// What the next batch of this replica would be, if it would send one.
    fn batch(&self, replica: &Replica) -> Option<Batch> {
        let [write] = replica.history.open[..] else { return None };
        let (generation, share) = replica.history.known;
        let expects = match (self.guard, replica.listing) {
            (Guard::Lease, _) => None,
            // A revert's first attempt does without a listing; what is remembered is compared instead.
            (_, None) if write.purpose == Purpose::Revert && generation > 0 => {
                Some(Zone { fence: Some((generation, replica.epoch)), share })
            }
            (_, None) => return None,
            (_, Some(listing)) => Some(listing),
        };
        if let Some(listing) = expects
            && (self.is_overtaken(replica, listing)
                || Self::is_done(write, listing)
                || !fits(write, replica, listing))
        {
            return None;
        }
        Some(Batch { write, epoch: replica.epoch, expects })
    }

    fn is_overtaken(&self, replica: &Replica, listing: Zone) -> bool {
        self.guard == Guard::Fence && listing.fence.is_some_and(|(_, epoch)| epoch > replica.epoch)
    }

    /// Whether a listing shows that the write has landed.
    fn is_done(write: Write, listing: Zone) -> bool {
        match write.purpose {
            Purpose::Release => listing.fence.is_none(),
            Purpose::Step | Purpose::Revert => {
                listing.fence.is_some_and(|(generation, _)| generation == write.generation)
            }
        }
    }

    /// Whether the store takes a commit of this replica: it must hold the lease, and have seen everything.
    fn takes_commit(&self, world: &World, id: usize, replica: &Replica) -> bool {
        world.holds_lease(id, replica) && (!self.versions || replica.history == world.history)
    }

    fn may_intend(&self, world: &World, id: usize, replica: &Replica) -> bool {
        let history = &replica.history;
        let step =
            Write { generation: history.generation + 1, purpose: Purpose::Step, share: history.known.1 + 1 };
        let ready = match self.guard {
            Guard::Lease => true,
            Guard::Fence | Guard::FenceAlone => replica
                .listing
                .is_some_and(|listing| !self.is_overtaken(replica, listing) && fits(step, replica, listing)),
        };
        ready
            && history.phase == Phase::Running
            && history.open.is_empty()
            && step.share <= self.top
            && step.generation <= self.generations
            && self.takes_commit(world, id, replica)
    }

    /// Whether something may still arrive that keeps this replica from sending its release: what takes no fence away.
    fn has_to_wait(&self, world: &World, replica: &Replica) -> bool {
        let releases = replica.history.open.iter().any(|write| write.purpose == Purpose::Release);
        self.waits && releases && world.in_flight.iter().any(Batch::is_unfenced)
    }

    fn may_confirm(&self, world: &World, id: usize, replica: &Replica) -> bool {
        let ([write], Some(listing)) = (&replica.history.open[..], replica.listing) else { return false };
        let done = match self.guard {
            // Without a fence there are only the weights to go by.
            Guard::Lease => listing.share == write.share,
            Guard::Fence | Guard::FenceAlone => Self::is_done(*write, listing),
        };
        done && self.takes_commit(world, id, replica)
    }

    fn of_replica(&self, world: &World, id: usize, replica: &Replica, actions: &mut Vec<Action>) {
        actions.push(Action::Crash(id));
        if replica.history != world.history {
            actions.push(Action::Reload(id));
        }
        if replica.listing != Some(world.zone) {
            actions.push(Action::List(id));
        }
        if self.may_intend(world, id, replica) {
            actions.push(Action::Intend(id));
        }
        if self.may_confirm(world, id, replica) {
            actions.push(Action::Confirm(id));
        }
        if world.in_flight.len() < self.in_flight {
            if !self.has_to_wait(world, replica)
                && self.batch(replica).is_some_and(|batch| !world.in_flight.contains(&batch))
            {
                actions.push(Action::Send(id));
            }
            if self.overwrite
                && let [write @ Write { purpose: Purpose::Revert, .. }] = replica.history.open[..]
                && replica.listing.is_some_and(|listing| !self.is_overtaken(replica, listing))
                && !world.in_flight.contains(&Batch { write, epoch: replica.epoch, expects: None })
            {
                actions.push(Action::Overwrite(id));
            }
        }
    }
}

/// Whether a write may be made on a listing: a step needs the zone that its history left.
fn fits(write: Write, replica: &Replica, listing: Zone) -> bool {
    let (generation, share) = replica.history.known;
    let as_left =
        listing.fence.map_or(0, |(generation, _)| generation) == generation && listing.share == share;
    write.purpose != Purpose::Step || as_left
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (id, replica) in world.replicas.iter().enumerate() {
            match replica {
                Some(replica) => self.of_replica(world, id, replica, actions),
                None if world.lease.holder.is_none() && world.lease.epoch < self.epochs => {
                    actions.push(Action::Claim(id));
                }
                None => {}
            }
        }
        if world.lease.holder.is_some() {
            actions.push(Action::Expire);
        }
        for index in 0..world.in_flight.len() {
            actions.extend([Action::Land(index), Action::Lose(index)]);
        }
        let history = &world.history;
        let may_write = history.generation < self.generations;
        match history.phase {
            Phase::Running if history.generation > 0 && may_write => actions.push(Action::Revert),
            Phase::Reverted => {
                // In the product it is the new run's first step that waits.
                let overwrites = |batch: &Batch| batch.expects.is_none();
                let waits = self.waits && self.overwrite && world.in_flight.iter().any(overwrites);
                if history.retries < self.retries && may_write && !waits {
                    actions.push(Action::Retry);
                }
                if self.finalize {
                    actions.push(Action::Finalize);
                }
            }
            Phase::Running | Phase::Reverting | Phase::Finalized => {}
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Claim(id) => {
                world.lease = Lease { holder: Some(id), epoch: last.lease.epoch + 1 };
                world.replicas[id] =
                    Some(Replica { epoch: world.lease.epoch, history: last.history.clone(), listing: None });
            }
            Action::Expire => world.lease.holder = None,
            Action::Crash(id) => world.replicas[id] = None,
            Action::Reload(id) => world.replicas[id].as_mut()?.history = last.history.clone(),
            Action::List(id) => world.replicas[id].as_mut()?.listing = Some(last.zone),
            Action::Intend(id) => {
                let share = last.replicas[id].as_ref()?.history.known.1 + 1;
                world.history.intend(Purpose::Step, share);
                world.replicas[id].as_mut()?.history = world.history.clone();
            }
            Action::Send(id) => {
                let batch = self.batch(last.replicas[id].as_ref()?)?;
                world.replicas[id].as_mut()?.listing = None;
                world.send(batch);
            }
            Action::Overwrite(id) => {
                let replica = world.replicas[id].as_mut()?;
                let batch =
                    Batch { write: *replica.history.open.first()?, epoch: replica.epoch, expects: None };
                replica.listing = None;
                world.send(batch);
            }
            Action::Confirm(id) => {
                let write = *last.history.open.first()?;
                world.history.confirm(write);
                world.replicas[id].as_mut()?.history = world.history.clone();
            }
            Action::Land(index) => {
                // It stays on its way: the same may have been sent twice.
                world.land(world.in_flight[index]);
            }
            Action::Lose(index) => drop(world.in_flight.remove(index)),
            Action::Revert => world.history.command(Phase::Reverting, Purpose::Revert),
            Action::Retry => {
                world.history.phase = Phase::Running;
                world.history.retries += 1;
            }
            Action::Finalize => world.history.command(Phase::Finalized, Purpose::Release),
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFETY[0], |_, world: &World| !world.seen_to_happen.older_over_newer),
            Property::always(REVERT_IS_FINAL, |_, world: &World| !world.seen_to_happen.rose_after_revert),
            Property::always(ONE_OPEN_INTENT, |_, world: &World| world.history.open.len() <= 1),
            Property::sometimes(GOALS[0], |protocol: &Protocol, world: &World| {
                world.history.open.is_empty() && world.history.known.1 == protocol.top
            }),
            Property::sometimes(GOALS[1], |_, world: &World| world.history.phase == Phase::Reverted),
        ]
    }
}
