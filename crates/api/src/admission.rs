//! Whether a plan may become a shift: everything that can be found out before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_core::{
    GroupKey, ZoneId,
    plan::{After, Mistake, Mistakes, Plan, circle},
    preview::{self, Groups, Preview},
    shift::Phase,
};
use crossfade_ports::{Account, StoreError, ZonesError, store::Claim};

use crate::{App, Code, types::Problem};

/// A plan that may become a shift.
pub(crate) struct Admitted {
    pub(crate) groups: Vec<GroupKey>,
    pub(crate) preview: Preview,
}

/// Looks at the zones that the plan names; refuses with everything that speaks against it.
pub(crate) async fn admit(app: &App, plan: &Plan) -> Result<Admitted, Problem> {
    let account = account(app, plan)?;
    uncircular(app, plan).await?;
    let groups = resolve(account, plan).await?;
    unclaimed(app, plan, &groups).await?;
    let mut listed = BTreeMap::new();
    for (zone, names) in names(&groups) {
        let sets = account.zones.read(&zone, &names).await.map_err(Problem::of_zones)?;
        listed.insert(zone, sets);
    }
    let preview = preview::preview(plan, &groups, &listed, Some(&app.owner)).map_err(Problem::of_plan)?;
    Ok(Admitted { groups: groups.into_keys().collect(), preview })
}

/// The record groups that the plan means.
pub(crate) async fn groups(app: &App, plan: &Plan) -> Result<Vec<GroupKey>, Problem> {
    Ok(resolve(account(app, plan)?, plan).await?.into_keys().collect())
}

pub(crate) fn account<'a>(app: &'a App, plan: &Plan) -> Result<&'a Account, Problem> {
    app.accounts.get(&plan.account).ok_or_else(|| {
        let message = format!("the daemon's configuration has no account {}", plan.account);
        let hint = match app.accounts.names().as_slice() {
            [] => "it has none at all: add a section [accounts.default]".to_owned(),
            names => format!("it has {}", names.join(", ")),
        };
        Problem::of_plan(Mistakes(vec![Mistake::new("account", message, hint)]))
    })
}

async fn resolve(account: &Account, plan: &Plan) -> Result<Groups, Problem> {
    let wanted: BTreeSet<&String> = plan.records.iter().map(|records| &records.zone).collect();
    let mut found = BTreeMap::new();
    for zone in wanted {
        let zones = match account.zones.find(zone).await {
            Ok(zones) => zones,
            Err(ZonesError::NoSuchZone(_)) => Vec::new(),
            Err(error) => return Err(Problem::of_zones(error)),
        };
        found.insert(zone.clone(), zones);
    }
    preview::resolve(plan, &found).map_err(Problem::of_plan)
}

/// The store defends this when the shift is made; looking first gives the answer before Route 53 is asked, and to
/// those who only want to know.
async fn unclaimed(app: &App, plan: &Plan, groups: &Groups) -> Result<(), Problem> {
    let wanted: BTreeSet<String> = groups.keys().map(GroupKey::to_string).collect();
    let claims = app.store.claims().await.map_err(Problem::of_store)?;
    match claims.into_iter().find(|claim| claim.shift != plan.name && wanted.contains(&claim.group)) {
        Some(Claim { group, shift: owner }) => Err(Problem::of_store(StoreError::Claimed { group, owner })),
        None => Ok(()),
    }
}

/// Whether the shifts that a plan comes after come, in the end, after the plan itself. Two plans that are applied in
/// the same moment may still close a circle; what holds them then says which shift each of them waits for.
pub(crate) async fn uncircular(app: &App, plan: &Plan) -> Result<(), Problem> {
    let mut known: BTreeMap<String, Vec<After>> = BTreeMap::new();
    let mut wanted: Vec<String> = plan.after().iter().map(|after| after.shift().to_owned()).collect();
    while let Some(name) = wanted.pop() {
        if name == plan.name || known.contains_key(&name) {
            continue;
        }
        let stored = app.store.load(&name).await.map_err(Problem::of_store)?;
        let after = match stored.map(|stored| stored.shift) {
            Some(shift) if !matches!(shift.phase, Phase::Completed { .. } | Phase::Cancelled { .. }) => {
                shift.plan.after().to_vec()
            }
            Some(_) | None => Vec::new(),
        };
        wanted.extend(after.iter().map(|after| after.shift().to_owned()));
        known.insert(name, after);
    }
    let Some(circle) = circle(&plan.name, plan.after(), &known) else { return Ok(()) };
    Err(Problem::new(
        Code::DependencyCircle,
        format!("The plan would wait for itself: {}.", circle.join(" comes after ")),
    )
    .with_hint("Take one of these names out of schedule.after, here or in the other plan."))
}

/// What has to be read in each zone: the records' names and their fences'.
fn names(groups: &Groups) -> BTreeMap<ZoneId, BTreeSet<crossfade_core::RecordName>> {
    let mut names: BTreeMap<ZoneId, BTreeSet<_>> = BTreeMap::new();
    for group in groups.keys() {
        names.entry(group.zone.clone()).or_default().extend([group.name.clone(), group.name.fence()]);
    }
    names
}
