//! The queue of those who wait, on two nodes of one sale: every interleaving of its transactions, as a small model.
//!
//! A step is a transaction of `postgres/src/nodes/sql`, or what a node does in its memory before one. To serve is a transaction
//! of its own, some time after the one that brought the units. The model asks whether anybody can see that: whether the sale or
//! somebody who came later gets units that the first who waits should have had, and whether anybody is refused who would not
//! have been if all had been served at once.

use std::collections::BTreeSet;

const NODES: usize = 2;
const BUYERS: usize = 3;
/// Units that each order wants that may wait.
const WANTS: [u8; 2] = [2, 1];
/// Units in the pool at first, and how many are restocked, one at a time.
const UNITS: u8 = 2;
const RESTOCKS: u8 = 3;

/// What a transaction does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The pool sells though orders wait.
    PoolSells,
    /// A block is lent though orders wait.
    Lends,
    /// An order waits while blocks are open.
    BlocksStayOpen,
    /// A unit of an order that ends goes to the node's block, though that is closed by now.
    KeepsInClosed,
    /// Whoever fits is served.
    OutOfOrder,
    /// A buyer is refused though those who wait are to be served, and would leave some.
    RefusesWhileDue,
    /// An order waits behind others that are to be served, and would leave enough for it.
    WaitsWhileDue,
}

/// A buyer of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Buyer {
    New,
    /// Its node has set a unit aside in memory: the batch is under way.
    Taken,
    Placed,
    Ended,
}

/// An order that may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waiter {
    New,
    Waits { number: u8 },
    Held,
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    pool: u8,
    /// The rest of each node's block by its row; none: it has no open block.
    blocks: [Option<u8>; NODES],
    /// The same, as the node knows it.
    memory: [u8; NODES],
    buyers: [Buyer; BUYERS],
    waiters: [Waiter; WANTS.len()],
    restocks: u8,
    numbers: u8,
}

type Next = Result<World, &'static str>;

impl World {
    const fn new() -> Self {
        Self {
            pool: UNITS,
            blocks: [None; NODES],
            memory: [0; NODES],
            buyers: [Buyer::New; BUYERS],
            waiters: [Waiter::New; WANTS.len()],
            restocks: RESTOCKS,
            numbers: 0,
        }
    }

    /// Who waits, in the sequence of their numbers.
    fn queue(&self) -> Vec<usize> {
        let mut queue: Vec<(u8, usize)> = Vec::new();
        for (waiter, state) in self.waiters.iter().enumerate() {
            if let Waiter::Waits { number } = state {
                queue.push((*number, waiter));
            }
        }
        queue.sort_unstable();
        queue.into_iter().map(|(_, waiter)| waiter).collect()
    }

    fn is_queued(&self) -> bool {
        !self.queue().is_empty()
    }

    fn is_due(&self) -> bool {
        let first = self.queue().first().copied();
        first.is_some_and(|first| WANTS[first] <= self.pool)
    }

    /// Everybody who can be is served.
    fn served(&self) -> Self {
        let mut world = self.clone();
        while let Some(first) = world.queue().first().copied()
            && WANTS[first] <= world.pool
        {
            world.serve(first);
        }
        world
    }

    fn serve(&mut self, waiter: usize) {
        self.pool -= WANTS[waiter];
        self.waiters[waiter] = Waiter::Held;
    }

    fn for_sale(&self) -> u8 {
        let in_pool = if self.is_queued() { 0 } else { self.pool };
        in_pool + self.blocks.iter().flatten().sum::<u8>()
    }

    fn units(&self) -> u8 {
        let placed = self.buyers.iter().filter(|buyer| **buyer == Buyer::Placed);
        let held = self.waiters.iter().zip(WANTS);
        let held = held.filter(|(waiter, _)| **waiter == Waiter::Held);
        let held: u8 = held.map(|(_, wants)| wants).sum();
        let placed = u8::try_from(placed.count()).expect("they are few");
        self.pool + self.blocks.iter().flatten().sum::<u8>() + placed + held
    }

    /// The worlds after each step that can come next.
    fn steps(&self, mistake: Mistake) -> Vec<Next> {
        let mut next = Vec::new();
        for node in 0..NODES {
            next.extend(self.lend(node, mistake).map(Ok));
        }
        for buyer in 0..BUYERS {
            next.extend(self.take(buyer).map(Ok));
            next.extend(self.batch(buyer, mistake));
            next.extend(self.refuse(buyer, mistake));
            next.extend(self.cancel(buyer, mistake).map(Ok));
        }
        for waiter in 0..WANTS.len() {
            next.extend(self.wait(waiter, mistake));
            next.extend(self.serve_one(waiter, mistake));
            next.extend(self.give_up(waiter).map(Ok));
        }
        if self.restocks > 0 {
            let mut world = self.clone();
            world.restocks -= 1;
            world.pool += 1;
            next.push(Ok(world));
        }
        next
    }

    fn lend(&self, node: usize, mistake: Mistake) -> Option<Self> {
        let may = !self.is_queued() || mistake == Mistake::Lends;
        if !may || self.pool == 0 || self.blocks[node].is_some() {
            return None;
        }
        let mut world = self.clone();
        world.pool -= 1;
        world.blocks[node] = Some(1);
        world.memory[node] = 1;
        Some(world)
    }

    /// In memory.
    fn take(&self, buyer: usize) -> Option<Self> {
        let node = buyer % NODES;
        if self.buyers[buyer] != Buyer::New || self.memory[node] == 0 {
            return None;
        }
        let mut world = self.clone();
        world.memory[node] -= 1;
        world.buyers[buyer] = Buyer::Taken;
        Some(world)
    }

