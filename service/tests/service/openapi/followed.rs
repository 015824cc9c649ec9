//! Links and examples of the description: they can be followed, and are what the service takes.

use super::*;
use std::cell::Cell;

/// Each link of an answer, as the operation and the link's name.
pub(super) fn links(document: &Value) -> BTreeSet<(String, String)> {
    let links = operations(document).flat_map(|(name, operation)| {
        let answers = operation["responses"].as_object().unwrap().values();
        let links = answers.filter_map(|answer| answer["links"].as_object());
        let names = links.flat_map(|links| links.keys());
        names.map(move |link| (name.clone(), link.clone()))
    });
    links.collect()
}

/// Whether an answer has all that a link takes from it.
pub(super) fn is_served_by(link: &Value, answer: &Value) -> bool {
    let values = |of: &Value| of.as_object().map(|all| all.values().cloned().collect());
    let all = [&link["parameters"], &link["requestBody"]];
    let all = all.into_iter().filter_map(values);
    let mut taken = all.flat_map(|values: Vec<Value>| values);
    taken.all(|value| match value.as_str().unwrap() {
        // What the request had.
        text if text.starts_with("$request.body#/") => true,
        text => {
            let pointer = text.strip_prefix("$response.body#").unwrap();
            answer.pointer(pointer).is_some()
        }
    })
}

/// By its id.
fn operation<'a>(document: &'a Value, id: &str) -> (String, &'a Value) {
    let mut all = operations(document);
    let found = all.find(|(_, operation)| operation["operationId"] == id);
    found.unwrap_or_else(|| panic!("there is no operation {id}"))
}

#[test]
fn each_operation_has_a_name_and_links_to_those_that_can_follow() {
    let document = document();
    let ids = operations(&document).map(|(_, operation)| operation["operationId"].clone());
    let ids: Vec<String> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
    // After these nothing follows from what they answer.
    let last = [
        "api",
        "api_css",
        "export_stock",
        "follow_events",
        "list_backups",
        "live",
        "list_orders",
        "list_sendings",
        "list_stock",
        "metrics",
        "openapi",
        "overview",
        "page",
        "page_css",
        "page_js",
        "ready",
    ];
    for (name, described) in operations(&document) {
        let answers = described["responses"].as_object().unwrap();
        let has_links = answers.values().any(|answer| answer["links"].is_object());
        let id = described["operationId"].as_str().unwrap();
        assert_eq!(has_links, !last.contains(&id), "{name}");
        let links = answers
            .values()
            .filter_map(|answer| answer["links"].as_object());
        for link in links.flat_map(|links| links.values()) {
            let (_, target) = operation(&document, link["operationId"].as_str().unwrap());
            let parameters = target["parameters"].as_array();
            let known: Vec<_> = parameters
                .into_iter()
                .flatten()
                .map(|it| &it["name"])
                .collect();
            for parameter in link["parameters"].as_object().unwrap().keys() {
                assert!(known.iter().any(|it| *it == parameter), "{name}: {link}");
            }
            assert!(link["requestBody"].is_null() || target["requestBody"].is_object());
        }
    }
}

/// Sends an operation, with the parameters and the body given, or the body of its example.
fn follow(
    shop: &Server,
    document: &Value,
    id: &str,
    parameters: &Value,
    body: Option<&Value>,
) -> Reply {
    let (name, described) = operation(document, id);
    let (method, path) = name.split_once(' ').unwrap();
    let mut path = path.to_owned();
    for (name, value) in parameters.as_object().unwrap() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if path.contains(&format!("{{{name}}}")) {
            path = path.replace(&format!("{{{name}}}"), &text);
        } else {
            path += &format!("?{name}={text}");
        }
    }
    let contents = described["requestBody"]["content"].as_object();
    let content = contents.and_then(|it| it.iter().find(|(_, it)| !it["example"].is_null()));
    // A key of its own for each request.
    let number = NUMBER.get();
    NUMBER.set(number + 1);
    let new = format!("followed-{number}");
    let mut headers = vec![key(&new)];
    let mut text = String::new();
    if let Some((kind, content)) = content {
        headers.push(("content-type", kind));
        let body = body.unwrap_or(&content["example"]);
        text = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
    }
    shop.client.send(method, &path, &headers, &text)
}

