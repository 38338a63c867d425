//! Events as they come: server-sent events.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use super::ApiState;
use crate::Api;
use crate::answer::Reply;
use crate::caller::Caller;
use crate::params::{Params, parsed, word};
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tenantry_app::usecases::{EventsRequest, Position};
use tenantry_core::{Error, ErrorCode};
use tokio::sync::watch;
use utoipa::IntoParams;

/// How often a comment is sent where nothing happens, so that no proxy takes the line for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often the archive is looked at without a signal: a signal is an optimisation, never the truth.
const LOOK: Duration = Duration::from_secs(10);

/// Events that are read at once. Nothing is held open between two reads.
const PIECE: u64 = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamParams {
    /// Only this type.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only this tenant.
    tenant: Option<String>,
    /// Only after this position; the header `Last-Event-ID` is stronger.
    after: Option<String>,
    /// Where to begin without a position: `now` (the default) or `start`, the oldest event of the archive.
    from: Option<String>,
}

/// Follow events as they come.
///
/// Server-sent events: `id` is the position, `event` the type, `data` the envelope. A client that reconnects with
/// `Last-Event-ID` misses nothing; an event may come twice, with the same `eventId`.
#[utoipa::path(get, path = "/v1/events/stream", operation_id = "streamEvents", tag = "events",
    params(StreamParams,
        ("Last-Event-ID" = Option<String>, Header, description = "The position to go on after.")),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String),
        (status = 501, description = "This home cannot stream; poll GET /v1/events (TNT-0018).")))]
pub(super) async fn stream_events(
    api: ApiState,
    caller: Caller,
    Params(params): Params<StreamParams>,
) -> Reply {
    let Some(signal) = api.state.events_signal.clone() else {
        let detail = "This home does not stream events. Poll GET /v1/events?after=<readUpTo> instead.";
        return Err(Error::new(ErrorCode::NotOffered, detail).with_existing("/v1/events").into());
    };
    let from_start =
        word("from", params.from.as_deref(), &[("now", false), ("start", true)])?.unwrap_or(false);
    let mut request = EventsRequest {
        event_type: params.event_type,
        tenant_id: parsed("tenant", params.tenant.as_deref())?,
        after: caller.last_event_id().or(params.after),
        limit: Some(PIECE),
    };
    if request.after.is_none() && !from_start {
        request.after = api.app().archive_end().await?;
    }
    let begin = request.after.clone();
    let mut follower = Follower { api: api.0, request, signal, waiting: VecDeque::new(), more: true };
    // Mistakes are answered as problems, before the stream begins.
    follower.read().await?;
    // The position without data: nothing is dispatched, but a client that is cut off before the first event comes
    // back to here and misses nothing.
    let first = match begin {
        Some(position) => Event::default().comment("open").id(position),
        None => Event::default().comment("open"),
    };
    let opened = stream::once(async { Ok::<_, Infallible>(first) });
    let events = stream::unfold(follower, |mut follower| async move {
        follower.next().await.map(|event| (Ok::<_, Infallible>(event), follower))
    });
    let events = futures::StreamExt::chain(opened, events);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// One who follows the archive.
struct Follower {
    api: Api,
    request: EventsRequest,
    signal: watch::Receiver<u64>,
    waiting: VecDeque<Position>,
    more: bool,
}

impl Follower {
    async fn read(&mut self) -> Result<(), Error> {
        // Before the read, so that what grows meanwhile is a change.
        self.signal.mark_unchanged();
        let page = self.api.app().events(&self.request).await?;
        self.more = page.next_cursor.is_some();
        self.request.after = page.read_up_to.or(self.request.after.take());
        self.waiting.extend(page.items);
        Ok(())
    }

    /// The next event; `None` once the server shuts down or the archive cannot be read: the client reconnects with
    /// its `Last-Event-ID`.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(position) = self.waiting.pop_front() {
                let name = position.event["type"].as_str().unwrap_or("message").to_owned();
                return Some(
                    Event::default().id(position.position).event(name).data(position.event.to_string()),
                );
            }
            if !self.more {
                let clock = self.api.app().ports().clock.clone();
                tokio::select! {
                    changed = self.signal.changed() => changed.ok()?,
                    () = clock.sleep_until(clock.now().saturating_add(LOOK)) => {}
                }
            }
            if let Err(error) = self.read().await {
                tracing::warn!(code = error.code().as_str(), "the stream ends: the archive cannot be read");
                return None;
            }
        }
    }
}
