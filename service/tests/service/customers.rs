//! Customers, as the shop's proxy names them, and what each of them can have.

use crate::support::{Client, JSON, Reply, Server, Setting, key};
use serde_json::{Value, json};

const HEADER: &str = "x-customer";

/// A request of a customer.
fn ask(client: &Client, who: &str, method: &str, path: &str, with: (&str, &Value)) -> Reply {
    let (with_key, body) = with;
    let headers = [JSON, key(with_key), (HEADER, who)];
    client.send(method, path, &headers, &body.to_string())
}

fn named() -> Server {
    let setting = Setting {
        customer_header: Some(HEADER),
        ..Setting::default()
    };
    Server::set(&[("phone", 10), ("case", 10)], setting)
}

fn one(sku: &str, units: u64) -> Value {
    json!({"lines": [{"sku": sku, "units": units}]})
}

#[test]
fn a_customer_has_their_own_orders_and_knows_of_no_other() {
    let shop = named();
    let customers = &shop.customers;
    let order = |who, id, body: Value| ask(customers, who, "POST", "/v1/orders", (id, &body));
    let placed = order("ann", "a", one("phone", 1)).expect(201);
    assert_eq!(placed["customer"], "ann");
    let see = |who: &str| customers.send("GET", "/v1/orders/a", &[(HEADER, who)], "");
    see("ann").expect(200);
    see("bob").problem(404, "unknown-order");
    for (deed, body) in [("cancel", one("phone", 1)), ("amend", one("phone", 2))] {
        let path = format!("/v1/orders/a/{deed}");
        ask(customers, "bob", "POST", &path, ("k", &body)).problem(404, "unknown-order");
    }
    order("bob", "a", one("phone", 1)).problem(422, "other-request");
    ask(
        customers,
        "ann",
        "POST",
        "/v1/orders/a/amend",
        ("k", &one("phone", 2)),
    )
    .expect(200);
    assert_eq!(shop.client.stock("phone"), (8, 10));
    // The shop sees all, and believes no header.
    shop.client.get("/v1/orders/a").expect(200);
    ask(
        &shop.client,
        "bob",
        "POST",
        "/v1/orders/a/cancel",
        ("c", &one("phone", 1)),
    )
    .expect(200);
    let body = json!({"lines": [{"sku": "phone", "units": 1}], "customer": "bob"});
    order("ann", "b", body).problem(422, "invalid-request");
}

#[test]
fn a_request_whose_proxy_names_nobody_is_refused() {
    let shop = named();
    let customers = &shop.customers;
    let order = |headers: &[(&str, &str)]| {
        let headers = [&[JSON, key("a")], headers].concat();
        customers.send("POST", "/v1/orders", &headers, &one("phone", 1).to_string())
    };
    let long = "x".repeat(201);
    for headers in [
        &[][..],
        &[(HEADER, "")],
        &[(HEADER, "ann"), (HEADER, "bob")],
        &[(HEADER, &long)],
    ] {
        order(headers).problem(403, "no-customer");
    }
    customers.get("/v1/orders/a").problem(403, "no-customer");
    customers.get("/readyz").expect(200);
    assert_eq!(shop.client.stock("phone"), (10, 10));
}

#[test]
fn a_customer_has_no_more_units_than_their_limit_over_all_orders() {
    let shop = named();
    let limits = json!({"per_customer": 3});
    let path = "/v1/stock/phone/limits";
    let limited = shop.client.send("PUT", path, &[JSON], &limits.to_string());
    assert_eq!(limited.expect(200)["limits"], limits);
    let order = |who, id, units| {
        let body = one("phone", units);
        ask(&shop.customers, who, "POST", "/v1/orders", (id, &body))
    };
    order("ann", "a1", 2).expect(201);
    shop.client.deed("pay", "a1").expect(200);
    let refused = order("ann", "a2", 2).problem(409, "per-customer");
    assert_eq!(
        refused["short_lines"],
        json!([{"sku": "phone", "requested": 2, "available": 1}])
    );
    order("ann", "a2", 1).expect(201);
    order("bob", "b1", 3).expect(201);
    // What is cancelled can be had again.
    let cancelled = one("phone", 1);
    ask(
        &shop.customers,
        "ann",
        "POST",
        "/v1/orders/a2/cancel",
        ("c", &cancelled),
    )
    .expect(200);
    order("ann", "a3", 1).expect(201);
    // The shop's own orders name a customer, too.
    let nobody = shop.client.order("n", &[("phone", 1), ("case", 1)]);
    assert_eq!(
        nobody.problem(422, "customer-needed")["skus"],
        json!(["phone"])
    );
}

#[test]
fn too_many_counted_customers_are_refused_since_it_is_full() {
    let setting = Setting {
        customer_header: Some(HEADER),
        book: |book| book.max_customers(1),
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    let limits = r#"{"per_customer": 3}"#;
    let path = "/v1/stock/phone/limits";
    shop.client.send("PUT", path, &[JSON], limits).expect(200);
    let order = |who, id| {
        ask(
            &shop.customers,
            who,
            "POST",
            "/v1/orders",
            (id, &one("phone", 1)),
        )
    };
    order("ann", "a").expect(201);
    order("bob", "b").problem(503, "full");
}
