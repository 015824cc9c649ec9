//! [`Deciding`]: calls that this thread decides for a writer. It does not wait for them.

use crate::entry::Position;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

/// Few decide for one book inside of another.
type Frames = SmallVec<[Frame; 2]>;

thread_local! {
    /// The innermost last. Nothing of it is to be dropped, so that it is there until the thread has ended.
    static FRAMES: RefCell<ManuallyDrop<Frames>> = RefCell::default();
}

struct Frame {
    /// The writer's queue, by its address.
    of: usize,
    /// What the answers rest on, so far.
    rests_on: Position,
    /// The places that are left for entries of one batch, if the calls are decided together.
    left: Option<usize>,
}

/// Calls that this thread decides for a writer, until this is dropped; of several, the one that was begun last is dropped first.
/// Calls of other books wait meanwhile as they always do.
pub(super) struct Deciding(());

impl Deciding {
    /// With places, they are decided together.
    pub(super) fn begin(of: usize, left: Option<usize>) -> Self {
        let rests_on = Position::default();
        FRAMES.with_borrow_mut(|frames| frames.push(Frame { of, rests_on, left }));
        Self(())
    }

    /// What the answers rest on, so far.
    pub(super) fn rests_on(&self) -> Position {
        FRAMES.with_borrow(|frames| frames.last().map(|it| it.rests_on).unwrap_or_default())
    }

    /// The places that are left.
    pub(super) fn left(&self) -> usize {
        FRAMES.with_borrow(|frames| frames.last().and_then(|it| it.left).unwrap_or_default())
    }
}

/// What is around it rests on the same.
impl Drop for Deciding {
    fn drop(&mut self) {
        let ended = FRAMES.with_borrow_mut(|frames| {
            let ended = frames.pop();
            if frames.is_empty() {
                frames.shrink_to_fit();
            }
            ended
        });
        if let Some(ended) = ended {
            _ = rests_on(ended.of, ended.rests_on);
        }
    }
}

/// Notes what an answer rests on, if this thread decides for that writer. Returns whether it does.
pub(super) fn rests_on(of: usize, position: Position) -> bool {
    innermost(
        |it| it.of == of,
        |it| it.rests_on = it.rests_on.max(position),
    )
    .is_some()
}

/// Whether this thread decides calls of that writer together.
pub(super) fn is_together(of: usize) -> bool {
    together(of, |_| ()).is_some()
}

/// Takes one of the places that are left for what is decided together. Returns whether there was one.
pub(super) fn take_place(of: usize) -> bool {
    let take = |left: &mut usize| left.checked_sub(1).map(|fewer| *left = fewer);
    together(of, take).flatten().is_some()
}

/// Gives a place back to what is decided together. Returns whether something is.
pub(super) fn give_back(of: usize) -> bool {
    together(of, |left| *left += 1).is_some()
}

fn together<T>(of: usize, look: impl FnOnce(&mut usize) -> T) -> Option<T> {
    let looked = innermost(
        |it| it.of == of && it.left.is_some(),
        |it| it.left.as_mut().map(look),
    );
    looked.flatten()
}

fn innermost<T>(is_it: impl Fn(&Frame) -> bool, look: impl FnOnce(&mut Frame) -> T) -> Option<T> {
    FRAMES.with_borrow_mut(|frames| frames.iter_mut().rev().find(|it| is_it(it)).map(look))
}
