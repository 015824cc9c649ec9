//! A node: how it serves a call on an order.

use super::Nodes;
use super::batch::{Did, Item, Targets};
use super::memory::{Hold, Memory, Waiting};
use super::refusal::Proof;
use super::rows::{Known, Piece, Rows, Sku, State, Units};
use super::sessions::{self, Session};
use crate::design::Site;
use crate::world::Slot;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What a customer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    Place {
        wanted: Units,
        ttl: Option<Duration>,
    },
    Pay,
    Cancel,
}

/// What a node answers a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    Is(Known),
    /// There is no such order.
    Missing,
    TryAgain,
}

/// A node in one session. Clones are handles to one node; a crash leaves none that runs.
#[derive(Clone)]
pub(super) struct Node(pub(super) Rc<Inner>);

pub(super) struct Inner {
    pub session: Session,
    pub kind: Nodes,
    pub rows: Rows,
    pub site: Site,
    pub notify: Rc<dyn Fn()>,
    pub memory: RefCell<Memory>,
    /// Calls on each order that is served now: those that wait for the first.
    serving: RefCell<BTreeMap<u64, Vec<Slot<Option<Served>>>>>,
    /// The writer waits for work.
    pub idle: RefCell<Option<Slot<()>>>,
    /// A batch, a lend or a heartbeat is under way.
    pub writes: Cell<bool>,
    /// A notification came: the next thing is a heartbeat.
    pub beats: Cell<bool>,
    pub batches: Cell<u64>,
    /// Items of a batch, at most.
    pub most: Cell<usize>,
    pub lends: Cell<u64>,
    /// Proofs that are under way, and the most that ever were.
    pub proofs: Cell<(usize, usize)>,
}

/// No row counts its units.
fn refused(sku: Sku) -> Served {
    let (state, placed) = (State::Refused(sku), false);
    Served::Is(Known { state, placed })
}

/// How often a node tries before it says "try again".
const TURNS: usize = 12;

impl Node {
    /// Opens a session and starts its writer.
    pub(super) async fn start(
        name: usize,
        kind: Nodes,
        rows: Rows,
        site: Site,
        notify: Rc<dyn Fn()>,
    ) -> Self {
        let start = site.world().number() + 1;
        let number = loop {
            let Ok(seen) = rows.read(move |rows| sessions::seen(rows, name)).await else {
                continue;
            };
            let open = async move |tx| sessions::open(tx, name, seen, start, kind).await;
            if let Ok(Some(number)) = rows.retried(open).await {
                break number;
            }
        };
        let node = Self(Rc::new(Inner {
            session: Session { node: name, number },
            kind,
            rows,
            site,
            notify,
            memory: RefCell::default(),
            serving: RefCell::default(),
            idle: RefCell::default(),
            writes: Cell::new(true),
            beats: Cell::new(true),
            batches: Cell::default(),
            most: Cell::new(usize::MAX),
            lends: Cell::default(),
            proofs: Cell::default(),
        }));
        node.0.site.world().spawn(node.clone().write());
        node
    }

