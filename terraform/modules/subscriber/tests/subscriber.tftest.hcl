# A pattern and a queue, with a dead letter queue behind the rule.

mock_provider "aws" {
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/acme/crm" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:crm-undelivered", url = "https://sqs/crm-undelivered" }
  }
}

variables {
  bus_name  = "acme"
  name      = "crm"
  pattern   = "{\"source\": [\"tenantry\"], \"detail-type\": [\"TenantProvisioned\"]}"
  queue_arn = "arn:aws:sqs:eu-central-1:111122223333:crm"
}

run "what_cannot_be_delivered_is_kept" {
  assert {
    condition     = aws_cloudwatch_event_target.this.dead_letter_config[0].arn == aws_sqs_queue.dead_letters.arn && aws_cloudwatch_event_target.this.arn == var.queue_arn
    error_message = "The rule's target has no dead letter queue."
  }

  assert {
    condition     = jsondecode(output.queue_policy_statement).Condition.ArnEquals["aws:SourceArn"] == aws_cloudwatch_event_rule.this.arn && jsondecode(output.queue_policy_statement).Resource == var.queue_arn
    error_message = "The statement lets others send, or not the rule."
  }

  assert {
    condition     = length(aws_sqs_queue_policy.queue) == 0
    error_message = "The policy of somebody else's queue is overwritten."
  }
}

run "a_queue_of_ones_own_is_opened" {
  variables {
    queue_url          = "https://sqs/crm"
    write_queue_policy = true
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_policy.queue[0].policy).Statement[0] == jsondecode(output.queue_policy_statement)
    error_message = "The rule may not send to the queue."
  }
}

run "refuses_what_is_no_pattern" {
  command = plan

  variables {
    pattern = "TenantProvisioned"
  }

  expect_failures = [var.pattern]
}

run "refuses_an_empty_pattern" {
  command = plan

  variables {
    pattern = "{}"
  }

  expect_failures = [var.pattern]
}

run "refuses_what_is_no_queue" {
  command = plan

  variables {
    queue_arn = "arn:aws:sns:eu-central-1:111122223333:crm"
  }

  expect_failures = [var.queue_arn]
}

run "refuses_to_write_a_policy_to_nowhere" {
  command = plan

  variables {
    write_queue_policy = true
  }

  expect_failures = [var.queue_url]
}

run "refuses_a_name_that_no_rule_can_have" {
  command = plan

  variables {
    name = "crm tenants"
  }

  expect_failures = [var.name]
}