thread_local! {
    /// The number of the next key.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// What an operation whose answer has links is sent after.
const BEFORE: &[(&str, &[&str])] = &[
    ("place_order", &[]),
    ("show_order", &["place_order"]),
    ("amend_order", &["place_order"]),
    ("extend_order", &["place_order"]),
    ("pay_order", &["place_order"]),
    ("cancel_order", &["place_order"]),
    ("ship_order", &["place_order", "pay_order"]),
    ("return_order", &["place_order", "pay_order", "ship_order"]),
    ("open_sku", &[]),
    ("show_stock", &[]),
    ("restock", &[]),
    ("count", &[]),
    ("write_off", &[]),
    ("limit", &[]),
    ("move_units", &[]),
    ("send_units", &[]),
    ("arrive", &["send_units"]),
    ("import_stock", &[]),
];

/// The parameters of an operation, and its body if it is not its example, after an answer.
fn asked_after(document: &Value, id: &str, answer: &Value) -> (Value, Option<Value>) {
    let (_, described) = operation(document, id);
    let mut parameters = json!({});
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (parameter["name"].as_str().unwrap(), &parameter["in"]);
        if place == "path" {
            parameters[name] = answer[name].clone();
        } else if name == "do" {
            parameters[name] = json!("restock");
        }
    }
    let mut body = None;
    if id == "arrive" {
        body = Some(json!({"sending": answer["changed"]["sending"], "units": 1}));
        parameters["sku"] = json!("case");
    } else if id == "open_sku" {
        parameters["sku"] = json!("new");
    }
    (parameters, body)
}

/// The answer of the last of these operations.
fn answer_of(shop: &Server, document: &Value, ids: &[&str]) -> Value {
    let mut answer = json!({"sku": "phone"});
    for id in ids {
        let (parameters, body) = asked_after(document, id, &answer);
        answer = follow(shop, document, id, &parameters, body.as_ref()).json();
        assert!(answer["status"].is_null(), "{id}: {answer}");
    }
    answer
}

/// What a link takes from an answer, and from the request whose body was the operation's example.
fn taken(from: &Value, answer: &Value, request: &Value) -> Value {
    match from {
        Value::Object(fields) => {
            let fields = fields.iter();
            let taken = fields.map(|(name, from)| (name.clone(), taken(from, answer, request)));
            Value::Object(taken.collect())
        }
        from => {
            let text = from.as_str().unwrap();
            let (of, pointer) = text.split_once('#').unwrap();
            let of = if of == "$request.body" {
                request
            } else {
                answer
            };
            of.pointer(pointer)
                .unwrap_or_else(|| panic!("{text}: {of}"))
                .clone()
        }
    }
}

#[test]
fn each_link_is_followed_to_an_answer_that_knows_what_it_names() {
    let document = document();
    let mut followed = BTreeSet::new();
    for &(id, before) in BEFORE {
        let (name, described) = operation(&document, id);
        let request = &described["requestBody"]["content"]["application/json"]["example"];
        let answers = described["responses"].as_object().unwrap();
        let links = answers
            .values()
            .find_map(|answer| answer["links"].as_object());
        for (target, link) in links.unwrap() {
            let shop = Server::start(&[("phone", 100), ("case", 100)]);
            let answer = answer_of(&shop, &document, &[before, &[id]].concat());
            let parameters = taken(&link["parameters"], &answer, request);
            let body = link
                .get("requestBody")
                .map(|body| taken(body, &answer, request));
            let reply = follow(&shop, &document, target, &parameters, body.as_ref());
            assert!(
                [200, 409].contains(&reply.status),
                "{id} to {target}: {reply:?}"
            );
            followed.insert((name.clone(), target.clone()));
        }
    }
    assert_eq!(followed, links(&document));
}

