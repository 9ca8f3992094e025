//! From the configuration of an account to its two clients.
//!
//! Credentials, region and endpoints come from where every AWS program takes them (environment, profiles, container
//! and instance roles), unless the configuration of the account says otherwise.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use crossfade_ports::Account;
use serde::{Deserialize, Serialize};

use crate::{CloudWatch, Route53};

/// One account. Whatever is absent is taken from the environment, as the AWS SDKs do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// The role to work as, assumed with the credentials found otherwise.
    pub role_arn: Option<String>,
    /// What the role's owner asks to be told when the role is assumed.
    pub external_id: Option<String>,
    /// A profile of the shared configuration files.
    pub profile: Option<String>,
    /// Where the metrics of sources without a region of their own are.
    pub region: Option<String>,
    /// A URL that takes the place of Route 53's.
    pub route53_endpoint: Option<String>,
    /// A URL that takes the place of CloudWatch's, in every region.
    pub cloudwatch_endpoint: Option<String>,
    /// The URL of an emulator of both services. Requests to it are signed with made-up credentials, so that none
    /// can reach a real account by mistake.
    pub emulator: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "account {account} has no region: set `region` in its configuration, in its profile, or as AWS_REGION \
         (for its metrics; Route 53 has none)"
    )]
    NoRegion { account: String },
    #[error("account {account}: `external_id` is only told to a role, and there is no `role_arn`")]
    ExternalIdWithoutRole { account: String },
    #[error("account {account}: an emulator takes neither `role_arn` nor `profile`")]
    EmulatorWithIdentity { account: String },
    #[error("account {account}: {key} is {value:?}, which is not an http or https URL")]
    NotAUrl { account: String, key: &'static str, value: String },
}

/// Longer than one lost SYN (sent again after 1 s), shorter than anybody's patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Route 53 answers within a second, CloudWatch within a few for 500 queries. An answer that is later than this is
/// treated as lost, and a revert that waits for it should not wait longer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Three attempts that fail quickly and their pauses fit; three that hang do not, and should not.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

/// Of reads; writes are never sent twice by the SDK.
const READ_ATTEMPTS: u32 = 3;

/// Route 53 is one service for all commercial regions, and its requests are signed for this one.
/// <https://docs.aws.amazon.com/general/latest/gr/r53.html>
const ROUTE53_REGION: Region = Region::from_static("us-east-1");

/// How the names of regions begin that are not commercial ones.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
const OTHER_PARTITIONS: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];

/// Makes the clients of the account `name`. Credentials are not fetched before the first request.
pub async fn connect(config: &AccountConfig, name: &str) -> Result<Account, ConnectError> {
    check(config, name)?;
    let base = base(config).await;
    let Some(region) = base.region().cloned() else {
        return Err(ConnectError::NoRegion { account: name.to_owned() });
    };
    let sdk = identified(base, config, name).await;
    let mut cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&sdk);
    if let Some(endpoint) = config.cloudwatch_endpoint.as_ref().or(config.emulator.as_ref()) {
        cloudwatch = cloudwatch.endpoint_url(endpoint);
    }
    Ok(Account {
        zones: Arc::new(route53(&sdk, config, &region)),
        metrics: Arc::new(CloudWatch::new(cloudwatch, region)),
    })
}

/// Makes the client of Route 53 alone. It has no region, so whoever has said none can still use it.
pub async fn connect_route53(config: &AccountConfig, name: &str) -> Result<Route53, ConnectError> {
    check(config, name)?;
    let base = base(config).await;
    let region = base.region().cloned().unwrap_or(ROUTE53_REGION);
    // A role is assumed in some region.
    let base = base.into_builder().region(region.clone()).build();
    Ok(route53(&identified(base, config, name).await, config, &region))
}

fn route53(sdk: &SdkConfig, config: &AccountConfig, region: &Region) -> Route53 {
    let mut route53 = aws_sdk_route53::config::Builder::from(sdk).region(route53_region(region));
    if let Some(endpoint) = config.route53_endpoint.as_ref().or(config.emulator.as_ref()) {
        route53 = route53.endpoint_url(endpoint);
    }
    Route53::new(aws_sdk_route53::Client::from_conf(route53.build()))
}

