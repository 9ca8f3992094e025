//! The configuration as it is shown: every key, and no secret.

use std::time::Duration;

use crossfade_aws::AccountConfig;
use crossfade_engine::Settings;

use super::{Auth, Config, Probe, Prometheus, Server, Store};

impl Config {
    /// Every key with its value as TOML. Secrets are not shown.
    pub fn entries(&self) -> Vec<(String, String)> {
        let Config { server, store, accounts, engine, probe, prometheus, auth } = self;
        let Server { listen } = server;
        let Store { url, listen_url } = store;
        let Settings {
            poll,
            metrics_every,
            probes_every,
            read_back_every,
            propagation,
            requests_per_second,
            lease,
        } = engine;
        let Probe { ca_file } = probe;
        let Prometheus { url: prometheus_url, authorization } = prometheus;
        let authorization = authorization.as_ref().map(|_| "***");
        let ca_file = ca_file.as_ref().map(|path| path.display().to_string());
        let Auth { tokens } = auth;
        let mut entries = vec![
            ("server.listen".to_owned(), quoted(&listen.to_string())),
            ("store.url".to_owned(), quoted(&redacted(url))),
            ("store.listen_url".to_owned(), quoted(&redacted(listen_url.as_deref().unwrap_or_default()))),
        ];
        for (name, account) in accounts {
            let AccountConfig {
                region,
                profile,
                role_arn,
                external_id,
                route53_endpoint,
                cloudwatch_endpoint,
                emulator,
            } = account;
            let text = |value: &Option<String>| quoted(value.as_deref().unwrap_or_default());
            let fields = [
                ("region", text(region)),
                ("profile", text(profile)),
                ("role_arn", text(role_arn)),
                ("external_id", text(external_id)),
                ("route53_endpoint", text(route53_endpoint)),
                ("cloudwatch_endpoint", text(cloudwatch_endpoint)),
                ("emulator", text(emulator)),
            ];
            entries.extend(fields.map(|(key, value)| (format!("accounts.{name}.{key}"), value)));
        }
        let span = |span: &Duration| quoted(&humantime::format_duration(*span).to_string());
        entries.extend([
            ("engine.poll".to_owned(), span(poll)),
            ("engine.metrics_every".to_owned(), span(metrics_every)),
            ("engine.probes_every".to_owned(), span(probes_every)),
            ("engine.read_back_every".to_owned(), span(read_back_every)),
            ("engine.propagation".to_owned(), span(propagation)),
            ("engine.requests_per_second".to_owned(), requests_per_second.to_string()),
            ("engine.lease".to_owned(), span(lease)),
            ("probe.ca_file".to_owned(), quoted(ca_file.as_deref().unwrap_or_default())),
            ("prometheus.url".to_owned(), quoted(&redacted(prometheus_url.as_deref().unwrap_or_default()))),
            ("prometheus.authorization".to_owned(), quoted(authorization.unwrap_or_default())),
            ("auth.tokens".to_owned(), format!("[{}]", vec!["\"***\""; tokens.len()].join(", "))),
        ]);
        entries
    }
}

/// A URL without its password, whether it stands before the host or among the parameters.
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // The last `@`: a password may hold one that nobody escaped.
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    let Some((head, query)) = rest.split_once('?') else { return format!("{scheme}://{rest}") };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().contains("password") => format!("{key}=***"),
        Some(_) | None => pair.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(hide).collect();
    format!("{scheme}://{head}?{}", query.join("&"))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
