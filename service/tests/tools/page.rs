//! The page in a real browser: what it shows is what the books say.

use crate::browser::{Browser, DRIVER};
use crate::support::process::{Process, command};
use crate::support::{Client, JSON};
use crate::trial::trial;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "the_page_shows_what_the_books_say_while_a_sale_runs",
            DRIVER,
            while_a_sale_runs,
        ),
        trial(
            "the_page_goes_on_after_the_connection_broke",
            DRIVER,
            after_a_break,
        ),
        trial(
            "the_page_works_by_keyboard_and_with_a_token",
            DRIVER,
            by_keyboard,
        ),
        trial("the_page_fits_a_phone_and_the_dark", DRIVER, on_a_phone),
    ]
}

/// The units of a SKU as the page shows them.
pub fn shown(sku: &str) -> String {
    format!("document.querySelector('#stock li[data-sku=\"{sku}\"] .units')?.textContent ?? ''")
}

/// The units of a SKU by the books, as the page writes them.
fn books(client: &Client, sku: &str) -> Value {
    let overview = client
        .get(&format!("/v1/overview?search={sku}"))
        .expect(200);
    let bar = &overview["stock"][0];
    assert_eq!(bar["sku"], sku);
    let stock = client.get(&format!("/v1/stock/{sku}")).expect(200);
    assert_eq!(
        bar["available"], stock["available"],
        "the two of them agree"
    );
    let promised = bar["held"].as_u64().unwrap() + bar["paid"].as_u64().unwrap();
    let on_hand = bar["available"].as_u64().unwrap() + promised;
    assert_eq!(stock["on_hand"], on_hand);
    let stages = ["available", "held", "paid", "shipped", "safety", "owed"];
    let stages = stages
        .into_iter()
        .filter(|stage| *stage == "available" || bar[stage] != 0);
    let texts: Vec<_> = stages
        .map(|stage| format!("{} {stage}", bar[stage]))
        .collect();
    json!(texts.join(", "))
}

pub fn url(client: &Client) -> String {
    format!("http://{}/", client.address)
}

fn while_a_sale_runs() {
    let service = Process::start(&[]);
    service.client.open("hot", 900);
    let browser = Browser::start();
    browser.open(&url(&service.client));
    browser.wait(&shown("hot"), &json!("900 available"));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sale = scope.spawn(|| {
            for number in 0..200 {
                let id = format!("o{number}");
                service.customers.order(&id, &[("hot", 4)]).expect(201);
                if number % 2 == 0 {
                    service.client.deed("pay", &id).expect(200);
                }
                if number % 4 == 0 {
                    service.client.deed("ship", &id).expect(200);
                }
                thread::sleep(Duration::from_millis(5));
            }
            is_over.store(true, Ordering::Relaxed);
        });
        // At each look no unit is shown twice, and none is missing.
        while !is_over.load(Ordering::Relaxed) {
            let text = browser.ask(&shown("hot"));
            let units = text.as_str().unwrap().split(", ");
            let units = units.map(|it| it.split(' ').next().unwrap().parse::<u64>().unwrap());
            assert_eq!(units.sum::<u64>(), 900, "{text}");
        }
        sale.join().unwrap();
    });
    let figures = books(&service.client, "hot");
    assert_eq!(figures, "100 available, 400 held, 200 paid, 200 shipped");
    browser.wait(&shown("hot"), &figures);
    browser.wait(
        "document.getElementById('orders').textContent",
        &json!("200"),
    );
    browser.wait(
        "document.querySelectorAll('#expiring li').length",
        &json!(10),
    );
    browser.wait(
        "parseFloat(document.getElementById('orders-rate').textContent) > 0",
        &json!(true),
    );
    browser.wait(
        "/s$/.test(document.getElementById('p99').textContent)",
        &json!(true),
    );
    // A SKU that is called like HTML is a text.
    let path = "/v1/stock/%3Cimg%20src=x%3E";
    service.client.send("PUT", path, &[JSON], "").expect(201);
    browser.wait("document.querySelectorAll('#stock li').length", &json!(5));
    assert_eq!(
        browser.ask("document.querySelectorAll('#stock img').length"),
        0
    );
}

fn after_a_break() {
    let directory = tempfile::tempdir().unwrap();
    let start = |shop: &str| {
        let arguments = ["--listen", "127.0.0.1:0", "--shop-listen", shop];
        Process::spawn(command(&arguments).current_dir(directory.path()))
    };
    let service = start("127.0.0.1:0");
    let address = service.client.address.to_string();
    let browser = Browser::start();
    browser.open(&url(&service.client));
    browser.wait(&shown("phone"), &json!("1,000 available"));
    service.kill();
    let state = "document.getElementById('state').textContent.split(',')[0]";
    browser.wait(state, &json!("No connection"));
    assert_eq!(
        browser.ask("document.body.classList.contains('stale')"),
        true
    );
    let service = start(&address);
    service.customers.order("a", &[("phone", 3)]).expect(201);
    browser.wait(state, &json!("live"));
    browser.wait(&shown("phone"), &json!("997 available, 3 held"));
}