    pub(super) fn memory<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.0.memory.borrow_mut())
    }

    pub(super) fn clock(&self) -> Duration {
        self.0.site.world().clock()
    }

    /// The session, and free units of each block that the node knows; nothing while it works.
    pub(super) fn knows(&self) -> Option<(u64, BTreeMap<u64, u64>)> {
        let at_rest = !self.0.writes.get() && self.0.serving.borrow().is_empty();
        let blocks = self.memory(|memory| {
            let blocks = memory.blocks.iter();
            blocks.map(|(&epoch, block)| (epoch, block.free)).collect()
        });
        at_rest.then_some((self.0.session.number, blocks))
    }

    /// Serves no order any more, and hands back what it has.
    pub(super) fn stop(&self) {
        self.memory(|memory| memory.stopping = true);
        self.wake();
    }

    /// Another node notified this one that something changed.
    pub(super) fn notified(&self) {
        self.0.beats.set(true);
        self.wake();
    }

    pub(super) fn wake(&self) {
        if let Some(idle) = self.0.idle.borrow_mut().take() {
            idle.fill(());
        }
    }

    /// Serves a call. One call of an order at a time: a second one waits for the first. "Placed" is the answer of both;
    /// after anything else it asks by itself, as a retry.
    pub(super) async fn serve(self, id: u64, request: Request, is_retry: bool) -> Served {
        let mut is_retry = is_retry;
        let places = matches!(request, Request::Place { .. });
        while let Some(first) = self.joins(id) {
            let answer = first.filled().await.filter(|_| places);
            if let Some(Served::Is(known)) = answer
                && known.placed
                && known.state == State::Held
            {
                return Served::Is(known);
            }
            is_retry = true;
        }
        let served = match &request {
            Request::Place { wanted, ttl } => self.place(id, wanted, *ttl, is_retry).await,
            Request::Pay => self.ends(id, Item::Pay).await,
            Request::Cancel => {
                let to = self.memory(|memory| memory.blocks_for_all(self.clock()));
                self.ends(id, Item::Cancel { to }).await
            }
        };
        let others = self.0.serving.borrow_mut().remove(&id);
        for other in others.unwrap_or_default() {
            other.fill(places.then_some(served));
        }
        served
    }

    /// Waits for the call that is served now, if there is one; otherwise this is that call.
    fn joins(&self, id: u64) -> Option<Slot<Option<Served>>> {
        let mut serving = self.0.serving.borrow_mut();
        match serving.get_mut(&id) {
            Some(others) => {
                let slot = Slot::new();
                others.push(slot.clone());
                Some(slot)
            }
            None => {
                serving.insert(id, Vec::new());
                None
            }
        }
    }

    async fn place(
        &self,
        id: u64,
        wanted: &Units,
        ttl: Option<Duration>,
        is_retry: bool,
    ) -> Served {
        // Where others were just refused, a batch would only say that the pool is short.
        if self.memory(|memory| memory.expects_refusal(wanted)) {
            match self.prove(id, wanted).await {
                Some(Proof::Is(known)) => return Served::Is(known),
                Some(Proof::Refused(sku)) => return refused(sku),
                _ => self.memory(|memory| memory.note_enough(wanted)),
            }
        }
        // Only for a mistake.
        let mut reserved = Vec::new();
        for turn in 0..TURNS {
            if self.memory(|memory| memory.is_over || memory.stopping) {
                break;
            }
            let is_retry = is_retry || turn > 0;
            let pieces = match self.pieces(wanted, &mut reserved) {
                Some(pieces) => Some(pieces),
                None => self.lend(self.asks_for(id, wanted, &reserved)).await,
            };
            if let Some(pieces) =
                pieces.and_then(|pieces| self.whole(wanted, &mut reserved, pieces))
            {
                let item = Item::Place { pieces, ttl };
                match self.write_item(id, item, is_retry).await {
                    Did::Placed(known) => {
                        self.placed(id, wanted, ttl);
                        return Served::Is(known);
                    }
                    Did::Is(known, _) => return Served::Is(known),
                    Did::Fenced | Did::Again | Did::Missing => continue,
                    Did::Short => {}
                }
            }
            match self.prove(id, wanted).await {
                Some(Proof::Is(known)) => return self.gives_up(&reserved, Served::Is(known)),
                Some(Proof::Refused(sku)) => {
                    self.memory(|memory| memory.note_refused(sku, wanted));
                    return self.gives_up(&reserved, refused(sku));
                }
                Some(Proof::Overdue(ids)) => self.expire(ids).await,
                Some(Proof::Enough) => self.recall(wanted).await,
                None => {}
            }
        }
        self.gives_up(&reserved, Served::TryAgain)
    }

    fn gives_up(&self, reserved: &[Piece], served: Served) -> Served {
        self.memory(|memory| memory.release(reserved));
        served
    }

    /// Every line of an order, or nothing: what there is stays free for others while more is fetched. Otherwise two
    /// orders that wait for each other's lines wait for ever.
    fn pieces(&self, wanted: &Units, reserved: &mut Vec<Piece>) -> Option<Vec<Piece>> {
        let now = self.clock();
        if self.0.kind == Nodes::LinesKeptAside {
            return self.reserve_parts(wanted, reserved);
        }
        if let Some(pieces) = self.memory(|memory| memory.take(wanted)) {
            self.fetch_ahead(wanted.keys().copied());
            return Some(pieces);
        }
        // Orders that seem to be past their deadline serve this one, in one batch.
        for &sku in wanted.keys() {
            let expired = self.memory(|memory| memory.guess_expired(sku, now));
            if let Some((id, to)) = expired {
                self.queue(id, Item::Expire { to }, false);
            }
        }
        self.memory(|memory| memory.take(wanted))
    }

    /// A mistake: takes the lines that are there.
    fn reserve_parts(&self, wanted: &Units, reserved: &mut Vec<Piece>) -> Option<Vec<Piece>> {
        for (&sku, &units) in &self.missing(wanted, reserved) {
            let line = Units::from([(sku, units)]);
            reserved.extend(self.memory(|memory| memory.take(&line)).unwrap_or_default());
        }
        self.missing(wanted, reserved).is_empty().then(Vec::new)
    }

    /// What is lent: every line, in one transaction.
    fn asks_for(&self, id: u64, wanted: &Units, reserved: &[Piece]) -> Units {
        let mut missing = self.missing(wanted, reserved);
        if self.0.kind == Nodes::LinesKeptAside {
            // A mistake: one after another, as the customer names them.
            let first = missing.pop_first();
            let last = missing.pop_last().filter(|_| id % 2 == 1);
            return last.or(first).into_iter().collect();
        }
        missing
    }

    /// All pieces, with what was reserved, if that is the whole order.
    fn whole(
        &self,
        wanted: &Units,
        reserved: &mut Vec<Piece>,
        pieces: Vec<Piece>,
    ) -> Option<Vec<Piece>> {
        reserved.extend(pieces);
        self.missing(wanted, reserved)
            .is_empty()
            .then(|| std::mem::take(reserved))
    }

    fn missing(&self, wanted: &Units, reserved: &[Piece]) -> Units {
        let mut missing = wanted.clone();
        for piece in reserved {
            missing.remove(&piece.sku);
        }
        missing
    }

    fn placed(&self, id: u64, units: &Units, ttl: Option<Duration>) {
        if let Some(ttl) = ttl {
            let units = units.clone();
            let until = self.clock() + ttl;
            self.memory(|memory| memory.holds.insert(id, Hold { until, units }));
        }
    }

    /// Pays or cancels: the row decides.
    async fn ends(&self, id: u64, item: Item) -> Served {
        for _ in 0..TURNS {
            if self.memory(|memory| memory.is_over || memory.stopping) {
                break;
            }
            match self.write_item(id, item.clone(), false).await {
                Did::Is(known, _) | Did::Placed(known) => return Served::Is(known),
                Did::Missing => return Served::Missing,
                Did::Fenced | Did::Again | Did::Short => {}
            }
        }
        Served::TryAgain
    }

    /// Ends orders that are past their deadline; the database says which are.
    async fn expire(&self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            let to = Targets::new();
            self.write_item(id, Item::Expire { to }, false).await;
        }
    }

    async fn write_item(&self, id: u64, item: Item, is_retry: bool) -> Did {
        self.queue(id, item, is_retry).filled().await
    }

    /// Has a batch write it.
    fn queue(&self, id: u64, item: Item, is_retry: bool) -> Slot<Did> {
        let answer = Slot::new();
        let waiting = Waiting {
            item,
            is_retry,
            answer: answer.clone(),
        };
        self.memory(|memory| memory.items.push((id, waiting)));
        self.wake();
        answer
    }

    async fn lend(&self, wanted: Units) -> Option<Vec<Piece>> {
        let lent = Slot::new();
        self.memory(|memory| memory.lends.push_back((wanted, lent.clone())));
        self.wake();
        lent.filled().await
    }

    /// Has the next units lent before these are gone.
    fn fetch_ahead(&self, skus: impl Iterator<Item = Sku>) {
        let now = self.clock();
        for sku in skus {
            self.memory(|memory| {
                let is_low = memory.free(sku) * 4 <= memory.granted.get(&sku).copied().unwrap_or(0);
                let waits = memory.ahead.contains(&sku);
                let goes = memory.is_narrow(sku) || memory.is_recalled(sku, now);
                if is_low && !waits && !goes {
                    memory.ahead.push(sku);
                }
            });
        }
    }
}
