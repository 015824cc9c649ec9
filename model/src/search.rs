//! The search for a sequence of the calls that explains a history. In the names below, such a sequence is an *order*.
//!
//! | | |
//! |---|---|
//! | [`Problem`] | the calls that must be placed, and those that may have happened |
//! | [`bounds`] | what cannot be, whatever the order: sums alone show it, and no search is needed |
//! | `pooled` | the search with the units of all calls of unknown outcome in one pool: a *no* is final |
//! | `orders` | the search with each call for itself: a *yes* is an order |
//! | [`Effort`] | how many states and how much time a search may cost |
//!
//! Calls are placed one after another, each time one that no unplaced call precedes, and when the
//! model says no to all of them the search goes back (Wing and Gong, *Testing and verifying
//! concurrent objects*, 1993), and remembers where it has been (Lowe, *Testing for
//! linearizability*, 2017). Three things about a counter make that fast:
//!
//! - **Sums commute.** What a call did is known from its answer, so the stock after some calls does not
//!   depend on their order: it is enough to remember how many calls of each lane were placed. (Holds
//!   have deadlines, which depend on the order. They are remembered with the stock.)
//! - **A read or a refusal is placed as soon as it can stand.** It takes nothing from the others, so it
//!   gains nothing by waiting. A choice is left only between calls that sell, add or move units.
//! - **A call of unknown outcome is placed only where another call needs it.** It may happen at any
//!   instant after its call, so it can always wait for the first call that would fail without it.

mod beside;
pub mod bounds;
mod effect;
mod effort;
mod orders;
mod pooled;
mod problem;

pub use effort::{Effort, Spent};
pub use problem::{Found, Item, Maybe, Problem};

impl Problem {
    /// Searches, and counts the states that it looks at into `states`, until they exceed `budget`.
    pub fn solve(&self, budget: u64, states: &mut u64) -> Found {
        let mut effort = Effort::states(budget.saturating_sub(*states));
        let found = self.solve_within(&mut effort);
        *states += effort.spent_states();
        found
    }

    /// Searches, until there is an answer or the effort is spent.
    pub fn solve_within(&self, effort: &mut Effort) -> Found {
        // A history of one call after another has one state for each call: they cost nothing extra.
        effort.grant(self.size()[0] as u64);
        if bounds::contradiction(self).is_some() {
            return Found::NoOrder;
        }
        if self.maybes.is_empty() || self.has_holds() || self.owes() {
            return orders::search(self, &pooled::Dead::default(), effort);
        }
        let (found, dead) = pooled::search(self, effort);
        match found {
            // Each unknown call for itself may still not add up.
            Found::Order => {
                effort.grant(self.size()[0] as u64);
                orders::search(self, &dead, effort)
            }
            found => found,
        }
    }
}
