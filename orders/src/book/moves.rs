//! Units go from one SKU to another: to another place, where the SKU names the place.

use super::OrderBook;
use super::shelf::OnShelf;
use crate::answers::StockAnswer;
use crate::entry::{Change, Position};
use crate::lines::SkuId;
use crate::refusal::{Limit, Refusal};
use segstock::inventory::Sku;
use smallvec::smallvec;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const MOVE: u64 = 14;
const SEND: u64 = 15;
const ARRIVE: u64 = 16;

/// How many sendings one call shows.
const MOST_SENDINGS: usize = 1_000;

/// Units that were sent from one SKU to another, and have not arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendingView<K> {
    /// Its number: the position of the entry that sent it.
    pub number: Position,
    /// Where the units came from.
    pub from: K,
    /// Where they go.
    pub to: K,
    /// Units that are on their way.
    pub units: u64,
}

impl<K> SendingView<K> {
    /// A sending of this number: for a store that lists its own.
    #[must_use]
    pub const fn new(number: Position, from: K, to: K, units: u64) -> Self {
        Self {
            number,
            from,
            to,
            units,
        }
    }
}

/// A page of the list of sendings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendingPage<K> {
    /// The sendings, in the sequence in which they left.
    pub sendings: Vec<SendingView<K>>,
    /// Where the next page begins; none at the end of the list.
    pub next: Option<Position>,
}

impl<K> SendingPage<K> {
    /// A page of these sendings: for a store that lists its own.
    #[must_use]
    pub const fn new(sendings: Vec<SendingView<K>>, next: Option<Position>) -> Self {
        Self { sendings, next }
    }
}

