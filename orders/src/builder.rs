//! [`OrderBookBuilder`]: a book whose clock, limits and journal are chosen.

use crate::book::{OrderBook, nanos};
use crate::customers::Customers;
use crate::entry::{Entry, Position};
use crate::feed::Feed;
use crate::journal::{Journal, Nowhere};
use crate::on_the_way::OnTheWay;
use crate::replay::{self, Balance, ReplayError, Replaying};
use crate::requests::Requests;
use crate::settings::{MOST_LINES, Settings};
use crate::skus::Skus;
use crate::sync::Mutex;
use crate::table::Table;
use segstock::inventory::Sku;
use segstock::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const MAX_SHARDS: usize = 1024;
/// Slots have numbers of 32 bits.
const MOST_ORDERS: usize = u32::MAX as usize / 2;
/// A call looks at each of an order's.
const MOST_REQUESTS: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Opens an [`OrderBook`]; made by [`OrderBook::builder`].
///
/// | setting | default |
/// |---|---|
/// | [`retention`](Self::retention) | an hour |
/// | [`returns`](Self::returns), [`max_returnable`](Self::max_returnable) | 30 days, of 250,000 orders |
/// | [`longest_hold`](Self::longest_hold) | a day |
/// | [`ships_at_once`](Self::ships_at_once) | no |
/// | [`max_orders`](Self::max_orders) | 10 million |
/// | [`max_skus`](Self::max_skus) | 4 million |
/// | [`max_customers`](Self::max_customers) | 10 million |
/// | [`max_lines`](Self::max_lines), [`max_units`](Self::max_units) of an order | 100, and no limit |
/// | [`max_all_lines`](Self::max_all_lines) | a billion |
/// | [`max_requests`](Self::max_requests) of an order, of a SKU | 64, 10,000 |
/// | [`max_all_requests`](Self::max_all_requests) | 10 million |
/// | [`max_sendings`](Self::max_sendings) | 100,000 |
/// | [`unpaid`](Self::unpaid) | no limit |
///
/// # Examples
///
/// ```
/// use segstock::ManualClock;
/// use segstock_orders::OrderBook;
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// let tickets: OrderBook<&str> = OrderBook::builder()
///     .clock(clock)
///     .ships_at_once()
///     .retention(Duration::from_secs(24 * 60 * 60))
///     .build();
/// assert_eq!(tickets.orders(), 0);
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct OrderBookBuilder<K> {
    pub(crate) clock: Arc<dyn Clock + Send + Sync>,
    journal: Option<Arc<dyn Journal<K>>>,
    events: Option<usize>,
    shards: usize,
    settings: Settings,
}

impl<K: Sku + 'static> OrderBook<K> {
    /// A book without SKUs and without a ledger, with [default settings](OrderBookBuilder).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A book with a say in its settings.
    pub fn builder() -> OrderBookBuilder<K> {
        OrderBookBuilder::new()
    }
}