fn by_keyboard() {
    let mut with_token = command(&["--listen", "127.0.0.1:0", "--shop-listen", "127.0.0.1:0"]);
    with_token
        .args(["--ledger", "none"])
        .env("SEGSTOCK_TOKEN", "0123456789abcdef");
    let service = Process::spawn(&mut with_token);
    let order = service
        .customers
        .order("my-order", &[("phone", 2), ("case", 1)]);
    order.expect(201);
    let browser = Browser::start();
    browser.open(&url(&service.client));
    browser.wait("document.getElementById('main').hidden", &json!(true));
    browser.wait("document.getElementById('sign-in').hidden", &json!(false));
    // Tab, the token, Enter.
    browser.press("\u{E004}0123456789abcdef\u{E007}");
    browser.wait(&shown("phone"), &json!("998 available, 2 held"));
    browser.press("/");
    assert_eq!(browser.ask("document.activeElement.id"), "search");
    browser.press("my-order\u{E007}");
    let found = "document.querySelector('#order h3')?.textContent";
    browser.wait(found, &json!("my-order: held"));
    let lines =
        "[...document.querySelectorAll('#order li')].map((line) => line.textContent).sort()";
    browser.wait(lines, &json!(["case: 1 held", "phone: 2 held"]));
    // It follows the order's life by itself.
    let token = [("authorization", "Bearer 0123456789abcdef")];
    let pay = "/v1/orders/my-order/pay";
    service.client.send("POST", pay, &token, "").expect(200);
    browser.wait(found, &json!("my-order: paid"));
    // Escape, and a part of a SKU.
    browser.press("\u{E00C}last\u{E007}");
    let skus = "[...document.querySelectorAll('#stock li')].map((sku) => sku.dataset.sku)";
    browser.wait(skus, &json!(["last-one"]));
}

fn on_a_phone() {
    let service = Process::start(&[]);
    let long = "a-sku-with-a-very-long-name-that-has-to-be-broken-somewhere-0001";
    service.client.open(long, 5);
    for (id, sku, units) in [
        ("first", "phone", 250),
        ("second", "case", 900),
        ("third", "last-one", 1),
    ] {
        service.customers.order(id, &[(sku, units)]).expect(201);
    }
    for deed in ["pay", "ship"] {
        service.client.deed(deed, "second").expect(200);
    }
    service.client.deed("pay", "third").expect(200);
    let browser = Browser::start();
    browser.open(&url(&service.client));
    let pictures = std::env::var_os("SEGSTOCK_PICTURES").map(PathBuf::from);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        if pictures.is_some() {
            // A sale that has been running for a while.
            scope.spawn(|| sell(&service, &is_over));
            thread::sleep(Duration::from_secs(60));
        }
        look(&browser, pictures.as_deref());
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Orders that are paid for and shipped, more and fewer of them by turns, and some that are refused.
fn sell(service: &Process, is_over: &AtomicBool) {
    for number in 0..3_000 {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("order-{number}");
        service.customers.order(&id, &[("case", 1)]).expect(201);
        for deed in ["pay", "ship"] {
            service.client.deed(deed, &id).expect(200);
        }
        if number % 9 == 0 {
            let more = service.customers.order("more", &[("phone", 5_000)]);
            more.problem(409, "out-of-stock");
        }
        let wave = number % 200;
        thread::sleep(Duration::from_millis(10 + wave.min(200 - wave) / 2));
    }
}

/// Looks at the page at three widths, and takes its pictures.
fn look(browser: &Browser, pictures: Option<&Path>) {
    for (width, is_dark) in [(360, false), (768, true), (1_280, false)] {
        browser.screen(width, is_dark);
        browser.wait(&shown("phone"), &json!("750 available, 250 held"));
        browser.wait(
            "document.querySelectorAll('#expiring li').length",
            &json!(1),
        );
        browser.wait("window.innerWidth", &json!(width));
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        let why = format!("nothing stands beside a screen of {width}");
        assert_eq!(browser.ask(fits), true, "{why}");
        let ground = browser.ask("getComputedStyle(document.body).backgroundColor");
        assert_eq!(
            ground,
            if is_dark {
                "rgb(13, 17, 23)"
            } else {
                "rgb(255, 255, 255)"
            }
        );
        let keys = "[...document.querySelectorAll('.legend .key')].map((key) => key.parentElement)\
            .map((item) => item.matches('.legend > span') ? item.getClientRects().length : 0)";
        assert_eq!(
            browser.ask(keys),
            json!(vec![1; 9]),
            "a colour stands beside its name"
        );
        let small = "[...document.querySelectorAll('button, input')]\
            .filter((it) => it.offsetHeight > 0 && it.offsetHeight < 40).length";
        assert_eq!(browser.ask(small), 0, "a finger hits each button");
        if let Some(pictures) = pictures {
            browser.picture(&pictures.join(format!("page-{width}.png")));
        }
    }
}
