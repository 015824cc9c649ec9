//! [`Transaction`]: statements that run at the server, and what each of them sees.

use super::locks::Deadlock;
use super::server::{Server, Writes};
use super::times::{ROW, STATEMENT, TRANSACTION};
use crate::faults::Fault;
use crate::network::Reply;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// An open transaction of a [`Database`](super::Database). Each method but [`serial`](Self::serial) is one statement.
pub struct Transaction<K, R> {
    server: Rc<Server<K, R>>,
    id: u64,
    /// What it wrote; nothing, where it deleted.
    writes: Rc<RefCell<Writes<K, R>>>,
    /// What happens when it has committed.
    hooks: Rc<RefCell<Vec<Hook>>>,
}

type Hook = Box<dyn FnOnce()>;

impl<K, R> Clone for Transaction<K, R> {
    fn clone(&self) -> Self {
        Self {
            server: Rc::clone(&self.server),
            id: self.id,
            writes: Rc::clone(&self.writes),
            hooks: Rc::clone(&self.hooks),
        }
    }
}

impl<K, R> fmt::Debug for Transaction<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut transaction = f.debug_struct("Transaction");
        transaction.field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a statement sees: the rows that were committed when it began, and the transaction's own writes.
#[derive(Debug)]
pub struct View<'a, K, R> {
    committed: &'a BTreeMap<K, R>,
    own: &'a Writes<K, R>,
}

impl<'a, K: Ord, R> View<'a, K, R> {
    /// The row under `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&'a R> {
        match self.own.get(key) {
            Some(own) => own.as_ref(),
            None => self.committed.get(key),
        }
    }

    /// Every row: first those that the transaction did not write, then those that it wrote, each by key.
    pub fn iter(&self) -> impl Iterator<Item = (&'a K, &'a R)> {
        let own = self.own;
        let others = self.committed.iter();
        let others = others.filter(move |(key, _)| !own.contains_key(key));
        let written = own.iter();
        others.chain(written.filter_map(|(key, row)| Some((key, row.as_ref()?))))
    }
}

