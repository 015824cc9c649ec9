//! [`Slot`]: an order where it lies, and [`SlotId`], the number of that place.

use crate::order::Order;
use std::num::NonZeroU32;

/// The number of a slot, plus one: never zero, so that an optional link takes four bytes. An order keeps its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(NonZeroU32);

impl SlotId {
    #[inline]
    pub(super) fn of(index: usize) -> Self {
        let id = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(id.expect("the limit of orders is below 2^32"))
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The neighbours of an order in the one queue that it is in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Option<SlotId>,
    pub(super) after: Option<SlotId>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) order: Order,
    /// The hash of its id.
    pub(super) hash: u32,
    pub(super) links: Links,
}
