//! The search: every interleaving of the accesses of all threads, each state once.
//!
//! A state is all that is shared, where each thread is, and the history so far: with it, the set of
//! orders that still explain what was answered. A state is known by a fingerprint of 128 bits. Of 10^8
//! states, two have one in common with a chance below 10^-22.

use crate::fingerprint::fingerprint;
use crate::histories::{Answers, Histories, THREADS, UnderWay};
use crate::machine::{self, Progress, Thread, play};
use crate::memory::{POCKET, SUNK, Shared};
use crate::omissions::Omission;
use crate::rules::Rules;
use crate::scenarios::Scenario;
use segstock_model::{Op, Outcome, Step};
use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
struct World {
    shared: Shared,
    threads: [Thread; THREADS],
    history: u32,
    /// The fingerprints of the threads.
    prints: [u128; THREADS],
}

/// A state that the search goes on from.
#[derive(Debug, Clone, Copy)]
struct Visit {
    world: World,
    print: u128,
    /// The thread to try next.
    next: usize,
}

/// What came of a scenario.
#[derive(Debug)]
pub struct Report {
    pub states: usize,
    pub took: Duration,
    /// What the threads were answered, in each way that there was.
    pub outcomes: HashSet<Answers>,
    /// The first fault, with the steps that lead to it.
    pub fault: Option<String>,
}

/// Fingerprints are spread already.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("a fingerprint is one number");
    }
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}

struct Explorer<'a> {
    scenario: &'a Scenario,
    rules: Rules,
    histories: Histories,
    seen: HashSet<u128, BuildHasherDefault<Spread>>,
    outcomes: HashSet<Answers>,
    /// The states on the way to where the search is.
    path: Vec<Visit>,
}

/// Runs `scenario` in every interleaving by `rules`, until there is none left or one is at fault.
pub fn explore(scenario: &Scenario, rules: Rules) -> Report {
    let began = Instant::now();
    let (stock, shared) = scenario.open();
    let count = scenario.scripts.len();
    let mut threads = [Thread::sitting_at(0, &rules); THREADS];
    for (index, script) in scenario.scripts.iter().enumerate() {
        threads[index] = Thread::sitting_at(index % rules.segments, &rules);
        threads[index].go_on(script, &rules);
    }
    let mut explorer = Explorer {
        scenario,
        rules,
        histories: Histories::new(stock, count),
        seen: HashSet::default(),
        outcomes: HashSet::new(),
        path: Vec::new(),
    };
    let mut first = World {
        shared,
        threads,
        history: 0,
        prints: threads.map(|thread| fingerprint(&thread)),
    };
    explorer.rebase(&mut first);
    let fault = explorer.search(first).err();
    Report {
        states: explorer.seen.len(),
        took: began.elapsed(),
        outcomes: explorer.outcomes,
        fault,
    }
}

