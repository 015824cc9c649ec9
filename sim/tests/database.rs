//! What a statement sees, what it waits for, and what a failover leaves.

use segstock_sim::{Database, Failed, Fault, Faults, Network, Place, Slot, Transaction, World};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

type Tx = Transaction<char, u64>;

const MS: Duration = Duration::from_millis(1);

/// A world with a database of rows a = 5 and b = 5, and no faults.
fn with<F: Future<Output = ()> + 'static>(
    scene: impl FnOnce(World, Network, Database<char, u64>) -> F,
) -> World {
    let world = World::new(1);
    let network = Network::new(&world, Faults::none(MS / 2), MS * 100);
    let database = Database::new(&network).with([('a', 5), ('b', 5)]);
    world.run(scene(world.clone(), network, database));
    world
}

/// Starts a task, and a slot for its answer.
fn start<T: 'static>(world: &World, task: impl Future<Output = T> + 'static) -> Slot<T> {
    let done = Slot::new();
    let over = done.clone();
    world.spawn(async move { over.fill(task.await) });
    done
}

/// Moves 3 units from a to b, and waits before it commits.
async fn moves(database: Database<char, u64>, world: World) -> Result<(), Failed> {
    let body = async move |tx: Tx| {
        tx.update('a', |row| *row = row.map(|n| n - 3)).await?;
        tx.update('b', |row| *row = row.map(|n| n + 3)).await?;
        world.sleep(MS * 10).await;
        Ok(())
    };
    database.once(body).await
}

#[test]
fn writes_become_visible_at_one_instant_and_only_when_committed() {
    with(async |world, _, database| {
        let moved = start(&world, moves(database.clone(), world.clone()));
        let mut seen = Vec::new();
        for _ in 0..30 {
            let rows = database.read(|rows| (rows.get(&'a').copied(), rows.get(&'b').copied()));
            seen.push(rows.await.unwrap());
        }
        assert_eq!(moved.filled().await, Ok(()));
        seen.dedup();
        assert_eq!(seen, [(Some(5), Some(5)), (Some(2), Some(8))]);
    });
}

#[test]
fn two_statements_may_see_two_instants() {
    with(async |world, _, database| {
        let moved = start(&world, moves(database.clone(), world.clone()));
        let clock = world.clone();
        let torn = database.once(async move |tx: Tx| {
            let a = tx.read(|rows| rows.get(&'a').copied()).await?;
            clock.sleep(MS * 20).await;
            let b = tx.read(|rows| rows.get(&'b').copied()).await?;
            Ok((a, b))
        });
        assert_eq!(torn.await, Ok((Some(5), Some(8))));
        assert_eq!(moved.filled().await, Ok(()));
    });
}

#[test]
fn a_change_waits_for_the_holder_and_sees_what_it_left() {
    with(async |world, _, database| {
        let moved = start(&world, moves(database.clone(), world.clone()));
        world.sleep(MS * 2).await;
        let locked = database.once(async |tx: Tx| tx.lock('a').await);
        assert_eq!(locked.await, Ok(Some(2)));
        assert_eq!(moved.filled().await, Ok(()));
    });
}

#[test]
fn what_a_statement_reads_beside_its_row_is_as_old_as_its_beginning() {
    with(async |world, _, database| {
        let moved = start(&world, moves(database.clone(), world.clone()));
        world.sleep(MS * 2).await;
        let seen = Rc::new(RefCell::new(None));
        let noted = Rc::clone(&seen);
        let body = async move |tx: Tx| {
            let sum = tx.update_from('a', |rows, a| (rows.get(&'b').copied(), *a));
            *noted.borrow_mut() = Some(sum.await?);
            Ok(())
        };
        database.once(body).await.unwrap();
        moved.filled().await.unwrap();
        // The 3 units are in neither: a is new, b is old.
        assert_eq!(*seen.borrow(), Some((Some(5), Some(2))));
    });
}

#[test]
fn a_conditional_update_checks_again_once_it_has_the_lock() {
    with(async |world, _, database| {
        let moved = start(&world, moves(database.clone(), world.clone()));
        world.sleep(MS * 2).await;
        let took = database.once(async |tx: Tx| {
            let took = tx.update_where('a', |a| *a >= 4, |a| *a -= 4).await?;
            Ok((took, tx.lock('a').await?))
        });
        assert_eq!(took.await, Ok((false, Some(2))));
        moved.filled().await.unwrap();
    });
}

