//! In which sequence calls take, write and give: a small model whose every interleaving is tried, and the code itself,
//! whose calls are traced and must take the steps of the model.

mod model;
mod trace;

use model::{Call, Mistake, World};

/// Every interleaving of every two and three calls keeps what the ledger promises, whenever the process ends.
#[test]
fn no_interleaving_breaks_a_promise() {
    let (mut worlds, mut states) = (0, 0);
    for world in World::all() {
        let explored = world.explore(None);
        assert_eq!(explored.found, None, "{world:?}");
        (worlds, states) = (worlds + 1, states + explored.states);
    }
    println!("{states} states of {worlds} worlds");
    assert!(states > 10_000, "{states} states are not all");
}

/// And each mistake breaks one. Two calls show it, or three.
#[test]
fn every_mistake_is_found() {
    for mistake in Mistake::ALL {
        let found = World::all().find_map(|world| {
            let found = world.explore(Some(mistake)).found;
            found.map(|finding| (world, finding))
        });
        let (world, finding) = found.unwrap_or_else(|| panic!("{mistake:?} is not found"));
        println!("{mistake:?}: {finding:?} by {:?}", world.calls);
    }
}

/// The model is one of this code: each call takes the steps of the model, one after another.
#[test]
fn the_code_takes_the_steps_of_the_model() {
    for call in Call::ALL {
        let traced = trace::of(call);
        println!("{call:?}: {traced:?}");
        assert_eq!(traced, model::alone(call), "{call:?}");
    }
}

/// What a count found is history once its entry is made. What changes a shelf is the difference.
#[test]
fn a_count_is_read_as_a_difference() {
    use crate::book::OrderBook;
    use crate::entry::{Change, Entry, Position};
    use crate::lines::SkuId;
    let sku = SkuId::new(0);
    let opened = Change::Opened {
        sku: "phone",
        id: sku,
        units: 5,
    };
    let counted = Change::Counted {
        sku,
        counted: 3,
        difference: -1,
        uncovered: 0,
    };
    let entries = (1..).map(Position::new).zip([opened, counted]);
    let entries = entries.map(|(position, change)| (position, Entry::new(0, change)));
    let book = OrderBook::builder().replay(entries).expect("a book");
    let stock = book.stock("phone").expect("it is open");
    assert_eq!((stock.on_hand, stock.available), (4, 4));
}
