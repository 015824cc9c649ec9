//! The driver against a server whose answers are set beforehand, attempt by attempt, in virtual time.

use super::*;
use std::sync::Mutex as Lock;
use std::time::Duration;

/// What happens in an attempt.
#[derive(Debug, Clone, Copy)]
enum Next {
    Refuses,
    LocksOut,
    Silent,
    Breaks,
    SaysNo,
    Answers,
}

#[derive(Default)]
struct Server {
    next: Lock<Vec<Next>>,
    connections: Lock<u32>,
    seen: Lock<Vec<(u32, Attempt)>>,
}

impl Server {
    fn new(next: &[Next]) -> Self {
        let next = next.iter().rev().copied().collect();
        Self {
            next: Lock::new(next),
            ..Self::default()
        }
    }

    /// An attempt, which is answered with its connection.
    async fn called(&self, connection: u32, attempt: Attempt) -> Result<u32, Fault> {
        self.seen.lock().unwrap().push((connection, attempt));
        let next = self.next.lock().unwrap().pop();
        match next.unwrap_or(Next::Silent) {
            Next::Silent => std::future::pending().await,
            Next::Breaks => Err(Fault::MayBeDone("reset".to_owned())),
            Next::SaysNo => Err(Fault::NotDone("try again".to_owned())),
            Next::Refuses | Next::LocksOut => unreachable!("there is a connection"),
            Next::Answers => Ok(connection),
        }
    }
}

impl Connect for &Server {
    type Connection = u32;

    async fn connect(&self) -> Result<u32, Fault> {
        let mut next = self.next.lock().unwrap();
        let refuses = match next.last() {
            Some(Next::Refuses) => Some(Fault::NotDone("connection refused".to_owned())),
            Some(Next::LocksOut) => Some(Fault::Final("wrong password".to_owned())),
            _ => None,
        };
        if let Some(fault) = refuses {
            next.pop();
            return Err(fault);
        }
        let mut connections = self.connections.lock().unwrap();
        *connections += 1;
        Ok(*connections)
    }
}

async fn ask(server: &Server, total: Duration) -> Result<u32, Unknown> {
    let patience = Patience::new(Duration::from_millis(500), total).unwrap();
    let driver = Driver::new(server, 1, patience);
    let call = |connection, attempt| server.called(connection, attempt);
    driver.ask(call).await
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn a_client_that_is_locked_out_is_refused_at_once() {
    let began = Instant::now();
    let server = Server::new(&[Next::Refuses, Next::LocksOut, Next::Answers]);
    let unknown = ask(&server, LONG).await.unwrap_err();
    assert_eq!(
        (unknown.attempts, &*unknown.last_error),
        (2, "wrong password")
    );
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_learns_that_an_attempt_may_still_arrive() {
    use Attempt::{Again, First};
    for (next, seen) in [
        (&[Next::Answers][..], vec![(1, First)]),
        (&[Next::Silent, Next::Answers], vec![(1, First), (2, Again)]),
        (&[Next::Breaks, Next::Answers], vec![(1, First), (2, Again)]),
        // What was never sent, or surely not done, has no copy under way.
        (&[Next::Refuses, Next::Answers], vec![(1, First)]),
        (&[Next::SaysNo, Next::Answers], vec![(1, First), (2, First)]),
        // Once it may be under way, it may be for good.
        (
            &[Next::Silent, Next::Refuses, Next::SaysNo, Next::Answers],
            vec![(1, First), (2, Again), (3, Again)],
        ),
    ] {
        let server = Server::new(next);
        assert!(ask(&server, LONG).await.is_ok(), "{next:?}");
        assert_eq!(*server.seen.lock().unwrap(), seen, "{next:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_call_of_an_id_without_an_answer_is_no_first_attempt() {
    use Attempt::{Again, First};
    let server = Server::new(&[Next::Silent, Next::Answers, Next::Answers, Next::Answers]);
    let patience = Patience::new(Duration::from_millis(500), Duration::from_millis(500));
    let driver = Driver::new(&server, 1, patience.unwrap()).longest_under_way(LONG);
    let [lost, other] = ["lost", "other"].map(|id| id.parse::<OrderId>().unwrap());
    let call = |connection, attempt| server.called(connection, attempt);
    assert!(driver.ask_for(&[&lost], call).await.is_err());
    driver.ask_for(&[&other], call).await.unwrap();
    driver.ask_for(&[&other, &lost], call).await.unwrap();
    sleep(2 * LONG).await;
    driver.ask_for(&[&lost], call).await.unwrap();
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen, [(1, First), (2, First), (2, Again), (2, First)]);
}

#[tokio::test(start_paused = true)]
async fn patience_ends_within_its_limit() {
    let server = Server::new(&[]);
    let began = Instant::now();
    let unknown = ask(&server, Duration::from_secs(5)).await.unwrap_err();
    assert!(
        began.elapsed() <= Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(unknown.attempts >= 5, "{unknown}");
    assert_eq!(unknown.last_error, "no answer in time");
    // Each attempt had a connection of its own.
    assert_eq!(*server.connections.lock().unwrap(), unknown.attempts);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_differ() {
    let patience = Patience::default();
    let pauses: Vec<Duration> = (1..40).map(|attempt| patience.pause(attempt)).collect();
    assert!(pauses[0] <= Duration::from_millis(10));
    assert!(pauses[20] >= Duration::from_millis(500));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)));
    assert!(pauses[20..].windows(2).any(|pair| pair[0] != pair[1]));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_its_id_in_doubt() {
    use Attempt::{Again, First};
    let server = Server::new(&[Next::Silent, Next::Answers, Next::Answers]);
    let driver = Driver::new(&server, 1, Patience::default()).longest_under_way(LONG);
    let [lost, other] = ["lost", "other"].map(|id| id.parse::<OrderId>().unwrap());
    let call = |connection, attempt| server.called(connection, attempt);
    // The customer goes away before the attempt's time is over.
    let gone = [&lost];
    let gone = timeout(Duration::from_millis(100), driver.ask_for(&gone, call));
    assert!(gone.await.is_err());
    driver.ask_for(&[&other], call).await.unwrap();
    driver.ask_for(&[&lost], call).await.unwrap();
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen, [(1, First), (1, First), (1, Again)]);
}

#[tokio::test(start_paused = true)]
async fn a_patience_of_any_length_is_none_too_long() {
    let patience = Patience::new(Duration::MAX, Duration::MAX).unwrap();
    let server = Server::new(&[Next::Breaks, Next::Answers]);
    let driver = Driver::new(&server, 1, patience).longest_under_way(Duration::MAX);
    let call = |_, _| {
        let next = server.next.lock().unwrap().pop();
        async move {
            match next {
                Some(Next::Answers) => Ok(()),
                _ => Err(Fault::MayBeDone("reset".to_owned())),
            }
        }
    };
    assert_eq!(driver.ask(call).await, Err(Unknown::new(1, "reset")));
    assert_eq!(driver.ask(call).await, Ok(()));
}
