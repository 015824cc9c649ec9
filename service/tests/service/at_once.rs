//! Hundreds of orders under way at once. The service is a process of its own: the connections are open files at each end,
//! of the 1,024 that many systems allow a process.

use crate::support::process::Process;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

const CUSTOMERS: usize = 600;
const THREADS: usize = 8;
const BODY: &str = r#"{"lines":[{"sku":"last-one","units":1}]}"#;

/// Has sent an order up to its last byte.
fn all_but_one_byte(service: &Process, customer: usize) -> TcpStream {
    let mut stream = TcpStream::connect(service.customers.address).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: shop\r\nconnection: close\r\nidempotency-key: {customer}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let (all_but, _) = request.as_bytes().split_at(request.len() - 1);
    stream.write_all(all_but).unwrap();
    stream
}

/// The customer's order, if it was placed.
fn answer(customer: usize, mut stream: TcpStream) -> Option<usize> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    if answer.starts_with("HTTP/1.1 201 ") {
        return Some(customer);
    }
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    assert!(answer.contains("#out-of-stock"), "{answer}");
    None
}

#[test]
fn hundreds_of_orders_at_once_for_the_last_ten_units_sell_ten() {
    let service = Process::start(&["--request-timeout", "60", "--unpaid", "100"]);
    let nine = serde_json::json!({"units": 9});
    let restocked = service
        .client
        .post("/v1/stock/last-one/restock", "k", &nine);
    restocked.expect(200);
    // Each request is begun and none can be answered, before any of them is whole.
    let begun = Barrier::new(THREADS);
    let placed: Vec<usize> = thread::scope(|scope| {
        let customers = |thread: usize| (thread..CUSTOMERS).step_by(THREADS);
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (service, begun) = (&service, &begun);
                scope.spawn(move || {
                    let customers = customers(thread);
                    let streams = customers.map(|it| (it, all_but_one_byte(service, it)));
                    let mut streams: Vec<_> = streams.collect();
                    begun.wait();
                    for (_, stream) in &mut streams {
                        stream.write_all(b"}").unwrap();
                    }
                    let answers = streams.into_iter();
                    let answers = answers.filter_map(|(it, stream)| answer(it, stream));
                    answers.collect::<Vec<_>>()
                })
            })
            .collect();
        let placed = threads.into_iter().flat_map(|it| it.join().unwrap());
        placed.collect()
    });
    assert_eq!(placed.len(), 10);
    assert_eq!(service.client.stock("last-one"), (0, 10));
    for customer in placed {
        service
            .client
            .deed("pay", &customer.to_string())
            .expect(200);
        service
            .client
            .deed("ship", &customer.to_string())
            .expect(200);
    }
    assert_eq!(service.client.stock("last-one"), (0, 0));
}
