//! A ready-made world: example.com between a legacy data centre and the cloud.

use crate::endpoint::Endpoint;
use crate::record::Record;
use crate::traffic::Traffic;
use crate::world::World;

/// What the ready-made world consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleOptions {
    /// The TTL of the weighted records, in seconds.
    pub ttl: u32,
    /// Add an AAAA group beside the A group.
    pub ipv6: bool,
    /// Requests per second over all resolvers; 0 starts no traffic.
    pub requests_per_second: f64,
    /// Caches that share the traffic.
    pub resolvers: usize,
    /// Publish zeros too, instead of no datapoint.
    pub explicit_zeros: bool,
}

/// Where things are in the ready-made world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleWorld {
    /// The zone `example.com`.
    pub zone_id: String,
    /// `www.example.com`.
    pub record_name: String,
    /// `Playground`: the namespace of `Requests`, `Errors` and `Latency`.
    pub namespace: String,
    /// `Endpoint`: the dimension, whose values are the two names below.
    pub dimension: String,
    /// `legacy`: set identifier and endpoint, weight 100, 192.0.2.10.
    pub legacy: String,
    /// `cloud`: set identifier and endpoint, weight 0, 198.51.100.10.
    pub cloud: String,
}

impl Default for ExampleOptions {
    fn default() -> Self {
        Self { ttl: 5, ipv6: false, requests_per_second: 200.0, resolvers: 200, explicit_zeros: false }
    }
}

/// The ready-made world with its defaults.
pub fn example_world(world: &World) -> ExampleWorld {
    example_world_with(world, &ExampleOptions::default())
}

/// The ready-made world.
pub fn example_world_with(world: &World, options: &ExampleOptions) -> ExampleWorld {
    let example = ExampleWorld {
        zone_id: world.create_zone("example.com"),
        record_name: "www.example.com".to_owned(),
        namespace: "Playground".to_owned(),
        dimension: "Endpoint".to_owned(),
        legacy: "legacy".to_owned(),
        cloud: "cloud".to_owned(),
    };
    let sides = [
        (&example.legacy, 100, "192.0.2.10", "2001:db8:1::10"),
        (&example.cloud, 0, "198.51.100.10", "2001:db8:2::10"),
    ];
    for (name, weight, ipv4, ipv6) in sides {
        let put = |record_type, value: &str| {
            let record =
                Record::weighted(&example.record_name, record_type, options.ttl, name, weight, [value]);
            world.put_record(&example.zone_id, record);
        };
        put("A", ipv4);
        if options.ipv6 {
            put("AAAA", ipv6);
        }
        let endpoint = Endpoint::new(name, [ipv4, ipv6]).with_custom_metrics(
            &example.namespace,
            (&example.dimension, name),
            options.explicit_zeros,
        );
        world.add_endpoint(endpoint);
    }
    if options.requests_per_second > 0.0 {
        world.start_traffic(Traffic {
            name: example.record_name.clone(),
            requests_per_second: options.requests_per_second,
            resolvers: options.resolvers,
            ..Traffic::default()
        });
    }
    example
}
