//! [`Redis`]: a server, and how it is asked.

use crate::error::OpenError;
use crate::link::{Link, Reach};
use segstock_remote::{Driver, InvalidUnits, MAX_UNITS, OrderId, Patience};
use std::time::Duration;

/// A Redis server, and how it is asked: patience, connections, how long ids are remembered.
///
/// Redis 7 or later. A stock's functions are put on the server when it is opened, once; their library's name ends with a
/// version, and a library with the same name and other functions is never replaced.
///
/// # Examples
///
/// ```no_run
/// use segstock_redis::{Atomic, Redis};
/// use segstock_remote::{Answer, RemoteStock, Units};
///
/// # async fn sell() -> Result<(), Box<dyn std::error::Error>> {
/// let redis = Redis::new("redis://localhost")?;
/// let shoes = Atomic::create(&redis, "shoes", 1_000).await?;
/// match shoes.deduct(&"order:2026-17".parse()?, Units::new(2)?).await {
///     Answer::Done(()) => println!("sold"),
///     Answer::Refused(_) => println!("sold out"),
///     Answer::Unknown(unknown) => println!("ask again: {unknown}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Redis {
    client: redis::Client,
    connections: usize,
    patience: Patience,
    remembered: Duration,
    longest_under_way: Duration,
    restarts: Restarts,
    strict: bool,
}

/// What a server that was started again, or another that took its place, has of what was acknowledged.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restarts {
    /// It may have lost some. When the server's replication id is not that under which the stock was opened, every call is
    /// unknown, until the stock is opened again from the order log: [`Atomic::replace`](crate::Atomic::replace),
    /// [`Batched::replace`](crate::Batched::replace).
    #[default]
    MayLose,
    /// It has all of it: `appendonly yes` and `appendfsync always`, and no replica ever takes the server's place.
    Keep,
}

impl Redis {
    /// The server at `url`, for instance `redis://localhost` or `unix:///run/redis/socket`.
    ///
    /// # Errors
    ///
    /// [`OpenError::Url`] if it is none.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        let client = redis::Client::open(url).map_err(|error| OpenError::Url(error.to_string()))?;
        Ok(Self {
            client,
            connections: 2,
            patience: Patience::default(),
            remembered: Duration::from_secs(3_600),
            longest_under_way: Duration::from_secs(60),
            restarts: Restarts::default(),
            strict: false,
        })
    }

    /// Connections of each stock; 2 by default. Calls share them.
    pub fn connections(self, connections: usize) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// How long a call is asked for; [`Patience::default`] by default.
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// How long the server remembers an id, at least; an hour by default, and at most some 30,000 years. It must be longer than
    /// patience and [`longest_under_way`](Self::longest_under_way) together. [`Batched`](crate::batched) remembers ids for up to
    /// twice as long, and for the longest time that any client of the stock asked for.
    pub fn remembered(self, remembered: Duration) -> Self {
        Self { remembered, ..self }
    }

    /// How long a request that was given up may still arrive at the server; a minute by default.
    pub fn longest_under_way(self, longest_under_way: Duration) -> Self {
        Self {
            longest_under_way,
            ..self
        }
    }

    /// What a server that was started again has; [`Restarts::MayLose`] by default.
    pub fn restarts(self, restarts: Restarts) -> Self {
        Self { restarts, ..self }
    }

    /// Every refusal is remembered, not only that of a retry: for a way to the server that may bring a request twice. A
    /// refusal then costs a write.
    pub fn strict(self) -> Self {
        let strict = true;
        Self { strict, ..self }
    }

    /// How a stock's server is asked, whose identity stands in `identity`.
    pub(crate) fn driver(&self, identity: Option<String>) -> Result<Driver<Reach>, OpenError> {
        self.patience
            .forgets_after(self.remembered, self.longest_under_way)
            .map_err(OpenError::Patience)?;
        let identity = identity.filter(|_| self.restarts == Restarts::MayLose);
        let reach = Reach::new(self.client.clone(), identity);
        let driver = Driver::new(reach, self.connections, self.patience);
        Ok(driver.longest_under_way(self.longest_under_way))
    }

    /// Puts a design's functions on the server, and sees that it forgets nothing by itself.
    pub(crate) async fn prepare(&self, library: &'static str) -> Result<(), OpenError> {
        let driver = self.driver(None)?;
        let refusal = driver.ask(|link, _| async move { link.prepare(library).await });
        match refusal.await? {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    pub(crate) const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The time-out of each attempt.
    pub(crate) const fn attempt(&self) -> Duration {
        self.patience.attempt()
    }

    /// How long ids are remembered, in milliseconds.
    pub(crate) fn ttl(&self) -> u64 {
        milliseconds(self.remembered)
    }
}

/// The key of a stock; those of its parts begin with it. The braces keep them on one server of a cluster.
pub(crate) fn key_of(name: &str) -> Result<String, OpenError> {
    let name = OrderId::new(name)?;
    Ok(format!("segstock:{{{name}}}"))
}

/// A time as the functions have it: at most some 30,000 years. Numbers there keep it exact, and Redis counts so far: what it
/// cannot count would be an error in the middle of a function.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(1 << 50, |ms| ms.min(1 << 50))
}

/// The hash where a server says what it has of the stock `key`.
pub(crate) fn server_key(key: &str) -> String {
    format!("{key}:server")
}

pub(crate) fn check_units(units: u64) -> Result<(), OpenError> {
    if units > MAX_UNITS {
        return Err(OpenError::Units(InvalidUnits { units }));
    }
    Ok(())
}

/// A stock has 1 to 1,000 keys of units.
pub(crate) const fn check_parts(parts: usize) -> Result<(), OpenError> {
    if parts == 0 || parts > 1_000 {
        return Err(OpenError::Segments { segments: parts });
    }
    Ok(())
}

/// Which of `places` is that of an order: a hash of its id, the same in every process and release. FNV-1a, whose bits are
/// mixed once more: ids that differ in their last digit alone must be spread, too.
pub(crate) fn spread(order: &OrderId, places: usize) -> usize {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = order.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    usize::try_from((mixed ^ (mixed >> 33)) % places as u64).unwrap_or(0)
}

/// What a call answers that was made over a [`Link`].
pub(crate) type Asked<T> = Result<T, segstock_remote::Fault>;

/// A connection as a design uses it.
pub(crate) type Connection = Link;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_follow_one_another_are_spread_evenly() {
        for places in [2, 7, 20] {
            let mut orders = vec![0; places];
            for number in 0..1_000 {
                let order = OrderId::new(format!("order:{number}")).unwrap();
                orders[spread(&order, places)] += 1;
            }
            let fair = 1_000 / places;
            let even = orders
                .iter()
                .all(|orders| (fair / 2..2 * fair).contains(orders));
            assert!(even, "{orders:?}");
        }
    }
}
