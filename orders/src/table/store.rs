//! [`Store`]: where the orders of a shard lie, in chunks.

use crate::steps::Steps;
use slab::Slab;
use std::ops::{Index, IndexMut};

/// How many items a chunk holds.
const WIDTH: usize = 128;

/// Items by number. An item keeps its number. Memory comes and goes chunk by chunk, so no call moves more than a chunk.
#[derive(Debug)]
pub(super) struct Store<T> {
    chunks: Steps<Chunk<T>>,
    /// The first of the chunks that have room.
    room: Option<u32>,
}

#[derive(Debug)]
struct Chunk<T> {
    items: Slab<T>,
    /// The next of the chunks that have room, while this has.
    next: Option<u32>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            chunks: Steps::default(),
            room: None,
        }
    }
}

impl<T> Store<T> {
    pub(super) fn insert(&mut self, item: T) -> usize {
        let number = match self.room {
            Some(number) => number as usize,
            None => self.add_chunk(),
        };
        let chunk = &mut self.chunks[number];
        let place = chunk.items.insert(item);
        if chunk.items.len() == WIDTH {
            self.room = chunk.next.take();
        }
        number * WIDTH + place
    }

    fn add_chunk(&mut self) -> usize {
        let number = self.chunks.len();
        // The first one grows with what it holds: many shards have few orders.
        let room = if number == 0 { 0 } else { WIDTH };
        self.chunks.push(Chunk {
            items: Slab::with_capacity(room),
            next: None,
        });
        self.room = u32::try_from(number).ok();
        number
    }

    pub(super) fn remove(&mut self, index: usize) -> T {
        let (number, place) = (index / WIDTH, index % WIDTH);
        let chunk = &mut self.chunks[number];
        let was_full = chunk.items.len() == WIDTH;
        let item = chunk.items.remove(place);
        if was_full {
            chunk.next = self.room;
            self.room = u32::try_from(number).ok();
        }
        if chunk.items.is_empty() {
            chunk.items = Slab::new();
        }
        item
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        let chunk = self.chunks.get(index / WIDTH);
        chunk.is_some_and(|chunk| chunk.items.contains(index % WIDTH))
    }

    /// One more than the last number.
    pub(super) fn end(&self) -> usize {
        self.chunks.len() * WIDTH
    }

    /// The number after `index` that is looked at next: that of the next item of its chunk, or the first of the next chunk.
    pub(super) fn after(&self, index: usize) -> usize {
        let next_chunk = (index / WIDTH + 1) * WIDTH;
        let is_used = |chunk: &Chunk<T>| {
            let mut places = index % WIDTH + 1..WIDTH;
            places.find(|place| chunk.items.contains(*place))
        };
        let chunk = self.chunks.get(index / WIDTH);
        chunk
            .filter(|chunk| !chunk.items.is_empty())
            .and_then(is_used)
            .map_or(next_chunk, |place| next_chunk - WIDTH + place)
    }
}

impl<T> Index<usize> for Store<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.chunks[index / WIDTH].items[index % WIDTH]
    }
}

impl<T> IndexMut<usize> for Store<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / WIDTH].items[index % WIDTH]
    }
}
