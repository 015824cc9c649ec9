//! The stream of events: what happened, as it becomes durable.

use crate::app::Shared;
use crate::events::{NAMES, Told};
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use segstock_orders::Position;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::sleep;
use utoipa::IntoParams;

/// How often a stream looks for events.
const LOOK: Duration = Duration::from_millis(100);
/// Events of one look.
const AT_ONCE: usize = 500;

/// Which events a stream tells.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only these, with commas between: `low,sold_out`.
    events: Option<String>,
    /// Those after the change with this number; 0 is all that are kept. Without it, and without `Last-Event-ID`, from now
    /// on.
    after: Option<u64>,
}

/// The `Last-Event-ID` header: where a stream broke off.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventId {
    /// The id of the last event that was received. Browsers send it by themselves.
    #[param(rename = "Last-Event-ID", nullable = false)]
    id: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(id) = parts.headers.get("last-event-id") else {
            return Ok(Self { id: None });
        };
        let id = id.to_str().ok().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| Problem::invalid("the Last-Event-ID is no number"))?;
        Ok(Self { id: Some(id) })
    }
}

/// Follow what happens, as server-sent events
///
/// Only what is durable is told. An event's id is the number of its change; of more events of one change the last has it.
/// So a stream that goes on after `Last-Event-ID`, also after a restart, misses nothing and may repeat the events of one
/// change. An event `missed` says that those up to `up_to` are not kept any more, or that the ledger is another one.
#[utoipa::path(get, path = "/v1/events", operation_id = "follow_events", tag = "shop", params(LastEventId, Wanted),
    responses((status = 200, description = "A stream: each event has a name, and as data an Event as JSON.",
        body = String, content_type = "text/event-stream")))]
pub async fn follow(
    State(app): State<Shared>,
    last: LastEventId,
    Query(wanted): Query<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let names = wanted.events.as_deref().map(known).transpose()?;
    let durable = app.status().durable;
    let after = last.id.or(wanted.after).map_or(durable, Position::new);
    let mut follower = Follower {
        app,
        names,
        after: after.min(durable),
        ready: VecDeque::new(),
    };
    if after > durable {
        // Only what is durable is told. So this is the id of another ledger.
        follower.ready.push_back(missed(durable));
    }
    let stream = unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

fn known(names: &str) -> Result<Vec<&'static str>, Problem> {
    let known = |name: &str| {
        let found = NAMES.into_iter().find(|it| *it == name);
        found.ok_or_else(|| {
            let all = NAMES.join(", ");
            Problem::invalid(format!("there is no event {name:?}; there are {all}"))
        })
    };
    names.split(',').map(known).collect()
}

struct Follower {
    app: Shared,
    names: Option<Vec<&'static str>>,
    after: Position,
    ready: VecDeque<Event>,
}

impl Follower {
    /// The next event; none once the service stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if !self.app.is_ready() {
                return None;
            }
            if !self.look() {
                sleep(LOOK).await;
            }
        }
    }

    /// Whether there is more than was read.
    fn look(&mut self) -> bool {
        let events = self.app.book.events(self.after, AT_ONCE);
        let is_more = events.next > self.after;
        self.after = events.next;
        self.ready.extend(events.missed.map(missed));
        let is_wanted = |told: &Told| {
            let names = self.names.as_ref();
            names.is_none_or(|names| names.contains(&told.event))
        };
        let told = events.events.into_iter().filter_map(Told::of);
        let mut told = told.filter(is_wanted).peekable();
        while let Some(event) = told.next() {
            let is_last = told.peek().is_none_or(|next| next.number > event.number);
            self.ready.push_back(shown(&event, is_last));
        }
        is_more
    }
}

/// An event with its id, if it is the last of its change: whoever has an id has all before it.
fn shown(told: &Told, is_last: bool) -> Event {
    // It is a structure of names, numbers and texts.
    let data = serde_json::to_string(told).unwrap_or_default();
    let event = Event::default().event(told.event).data(data);
    if is_last {
        event.id(told.number.to_string())
    } else {
        event
    }
}

fn missed(up_to: Position) -> Event {
    let up_to = up_to.number();
    let data = format!("{{\"up_to\":{up_to}}}");
    Event::default()
        .event("missed")
        .data(data)
        .id(up_to.to_string())
}