impl<K: Ord + Clone + 'static, R: Clone + 'static> Transaction<K, R> {
    /// Runs a transaction at the server, and answers when it is committed or rolled back.
    pub(super) fn serve<T: Clone + 'static>(
        server: &Rc<Server<K, R>>,
        body: Rc<impl AsyncFn(Self) -> Result<T, Deadlock> + 'static>,
        reply: Reply<Result<T, Deadlock>>,
    ) {
        if server.is_away() {
            return;
        }
        let world = server.network.world();
        let server = Rc::clone(server);
        world.spawn(async move {
            server.works(TRANSACTION).await;
            let transaction = Self::new(&server);
            let answer = body(transaction.clone()).await;
            match answer {
                Ok(_) => {
                    server.commit(transaction.writes.take()).await;
                    transaction.hooks.take().into_iter().for_each(|hook| hook());
                }
                Err(Deadlock) => server.network.note(Fault::Deadlock),
            }
            server.locks.borrow_mut().release(transaction.id);
            reply.send(answer);
        });
    }

    fn new(server: &Rc<Server<K, R>>) -> Self {
        Self {
            server: Rc::clone(server),
            id: server.network.world().number(),
            writes: Rc::default(),
            hooks: Rc::default(),
        }
    }

    /// Has `hook` run at the server once the transaction has committed, as `NOTIFY` does.
    pub(crate) fn on_commit(&self, hook: impl FnOnce() + 'static) {
        self.hooks.borrow_mut().push(Box::new(hook));
    }

    /// Evaluates `query` on the rows of one instant. It waits for no lock.
    ///
    /// # Errors
    ///
    /// None; a `Result` so that `?` reads alike after every statement.
    pub async fn read<T>(&self, query: impl Fn(&View<'_, K, R>) -> T) -> Result<T, Deadlock> {
        self.works(1).await;
        let (committed, own) = (self.server.rows.borrow(), self.writes.borrow());
        Ok(query(&View {
            committed: &committed,
            own: &own,
        }))
    }

    /// Locks the row to the end of the transaction, and reads it as the last holder of its lock left it: `SELECT … FOR
    /// UPDATE`.
    ///
    /// # Errors
    ///
    /// If the holder waits for this transaction.
    pub async fn lock(&self, key: K) -> Result<Option<R>, Deadlock> {
        self.works(1).await;
        self.acquire(&key).await?;
        Ok(self.latest(&key))
    }

    /// Locks the row and changes it: `UPDATE` where there is a row, `INSERT` where there is none, `DELETE` if it is
    /// `None` afterwards. As an insert that does nothing on conflict, it waits for an open insert of the key.
    ///
    /// # Errors
    ///
    /// If the holder of the row's lock waits for this transaction.
    pub async fn update<T>(
        &self,
        key: K,
        change: impl FnOnce(&mut Option<R>) -> T,
    ) -> Result<T, Deadlock> {
        self.works(1).await;
        self.acquire(&key).await?;
        Ok(self.change(key, change))
    }

    /// Changes a row by what the statement reads elsewhere. **It sees all other rows as they were before it waited for
    /// the lock**, and the row itself as it is now.
    ///
    /// # Errors
    ///
    /// If the holder of the row's lock waits for this transaction.
    pub async fn update_from<T>(
        &self,
        key: K,
        change: impl FnOnce(&View<'_, K, R>, &mut Option<R>) -> T,
    ) -> Result<T, Deadlock> {
        self.works(1).await;
        let committed = self.server.rows.borrow().clone();
        let own = self.writes.borrow().clone();
        self.acquire(&key).await?;
        let view = View {
            committed: &committed,
            own: &own,
        };
        Ok(self.change(key, |row| change(&view, row)))
    }

    /// Changes rows as [`update_from`](Self::update_from) does, in one statement and in the order of `keys`.
    ///
    /// # Errors
    ///
    /// If the holder of a row's lock waits for this transaction.
    pub(crate) async fn update_each_from<T>(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut change: impl FnMut(&View<'_, K, R>, &K, &mut Option<R>) -> T,
    ) -> Result<Vec<T>, Deadlock> {
        let keys: Vec<K> = keys.into_iter().collect();
        self.works(u32::try_from(keys.len()).unwrap_or(u32::MAX))
            .await;
        let committed = self.server.rows.borrow().clone();
        let own = self.writes.borrow().clone();
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            self.acquire(&key).await?;
            let view = View {
                committed: &committed,
                own: &own,
            };
            answers.push(self.change(key.clone(), |row| change(&view, &key, row)));
        }
        Ok(answers)
    }

    /// Changes the row if it passes `test`: `UPDATE … WHERE`. A row that does not pass it when the statement begins is
    /// neither waited for nor locked; one that no longer passes it once its lock is free stays as it is. Whether it
    /// changed the row.
    ///
    /// # Errors
    ///
    /// If the holder of the row's lock waits for this transaction.
    pub async fn update_where(
        &self,
        key: K,
        test: impl Fn(&R) -> bool,
        change: impl FnOnce(&mut R),
    ) -> Result<bool, Deadlock> {
        self.works(1).await;
        let passes = |row: Option<R>| row.is_some_and(|row| test(&row));
        if !passes(self.latest(&key)) {
            return Ok(false);
        }
        let held = self.server.locks.borrow().holds(&key, self.id);
        self.acquire(&key).await?;
        if !passes(self.latest(&key)) {
            if !held {
                self.server.locks.borrow_mut().release_one(&key);
            }
            return Ok(false);
        }
        self.change(key, |row| row.as_mut().map(change));
        Ok(true)
    }

    /// Locks and changes rows as [`update`](Self::update) does, in one statement and in the order of `keys`.
    ///
    /// # Errors
    ///
    /// If the holder of a row's lock waits for this transaction.
    pub async fn update_each<T>(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut change: impl FnMut(&K, &mut Option<R>) -> T,
    ) -> Result<Vec<T>, Deadlock> {
        let keys: Vec<K> = keys.into_iter().collect();
        self.works(u32::try_from(keys.len()).unwrap_or(u32::MAX))
            .await;
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            self.acquire(&key).await?;
            answers.push(self.change(key.clone(), |row| change(&key, row)));
        }
        Ok(answers)
    }

    /// The next number of the database's sequence. Numbers are given at once, and commits come in another order: a
    /// smaller number may become visible after a greater one, or never.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.server.next_serial()
    }

    /// What the clock of the database's server shows.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.server.network.world().clock()
    }

    /// Waits for a round trip between client and server. By default the statements of a transaction come with one
    /// request, as those of a stored procedure do; this is for a transaction whose client decides between two of them.
    pub async fn round_trip(&self) {
        let network = &self.server.network;
        network.world().sleep(network.faults().one_way * 2).await;
    }

    async fn works(&self, rows: u32) {
        let cost: Duration = STATEMENT + ROW * rows;
        self.server.works(cost).await;
    }

    async fn acquire(&self, key: &K) -> Result<(), Deadlock> {
        let granted = self.server.locks.borrow_mut().acquire(key, self.id)?;
        if let Some(granted) = granted {
            granted.filled().await;
        }
        Ok(())
    }

    fn latest(&self, key: &K) -> Option<R> {
        match self.writes.borrow().get(key) {
            Some(own) => own.clone(),
            None => self.server.rows.borrow().get(key).cloned(),
        }
    }

    fn change<T>(&self, key: K, change: impl FnOnce(&mut Option<R>) -> T) -> T {
        let mut row = self.latest(&key);
        let answer = change(&mut row);
        self.writes.borrow_mut().insert(key, row);
        answer
    }
}
