//! [`World`]: virtual time, tasks and chance.

mod chance;
mod clock;
mod slot;

pub use clock::Drift;
pub use slot::Slot;

use chance::Chance;
use clock::Clocks;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A world with its own clock: tasks on one thread, events in the order of their virtual time, and one source of
/// chance. One seed makes one run, to the nanosecond. Clones are handles to one world.
///
/// Time passes only while every task waits: computing takes none.
///
/// # Examples
///
/// ```
/// use segstock_sim::World;
/// use std::time::Duration;
///
/// let world = World::new(1);
/// let clock = world.clone();
/// let woken = world.run(async move {
///     clock.sleep(Duration::from_secs(60)).await;
///     clock.now()
/// });
/// assert_eq!(woken, Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    seed: u64,
    now: Cell<Duration>,
    /// Where the code runs that runs now.
    here: Cell<Place>,
    /// What happens when and where. Events of one instant happen in the order in which they were made.
    events: RefCell<BTreeMap<(Duration, u64), (Place, Event)>>,
    tasks: RefCell<BTreeMap<u64, (Place, Task)>>,
    ready: Arc<Ready>,
    /// Places that stand still, and until when.
    stopped: RefCell<BTreeMap<Place, Duration>>,
    /// Numbers events, tasks and whatever a program numbers.
    count: Cell<u64>,
    chance: Chance,
    clocks: Clocks,
}

type Event = Box<dyn FnOnce()>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Tasks to poll, in the order in which they were woken. A waker must be `Send`, hence the mutex.
#[derive(Default)]
struct Ready(Mutex<VecDeque<u64>>);

impl Ready {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Alarm {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ready.queue().push_back(self.task);
    }
}

/// Where code runs: its machine, with a clock of its own and its own connections.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Nowhere: whoever watches the world. No fault reaches it.
    Outside,
    /// A node, which runs a program that calls others.
    Node(usize),
    /// A server, which answers requests.
    Server(usize),
}

/// A task of a [`World`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskId(u64);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish()
    }
}

impl World {
    /// Longer than any run that ends.
    const LONGEST: Duration = Duration::from_secs(300);