fn check(config: &AccountConfig, name: &str) -> Result<(), ConnectError> {
    let account = || name.to_owned();
    if config.external_id.is_some() && config.role_arn.is_none() {
        return Err(ConnectError::ExternalIdWithoutRole { account: account() });
    }
    if config.emulator.is_some() && (config.role_arn.is_some() || config.profile.is_some()) {
        return Err(ConnectError::EmulatorWithIdentity { account: account() });
    }
    let urls = [
        ("route53_endpoint", &config.route53_endpoint),
        ("cloudwatch_endpoint", &config.cloudwatch_endpoint),
        ("emulator", &config.emulator),
    ];
    for (key, value) in urls {
        if let Some(value) = value
            && !value.starts_with("http://")
            && !value.starts_with("https://")
        {
            return Err(ConnectError::NotAUrl { account: account(), key, value: value.clone() });
        }
    }
    Ok(())
}

/// Everything but the role.
async fn base(config: &AccountConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    // The SDK's own default client would bring a second TLS stack.
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS));
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if config.emulator.is_some() {
        loader =
            loader.credentials_provider(Credentials::new("EMULATOR", "emulator", None, None, "emulator"));
        if config.region.is_none() {
            loader = loader.region(ROUTE53_REGION);
        }
    }
    loader.load().await
}

/// With the role, if there is one.
async fn identified(base: SdkConfig, config: &AccountConfig, name: &str) -> SdkConfig {
    let Some(role) = &config.role_arn else { return base };
    let mut provider = AssumeRoleProvider::builder(role).session_name(session_name(name)).configure(&base);
    if let Some(external_id) = &config.external_id {
        provider = provider.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    base.into_builder().credentials_provider(provider).build()
}

/// The SDK finds this by itself for Route 53's own address, but not for another endpoint.
fn route53_region(region: &Region) -> Region {
    let other = OTHER_PARTITIONS.iter().any(|prefix| region.as_ref().starts_with(prefix));
    if other { region.clone() } else { ROUTE53_REGION }
}

/// What CloudTrail shows as the actor: 2 to 64 letters, digits and `+=,.@_-`.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn session_name(account: &str) -> String {
    const MAX: usize = 64;
    let kept = |c: char| if c.is_ascii_alphanumeric() || "+=,.@_-".contains(c) { c } else { '-' };
    format!("crossfade-{account}").chars().map(kept).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_is_one_that_sts_takes() {
        assert_eq!(session_name("prod"), "crossfade-prod");
        assert_eq!(session_name("équipe web/1"), "crossfade--quipe-web-1");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn route_53_is_signed_for_one_region_of_its_partition() {
        let region = |name: &'static str| route53_region(&Region::from_static(name)).to_string();
        assert_eq!(region("eu-west-3"), "us-east-1");
        assert_eq!(region("cn-north-1"), "cn-north-1");
        assert_eq!(region("us-gov-east-1"), "us-gov-east-1");
    }

    #[test]
    fn contradictions_are_refused_before_any_request() {
        let check = |config: AccountConfig| check(&config, "a").map_err(|error| error.to_string());
        assert_eq!(check(AccountConfig::default()), Ok(()));
        let orphan = AccountConfig { external_id: Some("x".into()), ..AccountConfig::default() };
        assert!(check(orphan).unwrap_err().contains("there is no `role_arn`"));
        let emulator = Some("http://127.0.0.1:1".to_owned());
        let mixed = AccountConfig { emulator, profile: Some("prod".into()), ..AccountConfig::default() };
        assert!(check(mixed).unwrap_err().contains("neither"));
        let url = AccountConfig { route53_endpoint: Some("localhost:1".into()), ..AccountConfig::default() };
        assert!(check(url).unwrap_err().contains("route53_endpoint is \"localhost:1\""));
    }

    #[test]
    fn unknown_keys_of_an_account_are_errors() {
        let error = toml::from_str::<AccountConfig>("regoin = 'eu-west-1'").unwrap_err();
        assert!(error.to_string().contains("unknown field `regoin`"), "{error}");
    }
}
