//! A node's one writer: one thing at a time, a heartbeat, a lend or a batch. So a heartbeat never sees the half of a batch, and
//! what the node knows of a block never stays below the block's row.

use super::batch::{Batch, Became, Item};
use super::inner::Inner;
use super::known::Did;
use super::lines::Lines;
use super::memory::{Placing, Waiting};
use super::rows::{Failed, Lent};
use segstock_remote::OrderId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Orders past their deadline that a heartbeat brings, at most.
const SWEEP: usize = 500;
/// SKUs without blocks that a heartbeat asks for, at most.
const KNOWN: usize = 1_000;
/// Blocks that a batch hands back, at most.
const BACKS: usize = 1_000;
/// After an answer of no use.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a writer ends.
struct End(String);

struct Writer {
    node: Arc<Inner>,
    batches: i64,
    lends: i64,
    /// Items of a batch, at most. Nobody knows the lines of an order that is paid or ends: a batch of them that is not written in
    /// time is made smaller.
    most: usize,
}

/// Writes until the session is over.
pub(super) async fn run(node: Arc<Inner>) {
    let mut writer = Writer {
        node: Arc::clone(&node),
        batches: 0,
        lends: 0,
        most: node.sale.batch,
    };
    let Err(End(reason)) = writer.write().await;
    node.works.store(false, Ordering::Relaxed);
    node.end(&reason);
}

/// It never ends well.
enum Never {}

impl Writer {
    async fn write(&mut self) -> Result<Never, End> {
        let mut beats_at = Instant::now();
        let mut lent = false;
        loop {
            self.node.works.store(true, Ordering::Relaxed);
            // Under load, too: a lease must not end because there is much to write.
            if self.node.beats.swap(false, Ordering::Relaxed) || Instant::now() >= beats_at {
                beats_at = Instant::now() + self.node.sale.heartbeat;
                self.beat().await?;
                self.node.upkeep_beside();
            }
            if self.node.is_over() {
                return Err(End("it was dropped".to_owned()));
            }
            let has_batch = self.node.memory().has_batch();
            if (!lent || !has_batch) && self.node.memory().has_lends() {
                lent = true;
                self.lend().await?;
            } else if has_batch {
                lent = false;
                self.batch().await?;
            } else {
                lent = false;
                self.idle(beats_at).await?;
            }
        }
    }

    /// Waits for work. The session ends here if the node leaves.
    async fn idle(&self, beats_at: Instant) -> Result<(), End> {
        let node = &self.node;
        if node.leaves.load(Ordering::Relaxed) {
            return match node.writes.leave(&node.life).await {
                Ok(()) => Err(End("it left".to_owned())),
                Err(Failed::Broken(words)) => Err(End(words)),
                Err(_) => {
                    sleep(PAUSE).await;
                    Ok(())
                }
            };
        }
        node.works.store(false, Ordering::Relaxed);
        let left = beats_at.saturating_duration_since(Instant::now());
        _ = timeout(left, node.wake.notified()).await;
        Ok(())
    }

    /// What a failed call means: the end, or another try.
    fn failed(&self, failed: Failed) -> Result<(), End> {
        match failed {
            Failed::Silent(_) if self.node.is_over() => Err(End("it was dropped".to_owned())),
            Failed::Silent(_) => Ok(()),
            Failed::Broken(words) => Err(End(words)),
            Failed::Over => Err(End("another node of its name has joined".to_owned())),
        }
    }

    /// Renews the lease, adopts blocks that the node does not know, drops those that are closed, and sweeps.
    async fn beat(&self) -> Result<(), End> {
        let node = &self.node;
        let sent = std::time::Instant::now();
        let known = node.memory().next_known(KNOWN);
        let lease = node.sale.lease;
        let beat = match node.writes.beat(&node.life, lease, SWEEP, &known).await {
            Ok(beat) => beat,
            Err(failed) => {
                self.failed(failed)?;
                sleep(PAUSE).await;
                return Ok(());
            }
        };
        *node.beat() = sent;
        node.serve_beside(beat.due.clone());
        let mut memory = node.memory();
        let late = if memory.sweeps == 0 {
            beat.late.clone()
        } else {
            vec![]
        };
        memory.has_backlog = beat.has_more;
        memory.learn(beat, &known);
        memory.sweeps += late.len();
        for id in late {
            let waiting = Waiting {
                item: Item::Expire,
                is_retry: false,
                answer: None,
            };
            memory.queue(id, waiting);
        }
        Ok(())
    }

