"""A tour of the Step Functions protocol with boto3 as it comes: only the profile names the server.

Run by tests/wire/mod.rs with AWS_CONFIG_FILE and AWS_PROFILE set to what `tenantry aws-credentials` printed. Ends with
status 0 once everything was as AWS answers it; a wrong answer is an AssertionError with its place.
"""

import json
import sys
import threading
import time

import boto3
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/tour"
sfn = boto3.client("stepfunctions")
steps = []


def step(function):
    steps.append(function)
    return function


def machine(start, **states):
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": start, "States": states})


def passing(word):
    return machine("P", P={"Type": "Pass", "Output": {"word": word}, "End": True})


def create(name, definition, **more):
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE, **more)


def until(what, ask, seconds=60):
    """Asks until there is an answer; generous, because it bounds a fault and measures nothing."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"gave up waiting for {what}")


def ended(arn):
    def look():
        found = sfn.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    return until(f"the end of {arn}", look)


def refused(code, call, **arguments):
    try:
        answer = call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["RequestId"], error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected, and it answered {answer}")


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


@step
def machines():
    made = create("tour", passing("one"), tags=[{"key": "for", "value": "tour"}])
    arn = made["stateMachineArn"]
    equal(create("tour", passing("one"))["creationDate"], made["creationDate"])
    refused("StateMachineAlreadyExists", create, name="tour", definition=passing("other"))
    shown = sfn.describe_state_machine(stateMachineArn=arn)
    equal((shown["status"], shown["type"], shown["definition"]), ("ACTIVE", "STANDARD", passing("one")))
    for number in range(3):
        create(f"tour-{number}", passing(str(number)))
    pages = sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    names = [item["name"] for page in pages for item in page["stateMachines"]]
    equal([name for name in names if name.startswith("tour")], ["tour", "tour-0", "tour-1", "tour-2"])
    assert "provision_tenant" in names, names
    updated = sfn.update_state_machine(stateMachineArn=arn, definition=passing("two"))
    equal(sfn.describe_state_machine(stateMachineArn=arn)["revisionId"], updated["revisionId"])
    message = refused("InvalidDefinition", create, name="bad", definition='{"StartAt": "A"}')
    assert "SCHEMA_VALIDATION_FAILED" in message, message
    found = sfn.validate_state_machine_definition(definition='{"StartAt": "A"}')
    equal((found["result"], found["diagnostics"][0]["severity"]), ("FAIL", "ERROR"))
    equal(sfn.validate_state_machine_definition(definition=passing("x"))["result"], "OK")


@step
def tags():
    arn = sfn.describe_state_machine(stateMachineArn=arn_of("tour"))["stateMachineArn"]
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "more", "value": ""}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["for"])
    equal(sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "more", "value": ""}])


def arn_of(name):
    return f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"


@step
def versions_and_aliases():
    arn = arn_of("tour")
    first = sfn.publish_state_machine_version(stateMachineArn=arn, description="first")["stateMachineVersionArn"]
    equal(first, f"{arn}:1")
    second = sfn.update_state_machine(stateMachineArn=arn, definition=passing("three"), publish=True)
    second = second["stateMachineVersionArn"]
    listed = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    equal([version["stateMachineVersionArn"] for version in listed], [second, first])
    whole = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = sfn.create_state_machine_alias(name="live", routingConfiguration=whole)["stateMachineAliasArn"]
    started = sfn.start_execution(stateMachineArn=alias, name="through-alias")
    found = ended(started["executionArn"])
    equal(
        (json.loads(found["output"]), found["stateMachineVersionArn"], found["stateMachineAliasArn"]),
        ({"word": "two"}, first, alias),
    )
    shares = [{"stateMachineVersionArn": first, "weight": 30}, {"stateMachineVersionArn": second, "weight": 70}]
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=shares, description="shared")
    shown = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    equal((shown["routingConfiguration"], shown["description"]), (shares, "shared"))
    equal(len(sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]), 1)
    refused("ConflictException", sfn.delete_state_machine_version, stateMachineVersionArn=first)
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    sfn.delete_state_machine_version(stateMachineVersionArn=first)
    refused("ResourceNotFound", sfn.describe_state_machine_alias, stateMachineAliasArn=alias)
    refused("StateMachineDoesNotExist", sfn.start_execution, stateMachineArn=first)


@step
def executions():
    definition = machine("W", W={"Type": "Wait", "Seconds": 3600, "End": True})
    arn = create("waits", definition)["stateMachineArn"]
    first = sfn.start_execution(stateMachineArn=arn, name="one", input='{"n": 1}')
    equal(sfn.start_execution(stateMachineArn=arn, name="one", input='{"n":1}')["startDate"], first["startDate"])
    refused("ExecutionAlreadyExists", sfn.start_execution, stateMachineArn=arn, name="one", input="{}")
    refused("InvalidExecutionInput", sfn.start_execution, stateMachineArn=arn, input="{")
    refused("InvalidName", sfn.start_execution, stateMachineArn=arn, name="a b")
    refused("InvalidArn", sfn.start_execution, stateMachineArn="arn")
    for number in range(4):
        sfn.start_execution(stateMachineArn=arn, name=f"more-{number}")
    pages = sfn.get_paginator("list_executions").paginate(
        stateMachineArn=arn, statusFilter="RUNNING", PaginationConfig={"PageSize": 2}
    )
    names = [item["name"] for page in pages for item in page["executions"]]
    equal(sorted(names), ["more-0", "more-1", "more-2", "more-3", "one"])
    stopped = sfn.stop_execution(executionArn=first["executionArn"], error="Enough", cause="the tour goes on")
    found = sfn.describe_execution(executionArn=first["executionArn"])
    equal(
        (found["status"], found["error"], found["cause"], found["stopDate"], found["redriveStatus"]),
        ("ABORTED", "Enough", "the tour goes on", stopped["stopDate"], "REDRIVABLE"),
    )
    history = sfn.get_paginator("get_execution_history")
    pages = history.paginate(
        executionArn=first["executionArn"], reverseOrder=True, PaginationConfig={"PageSize": 2}
    )
    types = [event["type"] for page in pages for event in page["events"]]
    equal(types, ["ExecutionAborted", "WaitStateEntered", "ExecutionStarted"])
    shown = sfn.describe_state_machine_for_execution(executionArn=first["executionArn"])
    equal((shown["definition"], shown["roleArn"]), (definition, ROLE))
    missing = first["executionArn"] + "x"
    refused("ExecutionDoesNotExist", sfn.describe_execution, executionArn=missing)


@step
def activities_and_redrive():
    activity = sfn.create_activity(name="work")["activityArn"]
    equal(sfn.describe_activity(activityArn=activity)["name"], "work")
    equal([item["name"] for item in sfn.list_activities()["activities"]], ["work"])
    task = {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 600, "End": True}
    arn = create("works", machine("T", T=task))["stateMachineArn"]
    taken = []
    worker = threading.Thread(
        target=lambda: taken.append(boto3.client("stepfunctions").get_activity_task(activityArn=activity, workerName="w"))
    )
    # Asked before there is a task: the server holds the question open.
    worker.start()
    execution = sfn.start_execution(stateMachineArn=arn, input='{"n": 1}')["executionArn"]
    worker.join(timeout=60)
    equal(json.loads(taken[0]["input"]), {"n": 1})
    token = taken[0]["taskToken"]
    sfn.send_task_heartbeat(taskToken=token)
    sfn.send_task_failure(taskToken=token, error="Broken", cause="at first")
    found = ended(execution)
    equal((found["status"], found["error"], found["cause"]), ("FAILED", "Broken", "at first"))
    refused("TaskTimedOut", sfn.send_task_success, taskToken=token, output="{}")
    refused("InvalidToken", sfn.send_task_heartbeat, taskToken="none")
    redriven = sfn.redrive_execution(executionArn=execution, clientToken="once")
    equal(sfn.redrive_execution(executionArn=execution, clientToken="once"), {**redriven, "ResponseMetadata": any_of})
    again = sfn.get_activity_task(activityArn=activity)
    refused("InvalidOutput", sfn.send_task_success, taskToken=again["taskToken"], output="{")
    sfn.send_task_success(taskToken=again["taskToken"], output='{"n": 2}')
    found = ended(execution)
    equal((found["status"], found["redriveCount"], json.loads(found["output"])), ("SUCCEEDED", 1, {"n": 2}))
    refused("ExecutionNotRedrivable", sfn.redrive_execution, executionArn=execution)
    sfn.delete_activity(activityArn=activity)
    refused("ActivityDoesNotExist", sfn.describe_activity, activityArn=activity)


class Any:
    """Equals everything: for what differs from answer to answer."""

    def __eq__(self, other):
        return True


any_of = Any()


@step
def express():
    arn = create("quick", passing("now"), type="EXPRESS")["stateMachineArn"]
    found = sfn.start_sync_execution(stateMachineArn=arn, name="run", input="[]")
    equal((found["status"], found["output"]), ("SUCCEEDED", '{"word":"now"}'))
    assert found["billingDetails"]["billedDurationInMilliseconds"] >= 100, found
    started = sfn.start_execution(stateMachineArn=arn, name="run")["executionArn"]
    assert ":express:quick:run:" in started and started != found["executionArn"], started
    refused("InvalidArn", sfn.describe_execution, executionArn=started)
    refused("StateMachineTypeNotSupported", sfn.list_executions, stateMachineArn=arn)
    refused("StateMachineTypeNotSupported", sfn.start_sync_execution, stateMachineArn=arn_of("tour"))


@step
def executions_that_start_executions():
    inner = create("inner", passing("inside"))["stateMachineArn"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": inner, "Input": {"from": "outside"}},
        "Output": "{% $states.result.Output %}",
        "End": True,
    }
    outer = create("outer", machine("T", T=task))["stateMachineArn"]
    found = ended(sfn.start_execution(stateMachineArn=outer)["executionArn"])
    equal((found["status"], json.loads(found["output"])), ("SUCCEEDED", {"word": "inside"}))
    child = sfn.list_executions(stateMachineArn=inner)["executions"][0]
    equal(json.loads(sfn.describe_execution(executionArn=child["executionArn"])["input"])["from"], "outside")


@step
def map_runs():
    each = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "E",
        "States": {"E": {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": True}},
    }
    state = {"Type": "Map", "Label": "each", "Items": "{% $states.input %}", "ItemProcessor": each, "End": True}
    arn = create("maps", machine("M", M=state))["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=arn, input="[1, 2, 3]")["executionArn"]
    found = ended(execution)
    equal((found["status"], found.get("output")), ("SUCCEEDED", "[2,4,6]"))
    run = sfn.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
    assert ":mapRun:maps/each:" in run, run
    shown = sfn.describe_map_run(mapRunArn=run)
    equal((shown["status"], shown["itemCounts"]["succeeded"], shown["executionArn"]), ("SUCCEEDED", 3, execution))
    children = sfn.list_executions(mapRunArn=run)["executions"]
    equal(len(children), 3)
    child = sfn.describe_execution(executionArn=children[0]["executionArn"])
    equal((child["status"], child["mapRunArn"]), ("SUCCEEDED", run))
    sfn.update_map_run(mapRunArn=run, maxConcurrency=5)
    refused("ResourceNotFound", sfn.describe_map_run, mapRunArn=run + "x")


@step
def states_alone():
    state = {"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    state["Arguments"] = {"FunctionName": "f", "Payload": {"n": "{% $states.input.n %}"}}
    state["Output"] = "{% $states.result.Payload.n + 1 %}"
    mock = {"result": json.dumps({"Payload": {"n": 41}, "StatusCode": 200})}
    found = sfn.test_state(definition=json.dumps(state), input='{"n": 1}', inspectionLevel="DEBUG", mock=mock)
    equal((found["status"], found["output"]), ("SUCCEEDED", "42"))
    equal(json.loads(found["inspectionData"]["afterArguments"])["Payload"], {"n": 1})
    refused("ValidationException", sfn.test_state, definition=passing("x"), stateName="none")


@step
def strangers():
    other = boto3.client("stepfunctions", aws_access_key_id="AKIAOTHER", aws_secret_access_key="x")
    message = refused("UnrecognizedClientException", other.list_activities)
    equal(message, "The security token included in the request is invalid.")
    key = boto3.Session().get_credentials().access_key
    forged = boto3.client("stepfunctions", aws_access_key_id=key, aws_secret_access_key="x")
    refused("InvalidSignatureException", forged.list_activities)
    elsewhere = boto3.client("stepfunctions", region_name="eu-west-1")
    elsewhere.list_activities()


@step
def deletion():
    for page in sfn.get_paginator("list_state_machines").paginate():
        for item in page["stateMachines"]:
            if item["name"] == "provision_tenant":
                refused("ValidationException", sfn.delete_state_machine, stateMachineArn=item["stateMachineArn"])
            else:
                sfn.delete_state_machine(stateMachineArn=item["stateMachineArn"])
    until("the deletions", lambda: len(sfn.list_state_machines()["stateMachines"]) == 1)
    refused("ExecutionDoesNotExist", sfn.describe_execution, executionArn=arn_of("waits").replace(":stateMachine:", ":execution:") + ":one")
    # Sent again it is no error.
    sfn.delete_state_machine(stateMachineArn=arn_of("tour"))


for number, function in enumerate(steps, 1):
    print(f"{number} of {len(steps)}: {function.__name__}", file=sys.stderr, flush=True)
    function()
print(f"{len(steps)} steps with boto3 {boto3.__version__}")
