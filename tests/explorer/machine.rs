//! A thread: where it is in its calls, one access to what is shared at a time.
//!
//! A call is a stack of frames. The topmost frame stands before an access; the frames below wait for
//! what it returns. Whatever a thread does between two accesses touches nothing that is shared, so it
//! belongs to the access before it: that leaves out no interleaving that anybody could tell from
//! another.

use crate::memory::{self, Place, Shared};
use crate::omissions::Omission;
use crate::rules::Rules;
use crate::steps::{
    collect, commit, gather, lost, narrowing, owed, proof, put, second_look, segment, snapshot,
    spread, sums, take, up_to,
};
use segstock_model::script::Refused;
use segstock_model::{Op, Outcome, Refusal, Snapshot, Step};

/// What a proof found, and what a snapshot reads with it: sums over all segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    pub taken: u8,
    pub added: u8,
    pub returned: u8,
    pub reserved: u8,
    pub committed: u8,
}

/// The figures of a snapshot; what was sold follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Figures {
    pub restocked: u8,
    pub available: u8,
    pub reserved: u8,
    pub owed: u8,
    pub withdrawn: u8,
}

/// What a frame returns to the one below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    Done,
    /// A take got its units.
    Taken,
    /// The units are not in the segment.
    Short,
    /// Another thread came first.
    Lost,
    Units(u8),
    Refused(u8),
    /// The units lie otherwise than the caller thought.
    Again,
    Totals(Totals),
    /// Somebody cancelled the proof.
    NotWhole,
    /// The stock owes.
    Owing,
    Figures(Figures),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frame {
    Empty,
    /// The call itself.
    Call,
    Take(take::At),
    UpTo(up_to::At),
    Gather(gather::At),
    Collect(collect::At),
    Put(put::At),
    Commit(commit::At),
    Owed(owed::At),
    Snapshot(snapshot::At),
    Sums(sums::At),
    Segment(segment::At),
    SecondLook(second_look::At),
    Proof(proof::At),
    Lost(lost::At),
    Spread(spread::At),
    Narrowing(narrowing::At),
}

/// Deducts, gathers, narrows, proves, collects, takes: no call goes deeper.
const DEPTH: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thread {
    /// How many calls of the script are over or begun.
    pub calls: u8,
    /// Units that were refused to the thread, and that its script would settle.
    refused: Refused,
    /// The step that is under way, or the next one; nothing at the end of the script.
    pub step: Option<Step>,
    stack: [Frame; DEPTH],
    depth: u8,
    probe: u32,
    /// The thread's segment, if it knows it.
    pub seat: Option<u8>,
}

/// 2^32 divided by the golden ratio.
const GOLDEN: u32 = 0x9E37_79B9;

impl Thread {
    /// A thread that sits at segment `index`.
    pub fn sitting_at(index: usize, rules: &Rules) -> Self {
        let mut thread = Self {
            calls: 0,
            refused: Refused::default(),
            step: None,
            stack: [Frame::Empty; DEPTH],
            depth: 0,
            probe: 0,
            seat: None,
        };
        thread.stay(index, rules);
        thread
    }

    pub fn is_under_way(&self) -> bool {
        self.depth > 0
    }

    /// The step, if it is part of the history: the others change no number and answer nothing.
    pub fn op(&self) -> Option<Op> {
        match self.step {
            Some(Step::Call(op)) => Some(op),
            _ => None,
        }
    }

    /// Has the thread stand before the next step of its script that has an access.
    pub fn go_on(&mut self, script: &[Step], rules: &Rules) {
        self.step = None;
        while let Some(&step) = script.get(usize::from(self.calls)) {
            self.calls += 1;
            if let Step::Sit(index) = step {
                self.stay(index, rules);
            } else if let Some(step) = self.refused.admit(step) {
                self.step = Some(step);
                return;
            }
        }
    }

    pub fn stay(&mut self, index: usize, rules: &Rules) {
        let middle = ((2 * index as u64 + 1) << 31) / rules.segments as u64;
        self.probe = middle as u32;
        self.seat = Some(index as u8);
    }

    pub fn move_on(&mut self) {
        self.probe = self.probe.wrapping_add(GOLDEN);
        self.seat = None;
    }

    /// The thread's segment, found out if it is not known.
    pub fn own(&mut self, rules: &Rules) -> u8 {
        let found = || ((u64::from(self.probe) * rules.segments as u64) >> 32) as u8;
        let seat = self.seat.unwrap_or_else(found);
        self.seat = Some(seat);
        seat
    }

    fn top(&self) -> Frame {
        match self.depth {
            0 => self.step.map_or(Frame::Empty, first),
            depth => self.stack[usize::from(depth) - 1],
        }
    }

    /// What it is about to do.
    pub fn next_access(&self) -> String {
        format!("{:?}: {:?}", self.step, self.top())
    }

    /// Whether it is about to wait for the cold mutex.
    fn waits(&self) -> bool {
        matches!(
            self.top(),
            Frame::Gather(gather::At::Lock(_))
                | Frame::Put(put::At::Lock | put::At::LockToPay { .. } | put::At::LockToCheck)
                | Frame::Commit(commit::At::Lock)
                | Frame::Owed(owed::At::Lock)
                | Frame::Snapshot(snapshot::At::Lock)
                | Frame::Spread(spread::At::Lock)
                | Frame::Narrowing(narrowing::At::LockToProve)
        )
    }

