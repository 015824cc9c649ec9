//! The ledger in a `PostgreSQL` server of the test's own.

use crate::moving::Database;
use crate::support::crowd::killed_under_load;
use crate::support::figures::{Figures, wait_for_figures};
use crate::support::key;
use crate::support::process::{PORTS, Process, command, refusal};
use crate::support::still::stands_still_under_load;
use libtest_mimic::{Completion, Failed, Trial};
use segstock_remote::servers::{PostgresServer, Server, Upstream, demanded};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "postgres::killed_under_load_with_its_database_it_loses_nothing",
            killed,
        ),
        trial("postgres::killed_under_load_it_loses_nothing", killed_alone),
        trial(
            "postgres::of_a_list_that_is_killed_all_is_done_or_nothing",
            killed_list,
        ),
        trial(
            "postgres::standing_still_under_load_while_another_takes_over_it_loses_nothing",
            still,
        ),
        trial("postgres::a_second_service_ends_the_first", second),
        trial("postgres::a_start_waits_until_it_is_there", waited),
        trial("postgres::a_start_waits_until_it_takes_changes", read_only),
        trial("postgres::a_start_waits_at_a_standby", standby),
        trial("postgres::while_it_is_away_the_service_is_not_ready", away),
        trial(
            "postgres::while_it_is_away_the_service_can_be_stopped",
            stopped,
        ),
    ]
}

/// A test with a server that it may kill.
pub fn trial(name: &str, test: fn(PostgresServer)) -> Trial {
    Trial::ignorable_test(name, move || {
        let reason = match PostgresServer::find() {
            Ok(server) if server.process_id().is_some() => {
                test(server);
                return Ok(Completion::Completed);
            }
            Ok(_) => "only a private server may be killed".to_owned(),
            Err(none) => none.to_string(),
        };
        if demanded() {
            return Err(Failed::from(reason));
        }
        Ok(Completion::ignored_with(reason))
    })
}

/// Its socket, as a URL.
pub fn url(server: &PostgresServer) -> String {
    let Some(Upstream::Unix(socket)) = server.upstream() else {
        panic!("a private server has a socket");
    };
    let folder = socket.parent().unwrap().to_str().unwrap();
    format!(
        "postgres://postgres@{}/postgres",
        folder.replace('/', "%2F")
    )
}

fn killed(mut server: PostgresServer) {
    let url = url(&server);
    killed_under_load(&url, |service| {
        // The database dies under the service, is back, and then the service is killed.
        server.kill_and_start().unwrap();
        thread::sleep(Duration::from_millis(300));
        service.kill();
    });
}

fn killed_alone(server: PostgresServer) {
    killed_under_load(&url(&server), Process::kill);
}

/// A list of as many SKUs as are changed together, killed at one time after another.
fn killed_list(server: PostgresServer) {
    const SKUS: usize = 10_000;
    let ledger = url(&server);
    let arguments = [PORTS, &["--ledger", &ledger]].concat();
    let start = || Process::spawn(&mut command(&arguments));
    let mut service = start();
    let mut took = Duration::MAX;
    let mut all_done = Vec::new();
    for round in 0..8 {
        let name = format!("round-{round}-");
        let lines = (0..SKUS).map(|number| format!("{name}{number},2\n"));
        let list = format!("sku,units\n{}", lines.collect::<String>());
        let client = service.client.clone();
        let began = Instant::now();
        thread::scope(|scope| {
            let headers = [("content-type", "text/csv"), key("k")];
            let path = "/v1/bulk/stock?do=restock&open=true";
            let sent = scope.spawn(move || client.try_send("POST", path, &headers, &list));
            if round == 0 {
                sent.join().unwrap().unwrap().expect(200);
                took = began.elapsed();
            } else {
                thread::sleep(took * (round - 1) / 8);
            }
            service.kill();
        });
        service = start();
        let list = service.client.get("/v1/bulk/stock").text;
        let of_round = list.lines().filter(|line| line.starts_with(&name));
        let (with, without): (Vec<_>, Vec<_>) = of_round.partition(|line| line.contains(",2,2,"));
        assert!(without.is_empty(), "{without:?}");
        all_done.push(with.len());
    }
    let is_whole = |done: &usize| [0, SKUS].contains(done);
    assert!(all_done.iter().all(is_whole), "{all_done:?}");
    assert!(all_done.contains(&0), "{all_done:?}");
}

fn still(server: PostgresServer) {
    stands_still_under_load(&url(&server), |start| Some(start()));
}

