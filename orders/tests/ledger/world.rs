//! A world: clients of a book on a ledger with faults, which crashes and is recovered.

use crate::calls::{Answered, Book, Call};
use crate::heard::{Answer, Shown};
use crate::judge::{self, Finding, Log};
use crate::mistakes::{Mistake, Mistaken};
use fastrand::Rng;
use segstock::ManualClock;
use segstock_orders::ledger::faults::{Disk, Faults};
use segstock_orders::ledger::{Decided, Driver, Recovered, Step, Writer, WriterSettings};
use segstock_orders::{Change, Entry, Journal, Lost, NoPlace, OrderBook, Position, Refusal, SkuId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MOST_STEPS: usize = 150;

/// What was found in a world, and how much happened.
pub struct Played {
    pub found: Option<Finding>,
    pub answered: u64,
    pub lives: u64,
    /// How often several entries were decided together.
    pub lists: u64,
    /// How often an opening found that another process wrote meanwhile.
    pub openings_refused: u64,
}

/// A client: at most one call of it is under way.
#[derive(Default)]
struct Client {
    /// Its last calls: one, or some that are decided together.
    last: Vec<Call>,
    waits: Option<Waits>,
}

struct Waits {
    life: usize,
    /// Of each call, in their sequence.
    decided: Vec<Decided<Answered>>,
}

/// A process: its book, until it is killed.
struct Life {
    book: Book,
    writer: Arc<Writer<String>>,
    journal: Arc<Watched>,
    /// Nothing is heard of it any more.
    is_killed: bool,
}

/// Between book and writer: remembers what was appended, and lets the writer go on in the middle of a call.
struct Watched {
    writer: Arc<Writer<String>>,
    driver: Mutex<Option<Driver<String>>>,
    appended: Mutex<BTreeMap<Position, Entry<String>>>,
    chance: Mutex<Rng>,
    skips_expiries: bool,
}

impl Watched {
    fn step(&self) -> Option<Step> {
        let mut driver = self.driver.lock().expect("no test panics with it");
        driver.as_mut().map(Driver::step)
    }

    fn may_step(&self) {
        if self.chance.lock().expect("no test panics with it").u8(0..4) == 0 {
            self.step();
        }
    }
}

impl Journal<String> for Watched {
    fn permit(&self) -> Result<(), NoPlace> {
        self.may_step();
        self.writer.permit()
    }

    fn give_back(&self) {
        self.writer.give_back();
    }

    fn append(&self, entry: &Entry<String>) -> Position {
        self.may_step();
        if self.skips_expiries && matches!(entry.change, Change::Expired { .. }) {
            self.writer.give_back();
            return self.writer.status().appended;
        }
        let position = self.writer.append(entry);
        let mut appended = self.appended.lock().expect("no test panics with it");
        appended.insert(position, entry.clone());
        drop(appended);
        self.may_step();
        position
    }

    fn wait(&self, position: Position) -> Result<(), Lost> {
        self.writer.wait(position)
    }

    fn last_durable(&self) -> Position {
        self.writer.last_durable()
    }

    fn may_forget(&self, order: Position) -> bool {
        self.writer.may_forget(order)
    }
}

pub struct World {
    chance: Rng,
    mistake: Option<Mistake>,
    disk: Disk<String>,
    clock: Arc<ManualClock>,
    wall: Arc<ManualClock>,
    skus: usize,
    lives: Vec<Life>,
    clients: Vec<Client>,
    calls_left: usize,
    answers: Vec<Answer>,
    shown: Vec<Shown>,
    /// What the newest life decided together, each time.
    together: Vec<Log>,
    lists: u64,
    openings_refused: u64,
}

impl World {
    /// Plays the world of a seed, and judges it.
    pub fn play(seed: u64, mistake: Option<Mistake>) -> Played {
        let mut world = Self::new(seed, mistake);
        let found = world.run().err().or_else(|| world.judge());
        Played {
            found,
            answered: world.answers.len() as u64,
            lives: world.lives.len() as u64,
            lists: world.lists,
            openings_refused: world.openings_refused,
        }
    }

    fn new(seed: u64, mistake: Option<Mistake>) -> Self {
        let mut chance = Rng::with_seed(seed);
        let wall = Arc::new(ManualClock::new());
        wall.advance(Duration::from_secs(1_000_000));
        Self {
            mistake,
            disk: Disk::new(),
            clock: Arc::new(ManualClock::new()),
            wall,
            skus: chance.usize(1..3),
            lives: Vec::new(),
            clients: (0..chance.usize(2..4)).map(|_| Client::default()).collect(),
            calls_left: chance.usize(2..9),
            answers: Vec::new(),
            shown: Vec::new(),
            together: Vec::new(),
            lists: 0,
            openings_refused: 0,
            chance,
        }
    }

    fn run(&mut self) -> Result<(), Finding> {
        self.begin(Faults::none())?;
        for sku in 0..self.skus {
            let units = self.chance.u64(0..6);
            let life = &self.lives[0];
            let opened = life
                .writer
                .decide(|| life.book.open(format!("sku-{sku}"), units));
            opened.answer.expect("a new SKU is opened");
        }
        while self.lives[0].journal.step() == Some(Step::Written) {}
        self.end_life(0);
        self.begin(Faults::some())?;
        for _ in 0..MOST_STEPS {
            let is_over =
                self.calls_left == 0 && self.clients.iter().all(|client| client.waits.is_none());
            if is_over {
                break;
            }
            self.step()?;
        }
        (0..self.lives.len()).for_each(|life| self.end_life(life));
        Ok(())
    }

    fn step(&mut self) -> Result<(), Finding> {
        match self.chance.u8(0..20) {
            0..8 => {
                let client = self.chance.usize(0..self.clients.len());
                self.client(client);
            }
            8..15 => {
                let life = self.chance.usize(0..self.lives.len());
                self.lives[life].journal.step();
                self.lives[self.lives.len() - 1].journal.step();
            }
            15..17 => {
                let time = Duration::from_secs(self.chance.u64(1..8));
                self.clock.advance(time);
                self.wall.advance(time);
            }
            17..19 => self.show(),
            _ => {
                // A process that is only slow goes on beside the next.
                if self.chance.bool() {
                    self.end_life(self.lives.len() - 1);
                }
                self.begin(Faults::some())?;
            }
        }
        let newest = &self.lives[self.lives.len() - 1];
        if newest.writer.status().dead.is_some() && self.chance.u8(0..8) == 0 {
            self.begin(Faults::some())?;
        }
        Ok(())
    }

    /// A process opens the ledger.
    fn begin(&mut self, faults: Faults) -> Result<(), Finding> {
        let mistake = self.mistake.filter(|_| faults != Faults::none());
        let (recovered, driver) = self.recover(faults, mistake)?;
        let writer = Arc::clone(&recovered.writer);
        let journal = Arc::new(Watched {
            writer: Arc::clone(&writer),
            driver: Mutex::new(Some(driver)),
            appended: Mutex::new(BTreeMap::new()),
            chance: Mutex::new(self.chance.fork()),
            skips_expiries: mistake == Some(Mistake::ExpiryNotWritten),
        });
        let watched = Arc::clone(&journal);
        // Whatever was under way of the life before is void by now, and this one has written nothing yet.
        let log = self.disk.entries();
        let halved = judge::together(&std::mem::take(&mut self.together), &log);
        self.lives.push(Life {
            book: recovered.through(|_| watched).book,
            writer,
            journal,
            is_killed: false,
        });
        halved.map_or(Ok(()), Err)
    }

    /// Recovers the book, again and again while another process writes meanwhile.
    fn recover(
        &mut self,
        faults: Faults,
        mistake: Option<Mistake>,
    ) -> Result<(Recovered<String>, Driver<String>), Finding> {
        loop {
            let seed = self.chance.u64(..);
            let ledger = self.disk.faulty(seed, faults);
            // As the ledger of SQLite does; the one of PostgreSQL raises its epoch first.
            let raises_late = mistake.is_none() && seed.is_multiple_of(2);
            let ledger = if raises_late {
                ledger.raising_late()
            } else {
                ledger
            };
            let ledger = Mistaken::new(&self.disk, ledger, mistake, seed);
            let settings = WriterSettings::new().places(6).tries(12);
            let settings = settings.patience(Duration::ZERO);
            let settings = settings.wall(Arc::clone(&self.wall) as _);
            let builder = OrderBook::builder()
                .clock(Arc::clone(&self.clock) as _)
                .shards(1);
            let before = self.disk.at();
            match builder.recover_by_hand(ledger, settings) {
                Ok(recovered) => return Ok(recovered),
                Err(error) => {
                    let at = self.disk.at();
                    // Another process wrote before the epoch was raised: whoever starts services starts this one again.
                    let is_overtaken = at.epoch == before.epoch && at.batch != before.batch;
                    if !is_overtaken {
                        return Err(Finding::NotRecovered(error.to_string()));
                    }
                    self.openings_refused += 1;
                }
            }
        }
    }

    /// A process is killed: whoever waits for it hears nothing.
    fn end_life(&mut self, life: usize) {
        // Perhaps in the middle of a write.
        self.lives[life].journal.may_step();
        self.lives[life].is_killed = true;
        *self.lives[life]
            .journal
            .driver
            .lock()
            .expect("no test panics with it") = None;
        for client in &mut self.clients {
            if client
                .waits
                .as_ref()
                .is_some_and(|waits| waits.life == life)
            {
                client.waits = None;
            }
        }
    }

    /// A client goes on: makes a call, or hears of it.
    fn client(&mut self, number: usize) {
        if self.clients[number].waits.is_some() {
            self.hear(number);
            return;
        }
        if self.calls_left == 0 {
            return;
        }
        self.calls_left -= 1;
        let again = self.clients[number].last.clone();
        let again = Some(again).filter(|calls| !calls.is_empty() && self.chance.u8(0..3) == 0);
        let calls = again.unwrap_or_else(|| {
            if self.chance.u8(0..4) == 0 {
                Call::draw_together(&mut self.chance, self.skus, self.calls_left)
            } else {
                vec![Call::draw(&mut self.chance, self.skus, self.calls_left)]
            }
        });
        let life = self.lives.len() - 1;
        let decided = self.decide(&calls);
        self.clients[number].last = calls;
        self.clients[number].waits = Some(Waits { life, decided });
        self.hear(number);
    }

    /// The newest life decides calls, several of them together.
    fn decide(&mut self, calls: &[Call]) -> Vec<Decided<Answered>> {
        let Life {
            book,
            writer,
            journal,
            ..
        } = &self.lives[self.lives.len() - 1];
        let decide = |call: &Call| writer.decide(|| call.make(book));
        if let [call] = calls {
            return vec![decide(call)];
        }
        let before = writer.status().appended;
        let decide_all = || calls.iter().map(decide).collect();
        let decided = if self.mistake == Some(Mistake::CollectedMeanwhile) {
            decide_all()
        } else {
            // Some say fewer entries than they append.
            match writer.together(self.chance.usize(1..=4), decide_all) {
                Ok(decided) => decided.answer,
                Err(refusal) => {
                    let refused = |_: &Call| Decided {
                        answer: Answered::Refused(Refusal::from(refusal)),
                        rests_on: Position::default(),
                    };
                    return calls.iter().map(refused).collect();
                }
            }
        };
        let appended = journal.appended.lock().expect("no test panics with it");
        let entries = appended
            .iter()
            .filter(|(position, _)| **position > before)
            .map(|(position, entry)| (*position, entry.clone()));
        let entries: Log = entries.collect();
        self.lists += u64::from(entries.len() > 1);
        self.together.push(entries);
        decided
    }

    fn hear(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(waits) = client.waits.take() else {
            return;
        };
        let life = &self.lives[waits.life];
        let is_hasty = self.mistake == Some(Mistake::RetryAnsweredBeforeDurable);
        let outcome = |decided: &Decided<Answered>| match decided.answer {
            Answered::Before if is_hasty => Some(Ok(())),
            _ => life.writer.outcome(decided.rests_on),
        };
        let outcomes: Option<Vec<_>> = waits.decided.iter().map(outcome).collect();
        let Some(outcomes) = outcomes else {
            client.waits = Some(waits);
            return;
        };
        let appended = life
            .journal
            .appended
            .lock()
            .expect("no test panics with it");
        for ((call, decided), outcome) in client.last.iter().zip(waits.decided).zip(outcomes) {
            let nothing_changed = match outcome {
                Ok(()) => false,
                Err(Lost) if self.mistake == Some(Mistake::UnknownTakenForFailed) => true,
                // The client knows that it does not know.
                Err(Lost) => continue,
            };
            let is_own = matches!(decided.answer, Answered::Done);
            if nothing_changed && !is_own {
                continue;
            }
            self.answers.push(Answer {
                call: call.clone(),
                rests_on: decided.rests_on,
                entry: appended.get(&decided.rests_on).cloned(),
                answered: decided.answer,
                nothing_changed,
            });
        }
    }

    /// A client is shown the stock of a SKU.
    fn show(&mut self) {
        let life = &self.lives[self.chance.usize(0..self.lives.len())];
        if life.is_killed {
            return;
        }
        let number = self.chance.u32(0..self.skus as u32);
        let sku = SkuId::new(number);
        let durable = life.writer.status().durable;
        let sums = life.writer.stock(sku);
        let mut shown = Shown {
            sku,
            on_hand: sums.on_hand,
            available: sums.available(),
            durable,
        };
        if self.mistake == Some(Mistake::StockShownFromMemory)
            && let Some(view) = life.book.stock(&format!("sku-{number}"))
        {
            shown.on_hand = view.on_hand.cast_signed();
            shown.available = view.available;
        }
        self.shown.push(shown);
    }

    fn judge(&mut self) -> Option<Finding> {
        let log = self.disk.entries();
        judge::balance(&log)
            .or_else(|| judge::positions(&log))
            .or_else(|| judge::answers(&self.answers, &log))
            .or_else(|| judge::shown(&self.shown, &log))
            .or_else(|| self.ask_again())
    }

    /// After the last restart every client asks again what it was answered.
    fn ask_again(&mut self) -> Option<Finding> {
        if let Err(finding) = self.begin(Faults::none()) {
            return Some(finding);
        }
        let Life { book, writer, .. } = &self.lives[self.lives.len() - 1];
        self.answers.iter().find_map(|heard| {
            let was_done = matches!(heard.answered, Answered::Done | Answered::Before);
            if heard.nothing_changed || !was_done {
                return None;
            }
            let again = writer.decide(|| heard.call.make(book)).answer;
            judge::again(&heard.call, &again)
        })
    }
}
