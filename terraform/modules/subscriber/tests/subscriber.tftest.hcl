# A pattern and a queue, with a dead letter queue behind the rule.

mock_provider "aws" {
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/acme/crm" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:crm-undelivered", url = "https://sqs/crm-undelivered" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/crm-sender", id = "crm-sender" }
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
    condition     = length(aws_iam_role.sender) == 0 && can(regex("^[A-Za-z0-9]+$", jsondecode(output.queue_policy_statement).Sid))
    error_message = "A role is made that nobody needs, or the statement has a name that IAM refuses elsewhere."
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

run "a_queue_of_another_account_is_sent_to_under_a_role_of_the_bus" {
  variables {
    queue_arn        = "arn:aws:sqs:eu-central-1:444455556666:crm"
    queue_account_id = "444455556666"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.role_arn == aws_iam_role.sender[0].arn && jsondecode(aws_iam_role_policy.sender[0].policy).Statement == [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = var.queue_arn }]
    error_message = "EventBridge delivers to another account under a role alone, and this one is missing or may do more."
  }

  assert {
    condition     = jsondecode(output.queue_policy_statement) == { Sid = "FromRulecrm", Effect = "Allow", Principal = { AWS = aws_iam_role.sender[0].arn }, Action = "sqs:SendMessage", Resource = var.queue_arn }
    error_message = "The queue's owner is told to let in others than the role."
  }
}

run "refuses_to_write_the_policy_of_another_account" {
  command = plan

  variables {
    queue_arn          = "arn:aws:sqs:eu-central-1:444455556666:crm"
    queue_account_id   = "444455556666"
    queue_url          = "https://sqs/crm"
    write_queue_policy = true
  }

  expect_failures = [var.queue_account_id]
}

run "refuses_an_account_that_is_not_the_queues" {
  command = plan

  variables {
    queue_account_id = "444455556666"
  }

  expect_failures = [var.queue_account_id]
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
