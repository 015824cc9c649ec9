//! A node: what it knows, how it serves an order, and its one writer.

use super::Nodes;
use super::rows::{Rows, State};
use super::transactions::{self, Batch, Proof, Session, Take, Took};
use crate::design::Site;
use crate::world::Slot;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// What a node answers a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    Placed,
    Refused,
    TryAgain,
}

impl From<State> for Served {
    fn from(state: State) -> Self {
        match state {
            State::Refused => Self::Refused,
            State::Placed { .. } | State::Restocked => Self::Placed,
        }
    }
}

/// A node in one session. Clones are handles to one node; a crash leaves none that runs.
#[derive(Clone)]
pub(super) struct Node(Rc<Inner>);

struct Inner {
    session: Session,
    kind: Nodes,
    rows: Rows,
    site: Site,
    memory: RefCell<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Free units of each block, by epoch.
    blocks: BTreeMap<u64, u64>,
    /// Orders that are served now: one attempt at a time.
    serving: BTreeSet<u64>,
    /// What the next batch writes.
    takes: Vec<(Take, Slot<Took>)>,
    /// Units that orders want lent, and where the answer goes: whether they were.
    lends: Vec<(u64, Slot<bool>)>,
    batches: u64,
    lend_no: u64,
    /// Until then, by the node's clock, it hands back what it has.
    recalled_until: Duration,
    /// The writer waits for work.
    idle: Option<Slot<()>>,
    /// When a proof began last, and the sum of it: only for a mistake.
    proof: Option<(Duration, u64)>,
    /// A batch, a lend or a heartbeat is under way.
    writes: bool,
}

impl Memory {
    /// Takes `units` from the blocks, all or none.
    fn take(&mut self, units: u64) -> Option<Vec<(u64, u64)>> {
        if self.blocks.values().sum::<u64>() < units {
            return None;
        }
        let mut missing = units;
        let mut pieces = Vec::new();
        for (&epoch, free) in &mut self.blocks {
            let piece = missing.min(*free);
            if piece > 0 {
                *free -= piece;
                missing -= piece;
                pieces.push((epoch, piece));
            }
        }
        Some(pieces)
    }

    fn put_back(&mut self, pieces: &[(u64, u64)]) {
        for (epoch, units) in pieces {
            if let Some(free) = self.blocks.get_mut(epoch) {
                *free += units;
            }
        }
    }
}

/// The orders of a batch, by id, and where their answers go.
type Takes = BTreeMap<u64, (Take, Slot<Took>)>;

/// How often a node tries before it says "try again".
const TURNS: usize = 12;
const HEARTBEAT: Duration = Duration::from_millis(5);

impl Node {
    /// Opens a session and starts its writer, unless a newer machine has the name.
    pub(super) async fn start(
        name: usize,
        machine: usize,
        kind: Nodes,
        rows: Rows,
        site: Site,
    ) -> Option<Self> {
        let number = loop {
            let open = async move |tx| transactions::open(tx, name, machine).await;
            if let Ok(number) = rows.retried(open).await {
                break number?;
            }
        };
        let node = Self(Rc::new(Inner {
            session: Session { node: name, number },
            kind,
            rows,
            site,
            memory: RefCell::default(),
        }));
        node.0.site.world().spawn(node.clone().write());
        Some(node)
    }

    /// Free units of each block that the node knows, unless it is writing.
    pub(super) fn knows(&self) -> Option<BTreeMap<u64, u64>> {
        let memory = self.0.memory.borrow();
        let at_rest = !memory.writes && memory.serving.is_empty();
        at_rest.then(|| memory.blocks.clone())
    }

