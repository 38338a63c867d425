# Every queue has its dead letter queue; nothing is reached without TLS or by others than the rules that are named.

mock_provider "aws" {}

variables {
  context = {
    prefix     = "acme"
    partition  = "aws"
    region     = "eu-central-1"
    account_id = "111122223333"
    emulated   = false
  }
  contract = {
    queues = {
      operations       = { visibilitySeconds = 180, maxReceives = 50, retentionSeconds = 1209600, variable = "A" }
      execution-status = { visibilitySeconds = 180, maxReceives = 40, retentionSeconds = 1209600, variable = "B" }
    }
    deadLetterQueues = { rules = { purpose = "What EventBridge could not put into a queue." } }
  }
  dead_letter_visibility_seconds = 180
  sending_rules = {
    "execution-status"   = ["arn:aws:events:eu-central-1:111122223333:rule/acme-x"]
    "rules-dead-letters" = ["arn:aws:events:eu-central-1:111122223333:rule/acme-x"]
  }
}

run "every_queue_has_a_dead_letter_queue_of_its_own" {
  assert {
    condition     = alltrue([for name, queue in aws_sqs_queue.this : jsondecode(queue.redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead_letters[name].arn])
    error_message = "A queue's dead letters go elsewhere than into its own dead letter queue."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this["execution-status"].redrive_policy).maxReceiveCount == 40
    error_message = "How often a message is received is not what the contract says."
  }

  assert {
    condition = alltrue([
      for name, queue in aws_sqs_queue.this : jsondecode(aws_sqs_queue.dead_letters[name].redrive_allow_policy) == {
        redrivePermission = "byQueue"
        sourceQueueArns   = ["arn:aws:sqs:eu-central-1:111122223333:acme-${name}"]
      }
    ])
    error_message = "A dead letter queue takes messages of another queue."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.dead_letters["rules"].redrive_allow_policy).redrivePermission == "denyAll"
    error_message = "A dead letter queue of rules takes messages of queues."
  }

  assert {
    condition     = toset(keys(aws_sqs_queue.dead_letters)) == toset(["operations", "execution-status", "rules"])
    error_message = "A dead letter queue is missing, or one too many."
  }
}

run "everything_is_encrypted_and_reached_over_tls_alone" {
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letters)) : queue.sqs_managed_sse_enabled])
    error_message = "A queue is not encrypted."
  }

  assert {
    condition = alltrue([
      for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letters)) : anytrue([
        for statement in jsondecode(queue.policy).Statement :
        statement.Effect == "Deny" && statement.Condition.Bool["aws:SecureTransport"] == "false" if statement.Effect == "Deny"
      ])
    ])
    error_message = "A queue is reached without TLS."
  }
}

run "only_named_rules_send" {
  assert {
    condition     = length(jsondecode(aws_sqs_queue.this["operations"].policy).Statement) == 1
    error_message = "Somebody else may send to operations."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.this["execution-status"], aws_sqs_queue.dead_letters["rules"]] : anytrue([
        for statement in jsondecode(queue.policy).Statement :
        try(statement.Condition.ArnEquals["aws:SourceArn"] == ["arn:aws:events:eu-central-1:111122223333:rule/acme-x"], false) && statement.Effect == "Allow"
      ])
    ])
    error_message = "The rule may not send, or others may."
  }
}
