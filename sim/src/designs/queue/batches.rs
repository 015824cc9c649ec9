//! Orders in batches: each node sends one request for all orders that wait at it.

use super::{Answers, Entry, Row, Shop};
use crate::design::Site;
use crate::network::TimedOut;
use crate::store::Key;
use crate::world::Slot;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The nodes' memory, by node. A crash ends the tasks of a node, and its successor has another number.
#[derive(Clone)]
pub(super) struct Batches {
    nodes: Rc<RefCell<BTreeMap<usize, Node>>>,
    log: Key<Row>,
    answers: Key<Row>,
    site: Site,
}

#[derive(Default)]
struct Node {
    /// Orders that no request has carried.
    unsent: Vec<Entry>,
    /// Orders that wait for their answers.
    waiting: BTreeMap<u64, Slot<bool>>,
    appends: bool,
    asks: bool,
}

impl Batches {
    pub(super) fn new(log: &Key<Row>, answers: &Key<Row>, site: &Site) -> Self {
        Self {
            nodes: Rc::default(),
            log: log.clone(),
            answers: answers.clone(),
            site: site.clone(),
        }
    }

    pub(super) async fn order(&self, entry: Entry) -> Result<bool, TimedOut> {
        let (node, world) = (entry.order.node, self.site.world());
        let slot = Slot::new();
        let starts = self.at(node, |node| {
            node.unsent.push(entry);
            node.waiting.insert(entry.order.id, slot.clone());
            !std::mem::replace(&mut node.appends, true)
        });
        if starts {
            world.spawn(self.clone().append(node));
        }
        let patience = self.site.network.time_out() * Shop::PATIENCE;
        let answer = world.within(patience, slot.filled()).await;
        self.at(node, |node| node.waiting.remove(&entry.order.id));
        answer.ok_or(TimedOut)
    }

    fn at<T>(&self, node: usize, change: impl FnOnce(&mut Node) -> T) -> T {
        change(self.nodes.borrow_mut().entry(node).or_default())
    }

    /// Appends batch after batch, as long as orders come. While one is under way, the next collects.
    async fn append(self, node: usize) {
        loop {
            let batch = self.at(node, |node| std::mem::take(&mut node.unsent));
            if batch.is_empty() {
                self.at(node, |node| node.appends = false);
                return;
            }
            let log = self.log.for_items(batch.len());
            let append = move |row: &mut Row| {
                for &entry in &batch {
                    row.log.append(entry);
                }
            };
            while log.retried(append.clone()).await == Err(TimedOut) {}
            if self.at(node, |node| !std::mem::replace(&mut node.asks, true)) {
                self.site.world().spawn(self.clone().ask(node));
            }
        }
    }

    /// Asks for the answers of all orders that wait, as long as there are any.
    async fn ask(self, node: usize) {
        loop {
            self.site.world().sleep(Shop::POLL).await;
            let ids: Vec<u64> = self.at(node, |node| node.waiting.keys().copied().collect());
            if ids.is_empty() {
                self.at(node, |node| node.asks = false);
                return;
            }
            let ask = move |row: &mut Row| {
                let known = ids
                    .iter()
                    .filter_map(|id| Some((*id, *row.answers.get(id)?)));
                known.collect::<Answers>()
            };
            let Ok(answers) = self.answers.retried_weighed(Answers::len, ask).await else {
                continue;
            };
            self.at(node, |node| {
                for (id, answer) in answers {
                    if let Some(slot) = node.waiting.remove(&id) {
                        slot.fill(answer);
                    }
                }
            });
        }
    }
}
