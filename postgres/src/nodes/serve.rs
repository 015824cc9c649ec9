//! How a node serves a call on an order.

use super::batch::Item;
use super::inner::Inner;
use super::known::{Did, Known, State};
use super::lines::Lines;
use super::memory::{Placing, Waiting};
use super::queue::Queued;
use super::rows::Proof;
use super::serving::{Request, Served};
use segstock_remote::OrderId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

impl Inner {
    /// Serves a call. One call of an order at a time: a second one waits for the first. "Placed" is the answer of both; after
    /// anything else it asks by itself, as a retry.
    pub(super) async fn serve(self: &Arc<Self>, id: &OrderId, request: Request) -> Served {
        let mut is_retry = false;
        let mut first = loop {
            match self.serving.enter(id) {
                Ok(first) => break first,
                Err(answered) => {
                    let answer = answered.await.ok().flatten();
                    if let (Request::Place { lines, .. }, Some(Served::Is(known))) =
                        (&request, answer)
                        && known.units.is_some()
                        && known.state == State::Held
                        && known.asked == Some(lines.hash())
                    {
                        return Served::Is(Known {
                            before: true,
                            ..known
                        });
                    }
                    is_retry = true;
                }
            }
        };
        let served = match &request {
            Request::Place { lines, ttl, waits } => {
                self.place(id, lines, *ttl, *waits, is_retry).await
            }
            Request::Pay => self.change(id, Item::Pay).await,
            Request::Ship => self.change(id, Item::Ship).await,
            Request::Cancel => self.change(id, Item::Cancel).await,
            Request::Expire => self.change(id, Item::Expire).await,
        };
        if matches!(request, Request::Place { .. }) {
            first.answer = Some(served.clone());
        }
        served
    }

    async fn place(
        self: &Arc<Self>,
        id: &OrderId,
        lines: &Lines,
        ttl: Option<Duration>,
        waits: bool,
        is_retry: bool,
    ) -> Served {
        let until = Instant::now() + self.sale.patience;
        // Where others were just refused, a batch would only say that the pool is short.
        if !waits && self.memory().expects_refusal(lines) {
            match self.prove(id, lines).await {
                Some(Proof::Is(known)) => return self.settled(id, known).await,
                Some(Proof::Refused(known)) => return Served::Is(known),
                _ => self.memory().note_enough(lines),
            }
        }
        for round in 0.. {
            if self.is_over() {
                return Served::Over;
            }
            match self.try_place(id, lines, ttl, is_retry || round > 0).await {
                Did::Placed(known) | Did::Done(known) | Did::Is(known) => {
                    return self.settled(id, known).await;
                }
                Did::NoSku(sku) => return Served::NoSku(sku),
                Did::Overdue => {
                    if let Ok(ids) = self.rows.late_of(lines).await {
                        self.expire(ids).await;
                    }
                }
                Did::Fenced | Did::Again | Did::Missing | Did::Alone => {}
                Did::Short if waits => match self.wait(id, lines, ttl, until).await {
                    Queued::Is(known) => return self.settled(id, known).await,
                    Queued::NoSku(sku) => return Served::NoSku(sku),
                    Queued::Unknown => {}
                },
                Did::Short => match self.prove(id, lines).await {
                    Some(Proof::Is(known)) => return self.settled(id, known).await,
                    Some(Proof::Refused(known)) => {
                        self.memory().note_refused(&known, lines);
                        return Served::Is(known);
                    }
                    Some(Proof::Overdue(ids)) => self.expire(ids).await,
                    Some(Proof::Due) => self.serve_queues(&lines.skus()).await,
                    Some(Proof::Enough) => self.recall(lines, round).await,
                    Some(Proof::Again) | None => {}
                },
            }
            if Instant::now() >= until {
                break;
            }
        }
        Served::TryAgain
    }

    /// Takes the units from blocks, or has them lent, and has a batch write the order.
    async fn try_place(
        &self,
        id: &OrderId,
        lines: &Lines,
        ttl: Option<Duration>,
        is_retry: bool,
    ) -> Did {
        let (answer, answered) = oneshot::channel();
        let placing = Placing {
            id: id.clone(),
            lines: lines.clone(),
            ttl,
            is_retry,
            answer,
        };
        self.memory().place(placing);
        self.wake.notify_one();
        answered.await.unwrap_or(Did::Again)
    }

    /// The answer of a row. An order that is past its deadline ends first.
    async fn settled(&self, id: &OrderId, known: Known) -> Served {
        match known.state {
            State::Overdue => self.change(id, Item::Expire).await,
            _ => Served::Is(known),
        }
    }

    /// Has a batch change an order: the row decides.
    async fn change(&self, id: &OrderId, item: Item) -> Served {
        let until = Instant::now() + self.sale.patience;
        while Instant::now() < until {
            if self.is_over() {
                return Served::Over;
            }
            match self.write_item(id, item.clone()).await {
                Did::Is(known) | Did::Done(known) | Did::Placed(known) => return Served::Is(known),
                Did::Missing => return Served::Missing,
                // Its row is asked again: then it is over.
                Did::Alone if item == Item::Expire => {
                    self.expire_alone(std::slice::from_ref(id)).await;
                }
                Did::Alone => return Served::Alone,
                _ => {}
            }
        }
        Served::TryAgain
    }

    /// Ends orders that are past their deadline; the database says which are.
    pub(super) async fn expire(&self, ids: Vec<OrderId>) {
        let mut all = Vec::new();
        for id in ids {
            all.push((id.clone(), self.queue(id, Item::Expire)));
        }
        let mut alone = Vec::new();
        for (id, answered) in all {
            if answered.await == Ok(Did::Alone) {
                alone.push(id);
            }
        }
        self.expire_alone(&alone).await;
    }

    async fn write_item(&self, id: &OrderId, item: Item) -> Did {
        self.queue(id.clone(), item).await.unwrap_or(Did::Again)
    }

    fn queue(&self, id: OrderId, item: Item) -> oneshot::Receiver<Did> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            item,
            is_retry: false,
            answer: Some(answer),
        };
        self.memory().queue(id, waiting);
        self.wake.notify_one();
        answered
    }
}
