//! A world with its own clock: tasks on one thread, events in the sequence of their virtual time, and
//! one source of chance. The same seed makes the same run, to the nanosecond.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
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

/// A handle to the world; clones are the same world.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    seed: u64,
    /// Nanoseconds since it began.
    now: Cell<u64>,
    /// What happens when; at one instant, first come first served.
    events: RefCell<BTreeMap<(u64, u64), Event>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Ready>,
    /// Numbers events and tasks.
    count: Cell<u64>,
    chance: RefCell<SmallRng>,
}

type Event = Box<dyn FnOnce()>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Tasks to poll, in the sequence in which they were woken. A waker must be `Send`, hence the lock.
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

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish()
    }
}

impl World {
    /// No run takes as long, unless it never ends.
    const LONGEST: Duration = Duration::from_secs(300);

    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            seed,
            now: Cell::new(0),
            events: RefCell::default(),
            tasks: RefCell::default(),
            ready: Arc::default(),
            count: Cell::new(0),
            chance: RefCell::new(SmallRng::seed_from_u64(seed)),
        }))
    }

    /// Runs until `main` is done; what still runs beside it then ends with it.
    ///
    /// # Panics
    ///
    /// If everybody waits and nothing will happen, or if it takes [longer](Self::LONGEST) than anything
    /// should; with the seed.
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
            self.happen();
        };
        // They hold handles to this world, which holds them.
        self.0.tasks.take();
        self.0.events.take();
        answer
    }

    /// The next event.
    fn happen(&self) {
        let seed = self.0.seed;
        let next = self.0.events.borrow_mut().pop_first();
        let Some(((at, _), event)) = next else {
            panic!("seed {seed}: somebody waits for what never happens");
        };
        let longest = Self::LONGEST.as_nanos() as u64;
        assert!(at < longest, "seed {seed}: it goes round and round");
        self.0.now.set(at);
        event();
    }

    fn poll_ready(&self) {
        loop {
            let Some(id) = self.0.ready.queue().pop_front() else {
                return;
            };
            // It is out of the map while it runs, since it may spawn others.
            let Some(mut task) = self.0.tasks.borrow_mut().remove(&id) else {
                continue;
            };
            let alarm = Alarm {
                task: id,
                ready: Arc::clone(&self.0.ready),
            };
            let waker = Waker::from(Arc::new(alarm));
            if task
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                self.0.tasks.borrow_mut().insert(id, task);
            }
        }
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> TaskId {
        let id = self.number();
        self.0.tasks.borrow_mut().insert(id, Box::pin(task));
        self.0.ready.queue().push_back(id);
        TaskId(id)
    }

    /// Ends a task where it stands, as a crash does, and says whether it was still under way.
    pub fn abort(&self, TaskId(id): TaskId) -> bool {
        let task = self.0.tasks.borrow_mut().remove(&id);
        task.is_some()
    }

    /// Nanoseconds since the world began.
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    pub fn later(&self, delay: Duration, event: impl FnOnce() + 'static) {
        let delay = u64::try_from(delay.as_nanos()).expect("a delay is shorter than 500 years");
        let key = (self.now() + delay, self.number());
        self.0.events.borrow_mut().insert(key, Box::new(event));
    }

    pub async fn sleep(&self, delay: Duration) {
        let over = Slot::new();
        self.later(delay, {
            let over = over.clone();
            move || over.fill(())
        });
        over.filled().await;
    }

    /// What `future` answers within `limit`.
    pub async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut over = pin!(self.sleep(limit));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => over.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    /// A number from `range`, by chance.
    pub fn pick(&self, range: Range<u64>) -> u64 {
        self.0.chance.borrow_mut().random_range(range)
    }

    /// A time from `range`, by chance.
    pub fn some_time(&self, range: Range<Duration>) -> Duration {
        if range.is_empty() {
            return range.start;
        }
        self.0.chance.borrow_mut().random_range(range)
    }

    /// Whether that happens which happens so many times in a thousand.
    pub fn happens(&self, per_mille: u64) -> bool {
        self.pick(0..1_000) < per_mille
    }

    /// A number that nobody else was given.
    pub fn number(&self) -> u64 {
        let number = self.0.count.get();
        self.0.count.set(number + 1);
        number
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskId(u64);

/// A place for one value, for which one task waits; the first to come stays.
#[derive(Debug)]
pub struct Slot<T>(Rc<RefCell<State<T>>>);

#[derive(Debug)]
enum State<T> {
    Empty(Option<Waker>),
    Full(T),
    Taken,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(State::Empty(None))))
    }

    pub fn fill(&self, value: T) {
        let mut state = self.0.borrow_mut();
        if let State::Empty(waiting) = &mut *state {
            let waiting = waiting.take();
            *state = State::Full(value);
            if let Some(waker) = waiting {
                waker.wake();
            }
        }
    }

    pub async fn filled(&self) -> T {
        poll_fn(|context| match self.take() {
            Some(value) => Poll::Ready(value),
            None => {
                if let State::Empty(waiting) = &mut *self.0.borrow_mut() {
                    *waiting = Some(context.waker().clone());
                }
                Poll::Pending
            }
        })
        .await
    }

    fn take(&self) -> Option<T> {
        let mut state = self.0.borrow_mut();
        if !matches!(*state, State::Full(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Full(value) => Some(value),
            _ => None,
        }
    }
}

#[test]
fn time_passes_only_when_all_wait_and_in_order() {
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
                    seen.borrow_mut().push(world.now() / 1_000_000);
                });
            }
            let never = Slot::<()>::new();
            let waited = clock
                .within(Duration::from_millis(25), never.filled())
                .await;
            assert_eq!((waited, clock.now()), (None, 25_000_000));
        }
    });
    assert_eq!(*seen.borrow(), [10, 20], "the third ends with the run");
}

#[test]
fn a_task_that_is_aborted_goes_no_further() {
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