impl Explorer<'_> {
    fn search(&mut self, first: World) -> Result<(), String> {
        self.enter(first)?;
        while let Some(visit) = self.path.last_mut() {
            let (world, from) = (visit.world, visit.next);
            let can_step = |&it: &usize| world.threads[it].can_step(&world.shared, &self.rules);
            let mut threads = from..self.scenario.scripts.len();
            let Some(thread) = threads.find(can_step) else {
                if self.threads_that_can_step(&world) == 0 {
                    self.check_rest(&world)?;
                }
                self.path.pop();
                continue;
            };
            visit.next = thread + 1;
            let next = self.step(world, thread)?;
            self.enter(next)?;
        }
        Ok(())
    }

    fn threads_that_can_step(&self, world: &World) -> usize {
        let threads = &world.threads[..self.scenario.scripts.len()];
        let can_step = threads
            .iter()
            .filter(|it| it.can_step(&world.shared, &self.rules));
        can_step.count()
    }

    /// Goes on from a state, unless it was entered before.
    fn enter(&mut self, world: World) -> Result<(), String> {
        let print = fingerprint(&(&world.shared, world.prints, world.history));
        if self.seen.insert(print) {
            let next = 0;
            self.path.push(Visit { world, print, next });
            return Ok(());
        }
        // Where one thread alone can step, each state has one next state. If such states lead back to
        // one of them, they do so for ever.
        for visit in self.path.iter().rev() {
            if self.threads_that_can_step(&visit.world) > 1 {
                break;
            }
            if visit.print == print {
                return Err(self.fault("a thread goes round for ever"));
            }
        }
        Ok(())
    }

    fn step(&mut self, mut world: World, thread: usize) -> Result<World, String> {
        let op = world.threads[thread].op();
        let progress = machine::step(&mut world.shared, &mut world.threads[thread], &self.rules);
        if let Progress::Over(answer) = progress {
            if let (Some(op), Some(said)) = (op, answer) {
                let mut under_way: UnderWay = [None; THREADS];
                for (it, op) in world.threads.iter().zip(&mut under_way) {
                    *op = it.op().filter(|_| it.is_under_way());
                }
                under_way[thread] = Some(op);
                let history = self
                    .histories
                    .returned(world.history, &under_way, thread, said);
                world.history = history.ok_or_else(|| {
                    self.fault(&format!(
                        "no order explains that thread {thread} is answered {said}"
                    ))
                })?;
            }
            world.threads[thread].go_on(&self.scenario.scripts[thread], &self.rules);
        }
        world.prints[thread] = fingerprint(&world.threads[thread]);
        self.rebase(&mut world);
        Ok(world)
    }

    /// Counts from the present `taken` of every place on.
    ///
    /// No step looks at `taken` but for its difference to what came to its place, or to an older value of its own.
    /// So `taken` may lose a number if what came loses it too, and what threads remember of both; all steps go on
    /// as before. Of what came, a segment's `returned` loses it, and the sum of what is reserved, which counts the
    /// other way; and the pocket's `added`. It makes one state of those that differ in what was moved earlier.
    fn rebase(&self, world: &mut World) {
        let mut rebased = false;
        for place in (0..self.rules.segments).chain([POCKET]) {
            let by = world.shared.rebase(place);
            if by == 0 {
                continue;
            }
            for thread in &mut world.threads {
                thread.rebase(place, by, &self.rules);
            }
            rebased = true;
        }
        if rebased {
            world.prints = world.threads.map(|thread| fingerprint(&thread));
        }
    }

    /// At rest, a snapshot says what the last state of the stock is, in every figure.
    fn check_rest(&mut self, world: &World) -> Result<(), String> {
        if world.threads.iter().any(|it| it.step.is_some()) {
            return Err(self.fault("every thread waits"));
        }
        self.outcomes
            .insert(self.histories.answers(world.history).clone());
        let mut shared = world.shared;
        let mut thread = Thread::sitting_at(0, &self.rules);
        let read = Step::Call(Op::Snapshot);
        let Some(Outcome::ExactSnapshot(figures)) =
            play(&mut shared, &mut thread, read, &self.rules)
        else {
            return Err(self.fault("a snapshot at rest does not end"));
        };
        if !self
            .histories
            .stocks(world.history)
            .any(|it| it.snapshot() == figures)
        {
            return Err(self.fault(&format!("no order explains {figures} at rest")));
        }
        let is_sunk = shared.word.owing && !self.rules.without(Omission::SegmentsAreSunk);
        let sunk = if is_sunk {
            SUNK * self.rules.segments as u8
        } else {
            0
        };
        let pocket = shared.places[POCKET].held().wrapping_sub(sunk);
        if pocket != 0 || u64::from(shared.available()) != figures.available {
            return Err(self.fault(&format!("{pocket} units in the pocket at rest")));
        }
        Ok(())
    }

    /// Describes a fault with the steps that lead to it.
    fn fault(&self, what: &str) -> String {
        let mut text = format!("{}: {what}\n", self.scenario.name);
        for Visit { world, next, .. } in &self.path {
            if let Some(thread) = next.checked_sub(1) {
                let access = world.threads[thread].next_access();
                _ = writeln!(text, "  thread {thread}, {access}");
            }
        }
        if let Some(Visit { world, .. }) = self.path.last() {
            _ = writeln!(text, "  {:?}", world.shared);
        }
        text
    }
}