/// A folder in which there may be a link to the server's socket; the socket; and the folder as a URL.
fn behind_link(server: &PostgresServer, database: &str) -> (TempDir, PathBuf, String) {
    let Some(Upstream::Unix(socket)) = server.upstream() else {
        panic!("a private server has a socket");
    };
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().to_str().unwrap().replace('/', "%2F");
    (
        folder,
        socket,
        format!("postgres://postgres@{host}/{database}"),
    )
}

/// The server's socket is not there at first.
fn waited(server: PostgresServer) {
    for more in [&[][..], &["--node", "one"]] {
        let database = if more.is_empty() {
            "postgres"
        } else {
            "template1"
        };
        let (folder, socket, url) = behind_link(&server, database);
        let arguments = [PORTS, &["--ledger", &url], more].concat();
        let mut command = command(&arguments);
        let starts = thread::spawn(move || Process::spawn(&mut command));
        thread::sleep(Duration::from_millis(1_200));
        assert!(!starts.is_finished());
        symlink(&socket, folder.path().join(socket.file_name().unwrap())).unwrap();
        let service = starts.join().unwrap();
        service.customers.order("a", &[("phone", 1)]).expect(201);
        service.client.get("/readyz").expect(200);
    }
}

/// It can be read only, as while another server takes its place.
fn read_only(server: PostgresServer) {
    let url = url(&server);
    let arguments = [PORTS, &["--ledger", &url]].concat();
    let first = Process::spawn(&mut command(&arguments));
    assert_eq!(first.terminate(), Some(0));
    let database = Database::at(&url);
    let read_only = |is: &str| {
        let set = "ALTER DATABASE postgres SET default_transaction_read_only =";
        database.run(&format!("{set} {is}"));
    };
    read_only("on");
    let with_time = |time| [&arguments[..], &["--wait-for-database", time]].concat();
    let (code, said) = refusal(&with_time("0"));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    let mut waits = command(&with_time("20"));
    let starts = thread::spawn(move || Process::spawn(&mut waits));
    thread::sleep(Duration::from_secs(1));
    assert!(!starts.is_finished());
    read_only("off");
    let service = starts.join().unwrap();
    service.customers.order("a", &[("phone", 1)]).expect(201);
}

/// It is a standby, until it takes the place of its primary.
fn standby(mut server: PostgresServer) {
    let Some(Upstream::Unix(socket)) = server.upstream() else {
        panic!("a private server has a socket");
    };
    let url = url(&server);
    let other = format!("{}template1", url.strip_suffix("postgres").unwrap());
    let ways = [
        [PORTS, &["--ledger", &url]].concat(),
        [PORTS, &["--ledger", &other, "--node", "one"]].concat(),
    ];
    for arguments in &ways {
        let first = Process::spawn(&mut command(arguments));
        assert_eq!(first.terminate(), Some(0));
    }
    std::fs::write(socket.with_file_name("data/standby.signal"), "").unwrap();
    server.kill_and_start().unwrap();
    let waiting = ways.each_ref().map(|arguments| {
        let with_time = |time| [&arguments[..], &["--wait-for-database", time]].concat();
        let (code, said) = refusal(&with_time("0"));
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        let mut waits = command(&with_time("60"));
        thread::spawn(move || Process::spawn(&mut waits))
    });
    thread::sleep(Duration::from_secs(1));
    assert!(waiting.iter().all(|start| !start.is_finished()));
    // It fails if the server does not take its place within a minute.
    Database::at(&url).run("SELECT 1 / pg_promote()::int");
    for start in waiting {
        let service = start.join().unwrap();
        service.customers.order("a", &[("phone", 1)]).expect(201);
    }
}

fn second(server: PostgresServer) {
    let url = url(&server);
    let start = || {
        let service = Process::spawn(&mut command(&[PORTS, &["--ledger", &url]].concat()));
        (service.found.clone(), service)
    };
    let (found, first) = start();
    assert!(found.contains("a new ledger in postgres://"), "{found}");
    first.customers.order("a", &[("phone", 1)]).expect(201);
    let (found, second) = start();
    assert!(found.contains("1 order and 3 SKUs"), "{found}");
    assert!(found.contains("drop its schema segstock"), "{found}");
    second.customers.order("b", &[("phone", 1)]).expect(201);
    // The older one finds at its next write that another owns the ledger, and cannot tell what became of that, if it has not
    // looked before; from then on it changes nothing.
    let lost = first.customers.order("c", &[("phone", 1)]).expect(503);
    let kind = lost["type"].as_str().unwrap();
    let kinds = ["#outcome-unknown", "#unavailable"];
    assert!(kinds.iter().any(|it| kind.ends_with(it)), "{kind}");
    let later = first.customers.order("d", &[("phone", 1)]);
    later.problem(503, "unavailable");
    second.customers.order("c", &[("phone", 1)]).expect(201);

    let nowhere = "postgres://shop:secret@%2Fnowhere/shop";
    let at_once = ["--ledger", nowhere, "--wait-for-database", "0"];
    let (code, said) = refusal(&[PORTS, &at_once].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.lines().count() == 1 && !said.contains("secret"),
        "{said}"
    );
}