    fn memory<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.0.memory.borrow_mut())
    }

    fn wake_writer(&self) {
        if let Some(idle) = self.memory(|memory| memory.idle.take()) {
            idle.fill(());
        }
    }

    /// Serves an order. A second attempt waits for the first, and asks again.
    pub(super) async fn serve(self, id: u64, units: u64) -> Served {
        let world = self.0.site.world();
        while !self.memory(|memory| memory.serving.insert(id)) {
            world.sleep(Duration::from_millis(1)).await;
        }
        let served = self.attempts(id, units).await;
        self.memory(|memory| memory.serving.remove(&id));
        served
    }

    async fn attempts(&self, id: u64, units: u64) -> Served {
        for _ in 0..TURNS {
            if let Some(pieces) = self.memory(|memory| memory.take(units)) {
                match self.place(id, &pieces).await {
                    Took::Placed => return Served::Placed,
                    Took::Was(state) => return state.into(),
                    Took::Again => continue,
                }
            }
            if self.lend(units).await {
                continue;
            }
            match self.prove(id, units).await {
                Some(Proof::Was(state)) => return state.into(),
                Some(Proof::Refused) => return Served::Refused,
                Some(Proof::Enough) => self.recall().await,
                None => {}
            }
        }
        Served::TryAgain
    }

    async fn place(&self, id: u64, pieces: &[(u64, u64)]) -> Took {
        let answer = Slot::new();
        let take = Take {
            id,
            pieces: pieces.to_vec(),
        };
        self.memory(|memory| memory.takes.push((take, answer.clone())));
        self.wake_writer();
        answer.filled().await
    }

    async fn lend(&self, units: u64) -> bool {
        let lent = Slot::new();
        self.memory(|memory| memory.lends.push((units, lent.clone())));
        self.wake_writer();
        lent.filled().await
    }

    async fn prove(&self, id: u64, units: u64) -> Option<Proof> {
        let (kind, node, now) = (
            self.0.kind,
            self.0.session.node,
            self.0.site.world().clock(),
        );
        if kind == Nodes::ProofBeforeCall {
            let known = self.memory(|memory| memory.proof);
            let recent = known.filter(|&(at, sum)| at + HEARTBEAT * 2 > now && sum < units);
            if recent.is_some() {
                return Some(Proof::Refused);
            }
            let sum = self.0.rows.read(super::rows::sum).await.ok()?;
            self.memory(|memory| memory.proof = Some((now, sum)));
        }
        let prove = async move |tx| transactions::prove(tx, id, units, kind, node).await;
        self.0.rows.retried(prove).await.ok()
    }

    /// Has every node hand back what it has, this one too, and waits for that.
    async fn recall(&self) {
        let recall = self
            .0
            .rows
            .retried(async move |tx| transactions::recall(tx).await);
        let _ = recall.await;
        self.wake_writer();
        self.0.site.world().sleep(HEARTBEAT + HEARTBEAT / 2).await;
    }

    /// The one writer: a batch, else a lend, else a heartbeat. It ends with its session.
    async fn write(self) {
        loop {
            self.memory(|memory| memory.writes = true);
            let goes_on = if let Some((batch, answers)) = self.next_batch() {
                self.write_batch(batch, answers).await
            } else if let Some((units, slot)) = self.memory(|memory| memory.lends.pop()) {
                self.write_lend(units, slot).await
            } else {
                self.beat().await
            };
            self.memory(|memory| memory.writes = false);
            if !goes_on {
                return;
            }
            let has_work = self.memory(|memory| {
                !memory.takes.is_empty() || !memory.lends.is_empty() || self.hands_back(memory)
            });
            if !has_work {
                let idle = Slot::new();
                self.memory(|memory| memory.idle = Some(idle.clone()));
                let _ = self.0.site.world().within(HEARTBEAT, idle.filled()).await;
            }
        }
    }

    fn hands_back(&self, memory: &Memory) -> bool {
        let recalled = self.0.site.world().clock() < memory.recalled_until;
        recalled && memory.blocks.values().any(|&free| free > 0)
    }

    fn next_batch(&self) -> Option<(Batch, Takes)> {
        let mut memory = self.0.memory.borrow_mut();
        let hands_back = self.hands_back(&memory);
        if memory.takes.is_empty() && !hands_back {
            return None;
        }
        let takes = std::mem::take(&mut memory.takes);
        let mut hand_backs = Vec::new();
        if hands_back {
            for (&epoch, free) in &mut memory.blocks {
                hand_backs.push((epoch, std::mem::take(free)));
            }
            hand_backs.retain(|&(_, units)| units > 0);
        }
        memory.batches += 1;
        let batch = Batch {
            number: memory.batches,
            takes: takes.iter().map(|(take, _)| take.clone()).collect(),
            hand_backs,
        };
        let answers = takes.into_iter().map(|take| (take.0.id, take));
        Some((batch, answers.collect()))
    }

    async fn write_batch(&self, batch: Batch, mut takes: Takes) -> bool {
        let (of, kind) = (self.0.session, self.0.kind);
        let handed_back = batch.hand_backs.iter().map(|&(_, units)| units).sum();
        let answers = loop {
            let batch = batch.clone();
            let write = async move |tx| transactions::write(tx, of, &batch, kind).await;
            if let Ok(answers) = self.0.rows.retried(write).await {
                break answers;
            }
        };
        let Some(answers) = answers else {
            return false;
        };
        if kind == Nodes::HandBackInTwo {
            let id = self.0.site.world().number();
            let give = async move |tx| transactions::restock(tx, id, handed_back).await;
            while self.0.rows.retried(give).await.is_err() {}
        }
        for (id, took) in answers {
            let Some((take, slot)) = takes.remove(&id) else {
                continue;
            };
            let keeps = matches!(took, Took::Was(_)) && kind == Nodes::LoserKeeps;
            match took {
                Took::Placed => {}
                // It may be too short or closed: the next heartbeat says.
                Took::Again => self.memory(|memory| {
                    for (epoch, _) in &take.pieces {
                        memory.blocks.remove(epoch);
                    }
                }),
                Took::Was(_) if keeps => {}
                Took::Was(_) => self.memory(|memory| memory.put_back(&take.pieces)),
            }
            slot.fill(took);
        }
        true
    }

    async fn write_lend(&self, units: u64, slot: Slot<bool>) -> bool {
        let of = self.0.session;
        let lend_no = self.memory(|memory| {
            memory.lend_no += 1;
            memory.lend_no
        });
        let lend = async move |tx| transactions::lend(tx, of, lend_no, units).await;
        // A lend that is not answered is adopted by a heartbeat.
        match self.0.rows.retried(lend).await {
            Ok(None) => return false,
            Ok(Some(Some((epoch, room)))) => {
                self.memory(|memory| memory.blocks.insert(epoch, room));
                slot.fill(true);
            }
            Ok(Some(None)) | Err(_) => slot.fill(false),
        }
        true
    }

    /// Renews the lease, adopts blocks that the node does not know, and drops those that are closed.
    async fn beat(&self) -> bool {
        let of = self.0.session;
        let beat = self
            .0
            .rows
            .retried(async move |tx| transactions::beat(tx, of).await);
        let beat = match beat.await {
            Ok(Some(beat)) => beat,
            Ok(None) => return false,
            Err(_) => return true,
        };
        let now = self.0.site.world().clock();
        let adopts = self.0.kind != Nodes::LendNotAdopted;
        self.memory(|memory| {
            memory
                .blocks
                .retain(|epoch, _| beat.open.contains_key(epoch));
            // Units that wait for the next batch are in their blocks' rooms.
            let mut waiting = BTreeMap::new();
            for (epoch, units) in memory.takes.iter().flat_map(|(take, _)| &take.pieces) {
                *waiting.entry(*epoch).or_insert(0) += units;
            }
            for (epoch, room) in beat.open {
                let free = room - waiting.get(&epoch).copied().unwrap_or(0).min(room);
                if adopts {
                    memory.blocks.entry(epoch).or_insert(free);
                }
            }
            memory.recalled_until = now + beat.recall;
        });
        true
    }
}
