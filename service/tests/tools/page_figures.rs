//! The page's figures, held against those of the interface; its keyboard; its colours; a small phone.

use crate::browser::{Browser, DRIVER};
use crate::page::{shown, url};
use crate::support::process::Process;
use crate::support::slow::Slow;
use crate::support::{Client, Server};
use crate::trial::trial;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "the_page_shows_the_rates_and_latencies_of_the_interface",
            DRIVER,
            rates_and_latencies,
        ),
        trial(
            "the_page_shows_how_the_ledger_lags_and_what_is_owed",
            DRIVER,
            lag_and_owed,
        ),
        trial(
            "the_page_is_gone_through_by_tab_and_enter_opens_an_order",
            DRIVER,
            tab_and_enter,
        ),
        trial(
            "the_page_can_be_read_in_light_and_dark_and_on_a_small_phone",
            DRIVER,
            light_dark_and_small,
        ),
    ]
}

/// The text of an element.
fn text(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

fn overview(client: &Client) -> Value {
    client.get("/v1/overview").expect(200)
}

/// What the page says of two looks at the counts.
#[derive(Debug)]
struct Pace {
    /// Orders, refusals and requests a second.
    rates: [f64; 3],
    /// Seconds that half of the orders took at most, and 99 of 100.
    latencies: [f64; 2],
}

impl Pace {
    fn of(first: &(Instant, Value), last: &(Instant, Value)) -> Self {
        let seconds = (last.0 - first.0).as_secs_f64();
        let more = |what: &Value, then: &Value| what.as_f64().unwrap() - then.as_f64().unwrap();
        let rates = ["orders", "refused", "requests"];
        let rates = rates.map(|what| more(&last.1[what], &first.1[what]) / seconds);
        let steps = |pace: &Value| pace["took"].as_array().unwrap().clone();
        let (before, steps) = (steps(&first.1), steps(&last.1));
        let counts: Vec<f64> = steps
            .iter()
            .zip(&before)
            .map(|(step, then)| more(&step["count"], &then["count"]))
            .collect();
        let all: f64 = counts.iter().sum();
        let latencies = [0.5, 0.99].map(|share| {
            let mut left = (all * share).ceil();
            let step = counts.iter().position(|count| {
                left -= count;
                left <= 0.0
            });
            steps[step.unwrap()]["seconds"].as_f64().unwrap()
        });
        Self { rates, latencies }
    }

    /// As the page shows it.
    fn shown(browser: &Browser) -> Self {
        let ids = ["orders-rate", "refused-rate", "requests-rate", "p50", "p99"];
        let texts = ids.map(text).join(", ");
        let texts = browser.ask(&format!("[{texts}]"));
        let number = |place: usize| {
            let text = texts[place].as_str().unwrap();
            let (number, unit) = text.split_once(' ').unwrap_or((text, "s"));
            let unit = match unit {
                "s" => 1.0,
                "ms" => 1e-3,
                _ => 1e-6,
            };
            number.replace(',', "").parse::<f64>().unwrap_or(-1.0) * unit
        };
        Self {
            rates: [number(0), number(1), number(2)],
            latencies: [number(3), number(4)],
        }
    }

    /// Whether the page may show this: it looked at other moments, and rounds.
    fn is_near(&self, books: &Self) -> bool {
        let rates = self.rates.iter().zip(&books.rates);
        let latencies = self.latencies.iter().zip(&books.latencies);
        rates
            .into_iter()
            .all(|(shown, is)| (shown - is).abs() <= 0.05 * is + 0.1)
            && latencies
                .into_iter()
                .all(|(shown, is)| (shown / is - 1.0).abs() < 0.06)
    }
}

fn rates_and_latencies() {
    let service = Process::start(&[]);
    let browser = Browser::start();
    browser.open(&url(&service.client));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Of three orders one is refused.
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (id, more) = (format!("o{number}"), 10_000 * u64::from(number % 3 == 0));
                let order = service.customers.order(&id, &[("case", 1 + more)]);
                assert_eq!(order.status, if more == 0 { 201 } else { 409 });
                thread::sleep(Duration::from_millis(10));
            }
        });
        let began = Instant::now();
        let mut looks = Vec::new();
        let mut seen = Vec::new();
        // Of the last ten seconds the page shows what two looks at the counts say.
        let is_shown = loop {
            looks.push((Instant::now(), overview(&service.client)["pace"].clone()));
            if began.elapsed() > Duration::from_secs(13) {
                let shown = Pace::shown(&browser);
                let last = looks.len() - 1;
                let pairs = (0..last).flat_map(|last_but| {
                    let at = last - last_but;
                    (0..at).map(move |first| (first, at))
                });
                let mut near = pairs.filter(|(first, at)| {
                    let window = (looks[*at].0 - looks[*first].0).as_secs_f64();
                    (9.5..=12.0).contains(&window)
                });
                if near.any(|(first, at)| shown.is_near(&Pace::of(&looks[first], &looks[at]))) {
                    break true;
                }
                seen.push(shown);
            }
            if began.elapsed() > Duration::from_secs(40) {
                break false;
            }
            thread::sleep(Duration::from_millis(100));
        };
        is_over.store(true, Ordering::Relaxed);
        assert!(
            is_shown,
            "{seen:?}, {:?}",
            Pace::of(&looks[0], looks.last().unwrap())
        );
    });
    // The rest of the figures, at rest.
    let books = overview(&service.client);
    browser.wait(&text("orders"), &json!(books["orders"].to_string()));
    let skus = format!("{} SKUs are open.", books["skus"]);
    browser.wait(&text("skus"), &json!(skus));
    let expiring = "[...document.querySelectorAll('#expiring li')].map((item) => [item.firstChild.textContent, \
         item.lastChild.textContent.split(',')[0]])";
    let expires = |order: &Value| json!([order["id"], format!("{} units", order["units"])]);
    // The service looks for them again each second.
    let is_shown = || {
        let books = overview(&service.client)["expiring"].clone();
        let books: Vec<Value> = books.as_array().unwrap().iter().map(expires).collect();
        books.len() == 10 && browser.ask(expiring) == json!(books)
    };
    let began = Instant::now();
    while !is_shown() {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(100));
    }
}

