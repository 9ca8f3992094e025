//! The daemon's API, from a person's side: requests out, problems back as failures with an exit code.

mod problem;

use std::{collections::BTreeMap, error::Error as _, time::Duration};

use crossfade_api::types::{Chain, Done, Fleet, FleetVerb, Page, Problem, Shift, Shifts, Unreadable, Verb};
use crossfade_core::{
    chain::{Head, Row},
    event::{Actor, Event},
    plan::Format,
    preview::Preview,
    shift::Command,
};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;

pub use self::problem::of_problem;
use self::problem::unexpected;
use crate::{
    compose,
    failure::{Exit, Failure},
};

#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
}

/// A daemon that does not take the connection by then is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// The daemon gives up on a request by itself well before that.
const ANSWER: Duration = Duration::from_secs(60);

const ACTOR: &str = "x-crossfade-actor";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// As many as the API gives at once.
const PAGE: u32 = 200;

/// The name that stands in the history. Whoever is logged in as the user of the daemon is not the daemon.
fn name_of(actor: &str) -> String {
    match actor.trim() {
        "" => "unknown".to_owned(),
        name if name == Actor::daemon().0 => format!("{name}@{}", compose::host()),
        name => name.to_owned(),
    }
}

impl Client {
    pub fn new(server: &str, actor: &str) -> Result<Client, Failure> {
        let actor = &name_of(actor);
        let wrong = || Failure::new(Exit::Usage, format!("--server {server} is not a URL"));
        let mut url: Url = server
            .parse()
            .map_err(|error| wrong().because(error).hint("write it as in http://127.0.0.1:8080"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong().hint("write it as in http://127.0.0.1:8080"));
        }
        // So that a path of a proxy in front of the daemon is kept.
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // Another part of the process may have chosen the same provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let actor = reqwest::header::HeaderValue::from_bytes(actor.as_bytes())
            .map_err(|error| Failure::new(Exit::Usage, "--actor cannot stand in a header").because(error))?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("crossfade/", env!("CARGO_PKG_VERSION")))
            .default_headers([(reqwest::header::HeaderName::from_static(ACTOR), actor)].into_iter().collect())
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(|error| Failure::failed("the HTTP client cannot be set up").because(error))?;
        Ok(Client { http, server: url })
    }

    pub async fn shift(&self, name: &str) -> Result<Shift, Failure> {
        self.get(&["shifts", name], &[]).await
    }

    /// `None` when there is no such shift.
    pub async fn find(&self, name: &str) -> Result<Option<Shift>, Failure> {
        let response = self.send(self.request(Method::GET, &["shifts", name])?).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(response).await.map(Some)
    }

    /// All of them, page by page, and those that the daemon cannot read.
    pub async fn shifts(
        &self,
        phase: Option<&str>,
        label: Option<&(String, String)>,
    ) -> Result<(Vec<Shift>, Vec<Unreadable>), Failure> {
        let mut query: Vec<(&str, String)> = vec![("limit", PAGE.to_string())];
        query.extend(phase.map(|phase| ("phase", phase.to_owned())));
        query.extend(label.map(|(key, value)| ("label", format!("{key}={value}"))));
        let (mut shifts, mut unreadable) = (Vec::new(), Vec::new());
        for page in self.pages(&["shifts"], query, |page: &mut Shifts| page.next.take()).await? {
            shifts.extend(page.items);
            unreadable.extend(page.unreadable);
        }
        Ok((shifts, unreadable))
    }

    /// Events after a sequence number: all that there are now.
    pub async fn events(&self, name: &str, after: u64) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        let mut after = after.to_string();
        loop {
            let query = [("after", after.clone()), ("limit", PAGE.to_string())];
            let page: Page<Event> = self.get(&["shifts", name, "history"], &query).await?;
            events.extend(page.items);
            match page.next {
                Some(next) => after = next,
                None => return Ok(events),
            }
        }
    }

    /// A whole history as it is kept, for whoever trusts no reading of it, and where the shift's row says it ends.
    pub async fn chain(&self, name: &str) -> Result<(Option<Head>, Vec<Row>), Failure> {
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(from.take().map(|from| ("from", from)));
            let page: Chain = self.get(&["chains", name], &query).await?;
            rows.extend(page.items);
            match page.next {
                Some(next) => from = Some(next),
                // The last page was read in the same moment as its head: whatever was added meanwhile is in both.
                None => return Ok((page.head, rows)),
            }
        }
    }

    /// The names of all histories.
    pub async fn chains(&self) -> Result<Vec<String>, Failure> {
        let query = vec![("limit", PAGE.to_string())];
        let pages = self.pages(&["chains"], query, |page: &mut Page<String>| page.next.take()).await?;
        Ok(pages.into_iter().flat_map(|page| page.items).collect())
    }

    pub async fn create(&self, plan: String, format: Format, reason: Option<&str>) -> Result<Shift, Failure> {
        let request = self.with_plan(self.request(Method::POST, &["shifts"])?, plan, format, reason);
        self.read(self.send(request).await?).await
    }

    pub async fn revise(
        &self,
        name: &str,
        version: u64,
        plan: String,
        format: Format,
        reason: Option<&str>,
    ) -> Result<Done, Failure> {
        let request = self
            .request(Method::PUT, &["shifts", name, "plan"])?
            .header("if-match", format!("\"{version}\""));
        self.read(self.send(self.with_plan(request, plan, format, reason)).await?).await
    }

    pub async fn preview(&self, plan: String, format: Format) -> Result<Preview, Failure> {
        let request = self.with_plan(self.request(Method::POST, &["preview"])?, plan, format, None);
        self.read(self.send(request).await?).await
    }

    pub async fn command(
        &self,
        name: &str,
        command: Command,
        reason: Option<String>,
    ) -> Result<Done, Failure> {
        let freeze = matches!(command, Command::Pause { freeze: true });
        let request = self.request(Method::POST, &["shifts", name, command.verb()])?;
        self.read(self.send(request.json(&Verb { reason, freeze })).await?).await
    }

    pub async fn fleet(
        &self,
        command: Command,
        selector: BTreeMap<String, String>,
        reason: Option<String>,
    ) -> Result<Fleet, Failure> {
        let freeze = matches!(command, Command::Pause { freeze: true });
        let request = self.request(Method::POST, &[command.verb()])?;
        self.read(self.send(request.json(&FleetVerb { selector, reason, freeze })).await?).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Failure> {
        let mut request = self.request(Method::GET, path)?;
        if !query.is_empty() {
            request = request.query(query);
        }
        self.read(self.send(request).await?).await
    }

    /// All pages of a list that has a cursor, which is taken from each for the next.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Vec<(&str, String)>,
        next: impl Fn(&mut T) -> Option<String>,
    ) -> Result<Vec<T>, Failure> {
        let mut pages = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.clone();
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let mut page: T = self.get(path, &query).await?;
            cursor = next(&mut page);
            pages.push(page);
            if cursor.is_none() {
                return Ok(pages);
            }
        }
    }

    /// A POST gets its own key, so that a repeat by anything on the way is recognised.
    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Failure> {
        let mut url = self.server.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::new(Exit::Usage, format!("--server {} cannot have paths", self.server)))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let request = self.http.request(method.clone(), url);
        Ok(match method {
            Method::POST => request.header(IDEMPOTENCY_KEY, uuid::Uuid::new_v4().to_string()),
            _ => request,
        })
    }

    fn with_plan(
        &self,
        request: RequestBuilder,
        plan: String,
        format: Format,
        reason: Option<&str>,
    ) -> RequestBuilder {
        let content_type = match format {
            Format::Yaml => "application/yaml",
            Format::Toml => "application/toml",
            Format::Json => "application/json",
        };
        let request = request.header("content-type", content_type).body(plan);
        match reason {
            Some(reason) => request.query(&[("reason", reason)]),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, Failure> {
        request.send().await.map_err(|error| self.unreachable(error))
    }

    async fn read<T: DeserializeOwned>(&self, response: reqwest::Response) -> Result<T, Failure> {
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        if !status.is_success() {
            return Err(match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => of_problem(problem),
                Err(_) => unexpected(status, &String::from_utf8_lossy(&body)),
            });
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::failed(format!("the answer of {} cannot be read", self.server))
                .because(error)
                .hint("is it a daemon of this version? `crossfade --version` says which this is")
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let timed_out = error.is_timeout() && !error.is_connect();
        let message = match timed_out {
            true => format!("the daemon at {} did not answer in time", self.server),
            false => format!("the daemon at {} cannot be reached", self.server),
        };
        // The first level repeats the URL; why is below it.
        let mut why = None;
        let mut cause = error.source();
        while let Some(error) = cause {
            why = Some(error.to_string());
            cause = error.source();
        }
        Failure::new(Exit::Unreachable, message)
            .notes(why.map(|why| format!("caused by: {why}")))
            .hint("`crossfade serve` runs it here; --server or CROSSFADE_SERVER says where it is")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_acts_in_the_name_of_the_daemon() {
        assert_eq!(name_of("ada"), "ada");
        assert_eq!(name_of(" "), "unknown");
        assert!(name_of("crossfade").starts_with("crossfade@"));
    }
}
