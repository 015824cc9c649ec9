//! One run: the clients, their calls and what they were answered.

use super::{Scene, faulty};
use crate::design::{Counter, Order};
use crate::faults::{Fault, Happened};
use crate::network::Network;
use crate::world::{Place, Slot};
use segstock_conformance::{Answer, Call};
use segstock_model::{Op, Outcome};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// A node that crashes in a call does so within this time.
const CRASHES_WITHIN: Duration = Duration::from_millis(40);
/// After that time no message is under way, and every lease has run out.
pub(crate) const SETTLES: Duration = Duration::from_millis(500);

pub(super) struct Play<C> {
    counter: C,
    units: u64,
    /// Whether each client restocks what it got.
    brings_back: bool,
    network: Network,
    scene: Scene,
    calls: RefCell<Vec<Call>>,
}

impl<C: Counter> Play<C> {
    pub(super) fn new(
        scene: &Scene,
        counter: C,
        units: u64,
        brings_back: bool,
        network: Network,
    ) -> Self {
        Self {
            counter,
            units,
            brings_back,
            network,
            scene: scene.clone(),
            calls: RefCell::default(),
        }
    }

    /// The calls and the faults that happened.
    pub(super) fn end(&self) -> (Vec<Call>, Happened) {
        (self.calls.take(), self.network.happened())
    }

    /// The number of calls that were made before all was at rest.
    pub(super) async fn play(self: Rc<Self>) -> usize {
        let world = self.network.world();
        faulty::start(&self.network);
        let clients: Vec<Slot<()>> = (0..self.scene.clients)
            .map(|_| {
                let done = Slot::new();
                let (play, over) = (Rc::clone(&self), done.clone());
                world.spawn(async move {
                    play.client().await;
                    over.fill(());
                });
                done
            })
            .collect();
        for client in clients {
            client.filled().await;
        }
        self.network.heal();
        world.sleep(SETTLES).await;
        let before = self.calls.borrow().len();
        self.rest().await;
        before
    }

    async fn client(self: Rc<Self>) {
        let world = self.network.world();
        let mut node = self.network.new_node();
        let mut got = 0;
        for _ in 0..self.scene.calls {
            world
                .sleep(world.pick_time(Duration::ZERO..self.scene.pause))
                .await;
            let op = match got {
                0 if self.brings_back || world.chance(750) => {
                    Op::Deduct(world.pick(1..self.scene.most + 1))
                }
                0 => Op::Restock(world.pick(1..3)),
                units => Op::Restock(units),
            };
            got = 0;
            match (op, Rc::clone(&self).outcome(node, op).await) {
                (Op::Deduct(units), Some(Outcome::Done)) if self.brings_back => got = units,
                (_, Some(_)) => {}
                (_, None) => node = self.network.new_node(),
            }
        }
    }

    /// What the node was answered, unless it crashed first.
    async fn outcome(self: Rc<Self>, node: usize, op: Op) -> Option<Outcome> {
        let world = self.network.world();
        let end = Slot::new();
        let call = world.spawn_at(Place::Node(node), {
            let (play, end) = (Rc::clone(&self), end.clone());
            async move { end.fill(Some(play.call(node, op).await)) }
        });
        if world.chance(self.network.faults().crashes) {
            let (crashed, network) = (end.clone(), self.network.clone());
            let after = world.pick_time(Duration::ZERO..CRASHES_WITHIN);
            world.later(after, move || {
                if network.world().abort(call) {
                    network.world().crash(Place::Node(node));
                    network.note(Fault::Crashed);
                    crashed.fill(None);
                }
            });
        }
        end.filled().await
    }

    async fn call(&self, node: usize, op: Op) -> Outcome {
        let world = self.network.world();
        let stamp = || u64::try_from(world.now().as_nanos()).expect("a run is short");
        let index = self.calls.borrow().len();
        let pending = Call::new(node, stamp(), u64::MAX, op, Outcome::Unknown);
        self.calls.borrow_mut().push(pending);
        let id = world.number();
        let outcome = match op {
            Op::Deduct(units) => outcome(self.counter.deduct(Order::new(node, id, units)).await),
            Op::Restock(units) => outcome(self.counter.restock(Order::new(node, id, units)).await),
            _ => match self.counter.at_rest().await {
                Ok(units) => Outcome::Exactly(units),
                Err(_) => Outcome::Unknown,
            },
        };
        let call = &mut self.calls.borrow_mut()[index];
        (call.returned, call.outcome) = (stamp(), outcome);
        outcome
    }

    /// Asks what is left, and sells it. A counter that sells without end is stopped when it has sold more than it can
    /// have.
    async fn rest(&self) {
        let node = self.network.new_node();
        let restocked: u64 = self.calls.borrow().iter().map(restocked).sum();
        self.call(node, Op::Available).await;
        for _ in 0..=self.units + restocked {
            if self.call(node, Op::Deduct(1)).await != Outcome::Done {
                return;
            }
        }
    }
}

fn restocked(call: &Call) -> u64 {
    match call.op {
        Op::Restock(units) => units,
        _ => 0,
    }
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Done(()) => Outcome::Done,
        Answer::Refused(why) => Outcome::Refused(why),
        Answer::Unknown => Outcome::Unknown,
    }
}