    /// A world at time zero, in which everything follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            seed,
            now: Cell::default(),
            here: Cell::new(Place::Outside),
            events: RefCell::default(),
            tasks: RefCell::default(),
            ready: Arc::default(),
            stopped: RefCell::default(),
            count: Cell::default(),
            chance: Chance::new(seed),
            clocks: Clocks::default(),
        }))
    }

    /// Runs until `main` is done, and then ends every other task.
    ///
    /// # Panics
    ///
    /// If every task waits and no event is left, or after 300 s of virtual time. The message has the seed.
    pub fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T {
        let done = Slot::new();
        self.spawn({
            let done = done.clone();
            async move { done.fill(main.await) }
        });
        let answer = loop {
            self.poll_ready();
            if let Some(answer) = done.take() {
                break answer;
            }
            self.advance();
        };
        // Tasks and events hold handles to this world, which holds them: break the circle.
        self.0.tasks.take();
        self.0.events.take();
        answer
    }

    /// Advances the time to the next event, and lets it happen.
    fn advance(&self) {
        let seed = self.0.seed;
        let next = self.0.events.borrow_mut().pop_first();
        let Some(((at, number), (place, event))) = next else {
            panic!("seed {seed}: every task waits, and no event is left");
        };
        if let Some(goes_on) = self.stopped_until(place, at) {
            let later = (goes_on, number);
            (self.0.events.borrow_mut()).insert(later, (place, event));
            return;
        }
        assert!(
            at < Self::LONGEST,
            "seed {seed}: the run does not end within {:?}",
            Self::LONGEST
        );
        self.0.now.set(at);
        self.at(place, event);
    }

    fn poll_ready(&self) {
        loop {
            let Some(id) = self.0.ready.queue().pop_front() else {
                return;
            };
            // The task is out of the map while it runs, since it may spawn others.
            let Some((place, mut task)) = self.0.tasks.borrow_mut().remove(&id) else {
                continue;
            };
            if let Some(goes_on) = self.stopped_until(place, self.now()) {
                self.0.tasks.borrow_mut().insert(id, (place, task));
                let ready = Arc::clone(&self.0.ready);
                let wakes = move || ready.queue().push_back(id);
                self.later_at(Place::Outside, goes_on - self.now(), wakes);
                continue;
            }
            let alarm = Alarm {
                task: id,
                ready: Arc::clone(&self.0.ready),
            };
            let waker = Waker::from(Arc::new(alarm));
            let poll = self.at(place, || {
                task.as_mut().poll(&mut Context::from_waker(&waker))
            });
            if poll.is_pending() {
                self.0.tasks.borrow_mut().insert(id, (place, task));
            }
        }
    }

    /// Runs `code` as code of `place`.
    fn at<T>(&self, place: Place, code: impl FnOnce() -> T) -> T {
        let before = self.0.here.replace(place);
        let answer = code();
        self.0.here.set(before);
        answer
    }

    /// The place of the code that asks.
    #[must_use]
    pub fn here(&self) -> Place {
        self.0.here.get()
    }

    /// Starts a task at the place of the code that asks.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> TaskId {
        self.spawn_at(self.here(), task)
    }

    /// Starts a task at `place`.
    pub fn spawn_at(&self, place: Place, task: impl Future<Output = ()> + 'static) -> TaskId {
        let id = self.number();
        let task: Task = Box::pin(task);
        self.0.tasks.borrow_mut().insert(id, (place, task));
        self.0.ready.queue().push_back(id);
        TaskId(id)
    }

    /// Ends a task where it waits. Whether it was still running.
    #[must_use = "a task that was over did not end by this"]
    pub fn abort(&self, TaskId(id): TaskId) -> bool {
        let task = self.0.tasks.borrow_mut().remove(&id);
        task.is_some()
    }

    /// Ends every task at `place` where it waits, as a crash does.
    pub fn crash(&self, place: Place) {
        let tasks = self.0.tasks.take();
        let (ended, others): (Vec<_>, Vec<_>) =
            (tasks.into_iter()).partition(|(_, (at, _))| *at == place);
        self.0.tasks.borrow_mut().extend(others);
        // Only now: what a task drops may ask the world.
        drop(ended);
    }

    /// Stops `place` for a time, as `SIGSTOP` does: what happens there happens when it goes on. Its clock goes on.
    pub(crate) fn stop(&self, place: Place, time: Duration) {
        let until = self.now() + time;
        self.0.stopped.borrow_mut().insert(place, until);
    }

    /// When the place goes on that stands still at that time.
    fn stopped_until(&self, place: Place, at: Duration) -> Option<Duration> {
        let stopped = self.0.stopped.borrow();
        let until = stopped.get(&place).copied();
        until.filter(|&until| until > at)
    }

    /// Time since the world began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.now.get()
    }

    /// Has `event` happen after `delay`, at the place of the code that asks.
    pub fn later(&self, delay: Duration, event: impl FnOnce() + 'static) {
        self.later_at(self.here(), delay, event);
    }

    /// Has `event` happen after `delay`, at `place`.
    pub fn later_at(&self, place: Place, delay: Duration, event: impl FnOnce() + 'static) {
        let key = (self.now() + delay, self.number());
        let event: Event = Box::new(event);
        self.0.events.borrow_mut().insert(key, (place, event));
    }

    /// Waits for `delay`, as the clock of the place measures it.
    pub async fn sleep(&self, delay: Duration) {
        let over = Slot::new();
        self.later(self.lasts(delay), {
            let over = over.clone();
            move || over.fill(())
        });
        over.filled().await;
    }

    /// Waits until that time of the world.
    pub(crate) async fn sleep_until(&self, time: Duration) {
        let over = Slot::new();
        self.later(time.saturating_sub(self.now()), {
            let over = over.clone();
            move || over.fill(())
        });
        over.filled().await;
    }

    /// What `future` answers within `limit`, as the clock of the place measures it.
    pub async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut over = pin!(self.sleep(limit));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => over.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    /// A random number of `range`.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    #[must_use]
    pub fn pick(&self, range: Range<u64>) -> u64 {
        self.0.chance.pick(range)
    }

    /// A random time of `range`; its start, if the range is empty.
    #[must_use]
    pub fn pick_time(&self, range: Range<Duration>) -> Duration {
        self.0.chance.pick_time(range)
    }

    /// True by chance, `per_mille` times of 1,000.
    #[must_use]
    pub fn chance(&self, per_mille: u64) -> bool {
        self.pick(0..1_000) < per_mille
    }

    /// A number that this world gave to nobody else.
    #[must_use]
    pub fn number(&self) -> u64 {
        let number = self.0.count.get();
        self.0.count.set(number + 1);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_happen_in_the_order_of_their_time() {
        let world = World::new(1);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let clock = world.clone();
        world.run({
            let seen = Rc::clone(&seen);
            async move {
                for millis in [30, 10, 20] {
                    let (world, seen) = (clock.clone(), Rc::clone(&seen));
                    clock.spawn(async move {
                        world.sleep(Duration::from_millis(millis)).await;
                        seen.borrow_mut().push(world.now().as_millis());
                    });
                }
                let never = Slot::<()>::new();
                let limit = Duration::from_millis(25);
                let waited = clock.within(limit, never.filled()).await;
                assert_eq!((waited, clock.now()), (None, limit));
            }
        });
        assert_eq!(*seen.borrow(), [10, 20], "the third ends with the run");
    }

    #[test]
    fn an_aborted_task_goes_no_further() {
        let world = World::new(1);
        let clock = world.clone();
        let steps = world.run(async move {
            let steps = Rc::new(Cell::new(0));
            let task = clock.spawn({
                let (world, steps) = (clock.clone(), Rc::clone(&steps));
                async move {
                    loop {
                        world.sleep(Duration::from_millis(10)).await;
                        steps.set(steps.get() + 1);
                    }
                }
            });
            clock.sleep(Duration::from_millis(25)).await;
            let twice = [clock.abort(task), clock.abort(task)];
            clock.sleep(Duration::from_millis(50)).await;
            (steps.get(), twice)
        });
        assert_eq!(steps, (2, [true, false]), "it ends once");
    }

    #[test]
    fn a_stopped_place_goes_on_where_it_was() {
        let world = World::new(1);
        let clock = world.clone();
        let woken = world.run(async move {
            let woken = Rc::new(RefCell::new(Vec::new()));
            for node in [1, 2] {
                let (world, woken) = (clock.clone(), Rc::clone(&woken));
                clock.spawn_at(Place::Node(node), async move {
                    world.sleep(Duration::from_millis(10)).await;
                    woken.borrow_mut().push((node, world.now().as_millis()));
                });
            }
            clock.sleep(Duration::from_millis(5)).await;
            clock.stop(Place::Node(1), Duration::from_millis(20));
            clock.sleep(Duration::from_millis(50)).await;
            woken.take()
        });
        assert_eq!(woken, [(2, 10), (1, 25)]);
    }

    #[test]
    fn a_crash_ends_what_the_node_started() {
        let world = World::new(1);
        let clock = world.clone();
        let done = world.run(async move {
            let done = Rc::new(RefCell::new(Vec::new()));
            for node in [1, 2] {
                let (world, done) = (clock.clone(), Rc::clone(&done));
                clock.spawn_at(Place::Node(node), async move {
                    let inner = world.clone();
                    world.spawn(async move {
                        inner.sleep(Duration::from_millis(10)).await;
                        done.borrow_mut().push(inner.here());
                    });
                });
            }
            clock.sleep(Duration::from_millis(5)).await;
            clock.crash(Place::Node(1));
            clock.sleep(Duration::from_millis(50)).await;
            done.take()
        });
        assert_eq!(done, [Place::Node(2)]);
    }
}
