//! What customers do.

use super::log::{Answer, Call, Log, What};
use super::{Kind, Sale};
use crate::designs::nodes::node::{Request, Served};
use crate::designs::nodes::rows::{Sku, Units};
use crate::designs::nodes::shop::Shop;
use crate::network::TimedOut;
use crate::scene::faulty;
use crate::scene::play::SETTLES;
use crate::world::{Place, Slot, World};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub(super) struct Customers {
    pub shop: Shop,
    pub skus: usize,
    pub log: RefCell<Log>,
    sale: Sale,
}

impl Customers {
    pub(super) fn new(sale: &Sale, shop: Shop, skus: usize) -> Self {
        Self {
            shop,
            skus,
            log: RefCell::default(),
            sale: sale.clone(),
        }
    }

    pub(super) fn world(&self) -> &World {
        self.shop.site().world()
    }

    /// Sells while things go wrong, and then without faults.
    pub(super) async fn play(self: &Rc<Self>) {
        let (world, network) = (self.world(), &self.shop.site().network);
        faulty::start(network);
        let customers = (0..self.sale.customers).map(|_| {
            let done = Slot::new();
            let (customers, over) = (Rc::clone(self), done.clone());
            world.spawn_at(Place::Node(network.new_node()), async move {
                customers.customer().await;
                over.fill(());
            });
            done
        });
        for customer in customers.collect::<Vec<Slot<()>>>() {
            customer.filled().await;
        }
        network.heal();
        world.sleep(SETTLES).await;
    }

    async fn customer(self: Rc<Self>) {
        let world = self.world();
        for _ in 0..self.sale.orders {
            let pause = Duration::ZERO..self.sale.pause;
            world.sleep(world.pick_time(pause)).await;
            match self.sale.kind {
                Kind::Faulty if world.chance(150) => self.restock().await,
                Kind::Faulty => Rc::clone(&self).order().await,
                Kind::Storm | Kind::Large => self.brings_back().await,
                Kind::SoldOut => {
                    let _ = self.place(world.number(), self.draw(), None).await;
                }
            }
        }
    }

    fn draw(&self) -> Units {
        let world = self.world();
        let sku = world.pick(0..self.skus as u64) as usize;
        let line = |sku| (sku, world.pick(1..self.sale.most + 1));
        let both = if self.sale.kind == Kind::Large {
            700
        } else {
            300
        };
        if world.chance(both) {
            (0..self.skus).map(line).collect()
        } else {
            Units::from([line(sku)])
        }
    }

    /// An order, and what becomes of it.
    async fn order(self: Rc<Self>) {
        let world = self.world();
        let (id, wanted) = (world.number(), self.draw());
        let ttl = Duration::from_millis(2)..Duration::from_millis(80);
        let ttl = world.chance(500).then(|| world.pick_time(ttl));
        // The cancellation may overtake the order; another attempt may run beside the first.
        let beside = match world.pick(0..10) {
            0 => Some(Request::Cancel),
            1 | 2 => {
                let wanted = wanted.clone();
                Some(Request::Place { wanted, ttl })
            }
            _ => None,
        };
        let beside = beside.map(|request| {
            let (done, customers) = (Slot::new(), Rc::clone(&self));
            let over = done.clone();
            world.spawn(async move {
                customers.call(id, request).await;
                over.fill(());
            });
            done
        });
        let placed = self.place(id, wanted, ttl).await;
        if let Some(beside) = beside {
            beside.filled().await;
        }
        let is_placed = matches!(placed, Ok(Served::Is(known)) if known.placed);
        if !is_placed && placed.is_ok() {
            return;
        }
        let thinks = Duration::ZERO..Duration::from_millis(40);
        match world.pick(0..10) {
            0..4 => {
                world.sleep(world.pick_time(thinks)).await;
                self.call(id, Request::Pay).await;
                if world.chance(300) {
                    self.call(id, Request::Cancel).await;
                }
            }
            4..7 => self.call(id, Request::Cancel).await,
            _ => {}
        }
    }

    async fn brings_back(&self) {
        let id = self.world().number();
        let placed = self.place(id, self.draw(), None).await;
        if matches!(placed, Ok(Served::Is(known)) if known.placed) {
            self.call(id, Request::Cancel).await;
        }
    }

    pub(super) async fn place(
        &self,
        id: u64,
        wanted: Units,
        ttl: Option<Duration>,
    ) -> Result<Served, TimedOut> {
        let called = self.world().now();
        let request = Request::Place {
            wanted: wanted.clone(),
            ttl,
        };
        let asked = self.shop.ask(id, request).await;
        self.note(id, What::Place(wanted), called, asked.into());
        asked
    }

    async fn call(&self, id: u64, request: Request) {
        let what = match &request {
            Request::Place { wanted, .. } => What::Place(wanted.clone()),
            Request::Pay => What::Pay,
            Request::Cancel => What::Cancel,
        };
        let called = self.world().now();
        let asked = self.shop.ask(id, request).await;
        self.note(id, what, called, asked.into());
    }

    async fn restock(&self) {
        let world = self.world();
        let id = world.number();
        let sku: Sku = world.pick(0..self.skus as u64) as usize;
        let (units, called) = (world.pick(1..4), world.now());
        let mut restocked = self.shop.restock(id, sku, units).await;
        while restocked.is_err() {
            restocked = self.shop.restock(id, sku, units).await;
        }
        self.note(id, What::Restock(sku, units), called, Answer::Restocked);
    }

    pub(super) fn note(&self, id: u64, what: What, called: Duration, answer: Answer) {
        let returned = self.world().now();
        let call = Call {
            id,
            what,
            called,
            returned,
            answer,
        };
        self.log.borrow_mut().calls.push(call);
    }
}
