//! The stock of several nodes, asked of any of them.

use crate::nodes::Nodes;
use crate::postgres::{trial, url};
use crate::support::key;
use crate::support::process::{PORTS, Process, command};
use libtest_mimic::Trial;
use segstock_remote::servers::PostgresServer;
use serde_json::{Value, json};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("nodes::stock_and_lists_are_those_of_all", stock),
        trial("nodes::units_go_to_another_sku", moves),
        trial("nodes::the_stock_of_one_process_goes_to_nodes", taken_over),
    ]
}

fn stock(server: PostgresServer) {
    let nodes = Nodes::start(&url(&server));
    let ask = |at, deed: &str, with_key: &str, body: Value| {
        let operation = format!("POST /v1/stock/{{sku}}/{deed}");
        nodes.ask(at, &operation, "cable", with_key, &body)
    };
    let open = |at| nodes.ask(at, "PUT /v1/stock/{sku}", "cable", "", &Value::Null);
    open(0).expect(201);
    assert!(open(1).is_replayed());
    let restocked = ask(1, "restock", "k", json!({"units": 10}));
    assert_eq!(restocked.expect(200)["changed"]["difference"], 10);
    assert!(ask(2, "restock", "k", json!({"units": 10})).is_replayed());
    ask(0, "restock", "k", json!({"units": 9})).problem(422, "other-request");
    nodes.place(0, "a", "cable", 4).expect(201);
    ask(1, "write-off", "w", json!({"units": 7})).problem(409, "out-of-stock");
    ask(1, "write-off", "v", json!({"units": 1})).expect(200);
    let counted = ask(2, "count", "c", json!({"units": 2})).expect(200);
    assert_eq!(
        (&counted["owed"], &counted["changed"]["uncovered"]),
        (&json!(2), &json!(2))
    );
    ask(0, "restock", "l", json!({"units": 12})).expect(200);
    assert_eq!(nodes.units(1, "cable"), (10, 14));
    let limits = json!({"safety": 2, "closed": true});
    let limit = |at| nodes.ask(at, "PUT /v1/stock/{sku}/limits", "cable", "", &limits);
    assert_eq!(limit(1).expect(200)["limits"], limits);
    assert!(limit(2).is_replayed());
    nodes.place(0, "b", "cable", 1).problem(409, "closed-skus");

    let listed = nodes
        .ask(2, "GET /v1/stock?limit=2", "", "", &Value::Null)
        .expect(200);
    assert_eq!(
        (&listed["stock"][0]["sku"], &listed["next"]),
        (&json!("cable"), &json!("case"))
    );
    for number in 0..5 {
        nodes
            .place(number % 3, &format!("o:{number}"), "phone", 1)
            .expect(201);
    }
    nodes.deed(0, "pay", "o:3").expect(200);
    let ids = |at: usize, filter: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("GET /v1/orders?limit=2{filter}{cursor}");
            let page = nodes.ask(at, &path, "", "", &Value::Null).expect(200);
            let orders = page["orders"].as_array().unwrap().iter();
            ids.extend(orders.map(|order| order["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    assert_eq!(ids(1, "&sku=phone"), ["o:0", "o:1", "o:2", "o:3", "o:4"]);
    assert_eq!(ids(2, "&state=paid"), ["o:3"]);
    assert_eq!(ids(0, "&before=2020-01-01T00:00:00Z"), [""; 0]);
    let wrong = nodes.ask(0, "GET /v1/orders?cursor=,", "", "", &Value::Null);
    wrong.problem(422, "invalid-request");

    let list = |at: usize, with_key: &str, text: &str| {
        let headers = [("content-type", "text/csv"), key(with_key)];
        let path = "/v1/bulk/stock?do=restock&open=true";
        nodes.nodes[at].client.send("POST", path, &headers, text)
    };
    let imported = list(0, "may", "sku,units\nphone,5\nplug,7\n").expect(200);
    assert_eq!(
        (&imported["opened"], &imported["difference"]),
        (&json!(1), &json!(12))
    );
    assert_eq!(
        list(1, "may", "sku,units\nphone,5\nplug,7\n").expect(200)["before"],
        2
    );
    // A list is checked before anything changes, a dry run says what it would do, and neither changes anything.
    let checked = |with_key: &str, more: &str, text: &str| {
        let headers = [("content-type", "text/csv"), key(with_key)];
        let path = format!("/v1/bulk/stock?do=restock&open=true{more}");
        nodes.nodes[2].client.send("POST", &path, &headers, text)
    };
    let much = "sku,units\ncharger,1\nphone,1099511627776\n";
    for more in ["", "&dry_run=true"] {
        let refused = checked("june", more, much).problem(422, "invalid-request");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with("the list line 3: "), "{detail}");
        checked("may", more, "sku,units\nphone,6\n").problem(422, "other-request");
    }
    let would = checked(
        "may",
        "&dry_run=true",
        "sku,units\nphone,5\nplug,7\nplus,0\n",
    );
    let figures =
        json!({"lines": 3, "skus": 3, "opened": 1, "before": 2, "difference": 0, "dry_run": true});
    assert_eq!(would.expect(200), figures);
    let all = nodes
        .ask(2, "GET /v1/bulk/stock", "", "", &Value::Null)
        .text;
    assert!(!all.contains("charger") && !all.contains("plus"), "{all}");
    assert!(
        all.contains("phone,1005,1000,0,0,0\n") && all.contains("plug,7,7,0,0,0\n"),
        "{all}"
    );

    // The page, and how a node is.
    let shown = nodes
        .ask(1, "GET /v1/overview?search=PHO", "", "", &Value::Null)
        .expect(200);
    let bar = json!({"sku": "phone", "available": 1000, "held": 0, "paid": 0, "shipped": 0, "owed": 0, "safety": 0, "promised": 5});
    assert_eq!(shown["stock"], json!([bar]));
    let health = nodes.ask(2, "GET /livez", "", "", &Value::Null).expect(200);
    assert_eq!(health["node"]["name"], "three");
    nodes
        .ask(2, "GET /readyz", "", "", &Value::Null)
        .expect(200);
    let metrics = nodes.nodes[0].client.get("/metrics").text;
    let units = metrics
        .lines()
        .find_map(|line| line.strip_prefix("segstock_node_units "));
    assert!(units.unwrap().parse::<f64>().unwrap() > 0.0);
}

/// Units go to another SKU, at once and on a way, asked of any node.
fn moves(server: PostgresServer) {
    let nodes = Nodes::start(&url(&server));
    let ask = |at, deed: &str, sku: &str, key: &str, body: Value| {
        let operation = format!("POST /v1/stock/{{sku}}/{deed}");
        nodes.ask(at, &operation, sku, key, &body)
    };
    nodes
        .ask(0, "PUT /v1/stock/{sku}", "phone@south", "", &Value::Null)
        .expect(201);
    let (phones, _) = nodes.units(0, "phone");
    let four = || json!({"to": "phone@south", "units": 4});
    ask(0, "move", "phone", "m", four()).expect(200);
    assert!(ask(1, "move", "phone", "m", four()).is_replayed());
    ask(2, "move", "phone", "m", json!({"to": "case", "units": 4})).problem(422, "other-request");
    let many = json!({"to": "phone@south", "units": phones});
    ask(2, "move", "phone", "n", many).problem(409, "out-of-stock");
    ask(0, "move", "phone", "o", json!({"to": "none", "units": 1})).problem(422, "unknown-skus");
    ask(0, "send", "phone", "o", json!({"to": "phone", "units": 1}))
        .problem(422, "invalid-request");
    let sent = ask(1, "send", "phone", "s", four()).expect(200);
    assert_eq!(
        (&sent["on_the_way"], &sent["changed"]["difference"]),
        (&json!(4), &json!(-4))
    );
    let number = &sent["changed"]["sending"];
    assert_eq!(
        &ask(2, "send", "phone", "s", four()).expect(200)["on_the_way"],
        &json!(4)
    );
    let listed = nodes
        .ask(0, "GET /v1/sendings", "", "", &Value::Null)
        .expect(200);
    assert_eq!(
        listed["sendings"],
        json!([{"sending": number, "from": "phone", "to": "phone@south", "units": 4}])
    );
    let arrival = |units: u64, lost: u64| json!({"sending": number, "units": units, "lost": lost});
    ask(0, "arrive", "phone@south", "a", arrival(5, 0)).problem(409, "not-on-the-way");
    ask(0, "arrive", "case", "a", arrival(1, 0)).problem(404, "unknown-sending");
    ask(0, "arrive", "phone@south", "a", arrival(3, 1)).expect(200);
    assert!(ask(2, "arrive", "phone@south", "a", arrival(3, 1)).is_replayed());
    ask(1, "arrive", "phone@south", "b", arrival(1, 0)).problem(404, "unknown-sending");
    assert_eq!(nodes.units(1, "phone").0, phones - 8);
    assert_eq!(nodes.units(2, "phone@south").0, 7);
}

/// The stock alone, as a list.
fn taken_over(server: PostgresServer) {
    let alone = Process::spawn(&mut command(&[PORTS, &["--ledger", "none"]].concat()));
    alone.customers.order("a", &[("phone", 3)]).expect(201);
    let held = alone.client.get("/v1/orders?state=held").expect(200);
    assert_eq!(held["orders"][0]["id"], "a");
    for deed in ["pay", "ship"] {
        alone.client.deed(deed, "a").expect(200);
    }
    for state in ["waiting", "held", "paid"] {
        let open = alone.client.get(&format!("/v1/orders?state={state}"));
        assert_eq!(open.expect(200)["orders"], json!([]));
    }
    let units = alone.client.get("/v1/stock/phone").expect(200)["on_hand"].clone();
    let list = alone.client.get("/v1/bulk/stock").text;
    drop(alone);
    let nodes = Nodes::start(&url(&server));
    let headers = [("content-type", "text/csv"), key("moved")];
    let path = "/v1/bulk/stock?do=count&open=true";
    for _ in 0..2 {
        let counted = nodes.nodes[1].client.send("POST", path, &headers, &list);
        counted.expect(200);
    }
    assert_eq!(json!(nodes.units(2, "phone")), json!([units, units]));
}
