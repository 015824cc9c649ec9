//! N keys with two counters each that only grow, `taken` and `added`: the protocol of
//! [`segstock`](https://docs.rs/segstock) on one server or on N.
//!
//! **It promises everything** that [`Atomic`](crate::Atomic) promises of a stock, on each server under the same
//! conditions, and no request touches two servers:
//!
//! - An order's id says which key it asks first. If that key is short, the order reads every `taken`, then every `added`.
//!   At the instant between the two passes the stock was at most their difference. If that is less than it wants, it
//!   is refused, and nothing was written.
//! - Otherwise it leaves a mark at its first key and asks the others, each of which remembers what it said. So a retry,
//!   by whatever process, goes the same way and finds the key that served it.
//! - If no key alone has enough, it gathers from several (`growing/gather.rs`). Units in hand are announced in the
//!   *pocket* before they are taken, so they are in every sum.
//!
//! When one of the servers lost what it acknowledged ([`Restarts::MayLose`](crate::Restarts::MayLose)), every call that needs
//! that server is unknown: create the stock again, under another name, from the order log.
//!
//! **It does not** keep the limit of 2^40 units exactly while several restocks run at once.
//!
//! What limits it: N keys, as fast as their servers serve requests; on one server it is no faster than one key. Near the
//! end of a sale, one gather after another. Servers are read one after another, so a proof on N of them takes 2 N round
//! trips.
//! Twin: `designs/growing.rs` of `segstock-sim`.

mod gather;

use crate::error::OpenError;
use crate::function::{self, Heard};
use crate::link::{Link, Reach};
use crate::server::{Redis, check_parts, check_units, key_of, server_key};
use gather::Gathered;
use redis::Cmd;
use segstock_remote::{
    Answer, Attempt, Driver, MAX_UNITS, OrderId, Refused, RemoteStock, Units, Unknown,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LIBRARY: &str = include_str!("growing.lua");

/// N keys with two growing counters each. See the [table of the designs](crate).
///
/// # Consistency
///
/// Deducts, restocks and their refusals are linearizable; `available` is at one instant of the call no less than the
/// stock, and exact when nothing runs beside it. A call that was answered *done* happened once, however often it was
/// sent.
#[derive(Debug)]
pub struct Growing {
    servers: Vec<Driver<Reach>>,
    key: String,
    parts: usize,
    ttl: u64,
    strict: bool,
    mistake: Option<Mistake>,
}

/// A mistake that people make with this protocol; it is here to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// An order that no key alone can serve is refused, without the proof. **It refuses falsely.**
    WalkRefuses,
    /// The proof reads every `added` first. **It refuses falsely.**
    AddedFirst,
    /// A gather that falls short keeps its pieces. **It loses units.**
    KeepsPieces,
}

/// A counter of every key.
#[derive(Debug, Clone, Copy)]
enum Counter {
    Taken,
    Added,
}

impl Growing {
    /// Creates a stock that holds `units` in `parts` keys, 1 to 1,000, dealt out over `servers`.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name on any of the servers; others if a server or its settings do
    /// not fit. After [`OpenError::Unknown`] some servers may have it: take another name.
    pub async fn create(
        servers: &[Redis],
        name: &str,
        units: u64,
        parts: usize,
    ) -> Result<Self, OpenError> {
        check_units(units)?;
        check_parts(parts)?;
        let stock = Self::of(servers, name, parts)?;
        let made = rand::random::<u64>();
        // The pocket is on the first server and comes last: a stock that has it is whole.
        for (number, server) in servers.iter().enumerate().rev() {
            server.prepare(LIBRARY).await?;
            let keys = stock.keys_on(number);
            let own = [vec![stock.own_key()], keys].concat();
            let share =
                |part| units / parts as u64 + u64::from((part as u64) < units % parts as u64);
            let shares: Vec<u64> = stock.parts_on(number).map(share).collect();
            let (own, shares) = (&own, &shares);
            let create = |link: Link, _| async move {
                let mut create = function::function("segstock_growing_2_create", own);
                create.arg(made).arg(link.replication_id().await?);
                create.arg(parts).arg(servers.len()).arg(shares).arg(0);
                let (said,): (String,) = link.ask(&create).await?;
                Ok(said == "done")
            };
            if !server.driver(None)?.ask(create).await? {
                return Err(OpenError::Exists);
            }
        }
        Ok(stock)
    }

