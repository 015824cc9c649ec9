//! What the tests share: a journal that keeps all entries, the sequential model of a book, and what compares both.

pub mod calls;
pub mod model;
pub mod player;

use segstock_orders::{Entry, Journal, Lost, NoPlace, OrderBook, Position, Refusal};
use std::sync::Mutex;

/// Keeps all entries, and counts the places that were set aside and not used.
#[derive(Debug, Default)]
pub struct Recorded<K>(Mutex<Kept<K>>);

#[derive(Debug)]
struct Kept<K> {
    entries: Vec<(Position, Entry<K>)>,
    places: u64,
    /// Places that can be set aside from now on.
    left: u64,
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            places: 0,
            left: u64::MAX,
        }
    }
}

impl<K: Clone> Recorded<K> {
    pub fn entries(&self) -> Vec<(Position, Entry<K>)> {
        self.0.lock().unwrap().entries.clone()
    }

    /// Places that are set aside now.
    pub fn places(&self) -> u64 {
        self.0.lock().unwrap().places
    }

    /// From now on only `places` more can be set aside.
    pub fn leave(&self, places: u64) {
        self.0.lock().unwrap().left = places;
    }
}

impl<K: Clone + Send + Sync> Journal<K> for Recorded<K> {
    fn permit(&self) -> Result<(), NoPlace> {
        let mut kept = self.0.lock().unwrap();
        kept.left = kept.left.checked_sub(1).ok_or(NoPlace::Busy)?;
        kept.places += 1;
        Ok(())
    }

    fn give_back(&self) {
        let mut kept = self.0.lock().unwrap();
        kept.left = kept.left.saturating_add(1);
        kept.places -= 1;
    }

    fn append(&self, entry: &Entry<K>) -> Position {
        let mut kept = self.0.lock().unwrap();
        kept.places = kept.places.checked_sub(1).expect("a place was set aside");
        let position = Position::new(kept.entries.len() as u64 + 1);
        kept.entries.push((position, entry.clone()));
        position
    }

    fn wait(&self, _: Position) -> Result<(), Lost> {
        Ok(())
    }
}

/// The lines of a refusal: SKU, requested, available.
pub fn short(refusal: Refusal<&'static str>) -> Vec<(&'static str, u64, u64)> {
    let lines = refusal.short_lines().iter();
    lines
        .map(|line| (line.sku, line.requested, line.available))
        .collect()
}

/// A book with `units` of a phone, and of a case.
pub fn book(units: u64) -> OrderBook<&'static str> {
    let book = OrderBook::new();
    book.open("phone", units).unwrap();
    book.open("case", units).unwrap();
    book
}
