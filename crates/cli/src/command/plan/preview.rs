//! `plan preview`: a plan held against the zones it is about.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_core::{
    RecordName, RecordSet, ZoneId,
    plan::Plan,
    preview::{GroupPreview, Preview, StepPreview, preview, resolve},
    record::Zone,
};
use crossfade_ports::{Clock, SystemClock, Zones, outlook};

use super::{PreviewArgs, wrong};
use crate::{
    args::{ConfigFile, Output},
    command::{Context, config, direct::unread, plan_text},
    compose,
    failure::{Exit, Failure},
    render,
};

pub(super) async fn run(context: &Context, args: PreviewArgs) -> Result<Exit, Failure> {
    let PreviewArgs { file, exit_code, direct, config } = args;
    let plan = super::read(&file)?;
    let preview = match direct {
        true => from_aws(context, &plan, &config).await?.map_err(|mistakes| wrong(&file, &mistakes))?,
        false => {
            let (text, format) = plan_text(&file)?;
            context.client()?.preview(text, format).await?
        }
    };
    match context.global.output {
        Output::Table => show(&plan, &preview)?,
        output @ (Output::Json | Output::Jsonl) => render::json(&preview, output)?,
    }
    Ok(if exit_code && changes(&preview) { Exit::Changes } else { Exit::Done })
}

async fn from_aws(
    context: &Context,
    plan: &Plan,
    file: &ConfigFile,
) -> Result<Result<Preview, crossfade_core::plan::Mistakes>, Failure> {
    let loaded = config::load(context, file)?;
    let account = compose::account(&loaded.config, &plan.account).await?;
    let zones = account.zones.as_ref();
    let mut found: BTreeMap<String, Vec<Zone>> = BTreeMap::new();
    for records in &plan.records {
        if !found.contains_key(&records.zone) {
            let zone = zones.find(&records.zone).await.map_err(|error| unread(error, &records.zone))?;
            found.insert(records.zone.clone(), zone);
        }
    }
    let groups = match resolve(plan, &found) {
        Ok(groups) => groups,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let mut names: BTreeMap<ZoneId, BTreeSet<RecordName>> = BTreeMap::new();
    for group in groups.keys() {
        names.entry(group.zone.clone()).or_default().extend([group.name.clone(), group.name.fence()]);
    }
    let listed = listed(zones, names).await?;
    let clock = SystemClock;
    Ok(match preview(plan, &groups, &listed, None) {
        Ok(preview) => Ok(outlook(preview, plan, account.metrics.as_ref(), clock.now()).await),
        Err(mistakes) => Err(mistakes),
    })
}

async fn listed(
    zones: &dyn Zones,
    names: BTreeMap<ZoneId, BTreeSet<RecordName>>,
) -> Result<BTreeMap<ZoneId, Vec<RecordSet>>, Failure> {
    let mut listed = BTreeMap::new();
    for (zone, names) in names {
        let sets = zones.read(&zone, &names).await.map_err(|error| unread(error, &zone.0))?;
        listed.insert(zone, sets);
    }
    Ok(listed)
}

/// Whether any weight of the last step is another than now.
fn changes(preview: &Preview) -> bool {
    let Some(last) = preview.steps.last() else { return false };
    let members = preview.groups.iter().flat_map(|group| &group.members);
    members.into_iter().any(|member| last.weights.get(&member.set_identifier) != Some(&member.weight_now))
}

fn show(plan: &Plan, preview: &Preview) -> Result<(), Failure> {
    let Preview { groups, steps, warnings, share_now, sensitivity, openings } = preview;
    for group in groups {
        render::line(group_table(group, steps))?;
    }
    if let Some(share) = share_now {
        let to: Vec<&str> = plan.to.keys().map(String::as_str).collect();
        render::line(format!("\nnow {share:.1} % of the answers are the to side's ({})", to.join(", ")))?;
    }
    for seen in sensitivity {
        render::line(super::seen(seen))?;
    }
    for opening in openings.iter().flatten() {
        render::line(&opening.sentence)?;
    }
    for warning in warnings {
        render::note(format!("warning: {warning}"));
    }
    Ok(())
}

fn group_table(group: &GroupPreview, steps: &[StepPreview]) -> String {
    let rows = group.members.iter().map(|member| {
        let weights: Vec<String> = steps
            .iter()
            .filter_map(|step| Some(format!("{}: {}", step.share, step.weights.get(&member.set_identifier)?)))
            .collect();
        [
            member.set_identifier.clone(),
            member.target.clone(),
            member.ttl_seconds.map_or_else(|| "alias".to_owned(), |ttl| format!("{ttl} s")),
            member.weight_now.to_string(),
            weights.join(", "),
        ]
    });
    let table = render::table(["SET", "TARGET", "TTL", "NOW", "WEIGHT AT EACH STEP"], rows);
    format!("{} {} in zone {}\n{table}", group.key.name, group.key.record_type, group.key.zone)
}
