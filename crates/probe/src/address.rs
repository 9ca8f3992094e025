//! Where a target is.

use std::net::{IpAddr, SocketAddr};

use crossfade_core::gate::{Family, ProbeOutcome, ProbeTarget, off_limits};
use tokio::{
    net::lookup_host,
    time::{Instant, timeout_at},
};

/// Load balancers have as many as this; of a name with more, these stand for the rest.
const MOST_ADDRESSES: usize = 8;

/// At least one address; none that is off limits, whatever the zone or the resolver says.
pub(crate) async fn of(target: &ProbeTarget, deadline: Instant) -> Result<Vec<SocketAddr>, ProbeOutcome> {
    let port = target.ask.port();
    let found = match target.host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => resolved(&target.host, port, deadline).await.map_err(ProbeOutcome::Unknown)?,
    };
    let mut addresses: Vec<SocketAddr> =
        found.into_iter().filter(|at| serves(target.family, at.ip())).collect();
    addresses.sort();
    addresses.dedup();
    if let Some((address, why)) = addresses.iter().find_map(|at| Some((at.ip(), off_limits(at.ip())?))) {
        return Err(ProbeOutcome::Unknown(format!("{address} {why}")));
    }
    if addresses.is_empty() {
        return Err(ProbeOutcome::Unknown("it has no address of the kind that its record gives".to_owned()));
    }
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses)
}

async fn resolved(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, String> {
    match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        // The system's resolver does not say whether there is no such name, or nobody to ask.
        Ok(Err(error)) => Err(format!("its name could not be resolved: {error}")),
        Err(_) => Err("its name could not be resolved in time".to_owned()),
    }
}

fn serves(family: Family, address: IpAddr) -> bool {
    match family {
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
        Family::Any => true,
    }
}
