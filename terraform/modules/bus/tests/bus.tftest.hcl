# The rule has a dead letter queue and the body that the worker reads; only the publishers publish.

mock_provider "aws" {
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:event-bus/acme" }
  }
}

variables {
  context = {
    prefix     = "acme"
    partition  = "aws"
    region     = "eu-central-1"
    account_id = "111122223333"
    emulated   = false
  }
  publisher_role_arns    = ["arn:aws:iam::111122223333:role/acme-relay"]
  subscriber_account_ids = []
  archive_days           = 90
  execution_status_rules = {
    provision_tenant = {
      rule_name            = "acme-execution-status-provision_tenant"
      execution_arn_prefix = "arn:aws:states:eu-central-1:111122223333:execution:acme-provision_tenant:"
    }
  }
  execution_status_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:acme-execution-status"
  dead_letter_queue_arn      = "arn:aws:sqs:eu-central-1:111122223333:acme-rules-dead-letters"
}

run "ends_without_success_are_told" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.execution_status["provision_tenant"].event_pattern).detail.status == ["FAILED", "TIMED_OUT", "ABORTED"]
    error_message = "The rule passes over an end without success."
  }

  assert {
    condition     = jsondecode(replace(replace(aws_cloudwatch_event_target.execution_status["provision_tenant"].input_transformer[0].input_template, "<name>", "op_1-1"), "<status>", "FAILED")) == { executionId = "provision_tenant~op_1-1", status = "FAILED" }
    error_message = "The body is not what the execution-status worker reads."
  }

  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.execution_status : target.dead_letter_config[0].arn == var.dead_letter_queue_arn])
    error_message = "A rule's target has no dead letter queue."
  }
}

run "only_the_publishers_publish" {
  assert {
    condition     = length(jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement) == 1 && jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Condition.ArnNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::111122223333:role/acme-relay"]
    error_message = "Somebody else may publish, or another account may come in."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Condition.Bool["aws:PrincipalIsAWSService"] == "false"
    error_message = "EventBridge itself may not put a replay of the archive on the bus."
  }
}

run "other_accounts_come_in_by_name" {
  variables {
    subscriber_account_ids = ["444455556666"]
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[1].Principal.AWS == ["arn:aws:iam::444455556666:root"]
    error_message = "The subscriber's account is not let in, or others are."
  }
}