    /// Opens a stock that was created before on these servers, in this sequence, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name on this many servers.
    pub async fn open(servers: &[Redis], name: &str) -> Result<Self, OpenError> {
        let mut stock = Self::of(servers, name, 1)?;
        for server in servers {
            server.prepare(LIBRARY).await?;
        }
        let own = stock.own_key();
        let shape = |link: Link, _| {
            let mut shape = redis::cmd("HMGET");
            shape.arg(&own).arg("parts").arg("servers");
            async move { link.ask::<(Option<usize>, Option<usize>)>(&shape).await }
        };
        match stock.servers[0].ask(shape).await? {
            (Some(parts), Some(on)) if on == servers.len() => stock.parts = parts,
            _ => return Err(OpenError::NoStock),
        }
        Ok(stock)
    }

    fn of(servers: &[Redis], name: &str, parts: usize) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        let first = servers.first().ok_or(OpenError::NoServers)?;
        let identity = server_key(&key);
        let driver = |server: &Redis| server.driver(Some(identity.clone()));
        Ok(Self {
            servers: servers.iter().map(driver).collect::<Result<_, _>>()?,
            parts,
            ttl: first.ttl(),
            strict: first.is_strict(),
            mistake: None,
            key,
        })
    }

    /// It makes a mistake from now on.
    #[must_use]
    pub fn with_mistake(self, mistake: Mistake) -> Self {
        let mistake = Some(mistake);
        Self { mistake, ..self }
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Where a server says what it has of the stock.
    fn own_key(&self) -> String {
        server_key(&self.key)
    }

    fn part(&self, part: usize) -> String {
        format!("{}:part:{part}", self.key)
    }

    fn pocket(&self) -> String {
        format!("{}:pocket", self.key)
    }

    fn parts_on(&self, server: usize) -> impl Iterator<Item = usize> {
        (server..self.parts).step_by(self.servers.len())
    }

    /// All keys with counters on a server.
    fn keys_on(&self, server: usize) -> Vec<String> {
        let parts = self.parts_on(server).map(|part| self.part(part));
        let pocket = (server == 0).then(|| self.pocket());
        parts.chain(pocket).collect()
    }

    /// The part that an order asks first: a hash of its id, the same in every process.
    fn home(&self, order: &OrderId) -> usize {
        crate::server::spread(order, self.parts)
    }

    /// All parts, from an order's first on.
    fn walk(&self, order: &OrderId) -> impl Iterator<Item = usize> {
        let home = self.home(order);
        (home..self.parts).chain(0..home)
    }

    /// Calls a function on a part and the order's record there.
    async fn at(
        &self,
        part: usize,
        order: &OrderId,
        name: &str,
        args: impl Fn(&mut Cmd, Attempt) + Sync,
    ) -> Result<Heard, Unknown> {
        let key = self.part(part);
        let record = format!("{key}:order:{order}");
        let server = &self.servers[part % self.servers.len()];
        let name = format!("segstock_growing_2_{name}");
        function::call(server, Some(order), &name, &[key, record], args).await
    }

    /// Has a part sell to an order, or say again what it said. If it is short, it remembers `mark`, unless that is empty.
    async fn take(
        &self,
        part: usize,
        order: &OrderId,
        units: u64,
        mark: &str,
    ) -> Result<Heard, Unknown> {
        let args = |take: &mut Cmd, attempt: Attempt| {
            // An attempt before this one may come late: it must find the part's answer.
            let again = mark.is_empty() && attempt.is_again();
            take.arg(units)
                .arg(self.ttl)
                .arg(if again { "away" } else { mark });
        };
        self.at(part, order, "take", args).await
    }

    /// Sells `units` to `order`, or refuses them with a proof.
    async fn sell(&self, order: &OrderId, units: u64) -> Result<Answer, Unknown> {
        let ends = Instant::now() + self.servers[0].patience().total();
        let home = self.home(order);
        let mut heard = self.take(home, order, units, "").await?;
        // Whether something of this order may be under way, or was done by a call before this one.
        let mut doubt = heard.again || self.strict || heard.said.0 == "away";
        if heard.said.0 == "less" {
            let bound = self.bound().await?;
            if bound < units {
                return self.refuse(order, doubt, bound).await;
            }
            heard = self.take(home, order, units, "away").await?;
            doubt |= heard.again;
        }
        if let Some(answer) = self.served(order, units, &heard).await? {
            return Ok(answer);
        }
        for part in self.walk(order).skip(1) {
            let heard = self.take(part, order, units, "short").await?;
            if let Some(answer) = self.served(order, units, &heard).await? {
                return Ok(answer);
            }
        }
        loop {
            let bound = self.bound().await?;
            if bound < units || self.makes(Mistake::WalkRefuses) {
                return self.refuse(order, doubt, bound).await;
            }
            match self.gather(order, units, &mut doubt).await? {
                Gathered::Sold => return Ok(Answer::Done(())),
                Gathered::Refused => return self.conclude(order).await,
                // Two gathers that fall short by turns would each announce units that keep the other from its proof.
                Gathered::Short if Instant::now() < ends => {
                    sleep(Duration::from_micros(rand::random_range(0..20_000))).await;
                }
                Gathered::Another if Instant::now() < ends => {}
                Gathered::Short | Gathered::Another => {
                    return Err(Unknown::new(1, "the units moved again and again"));
                }
            }
        }
    }

    /// What a part's answer to a take means for the order; nothing if the order goes on.
    async fn served(
        &self,
        order: &OrderId,
        units: u64,
        heard: &Heard,
    ) -> Result<Option<Answer>, Unknown> {
        let (what, of, _) = &heard.said;
        Ok(match what.as_str() {
            "refused" => Some(self.conclude(order).await?),
            _ if *of != units => Some(other_call()),
            "sold" => Some(Answer::Done(())),
            "away" | "short" => None,
            _ => Some(other_call()),
        })
    }

    /// Refuses an order; for ever, if something of it may be under way.
    async fn refuse(&self, order: &OrderId, doubt: bool, bound: u64) -> Result<Answer, Unknown> {
        if doubt {
            return self.conclude(order).await;
        }
        let available = Some(bound);
        Ok(Answer::Refused(Refused { available }))
    }

    /// What became of an order: sold or added at one of the parts or by a gather; or refused, from now on at all of them.
    async fn conclude(&self, order: &OrderId) -> Result<Answer, Unknown> {
        let args = |settle: &mut Cmd, _| {
            settle.arg(self.ttl);
        };
        for part in self.walk(order) {
            let heard = self.at(part, order, "settle", args).await?;
            if heard.said.0 != "refused" {
                return Ok(Answer::Done(()));
            }
        }
        Ok(self.settle_gathers(order).await?.into())
    }

    /// No less than the stock at one instant of the call.
    async fn bound(&self) -> Result<u64, Unknown> {
        let first = match self.makes(Mistake::AddedFirst) {
            true => Counter::Added,
            false => Counter::Taken,
        };
        self.read(first).await
    }

    /// The sum of all `added` less that of all `taken`, the counter `first` read first. With `Taken` it is at one instant
    /// of the call no less than the stock, with `Added` no more; with nothing beside it, exact.
    async fn read(&self, first: Counter) -> Result<u64, Unknown> {
        let (taken, added) = match first {
            Counter::Taken => {
                let taken = self.sum("taken").await?;
                (taken, self.sum("added").await?)
            }
            Counter::Added => {
                let added = self.sum("added").await?;
                if self.makes(Mistake::AddedFirst) {
                    // As long as a slow network takes for the second trip.
                    sleep(Duration::from_millis(20)).await;
                }
                (self.sum("taken").await?, added)
            }
        };
        Ok(added.saturating_sub(taken))
    }

    async fn sum(&self, counter: &str) -> Result<u64, Unknown> {
        let args = |sum: &mut Cmd, _| {
            sum.arg(counter);
        };
        let mut sum = 0;
        for (number, server) in self.servers.iter().enumerate() {
            let keys = self.keys_on(number);
            let heard = function::call(server, None, "segstock_growing_2_sum", &keys, args).await?;
            sum += heard.said.1;
        }
        Ok(sum)
    }

    async fn add(&self, order: &OrderId, units: u64) -> Result<Answer, Unknown> {
        let least = self.read(Counter::Added).await?;
        let home = self.home(order);
        if least + units > MAX_UNITS {
            // It may be a retry of one that was done.
            let args = |settle: &mut Cmd, _| {
                settle.arg(self.ttl);
            };
            let heard = self.at(home, order, "settle", args).await?;
            return Ok(added(&heard, units));
        }
        let args = |put: &mut Cmd, _| {
            put.arg(units).arg(self.ttl);
        };
        let heard = self.at(home, order, "put", args).await?;
        if heard.said.0 == "refused" {
            return self.conclude(order).await;
        }
        Ok(added(&heard, units))
    }
}

/// The answer to a restock of `units`.
fn added(heard: &Heard, units: u64) -> Answer {
    match (heard.said.0.as_str(), heard.said.1) {
        ("refused", _) => Answer::REFUSED,
        ("put", of) if of == units => Answer::Done(()),
        _ => other_call(),
    }
}

fn other_call() -> Answer {
    Answer::Unknown(Unknown::new(1, "the id is known for another call"))
}

impl RemoteStock for Growing {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let answer = self.sell(order, units.get()).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let answer = self.add(order, units.get()).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.finish_open().await?;
        self.read(Counter::Taken).await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let answer = self.conclude(order).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    fn unanswered(&self) -> u64 {
        self.servers.iter().map(Driver::unanswered).sum()
    }
}