#[test]
fn an_insert_waits_for_an_open_insert_of_its_key() {
    with(async |world, _, database| {
        let insert = async |database: Database<char, u64>, world: World, value| {
            let body = async move |tx: Tx| {
                let row = tx.update('c', |row| *row.get_or_insert(value)).await?;
                world.sleep(MS * 5).await;
                Ok(row)
            };
            database.once(body).await
        };
        let first = start(&world, insert(database.clone(), world.clone(), 1));
        world.sleep(MS * 2).await;
        assert_eq!(insert(database, world, 2).await, Ok(1));
        assert_eq!(first.filled().await, Ok(1));
    });
}

#[test]
fn a_deadlock_rolls_one_back_and_lets_the_other_commit() {
    with(async |world, network, database| {
        let locks = async |database: Database<char, u64>, world: World, keys: [char; 2]| {
            let body = async move |tx: Tx| {
                tx.update(keys[0], |row| *row = Some(0)).await?;
                world.sleep(MS * 5).await;
                tx.update(keys[1], |row| *row = Some(0)).await
            };
            database.once(body).await
        };
        let one = start(&world, locks(database.clone(), world.clone(), ['a', 'b']));
        let other = start(&world, locks(database.clone(), world.clone(), ['b', 'a']));
        let ends = [one.filled().await, other.filled().await];
        assert!(ends.contains(&Ok(())) && ends.contains(&Err(Failed::Deadlock)));
        assert_eq!(network.happened().get(&Fault::Deadlock), Some(&1));
    });
}

#[test]
fn a_number_of_the_sequence_may_become_visible_after_a_greater_one() {
    with(async |world, _, database| {
        let insert = async |database: Database<char, u64>, world: World, key, pause| {
            let body = async move |tx: Tx| {
                let number = tx.serial();
                world.sleep(pause).await;
                tx.update(key, |row| *row = Some(number)).await?;
                Ok(number)
            };
            database.once(body).await
        };
        let slow = start(
            &world,
            insert(database.clone(), world.clone(), 'x', MS * 20),
        );
        world.sleep(MS).await;
        let quick = insert(database.clone(), world.clone(), 'y', Duration::ZERO).await;
        let visible = database.read(|rows| (rows.get(&'x').copied(), rows.get(&'y').copied()));
        assert_eq!((quick, visible.await), (Ok(2), Ok((None, Some(2)))));
        assert_eq!(slow.filled().await, Ok(1));
    });
}

#[test]
fn a_failover_rolls_back_what_is_open_and_keeps_what_is_committed() {
    with(async |world, network, database| {
        database
            .once(async |tx: Tx| tx.update('a', |row| *row = Some(7)).await)
            .await
            .unwrap();
        let moved = start(&world, moves(database.clone(), world.clone()));
        world.sleep(MS * 5).await;
        network.fail_over(Place::Server(0));
        assert_eq!(moved.filled().await, Err(Failed::TimedOut));
        let rows = database.read(|rows| rows.iter().map(|(_, row)| *row).sum::<u64>());
        assert_eq!(rows.await, Ok(12));
        // The locks ended with their transactions.
        let locked = database.once(async |tx: Tx| tx.lock('a').await);
        assert_eq!(locked.await, Ok(Some(7)));
    });
}

#[test]
fn commits_share_a_sync() {
    let time = |writers: u32| {
        let world = with(async move |world, _, database| {
            let writers = (0..writers).map(|writer| {
                let key = char::from_u32(writer).unwrap();
                let database = database.clone();
                start(&world, async move {
                    database
                        .once(async move |tx: Tx| tx.update(key, |row| *row = Some(1)).await)
                        .await
                })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.filled().await.unwrap();
            }
        });
        world.now()
    };
    let cost = Database::<char, u64>::TRANSACTION * 9
        + Database::<char, u64>::STATEMENT * 9
        + Database::<char, u64>::ROW * 9;
    assert!(time(10) < time(1) + cost + Database::<char, u64>::SYNC * 2);
}
