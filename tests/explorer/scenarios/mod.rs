//! The scenarios: how a stock opens, and what each thread calls.

use crate::machine::{Rules, Thread, Tuning, play};
use crate::memory::Shared;
use crate::op::Op::{self, *};
use crate::spec::Stock;

/// A few threads with a few calls each.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub open: Open,
    pub scripts: &'static [&'static [Op]],
    /// Its line, without the end.
    pub text: &'static str,
}

/// A stock before the threads begin. Each is the one of that name in `tests/loom_stock.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    form: Form,
    units: u8,
    tuning: Tuning,
    /// Units of it that are reserved.
    reserved: u8,
    /// Whether each segment has taken a released unit back.
    released_before: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Narrow,
    /// Half of the units in each of two segments.
    Wide,
    /// All units in the first segment.
    Lopsided,
    /// Wide, all units in the word.
    WideInWord,
}

const SEGMENTS: usize = 2;

const STILL: Tuning = Tuning::STILL;
const RESTLESS: Tuning = Tuning::RESTLESS;
const SHRINKING: Tuning = Tuning::SHRINKING;

const fn open(form: Form, units: u8, tuning: Tuning) -> Open {
    Open {
        form,
        units,
        tuning,
        reserved: 0,
        released_before: false,
    }
}

const fn narrow(units: u8, tuning: Tuning) -> Open {
    open(Form::Narrow, units, tuning)
}

const fn wide(units: u8, tuning: Tuning) -> Open {
    open(Form::Wide, units, tuning)
}

const fn lopsided(units: u8, tuning: Tuning) -> Open {
    open(Form::Lopsided, units, tuning)
}

const fn wide_in_word(units: u8, tuning: Tuning) -> Open {
    open(Form::WideInWord, units, tuning)
}

const fn reserved(reserved: u8, open: Open) -> Open {
    Open { reserved, ..open }
}

const fn released_before(open: Open) -> Open {
    Open {
        released_before: true,
        reserved: 1,
        ..open
    }
}

impl Scenario {
    /// What its threads go by; by rules that are kept.
    pub fn rules(&self) -> Rules {
        let has = |is: fn(&Op) -> bool| self.scripts.iter().copied().flatten().any(is);
        Rules {
            segments: SEGMENTS,
            tuning: self.open.tuning,
            reserves: has(|op| matches!(op, Reserve(_))),
            commits: has(|op| matches!(op, Commit(_))),
            restocks: has(|op| matches!(op, Restock(_))),
            withdraws: has(|op| matches!(op, Withdraw(_))),
            omitted: None,
        }
    }

    /// The stock before the threads begin, as the model has it and as it is.
    pub fn open(&self) -> (Stock, Shared) {
        let Open {
            form,
            units,
            tuning,
            reserved,
            released_before,
        } = self.open;
        let rules = Rules {
            segments: SEGMENTS,
            tuning,
            reserves: true,
            commits: true,
            restocks: true,
            withdraws: true,
            omitted: None,
        };
        let opened = if form == Form::Lopsided { 0 } else { units };
        let (mut stock, mut shared) = (Stock::new(opened), Shared::new(opened));
        let mut thread = Thread::sitting_at(0, &rules);
        let mut call = |thread: &mut Thread, op: Op| {
            let answer = play(&mut shared, thread, op, &rules);
            if op.has_answer() {
                assert_eq!(answer, Some(stock.apply(op)), "{op:?}");
            }
        };
        if form != Form::Narrow {
            call(&mut thread, Widen);
        }
        match form {
            Form::Narrow => {}
            Form::Lopsided => (0..units).for_each(|_| call(&mut thread, Restock(1))),
            // Who makes a stock wide has no segment of its own yet.
            Form::Wide => thread.seat = None,
            Form::WideInWord => call(&mut thread, Narrow),
        }
        if released_before {
            for segment in 0..SEGMENTS {
                thread.stay(segment, &rules);
                call(&mut thread, Reserve(1));
                call(&mut thread, Release(1));
            }
        }
        if reserved > 0 {
            call(&mut thread, Reserve(reserved));
        }
        if form == Form::WideInWord {
            shared.word = shared.word.reopened();
        }
        (stock, shared)
    }
}

/// A list of scenarios, in the form that they have in `tests/loom_stock.rs`.
macro_rules! scenarios {
    ($($name:ident: $open:expr, $($script:expr),+;)*) => {
        &[$(Scenario {
            name: stringify!($name),
            open: $open,
            scripts: &[$(&$script),+],
            text: concat!(stringify!($name), ": ", stringify!($open), $(", ", stringify!($script)),+),
        }),*]
    };
}

mod heavy;
mod loom;
mod quick;

pub use heavy::HEAVY;
pub use loom::LOOM;
pub use quick::QUICK;
