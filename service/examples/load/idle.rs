//! Many connections that do nothing, or send their headers and bodies slowly: those that work are served meanwhile.

use crate::client::Client;
use crate::process::Service;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Requests of the one who works.
const REQUESTS: usize = 1_000;
/// For how long headers may take here.
const HEADERS: Duration = Duration::from_secs(30);
/// Memory of a connection at most, in MB.
const EACH: f64 = 0.02;

pub fn run(connections: usize) -> Result<(), Box<dyn Error>> {
    let (most, headers) = (connections.to_string(), HEADERS.as_secs().to_string());
    let service = Service::start(&[
        "--max-connections",
        &most,
        "--header-timeout",
        &headers,
        "--request-timeout",
        &headers,
    ])?;
    service.stock(1)?;
    let mut works = Client::new(service.customers);
    works.get("/livez")?;
    let before = service.memory()?;
    // One is left for the one who works.
    let opened = open(service.customers, connections - 1, &mut works)?;
    let with = service.memory()?;
    println!(
        "{} connections: {with:.0} MB, {before:.0} MB without them",
        opened.len() + 1
    );
    if with - before > EACH * connections as f64 {
        return Err(format!("more than {EACH} MB for a connection").into());
    }
    let mut shop = Client::new(service.shop);
    let mut figure = |name: &str| -> Result<f64, Box<dyn Error>> {
        let (_, metrics) = shop.get("/metrics")?;
        let series = format!("{name}{{listener=\"customers\"}} ");
        let mut lines = metrics.lines();
        let figure = lines.find_map(|line| line.strip_prefix(&series));
        Ok(figure.ok_or("the shop is not served")?.parse()?)
    };
    let open = figure("segstock_connections")?;
    let (took, slowest) = work(&mut works)?;
    println!("{REQUESTS} orders beside them: {took:.2?}, the slowest {slowest:.2?}");
    let still = figure("segstock_connections")?;
    let errors = figure("segstock_accept_errors_total")?;
    println!("open at once: {open}, and {still} after the orders; {errors} could not be opened");
    // The last ones may have waited in the system's queue until then.
    if open.max(still) < connections as f64 {
        return Err("not all were open at once".into());
    }
    thread::sleep(HEADERS + Duration::from_secs(3));
    let closed = opened.into_iter().map(is_closed).filter(|it| *it).count();
    println!("{closed} of them were closed when their time was over");
    let (took, slowest) = work(&mut Client::new(service.customers))?;
    println!(
        "{REQUESTS} orders after them: {took:.2?}, the slowest {slowest:.2?}, {:.0} MB",
        service.memory()?
    );
    if closed + 1 < connections {
        return Err("connections that do nothing stay".into());
    }
    Ok(())
}

/// Opens connections, of which a third does nothing, a third has begun its headers, and a third its body. `works` is served
/// meanwhile.
fn open(
    address: SocketAddr,
    connections: usize,
    works: &mut Client,
) -> std::io::Result<Vec<TcpStream>> {
    let begun = [
        "",
        "GET /livez HTTP/1.1\r\nho",
        "POST /v1/orders HTTP/1.1\r\nhost: localhost\r\nidempotency-key: slow\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
    ];
    let mut opened = Vec::with_capacity(connections);
    for index in 0..connections {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(begun[index % begun.len()].as_bytes())?;
        opened.push(stream);
        // Or it would be idle for too long itself.
        if index % 500 == 0 {
            works.get("/livez")?;
        }
    }
    Ok(opened)
}

fn work(client: &mut Client) -> Result<(Duration, Duration), Box<dyn Error>> {
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    let round = std::process::id() as usize + began.elapsed().subsec_nanos() as usize;
    for number in 0..REQUESTS {
        let sent = Instant::now();
        let body = r#"{"lines":[{"sku":"0","units":1}]}"#;
        let key = format!("{round}-{number}");
        let (status, text) = client.send("POST", "/v1/orders", &key, body)?;
        if status != 201 {
            return Err(format!("{status}: {text}").into());
        }
        slowest = slowest.max(sent.elapsed());
    }
    Ok((began.elapsed(), slowest))
}

/// Whether the service has closed it, after an answer or without one.
fn is_closed(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    let waits = stream.set_read_timeout(Some(Duration::from_millis(200)));
    waits.is_ok() && stream.read_to_end(&mut rest).is_ok()
}
