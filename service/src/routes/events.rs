//! The stream of events: what happened, as it becomes durable.

use crate::app::Shared;
use crate::events::{Missed, NAMES, News, SentEvent};
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::sleep;
use utoipa::IntoParams;

/// How long a stream waits when something went wrong.
const PAUSE: Duration = Duration::from_secs(1);

/// Which events a stream tells.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only these, with commas between: `low,sold_out`.
    events: Option<String>,
    /// Those after the event with this id; 0 is all that are kept. Without it, and without `Last-Event-ID`, from now on.
    after: Option<String>,
}

/// The `Last-Event-ID` header: where a stream broke off.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEventId {
    /// The id of the last event that was received. Browsers send it by themselves.
    #[param(rename = "Last-Event-ID", nullable = false)]
    id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(id) = parts.headers.get("last-event-id") else {
            return Ok(Self { id: None });
        };
        let id = id
            .to_str()
            .map_err(|_| Problem::invalid("the Last-Event-ID is none"))?;
        Ok(Self {
            id: Some(id.to_owned()),
        })
    }
}

/// Follow what happens, as server-sent events
///
/// Only what is durable is sent. The last event of a change has an id, which is the number of the change where one process
/// sells; with several nodes the last of some changes has one. So a stream that goes on after `Last-Event-ID`, also after a
/// restart, misses nothing and may repeat the events after that id. An event `missed` says that those up to `up_to` are not
/// kept any more, or that the ledger is another one.
#[utoipa::path(get, path = "/v1/events", operation_id = "follow_events", tag = "shop", params(LastEventId, Wanted),
    responses((status = 200, description = "A stream: each event has a name, and as data an Event as JSON.",
        body = String, content_type = "text/event-stream")))]
pub async fn follow(
    State(app): State<Shared>,
    last: LastEventId,
    Query(wanted): Query<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let names = wanted.events.as_deref().map(known).transpose()?;
    let (after, missed) = app.shop.begin(last.id.or(wanted.after)).await?;
    let follower = Follower {
        app,
        names,
        after,
        ready: missed.iter().map(shown_missed).collect(),
    };
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
    after: String,
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
            match self.app.shop.news(&self.after).await {
                Ok(news) if news.next == self.after => sleep(self.app.shop.look_every()).await,
                Ok(news) => self.look(news),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    fn look(&mut self, news: News) {
        self.after = news.next;
        self.ready.extend(news.missed.iter().map(shown_missed));
        let is_wanted = |event: &SentEvent| {
            let names = self.names.as_ref();
            names.is_none_or(|names| names.contains(&event.event))
        };
        let mut events = news.events.into_iter().filter(is_wanted).peekable();
        while let Some(event) = events.next() {
            let data = serde_json::to_string(&event);
            let shown = shown(event.event, data);
            // Whoever has an id has all before it.
            let next = events.peek();
            self.ready.push_back(match news.by_number {
                true if next.is_none_or(|next| next.number > event.number) => {
                    shown.id(event.number.to_string())
                }
                false if next.is_none() => shown.id(&self.after),
                _ => shown,
            });
        }
    }
}

fn shown(name: &str, data: serde_json::Result<String>) -> Event {
    // It is a structure of names, numbers and texts.
    Event::default().event(name).data(data.unwrap_or_default())
}

fn shown_missed(missed: &Missed) -> Event {
    let event = shown("missed", serde_json::to_string(missed));
    match missed.up_to {
        Some(up_to) => event.id(up_to.to_string()),
        None => event,
    }
}