fn lag_and_owed() {
    let (disk, setting) = Slow::at(Duration::from_secs(2));
    let shop = Server::set(&[("hot", 10)], setting);
    let _background = shop.background();
    let client = &shop.client;
    client.order("a", &[("hot", 8)]).expect(201);
    client.deed("pay", "a").expect(200);
    let browser = Browser::start();
    browser.open(&url(client));
    browser.wait(&text("lag"), &json!("no"));
    let units = json!({"units": 5});
    client
        .post("/v1/stock/hot/count", "night", &units)
        .expect(200);
    let bar = overview(client)["stock"][0].clone();
    let stock = client.get("/v1/stock/hot").expect(200);
    assert_eq!((&bar["owed"], &stock["owed"]), (&json!(3), &json!(3)));
    browser.wait(&shown("hot"), &json!("0 available, 8 paid, 3 owed"));
    let width = "document.querySelector('#stock li .bar .owed').offsetWidth > 20";
    assert_eq!(browser.ask(width), true, "it has a part of the bar");
    let stuck = disk.lock().unwrap();
    client
        .post("/v1/stock/hot/restock", "morning", &units)
        .problem(503, "still-writing");
    let waits = format!("{}.split(', ')[1]", text("lag"));
    browser.wait(&waits, &json!("1 changes"));
    // The page looks each second.
    let lag = || overview(client)["ledger"]["lag"].as_f64().unwrap();
    let (before, seen) = (lag(), browser.ask(&text("lag")));
    let mut words = seen.as_str().unwrap().split([' ', ',']);
    let seen: f64 = words.next().unwrap().parse().unwrap();
    let seen = match words.next() {
        Some("ms") => seen / 1_000.0,
        _ => seen,
    };
    assert!(before > 1.0, "{before}");
    assert!(
        (before - 2.5..lag() + 0.1).contains(&seen),
        "{seen}, {before}"
    );
    let times = "[0.00042, 0.0042, 0.042, 0.42, 4.2].map(time).join(', ')";
    assert_eq!(browser.ask(times), "420 µs, 4.2 ms, 42 ms, 420 ms, 4.2 s");
    // What is not durable is not shown.
    assert_eq!(browser.ask(&shown("hot")), "0 available, 8 paid, 3 owed");
    drop(stuck);
    browser.wait(&text("lag"), &json!("no"));
    browser.wait(&shown("hot"), &json!("2 available, 8 paid"));
}