    /// Has units lent for an order, which gets them at once: a recall would have them handed back. Else for nobody yet, ahead.
    async fn lend(&mut self) -> Result<(), End> {
        let (lines, placing) = {
            let mut memory = self.node.memory();
            match memory.lends.pop_front() {
                Some(placing) => (placing.lines.clone(), Some(placing)),
                None => match memory.next_ahead().map(|sku| Lines::new([(sku, 1)])) {
                    Some(Ok(lines)) => (lines, None),
                    _ => return Ok(()),
                },
            }
        };
        self.lends += 1;
        let node = &self.node;
        match node.writes.lend(&node.life, self.lends, &lines).await {
            Ok(Lent::Blocks(blocks)) => {
                let mut memory = node.memory();
                memory.lent(&lines, blocks);
                let waiting = std::mem::take(&mut memory.lends);
                for placing in placing.into_iter().chain(waiting) {
                    memory.place(placing);
                }
            }
            Ok(Lent::Short) => {
                if placing.is_none() {
                    node.memory().no_more_ahead(&lines);
                }
                // Others that want no less of it are short, too: they came before this was answered.
                let mut memory = node.memory();
                let waiting = std::mem::take(&mut memory.lends).into_iter();
                let (short, rest): (Vec<Placing>, Vec<Placing>) =
                    waiting.partition(|waits| wants_no_less(&waits.lines, &lines));
                memory.lends = rest.into();
                drop(memory);
                for placing in placing.into_iter().chain(short) {
                    answer(placing, Did::Short);
                }
            }
            Ok(Lent::NoSku(sku)) => {
                placing
                    .into_iter()
                    .for_each(|placing| answer(placing, Did::NoSku(sku.clone())));
            }
            // What it may have lent, the next heartbeat adopts.
            Err(failed) => {
                self.failed(failed)?;
                node.beats.store(true, Ordering::Relaxed);
                sleep(PAUSE).await;
                placing
                    .into_iter()
                    .for_each(|placing| answer(placing, Did::Again));
            }
        }
        Ok(())
    }

    async fn batch(&mut self) -> Result<(), End> {
        self.batches += 1;
        let (batch, items, backs) = self.next_batch();
        let size = items.len().max(backs.len());
        let Some(became) = self.send(&batch, size > 1).await? else {
            self.most = (size / 2).max(1);
            self.node.memory().again(items, &backs);
            return Ok(());
        };
        if size >= self.most {
            self.most = (self.most + self.most / 8 + 1).min(self.node.sale.batch);
        }
        let mut memory = self.node.memory();
        let mut answers = Vec::new();
        let mut alone = Vec::new();
        let mut swept = 0;
        for ((id, waiting), (did, went)) in items.into_iter().zip(became) {
            memory.settle(&waiting.item, &did, &went);
            match waiting.answer {
                Some(answer) => answers.push((answer, did)),
                None if did == Did::Alone => alone.push(id),
                None => swept += 1,
            }
        }
        drop(memory);
        self.node.swept(swept);
        if !alone.is_empty() {
            let node = Arc::clone(&self.node);
            tokio::spawn(async move {
                node.expire_alone(&alone).await;
                node.swept(alone.len());
            });
        }
        for (answer, did) in answers {
            // It may wait no more.
            _ = answer.send(did);
        }
        Ok(())
    }

    fn next_batch(&self) -> (Batch, BTreeMap<OrderId, Waiting>, Vec<(i64, i64)>) {
        let mut memory = self.node.memory();
        let items = memory.next_items(self.node.sale.batch, self.most);
        let backs = memory.next_hand_backs(self.most.min(BACKS));
        let keeps = !memory.stopping;
        drop(memory);
        let rows = items.iter().map(|(id, waiting)| (id, &waiting.item));
        (Batch::new(self.batches, keeps, rows, &backs), items, backs)
    }

    /// Sends a batch, unchanged, until it is answered. Neither a time-out nor a read says that it will never commit. One that
    /// can be divided has its number taken away after a time-out: then it is not there and never will be, and there is no answer.
    async fn send(&self, batch: &Batch, divides: bool) -> Result<Option<Vec<Became>>, End> {
        let node = &self.node;
        loop {
            match node.writes.write(&node.life, batch).await {
                // Void, too: the answer to `void` may have been lost.
                Ok(became) => return Ok(became),
                Err(failed) => self.failed(failed)?,
            }
            sleep(PAUSE).await;
            if divides {
                match node.writes.void(&node.life, batch.number).await {
                    Ok(true) => return Ok(None),
                    // It is there: it is read.
                    Ok(false) => {}
                    Err(failed) => self.failed(failed)?,
                }
            }
        }
    }
}

impl Inner {
    /// This many orders past their deadline were ended, by nobody's call. If there are more, a heartbeat brings them now: they
    /// share batches with customers, so that a backlog goes as fast as it can without being in their way.
    fn swept(&self, orders: usize) {
        let mut memory = self.memory();
        memory.sweeps = memory.sweeps.saturating_sub(orders);
        if orders > 0 && memory.sweeps == 0 && std::mem::take(&mut memory.has_backlog) {
            drop(memory);
            self.beats.store(true, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }
}

fn answer(placing: Placing, did: Did) {
    // It may wait no more.
    _ = placing.answer.send(did);
}

/// Whether lines of one SKU want no less of it than others of one SKU.
fn wants_no_less(lines: &Lines, than: &Lines) -> bool {
    let (mut lines, mut than) = (lines.iter(), than.iter());
    match (lines.next(), lines.next(), than.next(), than.next()) {
        (Some((sku, units)), None, Some((of, least)), None) => sku == of && units >= least,
        _ => false,
    }
}