    pub fn can_step(&self, shared: &Shared, rules: &Rules) -> bool {
        self.step.is_some()
            && !(self.waits() && shared.locked && !rules.without(Omission::OneMoveAtATime))
    }

    /// The counters of `place` are counted from `by` on: see `Explorer::rebase`.
    pub fn rebase(&mut self, place: usize, by: u8, rules: &Rules) {
        for frame in &mut self.stack[..usize::from(self.depth)] {
            match frame {
                Frame::Segment(at) => at.rebase(place, by),
                Frame::Proof(at) => at.rebase(place, by, rules),
                Frame::Narrowing(at) => at.rebase(place, by),
                Frame::Owed(at) => at.rebase(place, by),
                Frame::Snapshot(at) => at.rebase(place, by),
                Frame::Sums(at) => at.rebase(place, by),
                _ => {}
            }
        }
    }
}

/// The first access of a step.
fn first(step: Step) -> Frame {
    match step {
        Step::Call(Op::Deduct(_) | Op::Reserve(_)) => Frame::Take(take::At::Load),
        Step::Call(Op::DeductUpTo(_) | Op::ReserveUpTo(_)) => Frame::UpTo(up_to::At::Load),
        Step::Call(Op::Restock(_) | Op::Release(_)) => Frame::Put(put::At::Load),
        Step::Call(Op::Commit(_)) => Frame::Commit(commit::At::Grown),
        Step::Call(Op::Withdraw(_) | Op::Forgive(_)) => Frame::Owed(owed::At::Lock),
        Step::Call(Op::Available) => Frame::Proof(proof::At::Available),
        Step::Call(Op::Snapshot) => Frame::Snapshot(snapshot::At::Lock),
        Step::Widen => Frame::Spread(spread::At::Lock),
        Step::Narrow => Frame::Narrowing(narrowing::At::TryLock),
        Step::Prove => Frame::Narrowing(narrowing::At::LockToProve),
        other => unreachable!("a stock has no {other:?}"),
    }
}

/// A thread at an access.
pub struct Cpu<'a> {
    pub shared: &'a mut Shared,
    pub me: &'a mut Thread,
    pub rules: &'a Rules,
    answer: Option<Outcome>,
    is_over: bool,
}

/// What became of a call by an access.
pub enum Progress {
    UnderWay,
    /// It returned, with an answer if it has any.
    Over(Option<Outcome>),
}

/// Has `me` do one access.
pub fn step(shared: &mut Shared, me: &mut Thread, rules: &Rules) -> Progress {
    let top = me.top();
    if me.depth == 0 {
        me.stack[0] = Frame::Call;
        me.stack[1] = top;
        me.depth = 2;
    }
    let mut cpu = Cpu {
        shared,
        me,
        rules,
        answer: None,
        is_over: false,
    };
    match top {
        Frame::Take(at) => at.step(&mut cpu),
        Frame::UpTo(at) => at.step(&mut cpu),
        Frame::Gather(at) => at.step(&mut cpu),
        Frame::Collect(at) => at.step(&mut cpu),
        Frame::Put(at) => at.step(&mut cpu),
        Frame::Commit(at) => at.step(&mut cpu),
        Frame::Owed(at) => at.step(&mut cpu),
        Frame::Snapshot(at) => at.step(&mut cpu),
        Frame::Sums(at) => at.step(&mut cpu),
        Frame::Segment(at) => at.step(&mut cpu),
        Frame::SecondLook(at) => at.step(&mut cpu),
        Frame::Proof(at) => at.step(&mut cpu),
        Frame::Lost(at) => at.step(&mut cpu),
        Frame::Spread(at) => at.step(&mut cpu),
        Frame::Narrowing(at) => at.step(&mut cpu),
        Frame::Empty | Frame::Call => unreachable!("no access"),
    }
    if cpu.is_over {
        Progress::Over(cpu.answer)
    } else {
        Progress::UnderWay
    }
}

/// Does one step with no other beside it. `None` if it does not end.
pub fn play(
    shared: &mut Shared,
    thread: &mut Thread,
    next: Step,
    rules: &Rules,
) -> Option<Outcome> {
    const STEPS: usize = 10_000;
    thread.step = Some(next);
    for _ in 0..STEPS {
        if !thread.can_step(shared, rules) {
            return None;
        }
        if let Progress::Over(answer) = step(shared, thread, rules) {
            return answer.or(Some(Outcome::Done));
        }
    }
    None
}