/// It has what nobody was answered, and cannot write it: it ends all the same, and says so.
fn stopped(mut server: PostgresServer) {
    let (folder, socket, url) = behind_link(&server, "postgres");
    let link = folder.path().join(socket.file_name().unwrap());
    symlink(&socket, &link).unwrap();
    let arguments = [PORTS, &["--ledger", &url, "--request-timeout", "1"]].concat();
    let start = || Process::spawn(command(&arguments).stderr(Stdio::piped()));
    let mut service = start();
    service.customers.order("a", &[("phone", 1)]).expect(201);
    std::fs::remove_file(&link).unwrap();
    server.kill_and_start().unwrap();
    let waits = service.customers.order("b", &[("phone", 1)]);
    waits.problem(503, "still-writing");
    let (began, mut stderr) = (Instant::now(), service.stderr());
    assert_eq!(service.terminate(), Some(1));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    let last = said.lines().last().unwrap();
    let lost = "1 changes may be lost, none of which was answered";
    assert!(last.contains(lost), "{said}");
    symlink(&socket, &link).unwrap();
    let service = start();
    service.customers.get("/v1/orders/a").expect(200);
}

fn away(mut server: PostgresServer) {
    let (folder, socket, url) = behind_link(&server, "postgres");
    let link = folder.path().join(socket.file_name().unwrap());
    symlink(&socket, &link).unwrap();
    let more = [
        "--ledger",
        &url,
        "--request-timeout",
        "1",
        "--metrics-skus",
        "phone",
    ];
    let service = Process::spawn(&mut command(&[PORTS, &more].concat()));
    let is_ready = || service.client.get("/readyz").status == 200;
    let wait_for = |what: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(100));
        }
    };
    service.customers.order("a", &[("phone", 1)]).expect(201);
    assert!(is_ready());
    let figures = || Figures::of(&service.client);
    let before = figures();
    let held = ["sku_units{sku=\"phone\",state=\"held\"}"];
    let ledger = ["ledger_durable", "ledger_batches_total", "ledger_failed"];
    assert!(before.get("ledger_durable") > 0.0);
    assert_eq!(before.get("ledger_on_the_way"), 0.0);
    assert_eq!(before.get("ledger_lag_seconds"), 0.0);
    // No new connection, and the end of the old one.
    std::fs::remove_file(&link).unwrap();
    server.kill_and_start().unwrap();
    let waits = service.customers.order("b", &[("phone", 1)]);
    waits.problem(503, "still-writing");
    wait_for(&|| !is_ready());
    // A look waits for no database, and says that nothing became durable.
    let away = figures();
    assert_eq!(away.since(&before, ledger), [0.0; 3]);
    // What is held for an order is shown once that is durable.
    assert_eq!(away.since(&before, held), [0.0]);
    assert_eq!(away.get("ledger_on_the_way"), 1.0);
    let lag = away.get("ledger_lag_seconds");
    assert!((2.5..30.0).contains(&lag), "{lag}");
    assert!(away.get("ledger_age_seconds") >= lag, "{away:?}");
    let ready = service.client.get("/readyz").problem(503, "busy");
    assert!(
        ready["detail"].as_str().unwrap().contains("durable"),
        "{ready}"
    );
    service.client.get("/livez").expect(200);
    symlink(&socket, &link).unwrap();
    wait_for(&is_ready);
    assert!(service.customers.order("b", &[("phone", 1)]).is_replayed());
    let back = wait_for_figures(&service.client, |now| {
        now.get("ledger_lag_seconds") == 0.0 && now.get("ledger_age_seconds") < lag
    });
    assert_eq!(back.since(&before, ledger), [1.0, 1.0, 0.0]);
    assert_eq!(back.since(&before, held), [1.0]);
    assert_eq!(back.get("ledger_on_the_way"), 0.0);
}
