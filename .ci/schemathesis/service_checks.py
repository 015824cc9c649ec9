"""What Schemathesis cannot know of the service by its description."""

import random
import uuid

import schemathesis
from schemathesis import GenerationMode

# Requests that keep to the description, and are refused for what the service knows or is set to.
KNOWN_LATER = (
    "other-request",  # the key belongs to another request
    "unknown-skus",
    "customer-needed",
)
KEY = "Idempotency-Key"
# Those that a new ledger has.
SKUS = ("phone", "case")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Most requests have keys of their own, and are about SKUs that exist: what is generated at random is soon known for
    another request, and names SKUs that nobody opened. Then nothing would come of it that could be followed."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or random.random() < 0.3:
        return
    if KEY in (case.headers or {}):
        case.headers[KEY] = str(uuid.uuid4())
    if isinstance(case.body, dict):
        for line in case.body.get("lines") or []:
            line["sku"], line["units"] = random.choice(SKUS), random.randint(1, 3)
        if case.body.get("to") not in (None, "on_sale", "written_off"):
            case.body["to"], case.body["units"] = random.choice(SKUS), random.randint(1, 3)
    if "sku" in (case.path_parameters or {}) and case.method != "PUT":
        case.path_parameters["sku"] = random.choice(SKUS)


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