#[test]
fn a_replayed_answer_has_the_header_that_is_described() {
    let document = document();
    for &(id, before) in BEFORE {
        let (name, described) = operation(&document, id);
        let header = &described["responses"]["200"]["headers"]["Idempotent-Replayed"];
        let only_looks = name.starts_with("GET") || id == "import_stock";
        assert_eq!(header.is_object(), !only_looks, "{name}");
        if only_looks {
            continue;
        }
        let shop = Server::start(&[("phone", 100), ("case", 100)]);
        let (parameters, body) = asked_after(&document, id, &answer_of(&shop, &document, before));
        let number = NUMBER.get();
        let first = follow(&shop, &document, id, &parameters, body.as_ref());
        assert!(!first.is_replayed(), "{id}: {first:?}");
        // Again, under the same key.
        NUMBER.set(number);
        let again = follow(&shop, &document, id, &parameters, body.as_ref());
        assert!(again.is_replayed(), "{id}: {again:?}");
        again.expect(200);
    }
}

#[test]
fn security_is_that_of_the_listeners() {
    let document = document();
    for route in ROUTES {
        let all = operations(&document)
            .find(|(name, _)| *name == format!("{} {}", route.method, route.path));
        let (name, described) = all.unwrap();
        let expected = match route.audience {
            Audience::Shop => json!([{"token": []}]),
            Audience::Customers => json!([{}, {"token": []}]),
            Audience::Everybody | Audience::Page => Value::Null,
        };
        assert_eq!(described["security"], expected, "{name}");
        assert_eq!(
            described["responses"]["401"].is_object(),
            expected != Value::Null,
            "{name}"
        );
    }
}

#[test]
fn examples_are_as_described_and_requests_of_them_are_taken() {
    let document = document();
    let shop = Server::start(&[("phone", 100), ("case", 5_000)]);
    let sent = shop.client.post(
        "/v1/stock/case/send",
        "s",
        &json!({"to": "phone", "units": 5}),
    );
    let sending = sent.expect(200)["changed"]["sending"].clone();
    let order = |id: &str, deeds: &[&str]| {
        shop.client.order(id, &[("phone", 2)]).expect(201);
        deeds
            .iter()
            .for_each(|deed| _ = shop.client.deed(deed, id).expect(200));
    };
    order("pay", &[]);
    order("amend", &[]);
    order("extend", &[]);
    order("cancel", &[]);
    order("ship", &["pay"]);
    order("return", &["pay", "ship"]);
    let mut tried = 0;
    for (name, described) in operations(&document) {
        for (status, answer) in described["responses"].as_object().unwrap() {
            for content in answer["content"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.values())
            {
                let example = &content["example"];
                let validator = validator(&document, &content["schema"]);
                assert!(
                    example.is_null() || validator.is_valid(example),
                    "{name} {status}"
                );
            }
        }
        let contents = described["requestBody"]["content"].as_object();
        for (kind, content) in contents.into_iter().flatten() {
            let mut example = content["example"].clone();
            if example.is_null() {
                assert_eq!(kind, "application/jsonl", "{name}");
                continue;
            }
            assert!(
                validator(&document, &content["schema"]).is_valid(&example),
                "{name}"
            );
            if !example["sending"].is_null() {
                example["sending"] = sending.clone();
            }
            let (method, path) = name.split_once(' ').unwrap();
            let deed = path.rsplit('/').next().unwrap();
            let path = path.replace("{id}", deed).replace("{sku}", "phone");
            let path = path.replace("bulk/stock", "bulk/stock?do=restock");
            let text = example
                .as_str()
                .map_or_else(|| example.to_string(), str::to_owned);
            let headers = [("content-type", kind.as_str()), key(deed)];
            let answer = shop.client.send(method, &path, &headers, &text);
            assert!([200, 201].contains(&answer.status), "{name}: {answer:?}");
            tried += 1;
        }
    }
    assert_eq!(tried, 15);
}

#[test]
fn the_page_of_the_interface_shows_every_operation_to_both_listeners() {
    let shop = Server::start(&[]);
    for client in [&shop.client, &shop.customers] {
        let page = client.get("/api");
        assert_eq!(
            (page.status, page.kind.as_str()),
            (200, "text/html; charset=utf-8")
        );
        for route in ROUTES
            .iter()
            .filter(|route| route.audience != Audience::Page && !route.path.contains(".css"))
        {
            let shown = format!("<code>{} {}</code>", route.method, route.path);
            assert!(page.text.contains(&shown), "{shown}");
        }
        // No link of it leads nowhere.
        let targets = page.text.split("href=\"#").skip(1);
        for target in targets.map(|rest| rest.split('"').next().unwrap()) {
            assert!(page.text.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }
}
