//! Parts of the page: its policy against scripts of others, its chart, and the pages of its list.

use crate::browser::{Browser, DRIVER};
use crate::page::{shown, url};
use crate::support::process::Process;
use crate::support::{Client, key};
use crate::trial::trial;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("the_page_refuses_what_is_from_elsewhere", DRIVER, policy),
        trial("the_page_draws_the_rates_of_the_interface", DRIVER, chart),
        trial("the_page_shows_all_skus_page_by_page", DRIVER, pages),
    ]
}

/// Another server, whose script says in the page that it ran; how often it was asked.
fn elsewhere() -> (String, &'static AtomicUsize) {
    let asked: &AtomicUsize = Box::leak(Box::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            _ = stream.read(&mut [0; 4096]);
            asked.fetch_add(1, Ordering::Relaxed);
            let script = "window.ran = true;";
            let head = "content-type: text/javascript\r\naccess-control-allow-origin: *\r\nconnection: close";
            let length = script.len();
            _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: {length}\r\n\r\n{script}"
            );
        }
    });
    (format!("http://{address}/script.js"), asked)
}

fn policy() {
    let service = Process::start(&[]);
    let client = &service.client;
    for path in ["/", "/page.css", "/page.js", "/api", "/api.css"] {
        let headers = client.get(path).headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        let rules: Vec<&str> = policy.split("; ").collect();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(rules.contains(&rule), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{path}: {policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
    let (script, asked) = elsewhere();
    let browser = Browser::start();
    // Where there is no page it runs: what is refused below is refused by the page.
    browser.open(&format!("{}livez", url(client)));
    let put = |what: &str| {
        let text = format!(
            "(() => {{ const script = document.createElement('script'); {what} \
             window.ended = ''; script.onload = () => window.ended = 'loaded'; \
             script.onerror = () => window.ended = 'refused'; document.head.append(script); return true; }})()"
        );
        assert_eq!(browser.ask(&text), true);
    };
    let from_elsewhere = format!("script.src = '{script}';");
    put(&from_elsewhere);
    browser.wait("window.ended", &json!("loaded"));
    assert_eq!(
        (browser.ask("window.ran"), asked.swap(0, Ordering::Relaxed)),
        (json!(true), 1)
    );

    browser.open(&url(client));
    browser.wait(&shown("phone"), &json!("1,000 available"));
    let watch = "(() => { window.refused = []; \
        document.addEventListener('securitypolicyviolation', (it) => window.refused.push(it.effectiveDirective)); return true; })()";
    assert_eq!(browser.ask(watch), true);
    put(&from_elsewhere);
    browser.wait("window.ended", &json!("refused"));
    // Nor does one that somebody could write into the page.
    put("script.textContent = 'window.ran = true;';");
    browser.wait(
        "window.refused",
        &json!(["script-src-elem", "script-src-elem"]),
    );
    // Nor can what it shows be sent elsewhere.
    let send = format!(
        "(() => {{ window.sent = ''; fetch('{script}').then(() => window.sent = 'sent', () => window.sent = 'refused'); return true; }})()"
    );
    assert_eq!(browser.ask(&send), true);
    browser.wait("window.sent", &json!("refused"));
    assert_eq!(browser.ask("window.refused.at(-1)"), "connect-src");
    assert_eq!(browser.ask("window.ran ?? false"), false);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing was asked for");
    // Its own script goes on.
    service.customers.order("a", &[("phone", 1)]).expect(201);
    browser.wait(&shown("phone"), &json!("999 available, 1 held"));
}

/// A look of the page: when, and how many orders and refusals there had been.
type Look = (f64, [f64; 2]);

/// The looks that the page has, and its two lines: points of the chart.
fn drawn(browser: &Browser) -> (Vec<Look>, [Vec<[f64; 2]>; 2]) {
    let both = browser.ask(
        "[page.samples.map((it) => [it.now, it.pace.orders, it.pace.refused]), \
         ...['placed', 'refused'].map((kind) => document.querySelector(`#chart .${kind}`).getAttribute('points'))]",
    );
    let looks = both[0].as_array().unwrap().iter().map(|look| {
        let at = |place: usize| look[place].as_f64().unwrap();
        (at(0), [at(1), at(2)])
    });
    let line = |place: usize| {
        let points = both[place].as_str().unwrap_or_default().split_whitespace();
        let points = points.map(|point| {
            let (x, y) = point.split_once(',').unwrap();
            [x.parse().unwrap(), y.parse().unwrap()]
        });
        points.collect()
    };
    (looks.collect(), [line(1), line(2)])
}

/// Each line has a point for each two looks, the last at the right edge; the highest rate of both is at the top, and none at the
/// bottom.
fn assert_drawn(looks: &[Look], lines: &[Vec<[f64; 2]>; 2]) {
    let rates = [0, 1].map(|kind| -> Vec<f64> {
        let pairs = looks.windows(2);
        pairs
            .map(|pair| (pair[1].1[kind] - pair[0].1[kind]) / (pair[1].0 - pair[0].0))
            .collect()
    });
    let most = rates.iter().flatten().copied().fold(1.0, f64::max);
    for (rates, line) in rates.iter().zip(lines) {
        assert_eq!(rates.len(), line.len());
        for (index, (rate, [x, y])) in rates.iter().zip(line).enumerate() {
            assert_eq!(*x, (120 - rates.len() + index) as f64);
            let expected = 29.0 - 28.0 * rate / most;
            assert!(
                (y - expected).abs() < 0.01,
                "{rate} of {most}: {y}, not {expected}"
            );
        }
    }
}

fn chart() {
    let service = Process::start(&[]);
    let (customers, client) = (&service.customers, &service.client);
    // Before the page looks: no part of its lines.
    for number in 0..5 {
        customers
            .order(&format!("before-{number}"), &[("case", 1)])
            .expect(201);
    }
    let browser = Browser::start();
    browser.open(&url(client));
    browser.wait("page.samples.length >= 2", &json!(true));
    for number in 0..30 {
        customers
            .order(&format!("held-{number}"), &[("case", 1)])
            .expect(201);
        if number % 3 == 0 {
            customers
                .order("none", &[("phone", 5_000)])
                .problem(409, "out-of-stock");
        }
        thread::sleep(Duration::from_millis(50));
    }
    browser.wait("page.samples.at(-1).pace.orders", &json!(35));
    browser.wait("page.samples.length >= 6", &json!(true));
    let (looks, lines) = drawn(&browser);
    let pace = client.get("/v1/overview").expect(200)["pace"].clone();
    let last = looks.last().unwrap().1;
    assert_eq!(
        (json!(last[0] as u64), json!(last[1] as u64)),
        (pace["orders"].clone(), pace["refused"].clone())
    );
    assert_eq!((looks[0].1, last), ([5.0, 0.0], [35.0, 10.0]));
    assert_drawn(&looks, &lines);
    let lowest = |line: &[[f64; 2]]| line.iter().map(|point| point[1]).fold(30.0, f64::min);
    assert!(
        (lowest(&lines[0]) - 1.0).abs() < 0.01,
        "the most orders are at the top"
    );
    let of_refused = lowest(&lines[1]);
    assert!(
        of_refused > 10.0 && of_refused < 29.0,
        "a third of them were refused: {of_refused}"
    );
    // In the colours of its key, within its frame.
    let colours = "['placed', 'refused'].map((kind) => [getComputedStyle(document.querySelector(`#chart .${kind}`)).stroke, \
        getComputedStyle(document.querySelector(`.key.${kind}`)).backgroundColor])";
    let colours = browser.ask(colours);
    assert_eq!(colours[0][0], colours[0][1]);
    assert_eq!(colours[1][0], colours[1][1]);
    assert_ne!(colours[0][0], colours[1][0]);
    // A minute and more: the oldest looks go, and the newest stays at the right.
    let fill = "(() => { const first = page.samples[0]; \
        while (page.samples.length < 125) page.samples.unshift({ now: first.now - 1, pace: first.pace }); return true; })()";
    assert_eq!(browser.ask(fill), true);
    browser.wait("page.samples.length <= 125 && document.querySelector('#chart .placed').points.length >= 119", &json!(true));
    let x = browser.ask("document.querySelector('#chart .placed').points[document.querySelector('#chart .placed').points.length - 1].x");
    assert_eq!(x, 119);
}

/// The names of the SKUs that the page shows, and which of its buttons.
fn list(browser: &Browser) -> (Vec<String>, [bool; 2]) {
    let both = browser.ask(
        "[[...document.querySelectorAll('#stock li')].map((it) => it.dataset.sku), \
         ['back', 'more'].map((id) => document.getElementById(id).getClientRects().length > 0)]",
    );
    (
        serde_json::from_value(both[0].clone()).unwrap(),
        serde_json::from_value(both[1].clone()).unwrap(),
    )
}

fn open_skus(client: &Client, skus: &[String]) {
    let lines = skus.iter().map(|sku| format!("{sku},3\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let headers = [("content-type", "text/csv"), key("skus")];
    let path = "/v1/bulk/stock?do=restock&open=true";
    client.send("POST", path, &headers, &list).expect(200);
}

fn pages() {
    let service = Process::start(&["--demo", "false"]);
    let client = &service.client;
    let skus: Vec<String> = (0..120).map(|number| format!("sku-{number:03}")).collect();
    open_skus(client, &skus);
    let browser = Browser::start();
    browser.open(&url(client));
    let first = "document.querySelector('#stock li')?.dataset.sku ?? ''";
    let click = |id: &str| {
        let press = format!("document.getElementById('{id}').click() ?? true");
        assert_eq!(browser.ask(&press), true);
    };
    browser.wait(first, &json!("sku-000"));
    assert_eq!(list(&browser), (skus[..50].to_vec(), [false, true]));
    click("more");
    browser.wait(first, &json!("sku-050"));
    assert_eq!(list(&browser), (skus[50..100].to_vec(), [true, true]));
    // It stays there, and shows what happens there.
    service.customers.order("a", &[("sku-077", 2)]).expect(201);
    browser.wait(&shown("sku-077"), &json!("1 available, 2 held"));
    assert_eq!(list(&browser).0, skus[50..100]);
    click("more");
    browser.wait(first, &json!("sku-100"));
    assert_eq!(list(&browser), (skus[100..].to_vec(), [true, false]));
    click("back");
    browser.wait(first, &json!("sku-000"));
    assert_eq!(list(&browser), (skus[..50].to_vec(), [false, true]));

    // Of what a search finds; by keyboard.
    let found: Vec<String> = skus
        .iter()
        .filter(|sku| sku.contains("u-0"))
        .cloned()
        .collect();
    assert_eq!(found.len(), 100);
    click("more");
    browser.wait(first, &json!("sku-050"));
    browser.press("/");
    browser.press("u-0\u{E007}");
    browser.wait(first, &json!("sku-000"));
    assert_eq!(list(&browser), (found[..50].to_vec(), [false, true]));
    assert_eq!(
        browser.ask("document.getElementById('more').focus() ?? true"),
        true
    );
    browser.press("\u{E007}");
    browser.wait(first, &json!("sku-050"));
    assert_eq!(list(&browser), (found[50..].to_vec(), [true, false]));
    // Escape in the search shows all again, from the beginning.
    browser.press("/");
    browser.press("\u{E00C}");
    browser.wait(first, &json!("sku-000"));
    assert_eq!(list(&browser), (skus[..50].to_vec(), [false, true]));
    let text = browser.ask("document.getElementById('skus').textContent");
    assert_eq!(text, Value::from("120 SKUs are open."));
}
