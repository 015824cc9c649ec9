//! How a shop is moved, as a small model: every interleaving of moves, of the old service, of a node and of a hand that drops
//! what is kept, each stopped for any time or for ever at any of its steps. The mistakes that its rules forbid are found.
//!
//! A move makes its sale aside under a name of its own, so that one that stood still touches what nobody else has. The claim
//! says whose sale gets the name; a whole one is nobody else's. **The closing of the old ledger names the sale that has its
//! orders**, at once and for good: the next start of the move needs nothing else.

use std::collections::{BTreeMap, HashSet};

/// A half of what was written to a sale: of which shop, at which of its versions.
type Write = (usize, u8, u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Shop {
    epoch: u8,
    /// How often it sold.
    version: u8,
    /// The sale that its closing names.
    closed: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Claim {
    aside: u8,
    is_whole: bool,
}

/// What has the name of the sale.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Named {
    Nothing,
    /// The ledger of shop 0, which is moved in place.
    Ledger,
    Sale(Vec<Write>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    claim: Option<Claim>,
    named: Named,
    asides: BTreeMap<u8, Vec<Write>>,
    shops: [Shop; 2],
    actors: Vec<Actor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Actor {
    Move(Move),
    /// The old service of shop 0: opens its ledger, then sells.
    Service(Option<u8>),
    /// A node that begins a sale where it finds none.
    Node,
    /// Whoever drops what is kept for a move.
    Hand,
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Move {
    shop: usize,
    aside: u8,
    epoch: u8,
    version: u8,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Recover,
    Claim,
    Make,
    Write(u8),
    MarkWhole,
    OpenAgain,
    Close,
    Rename(u8),
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// All moves make their sales under one name.
    OneName,
    /// Whatever is claimed is taken over.
    TakesWhole,
    /// A sale is not marked before its ledger is closed.
    MarksNothing,
    /// It is marked though another took the claim over.
    MarksUnclaimed,
    /// The old ledger is closed, whoever opened it since.
    ClosesAnyway,
    /// A claim is given up that is another's.
    GivesUpOthers,
    /// A node begins a sale where a name is kept.
    NodeBegins,
}

struct Rules {
    in_place: bool,
    mistake: Option<Mistake>,
}

impl Rules {
    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

fn whole(shop: usize, version: u8) -> Vec<Write> {
    vec![(shop, version, 0), (shop, version, 1)]
}

impl World {
    fn new(rules: &Rules, actors: Vec<Actor>) -> Self {
        Self {
            claim: None,
            named: if rules.in_place {
                Named::Ledger
            } else {
                Named::Nothing
            },
            asides: BTreeMap::new(),
            shops: [Shop::default(); 2],
            actors,
        }
    }

    /// One step of a move: the next one, or none if it is over.
    fn step(&mut self, rules: &Rules, mut it: Move) -> Option<Move> {
        let shop = it.shop;
        let next = match it.step {
            Step::Recover => match self.shops[shop].closed {
                Some(aside) => Step::Rename(aside),
                None => {
                    self.shops[shop].epoch += 1;
                    (it.epoch, it.version) = (self.shops[shop].epoch, self.shops[shop].version);
                    if rules.in_place {
                        Step::Make
                    } else {
                        Step::Claim
                    }
                }
            },
            Step::Claim => {
                self.keep(rules, it.aside)?;
                Step::Make
            }
            Step::Make => {
                self.asides.insert(it.aside, Vec::new());
                Step::Write(0)
            }
            Step::Write(half) => match self.asides.get_mut(&it.aside) {
                Some(aside) => {
                    aside.push((shop, it.version, half));
                    match half {
                        0 => Step::Write(1),
                        _ if rules.in_place => Step::OpenAgain,
                        _ => Step::MarkWhole,
                    }
                }
                None => Step::GiveUp,
            },
            Step::MarkWhole => self.mark(rules, it.aside),
            Step::OpenAgain => {
                let found = &mut self.shops[shop];
                let is_ours = found.epoch == it.epoch || rules.has(Mistake::ClosesAnyway);
                if found.closed.is_none() && is_ours {
                    found.epoch += 1;
                    it.epoch = found.epoch;
                    Step::Close
                } else {
                    Step::GiveUp
                }
            }
            Step::Close => {
                let found = &mut self.shops[shop];
                if found.closed.is_some() || found.epoch != it.epoch {
                    return None;
                }
                found.closed = Some(it.aside);
                Step::Rename(it.aside)
            }
            Step::Rename(aside) => {
                self.rename(aside);
                return None;
            }
            Step::GiveUp => {
                self.give_up(rules, it.aside);
                return None;
            }
        };
        it.step = next;
        Some(it)
    }

    /// Keeps the name; none if it is not to be had.
    fn keep(&mut self, rules: &Rules, aside: u8) -> Option<()> {
        if self.named != Named::Nothing {
            return None;
        }
        if let Some(before) = self.claim {
            if before.is_whole && !rules.has(Mistake::TakesWhole) {
                return None;
            }
            if before.aside != aside {
                self.asides.remove(&before.aside);
            }
        }
        let is_whole = false;
        self.claim = Some(Claim { aside, is_whole });
        Some(())
    }

    fn mark(&mut self, rules: &Rules, aside: u8) -> Step {
        match &mut self.claim {
            _ if rules.has(Mistake::MarksNothing) => Step::OpenAgain,
            Some(claim) if claim.aside == aside => {
                claim.is_whole = true;
                Step::OpenAgain
            }
            _ if rules.has(Mistake::MarksUnclaimed) => Step::OpenAgain,
            _ => Step::GiveUp,
        }
    }

    fn rename(&mut self, aside: u8) {
        let is_free = match self.named {
            Named::Nothing => true,
            Named::Ledger => self.shops[0].closed.is_some(),
            Named::Sale(_) => false,
        };
        if is_free && let Some(sale) = self.asides.remove(&aside) {
            (self.named, self.claim) = (Named::Sale(sale), None);
        }
    }

    fn give_up(&mut self, rules: &Rules, aside: u8) {
        let is_ours = self.claim.is_some_and(|it| it.aside == aside);
        if is_ours || rules.has(Mistake::GivesUpOthers) {
            self.claim = None;
        }
        self.asides.remove(&aside);
    }

    /// What is so after a step of this actor.
    fn after(&self, rules: &Rules, at: usize) -> Option<Self> {
        let mut world = self.clone();
        let next = match world.actors[at].clone() {
            Actor::Move(it) => world.step(rules, it).map_or(Actor::Over, Actor::Move),
            Actor::Service(None) if world.shops[0].closed.is_none() => {
                world.shops[0].epoch += 1;
                Actor::Service(Some(world.shops[0].epoch))
            }
            Actor::Service(Some(epoch)) if world.shops[0].epoch == epoch => {
                world.shops[0].version += 1;
                Actor::Over
            }
            Actor::Node => {
                let is_kept = world.claim.is_some() && !rules.has(Mistake::NodeBegins);
                if world.named == Named::Nothing && !is_kept {
                    world.named = Named::Sale(Vec::new());
                }
                Actor::Over
            }
            Actor::Hand => {
                world.claim = None;
                Actor::Over
            }
            Actor::Over => return None,
            Actor::Service(_) => Actor::Over,
        };
        world.actors[at] = next;
        Some(world)
    }

    /// What a user would find wrong. `ends` says that the name is nobody's but the moves'.
    fn fault(&self, rules: &Rules, ends: bool) -> Option<String> {
        for (at, shop) in self.shops.iter().enumerate() {
            let Some(aside) = shop.closed else { continue };
            let orders = whole(at, shop.version);
            let is_named = self.named == Named::Sale(orders.clone());
            if !is_named && self.asides.get(&aside) != Some(&orders) {
                return Some(format!("shop {at} is closed, and its orders are not there"));
            }
            let mut next = self.clone();
            let mut again = Some(new_move(at, 100));
            while let Some(it) = again {
                again = next.step(rules, it);
            }
            if ends && next.named != Named::Sale(orders) {
                return Some(format!("shop {at} is closed, and no start opens its sale"));
            }
        }
        None
    }
}

fn new_move(shop: usize, aside: u8) -> Move {
    Move {
        shop,
        aside,
        epoch: 0,
        version: 0,
        step: Step::Recover,
    }
}

/// Every state that these actors can reach: how many there are, or what is wrong with the first that is wrong.
fn explore(rules: &Rules, actors: &[Actor]) -> Result<usize, String> {
    let hands = actors.contains(&Actor::Hand);
    let first = World::new(rules, actors.to_vec());
    let (mut seen, mut open) = (HashSet::from([first.clone()]), vec![first]);
    while let Some(world) = open.pop() {
        if let Some(fault) = world.fault(rules, !hands) {
            return Err(format!("{fault}: {world:?}"));
        }
        let nexts = (0..actors.len()).filter_map(|at| world.after(rules, at));
        for next in nexts {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Ok(seen.len())
}

/// Moves of these shops, and who else is there.
fn scenes(rules: &Rules) -> Vec<Vec<Actor>> {
    let one_name = rules.has(Mistake::OneName);
    let with = |shops: &[usize], others: &[Actor]| {
        let mut actors = others.to_vec();
        for (at, shop) in (0..).zip(shops) {
            let aside = if one_name { 50 } else { at };
            actors.push(Actor::Move(new_move(*shop, aside)));
        }
        actors
    };
    let service = Actor::Service(None);
    if rules.in_place {
        return vec![
            with(&[0, 0, 0], std::slice::from_ref(&service)),
            with(&[0, 0], &[service.clone(), service, Actor::Node]),
        ];
    }
    vec![
        with(&[0, 1, 0], std::slice::from_ref(&service)),
        with(&[0, 1], &[service.clone(), Actor::Node]),
        with(&[0, 0], &[service.clone(), service.clone(), Actor::Node]),
        with(&[0, 1], &[service, Actor::Node, Actor::Hand]),
    ]
}

fn judge(in_place: bool, mistake: Option<Mistake>) -> Result<usize, String> {
    let rules = Rules { in_place, mistake };
    let scenes = scenes(&rules);
    scenes.iter().map(|actors| explore(&rules, actors)).sum()
}

#[test]
fn no_move_loses_what_was_closed() {
    for in_place in [false, true] {
        let states = judge(in_place, None).unwrap();
        println!("in place: {in_place}: {states} states");
        assert!(states > 1_000, "{states}");
    }
}

#[test]
fn every_mistake_is_found() {
    for mistake in [
        Mistake::OneName,
        Mistake::TakesWhole,
        Mistake::MarksNothing,
        Mistake::MarksUnclaimed,
        Mistake::ClosesAnyway,
        Mistake::GivesUpOthers,
        Mistake::NodeBegins,
    ] {
        let found = judge(false, Some(mistake)).expect_err(&format!("{mistake:?}"));
        println!("{mistake:?}: {found}");
    }
    for mistake in [Mistake::OneName, Mistake::ClosesAnyway] {
        judge(true, Some(mistake)).expect_err(&format!("{mistake:?} in place"));
    }
}
