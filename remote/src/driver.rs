//! [`Driver`]: asks until it knows.

mod doubtful;

use crate::answer::Unknown;
use crate::id::OrderId;
use crate::patience::Patience;
use doubtful::{Doubt, Doubtful};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// How to reach a server.
///
/// The trait grows by provided methods only.
pub trait Connect: Send + Sync {
    /// A connection; its clones are the same one, and may have several calls under way.
    type Connection: Clone + Send;

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`Fault::Final`] if another try has no other end: a wrong password, a database that is not there. Otherwise
    /// [`Fault::NotDone`]: nothing was sent that could change the stock.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Fault>> + Send;
}

/// Which attempt of a call this is, as far as the server must know.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// No other copy of the call is under way: a refusal need not be remembered.
    First,
    /// An attempt before this one may still arrive: a refusal must be remembered.
    Again,
}

impl Attempt {
    /// Whether an attempt before this one may still arrive.
    #[must_use]
    pub const fn is_again(self) -> bool {
        matches!(self, Self::Again)
    }
}

/// Why an attempt has no answer.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server did not do it, and will not: it said so, or it was never sent.
    NotDone(String),
    /// It may have happened: the connection broke after it was sent.
    MayBeDone(String),
    /// Asking again is of no use; the call is unknown.
    Final(String),
}

/// Asks a server over a few connections, with [`Patience`].
///
/// Calls share the connections. A connection with a call that timed out or broke is dropped: its other calls end as they
/// end, and later ones get a new one. So no late answer is taken for that of another call.
///
/// # Cancel safety
///
/// A call whose future is dropped may have happened, or happen later: it is unknown to the caller. Ask again under its id, or
/// for its outcome. This driver takes the next call of the id for a retry, as after one that ended without an answer.
pub struct Driver<C: Connect> {
    connect: C,
    patience: Patience,
    slots: Vec<Mutex<Slot<C::Connection>>>,
    turn: AtomicUsize,
    unanswered: AtomicU64,
    doubtful: Doubtful,
}

/// A place for a connection, and how many were there before it.
struct Slot<T> {
    connection: Option<T>,
    generation: u64,
}

impl<C: Connect> fmt::Debug for Driver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("patience", &self.patience)
            .field("connections", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl<C: Connect> Driver<C> {
    /// Asks over up to `connections` connections (at least one), which it makes when they are needed.
    #[must_use]
    pub fn new(connect: C, connections: usize, patience: Patience) -> Self {
        let slot = |_| {
            Mutex::new(Slot {
                connection: None,
                generation: 0,
            })
        };
        Self {
            connect,
            patience,
            slots: (0..connections.max(1)).map(slot).collect(),
            turn: AtomicUsize::new(0),
            unanswered: AtomicU64::new(0),
            doubtful: Doubtful::new(Self::LONGEST_UNDER_WAY),
        }
    }

    /// How long a request that was given up may still arrive at the server, unless [`longest_under_way`] says otherwise.
    ///
    /// [`longest_under_way`]: Self::longest_under_way
    const LONGEST_UNDER_WAY: Duration = Duration::from_secs(60);

    /// How long a request that was given up may still arrive at the server; a minute by default.
    #[must_use]
    pub fn longest_under_way(self, time: Duration) -> Self {
        let doubtful = Doubtful::new(time);
        Self { doubtful, ..self }
    }

    /// Its patience.
    #[must_use]
    pub const fn patience(&self) -> Patience {
        self.patience
    }

    /// Attempts that may have happened though no answer came, of all calls so far.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Makes attempts by `call` until one is answered.
    ///
    /// # Errors
    ///
    /// [`Unknown`] when patience ends, or after [`Fault::Final`].
    pub async fn ask<T, F, A>(&self, call: F) -> Result<T, Unknown>
    where
        F: Fn(C::Connection, Attempt) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        self.ask_for(&[], call).await
    }

    /// As [`ask`](Self::ask), for orders of these ids. If a call for one of them ended without an answer or was dropped, here
    /// and not long ago, a copy of it may still arrive: then the first attempt is [`Attempt::Again`].
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn ask_for<T, F, A>(&self, orders: &[&OrderId], call: F) -> Result<T, Unknown>
    where
        F: Fn(C::Connection, Attempt) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let mut attempt = match self.doubtful.has_any(orders) {
            true => Attempt::Again,
            false => Attempt::First,
        };
        let mut doubt = Doubt::of(&self.doubtful, orders);
        let answer = self.attempts(&call, &mut attempt).await;
        doubt.is_left = answer.is_err() && attempt.is_again();
        answer
    }

    async fn attempts<T, F, A>(&self, call: &F, attempt: &mut Attempt) -> Result<T, Unknown>
    where
        F: Fn(C::Connection, Attempt) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let ends = Instant::now() + self.patience.total();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.attempt(call, *attempt).await {
                Ok(answer) => return Ok(answer),
                Err(Fault::Final(error)) => return Err(Unknown::new(attempts, error)),
                Err(Fault::NotDone(error)) => error,
                Err(Fault::MayBeDone(error)) => {
                    *attempt = Attempt::Again;
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                    error
                }
            };
            let pause = self.patience.pause(attempts);
            if Instant::now() + pause + self.patience.attempt() > ends {
                return Err(Unknown::new(attempts, error));
            }
            sleep(pause).await;
        }
    }

    async fn attempt<T, F, A>(&self, call: &F, attempt: Attempt) -> Result<T, Fault>
    where
        F: Fn(C::Connection, Attempt) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let (open, left) = match self.open(turn) {
            Some(open) => (Ok(open), self.patience.attempt()),
            None => self.connected(turn).await,
        };
        let (connection, generation) = open?;
        match timeout(left, call(connection, attempt)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => {
                self.drop_connection(turn, generation).await;
                Err(fault)
            }
            Err(_) => {
                self.drop_connection(turn, generation).await;
                Err(Fault::MayBeDone("no answer in time".to_owned()))
            }
        }
    }

    /// The connection of a slot and its generation, if there is one and nobody changes it now.
    fn open(&self, slot: usize) -> Option<(C::Connection, u64)> {
        let slot = self.slots[slot].try_lock().ok()?;
        Some((slot.connection.clone()?, slot.generation))
    }

    /// The connection of a slot, made if there is none; and the time that is left of an attempt: it has one time-out for
    /// connecting and asking together.
    async fn connected(&self, slot: usize) -> (Result<(C::Connection, u64), Fault>, Duration) {
        let began = Instant::now();
        let connected = timeout(self.patience.attempt(), self.connection(slot)).await;
        let open =
            connected.unwrap_or_else(|_| Err(Fault::NotDone("no connection in time".to_owned())));
        (
            open,
            self.patience.attempt().saturating_sub(began.elapsed()),
        )
    }

    /// The connection of a slot, made if there is none; and its generation.
    async fn connection(&self, slot: usize) -> Result<(C::Connection, u64), Fault> {
        let mut slot = self.slots[slot].lock().await;
        if slot.connection.is_none() {
            slot.connection = Some(self.connect.connect().await?);
            slot.generation += 1;
        }
        let connection = slot.connection.clone().expect("it was made just now");
        Ok((connection, slot.generation))
    }

    /// Drops a connection, unless another is in its place already.
    async fn drop_connection(&self, slot: usize, generation: u64) {
        let mut slot = self.slots[slot].lock().await;
        if slot.generation == generation {
            slot.connection = None;
        }
    }
}

#[cfg(test)]
mod tests;
