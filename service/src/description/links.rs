//! Links: from an answer to the operations that can follow, and what they take from it.
//!
//! Lists have none: they may be empty, or have no next page, and a link is one that can be followed.

use serde_json::{Map, Value, json};

/// A link: the operation that follows, its parameters and its body, taken from the answer.
struct Link {
    to: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    body: Option<fn() -> Value>,
}

const fn link(to: &'static str, parameters: &'static [(&'static str, &'static str)]) -> Link {
    Link {
        to,
        parameters,
        body: None,
    }
}

/// To what is done to the order that was answered.
const fn order(to: &'static str) -> Link {
    link(to, &[("id", "$response.body#/id")])
}

/// To what is done to the SKU that was answered.
const fn sku(to: &'static str) -> Link {
    link(to, &[("sku", "$response.body#/sku")])
}

/// All links, by the operation whose answer they follow.
const LINKS: &[(&str, &[Link])] = &[
    (
        "place_order",
        &[
            order("show_order"),
            order("amend_order"),
            order("extend_order"),
            order("pay_order"),
            order("cancel_order"),
        ],
    ),
    (
        "show_order",
        &[
            order("amend_order"),
            order("extend_order"),
            order("pay_order"),
            order("cancel_order"),
            order("ship_order"),
            order("return_order"),
        ],
    ),
    (
        "amend_order",
        &[
            order("show_order"),
            order("extend_order"),
            order("pay_order"),
            order("cancel_order"),
        ],
    ),
    (
        "extend_order",
        &[
            order("show_order"),
            order("pay_order"),
            order("cancel_order"),
        ],
    ),
    (
        "pay_order",
        &[
            order("show_order"),
            order("ship_order"),
            order("cancel_order"),
        ],
    ),
    ("ship_order", &[order("show_order"), order("return_order")]),
    ("return_order", &[order("show_order")]),
    ("cancel_order", &[order("show_order")]),
    (
        "open_sku",
        &[
            sku("show_stock"),
            sku("restock"),
            sku("count"),
            sku("limit"),
        ],
    ),
    (
        "show_stock",
        &[
            sku("restock"),
            sku("count"),
            sku("write_off"),
            sku("limit"),
            sku("move_units"),
            sku("send_units"),
            sku("list_orders"),
        ],
    ),
    (
        "restock",
        &[
            sku("show_stock"),
            sku("count"),
            sku("write_off"),
            sku("move_units"),
            sku("send_units"),
        ],
    ),
    ("count", &[sku("show_stock")]),
    ("write_off", &[sku("show_stock")]),
    ("limit", &[sku("show_stock")]),
    ("move_units", &[sku("show_stock")]),
    (
        "send_units",
        &[
            sku("show_stock"),
            link("list_sendings", &[]),
            Link {
                to: "arrive",
                parameters: &[("sku", "$request.body#/to")],
                body: Some(
                    || json!({"sending": "$response.body#/changed/sending", "units": "$request.body#/units"}),
                ),
            },
        ],
    ),
    ("arrive", &[sku("show_stock")]),
    (
        "import_stock",
        &[link("export_stock", &[]), link("list_stock", &[])],
    ),
];

/// The links of an operation's answer, by their names.
pub(super) fn of(operation: &str) -> Map<String, Value> {
    let links = LINKS.iter().filter(|(from, _)| *from == operation);
    let links = links.flat_map(|(_, links)| links.iter());
    let described = links.map(|link| {
        let parameters: Map<String, Value> = link
            .parameters
            .iter()
            .map(|(name, from)| ((*name).to_owned(), json!(from)))
            .collect();
        let mut described = json!({"operationId": link.to, "parameters": parameters});
        if let Some(body) = link.body {
            described["requestBody"] = body();
        }
        (link.to.to_owned(), described)
    });
    described.collect()
}
