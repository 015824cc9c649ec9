//! [`Database`]: rows behind the network, with transactions over several of them.

mod locks;
mod server;
mod times;
mod transaction;

pub use locks::Deadlock;
pub use transaction::{Transaction, View};

use crate::network::{Network, TimedOut};
use server::Server;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A database on one server: rows `R` under keys `K`, and transactions over several of them, at the isolation
/// level READ COMMITTED of `PostgreSQL`. Clones are handles to one database.
///
/// - A transaction is one request: its statements run at the server, one after another, and other transactions run
///   between them. Its writes become visible, all at one instant, when it commits; the reply follows.
/// - **Each statement sees the rows that were committed when it began**, and the transaction's own writes. Two
///   statements may see different instants.
/// - A statement that changes or locks a row waits for the transaction that has it locked, and then sees the row as
///   that one left it. Whatever else the statement read is [as old as its beginning](Transaction::update_from).
/// - Locks are held to the end. Of two transactions that wait for each other, the second to wait is rolled back with
///   [`Deadlock`].
/// - A failover rolls back every open transaction; what was committed stays.
///
/// A transaction costs the server [`TRANSACTION`](Self::TRANSACTION), each statement [`STATEMENT`](Self::STATEMENT),
/// and each row that a statement handles [`ROW`](Self::ROW). A commit waits for a sync of the disk, which takes
/// [`SYNC`](Self::SYNC), and many commits share one. The numbers are such that one hot row, twenty rows and batches
/// come near what a `PostgreSQL` was measured to do.
///
/// # Examples
///
/// ```
/// use segstock_sim::{Database, Faults, Network, World};
/// use std::time::Duration;
///
/// let world = World::new(1);
/// let network = Network::new(&world, Faults::none(Duration::from_millis(1)), Duration::from_millis(10));
/// let accounts = Database::new(&network).with([("a", 5), ("b", 0)]);
/// let moved = world.run(async move {
///     accounts
///         .once(async |tx| {
///             let left = tx.update("a", |units| { *units = units.map(|n| n - 3); *units }).await?;
///             tx.update("b", |units| *units = units.map(|n| n + 3)).await?;
///             let all = tx.read(|rows| rows.iter().map(|(_, units)| units).sum::<i32>()).await?;
///             Ok((left, all))
///         })
///         .await
/// });
/// assert_eq!(moved, Ok((Some(2), 5)));
/// ```
pub struct Database<K, R> {
    network: Network,
    server: Rc<Server<K, R>>,
}

impl<K, R> Clone for Database<K, R> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            server: Rc::clone(&self.server),
        }
    }
}

impl<K, R> fmt::Debug for Database<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Why a transaction has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// No answer came in time: the transaction committed, or will commit, or never will.
    TimedOut,
    /// It was rolled back, since another waited for it while it waited for the other.
    Deadlock,
}

impl<K, R> Database<K, R> {
    /// The server's time for a transaction, beside its statements.
    pub const TRANSACTION: Duration = times::TRANSACTION;
    /// The server's time for a statement.
    pub const STATEMENT: Duration = times::STATEMENT;
    /// The server's time for a row that a statement handles.
    pub const ROW: Duration = times::ROW;
    /// The time of one sync of the disk.
    pub const SYNC: Duration = times::SYNC;
    /// How long the server is away when it fails over.
    pub const AWAY: Duration = times::AWAY;
}

impl<K: Ord + Clone + 'static, R: Clone + 'static> Database<K, R> {
    /// A database without rows.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self {
            network: network.clone(),
            server: Server::new(network),
        }
    }

    /// Has these rows from the beginning.
    #[must_use]
    pub fn with(self, rows: impl IntoIterator<Item = (K, R)>) -> Self {
        self.server.insert(rows);
        self
    }

    /// Runs a transaction, once for each copy of the request that arrives. It commits if `body` returns `Ok`, and rolls
    /// back otherwise.
    ///
    /// # Errors
    ///
    /// [`Failed::TimedOut`] if no answer comes in time, [`Failed::Deadlock`] if it was rolled back.
    pub async fn once<T: Clone + 'static>(
        &self,
        body: impl AsyncFn(Transaction<K, R>) -> Result<T, Deadlock> + 'static,
    ) -> Result<T, Failed> {
        self.send(&Rc::new(body)).await
    }

    /// Runs a transaction as [`once`](Self::once) does, and sends it again until it is answered. Only for transactions
    /// that may commit any number of times, now and later.
    ///
    /// # Errors
    ///
    /// If no answer came in [`Network::ATTEMPTS`] attempts.
    pub async fn retried<T: Clone + 'static>(
        &self,
        body: impl AsyncFn(Transaction<K, R>) -> Result<T, Deadlock> + 'static,
    ) -> Result<T, TimedOut> {
        let body = Rc::new(body);
        for _ in 0..Network::ATTEMPTS {
            if let Ok(answer) = self.send(&body).await {
                return Ok(answer);
            }
        }
        Err(TimedOut)
    }

    /// Evaluates one statement that only reads, outside of a transaction. It is sent again until it is answered.
    ///
    /// # Errors
    ///
    /// If no answer came in [`Network::ATTEMPTS`] attempts.
    pub async fn read<T: Clone + 'static>(
        &self,
        query: impl Fn(&View<'_, K, R>) -> T + 'static,
    ) -> Result<T, TimedOut> {
        self.retried(async move |tx| tx.read(&query).await).await
    }

    async fn send<T: Clone + 'static>(
        &self,
        body: &Rc<impl AsyncFn(Transaction<K, R>) -> Result<T, Deadlock> + 'static>,
    ) -> Result<T, Failed> {
        let (server, body) = (Rc::clone(&self.server), Rc::clone(body));
        let serve = move |reply| Transaction::serve(&server, Rc::clone(&body), reply);
        let (place, time_out) = (self.server.place(), self.network.time_out());
        match self.network.request(place, time_out, serve).await {
            Ok(answer) => answer.map_err(|Deadlock| Failed::Deadlock),
            Err(TimedOut) => Err(Failed::TimedOut),
        }
    }
}
