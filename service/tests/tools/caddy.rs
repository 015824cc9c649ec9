//! The proxies that the README and `deploy/nodes.yaml` show, as Caddy runs them.

use crate::nodes::arguments;
use crate::postgres::{self, url};
use crate::support::process::{Process, WITHOUT_LEDGER, command};
use crate::support::{Client, JSON, key};
use crate::trial::{is_there, trial};
use libtest_mimic::Trial;
use segstock_remote::servers::PostgresServer;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CADDY: &str = "caddy";
const README: &str = include_str!("../../README.md");
const NODES: &str = include_str!("../../deploy/nodes.yaml");
const TOKEN: &str = "Bearer one-of-enough-characters";
const ORDER: &str = r#"{"lines":[{"sku":"phone","units":1}]}"#;

pub fn trials() -> Vec<Trial> {
    let name = "caddy::a_node_that_drains_costs_no_order";
    vec![
        trial(
            "caddy::the_proxy_of_the_readme_names_customers",
            CADDY,
            named,
        ),
        // This one needs a database, too.
        if is_there(CADDY) {
            postgres::trial(name, drained)
        } else {
            trial(name, CADDY, || ())
        },
    ]
}

/// A proxy; killed when it is dropped.
struct Caddy {
    child: Child,
    _folder: TempDir,
}

impl Caddy {
    /// Runs this configuration, and waits until it listens at these addresses.
    fn start(sites: &str, addresses: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, format!("{{\n  admin off\n}}\n{sites}")).unwrap();
        let child = Command::new(CADDY)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("HOME", folder.path())
            .stderr(Stdio::null())
            .spawn();
        let caddy = Self {
            child: child.unwrap(),
            _folder: folder,
        };
        let began = Instant::now();
        for address in addresses {
            while TcpStream::connect(address).is_err() {
                assert!(
                    began.elapsed() < Duration::from_secs(20),
                    "it runs:\n{sites}"
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
        caddy
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An address where nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Who knows who a customer is: whoever says `authorization: ann` is ann. Of `nobody` it is forgotten to say it.
fn knows_customers() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines = lines.map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let who = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("authorization").then_some(value)
            });
            let answer = match who {
                Some("nobody") => "HTTP/1.1 200 OK\r\n".into(),
                Some(who) => format!("HTTP/1.1 200 OK\r\nx-customer: {who}\r\n"),
                None => "HTTP/1.1 401 Unauthorized\r\n".into(),
            };
            let rest = "content-length: 0\r\nconnection: close\r\n\r\n";
            _ = stream.write_all((answer + rest).as_bytes());
        }
    });
    address
}

fn named() {
    let named = [&WITHOUT_LEDGER[..], &["--customer-header", "X-Customer"]].concat();
    let mut command = command(&named);
    let token = TOKEN.strip_prefix("Bearer ").unwrap();
    let service = Process::spawn(command.env("SEGSTOCK_TOKEN", token));
    let (orders, shop) = (free(), free());
    let begins = README.find("orders.example {").unwrap();
    let sites = README[begins..].split("```").next().unwrap();
    let mut sites = sites.to_owned();
    for (shown, here) in [
        ("orders.example", format!("http://{orders}")),
        ("shop.example", format!("http://{shop}")),
        ("127.0.0.1:9000", knows_customers().to_string()),
        ("127.0.0.1:8080", service.customers.address.to_string()),
        ("127.0.0.1:8081", service.client.address.to_string()),
    ] {
        assert_eq!(sites.matches(shown).count(), 1, "{shown}");
        sites = sites.replace(shown, &here);
    }
    let _caddy = Caddy::start(&sites, &[orders, shop]);
    let (orders, shop) = (Client::new(orders), Client::new(shop));

    let ask = |method: &str, path: &str, who: &[(&str, &str)], body: &str| {
        let headers = [&[JSON, key("a")][..], who].concat();
        orders.send(method, path, &headers, body)
    };
    let ann = [("authorization", "ann"), ("x-customer", "bob")];
    let placed = ask("POST", "/v1/orders", &ann, ORDER).expect(201);
    assert_eq!(placed["customer"], "ann", "what she sent herself is gone");
    ask("GET", "/v1/orders/a", &ann, "").expect(200);
    let bob = [("authorization", "bob"), ("x-customer", "ann")];
    ask("GET", "/v1/orders/a", &bob, "").problem(404, "unknown-order");
    assert_eq!(
        ask("GET", "/v1/orders/a", &[("x-customer", "ann")], "").status,
        401
    );

    let nobody = [("authorization", "nobody"), ("x-customer", "ann")];
    assert_eq!(ask("POST", "/v1/orders", &nobody, ORDER).status, 403);

    shop.get("/v1/stock").problem(401, "no-token");
    let listed = shop.send("GET", "/v1/orders", &[("authorization", TOKEN)], "");
    assert_eq!(listed.expect(200)["orders"][0]["id"], "a");
    events(&shop);
}

/// A stream comes through as it is made.
fn events(shop: &Client) {
    let mut stream = TcpStream::connect(shop.address).unwrap();
    let waits = Some(Duration::from_secs(20));
    stream.set_read_timeout(waits).unwrap();
    let head = format!("GET /v1/events?after=0 HTTP/1.1\r\nhost: {}", shop.address);
    write!(stream, "{head}\r\nauthorization: {TOKEN}\r\n\r\n").unwrap();
    let mut came = String::new();
    while !came.contains("data: ") {
        let mut piece = [0; 4_096];
        let bytes = stream.read(&mut piece).expect(&came);
        assert!(bytes > 0, "{came}");
        came.push_str(&String::from_utf8_lossy(&piece[..bytes]));
    }
    assert!(came.contains("text/event-stream"), "{came}");
}

fn drained(server: PostgresServer) {
    let at = url(&server);
    let start = |name: &str| {
        let mut command = command(&arguments(&at, name));
        Process::spawn(command.env("SEGSTOCK_DRAIN", "3"))
    };
    let (one, two) = (start("one"), start("two"));
    let content = NODES.split("content: |\n").nth(1).unwrap();
    let lines = content
        .lines()
        .take_while(|line| line.starts_with("      "));
    let mut sites = lines.map(|line| &line[6..]).collect::<Vec<_>>().join("\n");
    let (orders, shop) = (free(), free());
    for (shown, here) in [
        ("one:8080", one.customers.address),
        ("two:8080", two.customers.address),
        ("one:8081", one.client.address),
        ("two:8081", two.client.address),
    ] {
        assert_eq!(sites.matches(shown).count(), 1, "{shown}");
        sites = sites.replace(shown, &here.to_string());
    }
    sites = sites.replace(":8080 {", &format!("http://{orders} {{"));
    sites = sites.replace(":8081 {", &format!("http://{shop} {{"));
    let _caddy = Caddy::start(&sites, &[orders, shop]);
    let orders = Client::new(orders);
    let mut placed = 0;
    let mut place_for = |time: Duration| {
        let began = Instant::now();
        while began.elapsed() < time {
            placed += 1;
            let id = format!("order-{placed}");
            let reply = orders.send("POST", "/v1/orders", &[JSON, key(&id)], ORDER);
            assert_eq!(reply.status, 201, "{placed}: {reply:?}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    place_for(Duration::from_secs(1));
    one.signal("-TERM");
    place_for(Duration::from_secs(6));
    assert_eq!(
        one.ended(),
        Some(0),
        "it is gone since, and handed its units back"
    );
    let stock = Client::new(shop).get("/v1/stock/phone").expect(200);
    assert_eq!(stock["available"].as_u64(), Some(1_000 - placed), "{stock}");
}