impl<K: Sku + 'static> OrderBookBuilder<K> {
    pub(crate) fn new() -> Self {
        let parallelism = thread::available_parallelism().map_or(1, usize::from);
        Self {
            clock: Arc::new(SystemClock::new()),
            journal: None,
            events: None,
            shards: 32 * parallelism,
            settings: Settings {
                retention: nanos(Duration::from_secs(60 * 60)),
                returns: nanos(30 * DAY),
                ships_at_once: false,
                longest_hold: DAY,
                max_orders: 10_000_000,
                max_returnable: 250_000,
                max_skus: 4_000_000,
                max_customers: 10_000_000,
                max_lines: 100,
                max_all_lines: 1_000_000_000,
                max_units: u64::MAX,
                max_requests_of_order: 64,
                max_requests_of_sku: 10_000,
                max_requests: 10_000_000,
                max_sendings: 100_000,
                unpaid: u64::MAX,
            },
        }
    }

    /// Asks another clock what time it is.
    pub fn clock(mut self, clock: Arc<dyn Clock + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Has all entries go to `journal`.
    pub fn journal(mut self, journal: Arc<dyn Journal<K>>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Keeps the last `events` for readers of the [feed](OrderBook::events); none by default. All changes take turns to tell
    /// what happened.
    pub const fn events(mut self, events: usize) -> Self {
        self.events = Some(events);
        self
    }

    /// How long an order is surely known after it has ended (shipped, returned, cancelled or expired), and how long the keys
    /// of restocks, counts and write-offs are. A retry that comes later is a new request. An order of which units can come
    /// back is known for [longer](Self::returns).
    pub fn retention(mut self, retention: Duration) -> Self {
        self.settings.retention = nanos(retention);
        self
    }

    /// How long units of an order can come back: for so long after its last change an order is known of which units were
    /// shipped and not all are returned. At least the [`retention`](Self::retention).
    ///
    /// After the retention it is kept for returns alone, with its keys, so that a retry returns nothing twice. It is forgotten
    /// earlier when there are [too many](Self::max_returnable) such orders, and when a new order or key lacks room
    /// ([`max_orders`](Self::max_orders), [`max_all_lines`](Self::max_all_lines), [`max_all_requests`](Self::max_all_requests)):
    /// what is kept for returns never keeps a shop from selling. The oldest go first, by their last change.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::ManualClock;
    /// use segstock_orders::{OrderBook, Returned};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// let book = OrderBook::builder().clock(Arc::clone(&clock) as _).returns(2 * week).build();
    /// book.open("phone", 2)?;
    /// book.place("order-17", None, [("phone", 2)], Duration::from_secs(900))?;
    /// book.pay("order-17")?;
    /// book.ship("order-17")?;
    /// clock.advance(week);
    /// book.return_part("order-17", "return-1", [("phone", 1)], Returned::OnSale)?;
    /// assert_eq!(book.available("phone"), Some(1));
    /// // Two more weeks for the other one, since the order changed.
    /// clock.advance(2 * week);
    /// assert!(book.return_order("order-17", Returned::OnSale).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn returns(mut self, returns: Duration) -> Self {
        self.settings.returns = nanos(returns);
        self
    }

    /// How many orders are kept for [returns](Self::returns) alone at most: past the retention, with units that can come
    /// back. Beyond it the oldest are forgotten; with 0, none are kept. A usual order takes some 200 bytes, and its entries stay
    /// in the ledger.
    ///
    /// Each [shard](Self::shards) keeps its share of them, at least one: so a shard may forget orders while another one has room,
    /// and where the limit is small, there may be as many as there are shards. Each call forgets a few; until calls come, or a
    /// [sweep](OrderBook::sweep), there may be more.
    pub const fn max_returnable(mut self, orders: usize) -> Self {
        self.settings.max_returnable = orders;
        self
    }

    /// What is paid for leaves at once: tickets, downloads. An order that is paid for is shipped.
    pub const fn ships_at_once(mut self) -> Self {
        self.settings.ships_at_once = true;
        self
    }

    /// The longest time for which units are held without being paid for.
    pub const fn longest_hold(mut self, longest: Duration) -> Self {
        self.settings.longest_hold = longest;
        self
    }

    /// How many orders are known at most. At the limit those that are kept for [returns](Self::returns) alone make room; without
    /// them, no order is placed. It is kept to the order, but for the places
    /// that run at the same time.
    pub const fn max_orders(mut self, orders: usize) -> Self {
        self.settings.max_orders = if orders < MOST_ORDERS {
            orders
        } else {
            MOST_ORDERS
        };
        self
    }

    /// How many SKUs are open at most.
    pub const fn max_skus(mut self, skus: usize) -> Self {
        self.settings.max_skus = if skus < MOST_ORDERS {
            skus
        } else {
            MOST_ORDERS
        };
        self
    }

    /// How many customers are known at most, of those for whom units are [counted](crate::SkuLimits::per_customer): each as
    /// often as SKUs are counted for it.
    pub const fn max_customers(mut self, customers: usize) -> Self {
        self.settings.max_customers = customers;
        self
    }

    /// How many SKUs a new order has at most; never more than 10,000.
    pub const fn max_lines(mut self, lines: usize) -> Self {
        self.settings.max_lines = if lines < MOST_LINES {
            lines
        } else {
            MOST_LINES
        };
        self
    }

    /// How many units all lines of a new order have at most.
    pub const fn max_units(mut self, units: u64) -> Self {
        self.settings.max_units = units;
        self
    }

    /// How many lines all known orders have at most: each as often as units of it are at different steps of the order's life.
    /// At the limit no order is placed, and none has more lines than before. A line takes 16 bytes, and twice that while
    /// it is held. It is kept to the line, but for the calls that run at the same time, and for orders that are paid for, shipped,
    /// cancelled or returned in parts.
    pub const fn max_all_lines(mut self, lines: usize) -> Self {
        self.settings.max_all_lines = lines;
        self
    }

    /// How many keys of requests are known at most, of one order (never more than 1,000) and of one SKU. At the limit such
    /// requests are refused until one is forgotten.
    pub const fn max_requests(mut self, of_order: usize, of_sku: usize) -> Self {
        self.settings.max_requests_of_order = if of_order < MOST_REQUESTS {
            of_order
        } else {
            MOST_REQUESTS
        };
        self.settings.max_requests_of_sku = of_sku;
        self
    }

    /// How many keys of requests are known at most, of all orders and all SKUs together. It is kept to the key, but for the
    /// calls that run at the same time.
    pub const fn max_all_requests(mut self, requests: usize) -> Self {
        self.settings.max_requests = requests;
        self
    }

    /// How many [sendings](crate::OrderBook::send) are on their way at most.
    pub const fn max_sendings(mut self, sendings: usize) -> Self {
        self.settings.max_sendings = sendings;
        self
    }

    /// How many percent of the units on hand of a SKU can be held without being paid for, unless the SKU has such a
    /// [limit](crate::SkuLimits::unpaid) of its own; more than 100 is no limit. It is a setting, and no entry: a book that is
    /// made again has that of its builder.
    pub const fn unpaid(mut self, percent: u8) -> Self {
        self.settings.unpaid = percent as u64;
        self
    }

    /// How many shards the orders are spread over, each with a lock; 32 for each core by default. Rounded up to a power
    /// of two, from 1 to 1,024.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Opens a book without SKUs and orders.
    #[must_use]
    pub fn build(self) -> OrderBook<K> {
        let after = Position::default();
        self.build_after(after)
    }

    /// Opens a book that its entries make again, in the sequence of their positions. Its time goes on from the last of them,
    /// if the clock is behind that: another process has another clock.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] for the first entry that cannot follow those before it.
    pub fn replay(
        self,
        entries: impl IntoIterator<Item = (Position, Entry<K>)>,
    ) -> Result<OrderBook<K>, ReplayError> {
        let mut balance = Balance::default();
        let entries = entries.into_iter();
        let entries = entries.inspect(|(position, entry)| balance.follow(*position, entry));
        let unsettled = self.replay_unsettled(entries, replay::ALL);
        balance.settle(unsettled).map(|(book, _)| book)
    }

    /// Like [`replay`](Self::replay), but for the units that the entries move: the [`Balance`] of the same entries is to be
    /// settled before anybody uses the book. Entries after `written` stand for others that are gone.
    pub(crate) fn replay_unsettled(
        self,
        entries: impl IntoIterator<Item = (Position, Entry<K>)>,
        written: Position,
    ) -> Result<OrderBook<K>, ReplayError> {
        // No entry of these is written again.
        let journal = self.journal.clone();
        let mut book = self.build_after(Position::default());
        let (last, time) = Replaying::new(&book, written).all(entries)?;
        book.journal = journal.unwrap_or_else(|| Arc::new(Nowhere::after(last)));
        let behind = time.saturating_sub(book.now());
        if behind > 0 {
            let (clock, ahead) = (book.clock, Duration::from_nanos(behind));
            book.clock = Arc::new(Ahead { clock, ahead });
        }
        Ok(book)
    }

    fn build_after(self, last: Position) -> OrderBook<K> {
        let shards = self.shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let nowhere = || Arc::new(Nowhere::after(last)) as Arc<dyn Journal<K>>;
        OrderBook {
            skus: Skus::new(self.settings.unpaid, shards),
            table: Table::new(
                shards,
                self.settings.max_orders,
                self.settings.max_all_lines,
                self.settings.max_returnable,
            ),
            customers: Customers::new(self.settings.max_customers),
            journal: self.journal.unwrap_or_else(nowhere),
            requests: Requests::new(self.settings.max_requests),
            on_the_way: OnTheWay::new(self.settings.max_sendings),
            feed: self.events.map(Feed::new),
            last_time: Mutex::default(),
            clock: self.clock,
            settings: self.settings,
        }
    }
}

/// A clock that is set forward.
struct Ahead {
    clock: Arc<dyn Clock + Send + Sync>,
    ahead: Duration,
}

impl Clock for Ahead {
    fn now(&self) -> Duration {
        self.clock.now() + self.ahead
    }
}

impl<K> fmt::Debug for OrderBookBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderBookBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
