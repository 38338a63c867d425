"""AWS's own client, botocore, for a test: calls come in as lines of JSON, answers go out as lines of JSON.

In:  {"id": 1, "service": "sqs", "operation": "send_message", "parameters": {...}, "items": null | "QueueUrls"}
Out: {"id": 1, "answer": {...}}  or  {"id": 1, "code": "AccessDenied", "message": "..."}

A parameter {"$base64": "..."} is bytes. In answers, bytes and bodies are text, or {"$base64": "..."} where they are none.
With "items", every page is asked for, and the answer is the list of that name.
"""

import base64
import datetime
import decimal
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

session = botocore.session.Session()
clients, clients_lock, out_lock = {}, threading.Lock(), threading.Lock()


def client(service):
    with clients_lock:
        if service not in clients:
            # A refusal is what a test looks for, and it is to come at once; an invocation may take its time.
            config = Config(retries={"total_max_attempts": 1}, read_timeout=300, max_pool_connections=32,
                            s3={"addressing_style": "path"})
            clients[service] = session.create_client(service, config=config)
        return clients[service]


def taken(value):
    if isinstance(value, dict):
        if set(value) == {"$base64"}:
            return base64.b64decode(value["$base64"])
        return {name: taken(one) for name, one in value.items()}
    return [taken(one) for one in value] if isinstance(value, list) else value


def given(value):
    if isinstance(value, StreamingBody):
        value = value.read()
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: given(one) for name, one in value.items() if name != "ResponseMetadata"}
    if isinstance(value, (list, tuple, set)):
        return [given(one) for one in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value


def call(request):
    to, parameters = client(request["service"]), taken(request["parameters"])
    if not request.get("items"):
        return getattr(to, request["operation"])(**parameters)
    if not to.can_paginate(request["operation"]):
        return getattr(to, request["operation"])(**parameters).get(request["items"], [])
    found = []
    for page in to.get_paginator(request["operation"]).paginate(**parameters):
        found.extend(page.get(request["items"], []))
    return found


def carry_out(line):
    request = json.loads(line)
    try:
        answer = {"id": request["id"], "answer": given(call(request))}
    except ClientError as error:
        told = error.response.get("Error", {})
        answer = {"id": request["id"], "code": told.get("Code", "?"), "message": told.get("Message", str(error))}
    except Exception as error:  # every other fault is the test's own
        answer = {"id": request["id"], "code": type(error).__name__, "message": str(error)}
    with out_lock:
        print(json.dumps(answer), flush=True)


with ThreadPoolExecutor(max_workers=32) as pool:
    for line in sys.stdin:
        pool.submit(carry_out, line)