impl<K: Sku + 'static> OrderBook<K> {
    /// `units` of one SKU are units of another from now on, at once. Only units that are not promised can be. A retry with
    /// the same `key` changes nothing, however many other requests came since, for as long as the book
    /// [remembers](crate::OrderBookBuilder::retention). The answer's figures are those of `from`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] if fewer units are available; [`Refusal::Overflow`] if `to` would have more than
    /// [`MAX_UNITS`](segstock::MAX_UNITS); [`Refusal::SameSku`]; [`Refusal::UnknownSkus`]; [`Refusal::ZeroUnits`];
    /// [`Refusal::Conflict`] if the key is known for another request on `from`; [`Refusal::Key`]; [`Refusal::Limit`];
    /// [`Refusal::Busy`] and what a ledger adds.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::OrderBook;
    ///
    /// let book = OrderBook::new();
    /// book.open("phone@north", 10)?;
    /// book.open("phone@south", 0)?;
    /// book.move_units("phone@north", "phone@south", "move-1", 4)?;
    /// assert!(book.move_units("phone@north", "phone@south", "move-1", 4)?.before);
    /// assert_eq!((book.available("phone@north"), book.available("phone@south")), (Some(6), Some(4)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn move_units(
        &self,
        from: K,
        to: K,
        key: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal<K>> {
        self.leaves(from, to, (MOVE, key, units))
    }

    /// `units` of one SKU leave for another: until they [arrive](Self::arrive) they are [on the way](crate::SkuView), and
    /// nobody can have them. Only units that are not promised can leave. A retry with the same `key` changes nothing, for as
    /// long as the book [remembers](crate::OrderBookBuilder::retention). The answer's
    /// [`position`](StockAnswer::position) names the sending, for as long as units of it are on their way.
    ///
    /// # Errors
    ///
    /// Those of [`move_units`](Self::move_units).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::OrderBook;
    ///
    /// let book = OrderBook::new();
    /// book.open("phone@north", 10)?;
    /// book.open("phone@south", 0)?;
    /// let lorry = book.send("phone@north", "phone@south", "lorry-1", 4)?.position;
    /// assert_eq!(book.stock("phone@north").map(|stock| stock.on_the_way), Some(4));
    /// // One fell off the lorry.
    /// book.arrive("phone@south", lorry, "arrival-1", 3, 1)?;
    /// assert_eq!(book.available("phone@south"), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, from: K, to: K, key: &str, units: u64) -> Result<StockAnswer, Refusal<K>> {
        self.leaves(from, to, (SEND, key, units))
    }

    /// Of a [sending](Self::send) `units` came to the SKU `to`, and `lost` were lost on the way: they are written off. What
    /// is left of it is still on its way. Those that came pay first what is owed. A retry with the same `key` changes
    /// nothing, for as long as the book [remembers](crate::OrderBookBuilder::retention).
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSending`] if no units of it are on their way to this SKU; [`Refusal::NotOnTheWay`] if fewer are;
    /// [`Refusal::ZeroUnits`] if none came and none was lost; [`Refusal::Overflow`] beyond
    /// [`MAX_UNITS`](segstock::MAX_UNITS); [`Refusal::Conflict`] if the key is known for another request on `to`;
    /// [`Refusal::UnknownSkus`]; [`Refusal::Key`]; [`Refusal::Limit`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn arrive(
        &self,
        to: K,
        sending: Position,
        key: &str,
        units: u64,
        lost: u64,
    ) -> Result<StockAnswer, Refusal<K>> {
        let Some(requested) = units.checked_add(lost) else {
            return Err(Refusal::TooManyUnits(to));
        };
        if requested == 0 {
            return Err(Refusal::ZeroUnits(to));
        }
        // Where it came from passes its gate, too. If that is not known, a retry is.
        let sent = self.on_the_way.find(sending);
        let from = sent.map(|sent| self.skus.item(sent.from).sku().clone());
        let asked = OnShelf {
            skus: [to].into_iter().chain(from).collect(),
            key,
            body: &[ARRIVE, sending.number(), units, lost],
        };
        self.on_shelf(asked, |skus, gates| {
            // Nothing of it arrives meanwhile: that passes the same gates.
            let sent = self.on_the_way.find(sending);
            let sent = sent.filter(|sent| skus[0] == sent.to && skus.get(1) == Some(&sent.from));
            let sent = sent.ok_or(Refusal::UnknownSending)?;
            if sent.units < requested {
                let on_the_way = sent.units;
                return Err(Refusal::NotOnTheWay {
                    requested,
                    on_the_way,
                });
            }
            self.fits_shelf(sent.to, gates.of(sent.to), units)?;
            Ok(Change::Arrived {
                sending,
                from: sent.from,
                to: sent.to,
                units,
                lost,
            })
        })
    }

    /// A page of the sendings that are on their way, from the one with the number `from` on, in the sequence in which they
    /// left: at most `limit` of them (0 counts as 1), and at most 1,000.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{OrderBook, Position};
    ///
    /// let book = OrderBook::new();
    /// book.open("phone@north", 10)?;
    /// book.open("phone@south", 0)?;
    /// let lorry = book.send("phone@north", "phone@south", "lorry-1", 4)?.position;
    /// let page = book.sendings(Position::default(), 100);
    /// assert_eq!((page.sendings[0].number, page.sendings[0].units), (lorry, 4));
    /// assert_eq!(page.next, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sendings(&self, from: Position, limit: usize) -> SendingPage<K> {
        let (page, next) = self.on_the_way.page(from, limit.clamp(1, MOST_SENDINGS));
        let name = |sku: SkuId| self.skus.item(sku).sku().clone();
        let sendings = page.into_iter().map(|(number, sent)| SendingView {
            number,
            from: name(sent.from),
            to: name(sent.to),
            units: sent.units,
        });
        SendingPage {
            sendings: sendings.collect(),
            next,
        }
    }

    /// Units leave a SKU for another, at once or on a way.
    fn leaves(
        &self,
        from: K,
        to: K,
        (what, key, units): (u64, &str, u64),
    ) -> Result<StockAnswer, Refusal<K>> {
        if units == 0 {
            return Err(Refusal::ZeroUnits(from));
        }
        if from == to {
            return Err(Refusal::SameSku(from));
        }
        // Units that go elsewhere are another request.
        let number = self.skus.find(&to).map_or(0, SkuId::number);
        let asked = OnShelf {
            skus: smallvec![from, to],
            key,
            body: &[what, units, number.into()],
        };
        self.on_shelf(asked, |skus, gates| {
            let (from, to) = (skus[0], skus[1]);
            if what == MOVE {
                self.fits_shelf(to, gates.of(to), units)?;
            } else if let Some(limit) = self.on_the_way.limit() {
                return Err(Refusal::Limit(Limit::OnTheWay(limit)));
            }
            self.skus.write_off(from, units, gates.of(from))?;
            Ok(if what == MOVE {
                Change::Moved { from, to, units }
            } else {
                Change::Sent { from, to, units }
            })
        })
    }
}
