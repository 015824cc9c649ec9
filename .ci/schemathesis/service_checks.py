"""What Schemathesis cannot know of the service by its description."""

import os
import random
import uuid
from urllib.parse import quote

import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.generation.meta import TestPhase

# Requests that keep to the description, and are refused for what the service knows or is set to.
KNOWN_LATER = (
    "other-request",  # the key belongs to another request
    "unknown-skus",
    "customer-needed",
)
KEY = "Idempotency-Key"
# Those that a new ledger has.
SKUS = ("phone", "case")
# What comes before in the life of an order.
BEFORE = {"ship_order": ("pay",), "return_order": ("pay", "ship")}


# The keys and the bodies of orders: some are placed a second time.
placed = []


def ask(case, method, path, body=None):
    """Asks the service itself, so that what is generated finds something that it can change."""
    headers = {KEY: str(uuid.uuid4()), "Authorization": f"Bearer {os.environ['SEGSTOCK_TOKEN']}"}
    url = case.operation.base_url.rstrip("/") + path
    return requests.request(method, url, json=body, headers=headers, timeout=60)


def new_sku(case):
    """A SKU with units, which no other request has counted, limited or closed."""
    sku = str(uuid.uuid4())
    ask(case, "PUT", f"/v1/stock/{sku}").raise_for_status()
    ask(case, "POST", f"/v1/stock/{sku}/restock", {"units": 100}).raise_for_status()
    return sku


def new_order(case, deeds):
    """An order to which this was done."""
    order = ask(case, "POST", "/v1/orders", {"lines": [{"sku": new_sku(case), "units": 3}]})
    order.raise_for_status()
    name = order.json()["id"]
    for deed in deeds:
        ask(case, "POST", f"/v1/orders/{name}/{deed}").raise_for_status()
    return name


def look(case, path, name):
    """What is known of this name; nothing, if nobody knows it."""
    answer = ask(case, "GET", path + quote(name, safe="")) if isinstance(name, str) else None
    return answer.json() if answer is not None and answer.status_code == 200 else None


@schemathesis.hook
def before_call(context, case, kwargs):
    """Most requests have keys of their own, and are about SKUs and orders that exist: what is generated at random is soon
    known for another request, and names what nobody opened or placed. Then nothing would come of it that could be followed.
    What was taken from an answer, along a link, stays."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    operation = case.operation.definition.raw["operationId"]
    named = case.path_parameters or {}
    # Outside of sequences each has its order: one that all change has had as many requests as it may, after a while.
    is_linked = case.meta.phase.name == TestPhase.STATEFUL and look(case, "/v1/orders/", named.get("id"))
    if "id" in named and not is_linked:
        named["id"] = new_order(case, BEFORE.get(operation, ()))
    if random.random() < 0.2:
        return
    if KEY in (case.headers or {}):
        case.headers[KEY] = str(uuid.uuid4())
    if "sku" in named and case.method != "PUT" and not look(case, "/v1/stock/", named["sku"]):
        named["sku"] = new_sku(case)
    if not isinstance(case.body, dict):
        return
    order = look(case, "/v1/orders/", named["id"]) if "id" in named else None
    for line in case.body.get("lines") or []:
        line["sku"], line["units"] = order["lines"][0]["sku"] if order else new_sku(case), random.randint(1, 2)
    if operation == "place_order":
        # Nobody has set a waiting list.
        case.body.pop("wait", None)
        if placed and random.random() < 0.2:
            case.headers[KEY], case.body = placed[-1]
        placed.append((case.headers[KEY], case.body))
    if operation in ("move_units", "send_units"):
        case.body["to"], case.body["units"] = new_sku(case), random.randint(1, 3)
    if operation == "write_off":
        case.body["units"] = random.randint(1, 3)


@schemathesis.check
def what_is_described_is_taken(context, response, case):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if response.status_code not in (400, 413, 415, 422):
        return
    problem = response.json()
    kind, detail = problem["type"].rsplit("#", 1)[1], problem["detail"]
    if kind in KNOWN_LATER:
        return
    # Lines of an order need a key, and the whole order needs none.
    if kind == "idempotency-key" and case.body:
        return
    # What stands in a list, the description does not say.
    if case.operation.definition.raw["operationId"] == "import_stock" and detail.startswith("the list"):
        return
    # A place in a list is what an answer before gave; more of it is not described.
    if any(word in detail for word in ("no such cursor", "the list began elsewhere", "first: ")):
        return
    sums = ("at most", "exceed", "more than", "no units", "cannot move", "held for")
    if any(word in detail for word in sums):
        return
    raise AssertionError(f"{response.status_code}: {detail}")
