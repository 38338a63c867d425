//! `tenantry event`.

use super::client::{encode, with_query};
use super::output::{self, Format};
use super::{CliError, Client, Exit, sse};
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show events as they come, until Ctrl-C.
    Tail {
        #[command(flatten)]
        filter: Filter,
        /// Begin with the oldest event, not with the next one.
        #[arg(long)]
        from_start: bool,
        /// End after so many events.
        #[arg(long)]
        count: Option<usize>,
    },
    /// List events, oldest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Deliver events to a subscription again, marked as replayed.
    Replay {
        /// The subscription's id.
        subscription: String,
        #[command(flatten)]
        filter: Filter,
        /// From this time on (RFC 3339).
        #[arg(long)]
        from: Option<String>,
        /// Up to this time (RFC 3339).
        #[arg(long)]
        to: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only this type.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// Only this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        [("type", &self.event_type), ("tenant", &self.tenant)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

const COLUMNS: [output::Column; 5] = [
    ("at", "/occurredAt"),
    ("type", "/type"),
    ("tenant", "/tenantId"),
    ("sequence", "/sequence"),
    ("event", "/eventId"),
];

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::Tail { filter, from_start, count } => tail(client, &filter, from_start, count, format).await?,
        Verb::List { filter, limit } => {
            output::list(&archive(client, &filter, limit).await?, &COLUMNS, format);
        }
        Verb::Replay { subscription, filter, from, to } => {
            let mut body = Map::new();
            let fields =
                [("type", filter.event_type), ("tenantId", filter.tenant), ("from", from), ("to", to)];
            for (name, value) in fields {
                if let Some(value) = value {
                    body.insert(name.to_owned(), value.into());
                }
            }
            let path = format!("/v1/subscriptions/{}/replay", encode(&subscription));
            output::one(&client.post(&path, &Value::Object(body), None).await?, format);
        }
    }
    Ok(Exit::Success)
}

/// The envelopes of the archive, oldest first.
async fn archive(client: &Client, filter: &Filter, max: usize) -> Result<Vec<Value>, CliError> {
    let mut events = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = filter.query();
        query.push(("limit", (max - events.len()).clamp(1, 200).to_string()));
        query.extend(after.map(|after| ("after", after)));
        let mut page = client.get("/v1/events", &query).await?;
        if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
            events.extend(found.into_iter().filter_map(|mut item| item.get_mut("event").map(Value::take)));
        }
        after = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() || events.len() >= max {
            events.truncate(max);
            return Ok(events);
        }
    }
}

/// Reads the stream, and takes it up after the last event where it breaks off.
async fn tail(
    client: &Client,
    filter: &Filter,
    from_start: bool,
    count: Option<usize>,
    format: Format,
) -> Result<(), CliError> {
    let mut query = filter.query();
    if from_start {
        query.push(("from", "start".to_owned()));
    }
    let path = with_query("/v1/events/stream", &query);
    let mut last: Option<String> = None;
    let mut shown = 0;
    let mut away = false;
    loop {
        let mut request = client.request(Method::GET, &path).header("accept", "text/event-stream");
        if let Some(last) = &last {
            request = request.header("last-event-id", last);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() && (away || shown > 0) => {
                wait_for_the_server(&mut away).await;
                continue;
            }
            Err(error) => return Err(client.unreachable(&error)),
        };
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            let problem: Value = response.json().await.unwrap_or(Value::Null);
            return Err(CliError::from_problem(status, &problem));
        }
        away = false;
        let mut parser = sse::Parser::default();
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            for event in parser.feed(&chunk) {
                if event.id.is_some() {
                    last = event.id;
                }
                show(&event.data, format);
                shown += 1;
                if count.is_some_and(|count| shown >= count) {
                    return Ok(());
                }
            }
        }
        // Without a position yet, a stream that broke is taken up at its end: nothing was promised before it.
        wait_for_the_server(&mut away).await;
    }
}

async fn wait_for_the_server(away: &mut bool) {
    if !*away {
        eprintln!("the stream broke off; waiting for the control plane");
        *away = true;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn show(data: &str, format: Format) {
    match (format, serde_json::from_str::<Value>(data)) {
        (Format::Table, Ok(event)) => {
            let cells = COLUMNS.map(|(_, pointer)| output::cell(event.pointer(pointer)));
            output::line(&cells.join("  "));
        }
        _ => output::line(data),
    }
}
