//! One run: some nodes order and restock while things go wrong; then all heals, and what is left is sold.

use super::executor::{Slot, World};
use super::faults::{Fault, Faults};
use super::network::{Happened, Network};
use super::variants::{Counter, Order, Site, Variant};
use segstock_conformance::{Answer, Call, History};
use segstock_model::{Op, Outcome};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Orders that are under way at once.
const LANES: usize = 4;
/// Calls of each lane.
const CALLS: usize = 6;
const SEGMENTS: usize = 3;
/// Shorter than what is late, so that much is asked for twice.
const TIME_OUT: Duration = Duration::from_millis(10);
/// After that nothing of what was sent is still under way, and all leases have run out.
const SETTLES: Duration = Duration::from_millis(500);

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub history: History,
    /// The last so many calls, made when all was over.
    pub at_rest: usize,
    pub faults: Faults,
    pub happened: Happened,
}

pub fn run(variant: &impl Variant, seed: u64) -> Run {
    let world = World::new(seed);
    let faults = Faults::drawn(&world);
    let network = Network::new(&world, faults, TIME_OUT);
    let site = Site {
        network: network.clone(),
        segments: SEGMENTS,
        flow: Duration::from_millis(world.pick(0..6)),
    };
    let units = world.pick(1..10);
    let scene = Rc::new(Scene {
        counter: variant.open(&site, units),
        units,
        // Everybody brings back what they got: then there is always enough, somewhere.
        moving: world.happens(300),
        network,
        calls: RefCell::default(),
        nodes: Cell::new(0),
    });
    let before = world.run(Rc::clone(&scene).play());
    let calls = scene.calls.take();
    let at_rest = calls.len() - before;
    let history = History::new(units, calls).expect("virtual time runs forwards");
    Run {
        history,
        at_rest,
        faults,
        happened: scene.network.happened(),
    }
}

struct Scene<C> {
    counter: C,
    units: u64,
    network: Network,
    calls: RefCell<Vec<Call>>,
    nodes: Cell<usize>,
    moving: bool,
}

impl<C: Counter> Scene<C> {
    /// Calls that were made before all was at rest.
    async fn play(self: Rc<Self>) -> usize {
        let world = &self.network.world;
        let lanes: Vec<Slot<()>> = (0..LANES)
            .map(|_| {
                let done = Slot::new();
                let (scene, over) = (Rc::clone(&self), done.clone());
                world.spawn(async move {
                    scene.lane().await;
                    over.fill(());
                });
                done
            })
            .collect();
        for lane in lanes {
            lane.filled().await;
        }
        self.network.heal();
        world.sleep(SETTLES).await;
        let before = self.calls.borrow().len();
        self.rest().await;
        before
    }

    async fn lane(self: Rc<Self>) {
        let world = &self.network.world;
        let mut node = self.new_node();
        let mut in_hand = 0;
        for _ in 0..CALLS {
            let most = Duration::from_millis(20);
            world.sleep(world.some_time(Duration::ZERO..most)).await;
            let op = match in_hand {
                0 if self.moving || world.happens(750) => Op::Deduct(world.pick(1..5)),
                0 => Op::Restock(world.pick(1..3)),
                units => Op::Restock(units),
            };
            in_hand = 0;
            match (op, Rc::clone(&self).outcome(node, op).await) {
                (Op::Deduct(units), Some(Outcome::Done)) if self.moving => in_hand = units,
                (_, Some(_)) => {}
                (_, None) => node = self.new_node(),
            }
        }
    }

    fn new_node(&self) -> usize {
        self.nodes.replace(self.nodes.get() + 1)
    }

    /// What the node was answered, unless it crashed first.
    async fn outcome(self: Rc<Self>, node: usize, op: Op) -> Option<Outcome> {
        let world = self.network.world.clone();
        let end = Slot::new();
        let call = world.spawn({
            let (scene, end) = (Rc::clone(&self), end.clone());
            async move { end.fill(Some(scene.call(node, op).await)) }
        });
        if self.network.crash() {
            let crashed = end.clone();
            let most = Duration::from_millis(40);
            let after = world.some_time(Duration::ZERO..most);
            let network = self.network.clone();
            world.later(after, move || {
                if network.world.abort(call) {
                    network.note(Fault::Crashed);
                    crashed.fill(None);
                }
            });
        }
        end.filled().await
    }

    async fn call(&self, node: usize, op: Op) -> Outcome {
        let world = &self.network.world;
        let index = self.calls.borrow().len();
        let pending = Call::new(node, world.now(), u64::MAX, op, Outcome::Unknown);
        self.calls.borrow_mut().push(pending);
        let id = world.number();
        let order = |units| Order { node, id, units };
        let answer = match op {
            Op::Deduct(units) => told(self.counter.deduct(order(units)).await),
            Op::Restock(units) => told(self.counter.restock(order(units)).await),
            _ => match self.counter.at_rest().await {
                Ok(units) => Outcome::Exactly(units),
                Err(_) => Outcome::Unknown,
            },
        };
        let call = &mut self.calls.borrow_mut()[index];
        (call.returned, call.outcome) = (world.now(), answer);
        answer
    }

    /// What is left, and that it can be sold, and no more. A counter that sells without end is stopped
    /// when it has sold what it cannot have.
    async fn rest(&self) {
        let node = self.new_node();
        let came: u64 = self.calls.borrow().iter().map(restocked).sum();
        self.call(node, Op::Available).await;
        for _ in 0..=self.units + came {
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

fn told(answer: Answer) -> Outcome {
    match answer {
        Answer::Done(()) => Outcome::Done,
        Answer::Refused(why) => Outcome::Refused(why),
        Answer::Unknown => Outcome::Unknown,
    }
}