fn tab_and_enter() {
    let service = Process::start(&["--hold", "3000"]);
    for (id, units) in [("first", 1), ("second", 2)] {
        service.customers.order(id, &[("phone", units)]).expect(201);
        thread::sleep(Duration::from_millis(20));
    }
    let browser = Browser::start();
    browser.open(&url(&service.client));
    browser.wait(
        "document.querySelectorAll('#expiring li').length",
        &json!(2),
    );
    // Each stop of the tab key, and the frame around it.
    let focus = "(() => { const it = document.activeElement, style = getComputedStyle(it); \
        return [it.id || it.textContent, it.matches(':focus-visible'), style.outlineStyle, style.outlineWidth]; })()";
    for stop in ["search", "Show", "first", "second"] {
        browser.press("\u{E004}");
        assert_eq!(browser.ask(focus), json!([stop, true, "solid", "3px"]));
    }
    // It stays where it is while the page looks again, and Enter opens the order.
    let before = browser.ask(&text("state"));
    assert_eq!(before, "live");
    thread::sleep(Duration::from_millis(2_500));
    browser.press("\u{E007}");
    let order = "document.querySelector('#order h3')?.textContent";
    browser.wait(order, &json!("second: held"));
    let life = "document.querySelector('#order li').textContent";
    assert_eq!(browser.ask(life), "phone: 2 held");
    service.client.deed("cancel", "second").expect(200);
    browser.wait(order, &json!("second: cancelled"));
    // Back, with Shift, to the button; the space bar presses it as well.
    browser.wait(
        "document.querySelectorAll('#expiring li').length",
        &json!(1),
    );
    browser.press("/");
    browser.press("\u{E004}");
    assert_eq!(browser.ask("document.activeElement.textContent"), "Show");
    browser.press("\u{E004} ");
    browser.wait(order, &json!("first: held"));
}

/// What cannot be read: texts whose contrast is below 4.5, and colours of bars and keys below 3.
const UNREADABLE: &str = "(() => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    const light = (colour) => {
        const [red, green, blue] = colour.match(/[0-9.]+/g).map(Number).map(part);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = light(getComputedStyle(document.body).backgroundColor);
    const contrast = (colour) => {
        const it = light(colour);
        return (Math.max(it, ground) + 0.05) / (Math.min(it, ground) + 0.05);
    };
    const hasText = (it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const texts = [...document.querySelectorAll('body *')].filter((it) => it.getClientRects().length > 0 && hasText(it));
    const pale = texts.filter((it) => contrast(getComputedStyle(it).color) < 4.5);
    const keys = [...document.querySelectorAll('.key, .bar span')].filter((it) => it.getClientRects().length > 0);
    const dim = keys.filter((it) => contrast(getComputedStyle(it).backgroundColor) < 3);
    const named = [...pale, ...dim].map((it) => it.id || it.className || it.tagName);
    return [texts.length > 25, keys.length > 20, ...named];
})()";

fn light_dark_and_small() {
    let service = Process::start(&[]);
    let long = "an-order-with-an-id-that-is-longer-than-a-phone-is-wide".repeat(3);
    service
        .customers
        .order(&long, &[("phone", 3), ("case", 2)])
        .expect(201);
    let browser = Browser::start();
    for is_dark in [false, true] {
        browser.screen(320, is_dark);
        browser.open(&url(&service.client));
        browser.wait(&shown("phone"), &json!("997 available, 3 held"));
        browser.press("/");
        browser.press(&format!("{long}\u{E007}"));
        let order = "document.querySelector('#order h3')?.textContent";
        browser.wait(order, &json!(format!("{long}: held")));
        browser.wait(
            "document.querySelectorAll('#expiring li').length",
            &json!(1),
        );
        browser.wait("window.innerWidth", &json!(320));
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        assert_eq!(browser.ask(fits), true, "nothing stands beside it");
        assert_eq!(browser.ask(UNREADABLE), json!([true, true]), "{is_dark}");
    }
    // The line that says what is wrong can be read as well.
    let address = service.client.address;
    service.kill();
    let is_bad = "document.getElementById('state').classList.contains('bad')";
    browser.wait(is_bad, &json!(true));
    assert_eq!(browser.ask(UNREADABLE), json!([true, true]), "{address}");
}