    /// From the block, if it is open still; or, of who has taken nothing, from the pool.
    fn batch(&self, buyer: usize, mistake: Mistake) -> Option<Next> {
        let node = buyer % NODES;
        let mut world = self.clone();
        match (self.buyers[buyer], self.blocks[node]) {
            (Buyer::Taken, Some(rest)) if rest > 0 => world.blocks[node] = Some(rest - 1),
            // It is fenced, and placed again.
            (Buyer::Taken, _) => {
                world.buyers[buyer] = Buyer::New;
                world.memory[node] = 0;
                return Some(Ok(world));
            }
            (Buyer::New, None)
                if self.pool > 0 && (!self.is_queued() || mistake == Mistake::PoolSells) =>
            {
                world.pool -= 1;
            }
            _ => return None,
        }
        world.buyers[buyer] = Buyer::Placed;
        let passed = self.is_queued();
        Some(if passed {
            Err("the sale passed who waits")
        } else {
            Ok(world)
        })
    }

    /// One statement sums over the pool and all blocks.
    fn refuse(&self, buyer: usize, mistake: Mistake) -> Option<Next> {
        let is_due = self.is_due() && mistake != Mistake::RefusesWhileDue;
        if self.buyers[buyer] != Buyer::New || self.for_sale() > 0 || is_due {
            return None;
        }
        if self.served().for_sale() > 0 {
            return Some(Err("refused while units were for sale"));
        }
        let mut world = self.clone();
        world.buyers[buyer] = Buyer::Ended;
        Some(Ok(world))
    }

    /// The unit goes to the node's block if that is open, or else to the pool.
    fn cancel(&self, buyer: usize, mistake: Mistake) -> Option<Self> {
        if self.buyers[buyer] != Buyer::Placed || buyer > 0 {
            return None;
        }
        let mut world = self.clone();
        world.buyers[buyer] = Buyer::Ended;
        match &mut world.blocks[buyer % NODES] {
            Some(rest) => {
                *rest += 1;
                world.memory[buyer % NODES] += 1;
            }
            None if mistake == Mistake::KeepsInClosed => {}
            None => world.pool += 1,
        }
        Some(world)
    }

    /// It closes the blocks; then it has its units from the pool, or it waits.
    fn wait(&self, waiter: usize, mistake: Mistake) -> Option<Next> {
        if self.waiters[waiter] != Waiter::New {
            return None;
        }
        let mut world = self.clone();
        if mistake != Mistake::BlocksStayOpen {
            for block in &mut world.blocks {
                world.pool += block.take().unwrap_or(0);
            }
        }
        if !world.is_queued() && world.pool >= WANTS[waiter] {
            world.serve(waiter);
            return Some(Ok(world));
        }
        if world.is_due() && mistake != Mistake::WaitsWhileDue {
            return None;
        }
        let others = world.served();
        if !others.is_queued() && others.pool >= WANTS[waiter] {
            return Some(Err("it waits though there is enough"));
        }
        let number = world.numbers;
        world.waiters[waiter] = Waiter::Waits { number };
        world.numbers += 1;
        Some(Ok(world))
    }

    fn serve_one(&self, waiter: usize, mistake: Mistake) -> Option<Next> {
        let queue = self.queue();
        let may = queue.first() == Some(&waiter) || mistake == Mistake::OutOfOrder;
        if !queue.contains(&waiter) || !may || self.pool < WANTS[waiter] {
            return None;
        }
        if queue.first() != Some(&waiter) {
            return Some(Err("who came later passed who waits"));
        }
        let mut world = self.clone();
        world.serve(waiter);
        Some(Ok(world))
    }

    fn give_up(&self, waiter: usize) -> Option<Self> {
        let mut world = self.clone();
        match self.waiters[waiter] {
            Waiter::Waits { .. } => {}
            Waiter::Held => world.pool += WANTS[waiter],
            Waiter::New | Waiter::Ended => return None,
        }
        world.waiters[waiter] = Waiter::Ended;
        Some(world)
    }
}

/// How many worlds there are; or what went wrong in the first bad one.
fn explore(mistake: Mistake) -> Result<usize, &'static str> {
    let mut known = BTreeSet::from([World::new()]);
    let mut open = vec![World::new()];
    while let Some(world) = open.pop() {
        let all = UNITS + RESTOCKS - world.restocks;
        if world.units() != all {
            return Err("a unit is lost or there twice");
        }
        for next in world.steps(mistake) {
            let next = next?;
            if known.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Ok(known.len())
}

#[test]
fn nobody_who_waits_is_passed_and_nobody_is_refused_for_them_falsely() {
    let worlds = explore(Mistake::None).expect("it is kept");
    println!("{worlds} worlds");
    assert!(worlds > 10_000);
}

#[test]
fn each_mistake_is_found() {
    let passed = "the sale passed who waits";
    let mistakes = [
        (Mistake::PoolSells, passed),
        (Mistake::Lends, passed),
        (Mistake::BlocksStayOpen, passed),
        (Mistake::KeepsInClosed, "a unit is lost or there twice"),
        (Mistake::OutOfOrder, "who came later passed who waits"),
        (
            Mistake::RefusesWhileDue,
            "refused while units were for sale",
        ),
        (Mistake::WaitsWhileDue, "it waits though there is enough"),
    ];
    for (mistake, found) in mistakes {
        assert_eq!(explore(mistake), Err(found), "{mistake:?}");
    }
}