impl Cpu<'_> {
    /// The call.
    pub fn op(&self) -> Option<Op> {
        self.me.op()
    }

    /// The units of the call.
    pub fn units(&self) -> u8 {
        self.op().map_or(0, Op::units) as u8
    }

    /// Whether the call reserves what it takes.
    pub fn reserves(&self) -> bool {
        self.op().is_some_and(Op::reserves_units)
    }

    /// Whether the call restocks what it puts.
    pub fn restocks(&self) -> bool {
        matches!(self.op(), Some(Op::Restock(_)))
    }

    pub fn place(&mut self, index: u8) -> &mut Place {
        &mut self.shared.places[usize::from(index)]
    }

    /// The share of segment `index`, when `units` are dealt out evenly.
    pub fn share(&self, units: u8, index: u8) -> u8 {
        let segments = self.rules.segments as u8;
        units / segments + u8::from(index < units % segments)
    }

    /// Puts units to a segment that a move has in hand: counted as released, and that as reserved before.
    pub fn bring(&mut self, index: u8, units: u8) {
        if self.without(Omission::WhatIsMovedIsNoRestock) {
            let segment = self.place(index);
            segment.added = segment.added.wrapping_add(units);
            return;
        }
        self.shared.reserved = self.shared.reserved.wrapping_add(units);
        let segment = self.place(index);
        segment.returned = segment.returned.wrapping_add(units);
    }

    pub fn own(&mut self) -> u8 {
        self.me.own(self.rules)
    }

    pub fn without(&self, step: Omission) -> bool {
        self.rules.without(step)
    }

    /// The place that a walk over the segments from `start` on comes to as its number `index`;
    /// nothing after the last.
    pub fn walk(&self, start: u8, index: u8) -> Option<u8> {
        let segments = self.rules.segments as u8;
        (index < segments).then(|| (start + index) % segments)
    }

    /// The next access is that of `frame`.
    pub fn go(&mut self, frame: Frame) {
        self.me.stack[usize::from(self.me.depth) - 1] = frame;
    }

    /// The next access is that of `callee`; what it returns goes to `waiting`.
    pub fn call(&mut self, waiting: Frame, callee: Frame) {
        self.go(waiting);
        self.me.stack[usize::from(self.me.depth)] = callee;
        self.me.depth += 1;
    }

    /// Returns `value` to the frame below.
    pub fn ret(&mut self, value: Value) {
        self.me.depth -= 1;
        let depth = usize::from(self.me.depth);
        self.me.stack[depth] = Frame::Empty;
        match self.me.stack[depth - 1] {
            Frame::Take(at) => at.resume(self, value),
            Frame::UpTo(at) => at.resume(self, value),
            Frame::Gather(at) => at.resume(self, value),
            Frame::Collect(at) => at.resume(self, value),
            Frame::Put(at) => at.resume(self, value),
            Frame::Owed(at) => at.resume(self, value),
            Frame::Snapshot(at) => at.resume(self, value),
            Frame::Lost(at) => at.resume(self, value),
            Frame::Spread(at) => at.resume(self, value),
            Frame::Narrowing(at) => at.resume(self, value),
            Frame::Call => self.end(value),
            Frame::Empty
            | Frame::Commit(_)
            | Frame::Sums(_)
            | Frame::Segment(_)
            | Frame::SecondLook(_)
            | Frame::Proof(_) => {
                unreachable!("it waits for nothing")
            }
        }
    }

    /// Ends the call.
    fn end(&mut self, value: Value) {
        self.me.depth = 0;
        self.me.stack[0] = Frame::Empty;
        self.is_over = true;
        let Some(op) = self.op() else {
            return;
        };
        let outcome = match (op, value) {
            (Op::Available, Value::Units(bound)) => Outcome::AtMost(bound.into()),
            (_, Value::Units(units)) => Outcome::UpTo(units.into()),
            (_, Value::Refused(bound)) => {
                let available = Some(bound.into());
                Outcome::Refused(Refusal::Short { available })
            }
            (_, Value::Figures(figures)) => Outcome::ExactSnapshot(self.snapshot(figures)),
            (_, Value::Done) => Outcome::Done,
            other => unreachable!("{other:?}"),
        };
        self.me.refused.note(op, outcome);
        self.answer = Some(outcome);
    }

    fn snapshot(&self, figures: Figures) -> Snapshot {
        let initial = u64::from(self.rules.initial);
        let [restocked, available, reserved, owed, withdrawn] = [
            figures.restocked,
            figures.available,
            figures.reserved,
            figures.owed,
            figures.withdrawn,
        ]
        .map(u64::from);
        let came = initial + restocked + owed;
        Snapshot {
            initial,
            restocked,
            available,
            reserved,
            sold: came.wrapping_sub(available + reserved + withdrawn),
            owed,
            withdrawn,
        }
    }

    /// Exchanges the word, if it is still `seen`; what it is otherwise is an error.
    pub fn exchange(&mut self, seen: memory::Word, next: memory::Word) -> Result<(), memory::Word> {
        if self.shared.word != seen {
            return Err(self.shared.word);
        }
        self.shared.word = next;
        Ok(())
    }

    /// Takes the cold mutex, which the thread waited for.
    pub fn lock(&mut self) {
        self.shared.locked = true;
    }

    /// Tries once to get the cold mutex.
    pub fn try_lock(&mut self) -> bool {
        let free = !self.shared.locked || self.without(Omission::OneMoveAtATime);
        self.shared.locked |= free;
        free
    }

    pub fn unlock(&mut self) {
        self.shared.locked = false;
    }
}
