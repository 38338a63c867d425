# The queues between the relay, the workers and the services, each with a dead letter queue of its own, and the dead
# letter queues of everything else. Policies lie in the queues themselves: each separate resource waits half a minute.

locals {
  arn_prefix = "arn:${var.context.partition}:sqs:${var.context.region}:${var.context.account_id}:${var.context.prefix}-"

  # Name of each dead letter queue, with the queue that it serves; null where it serves none.
  dead_letter_queues = merge(
    { for name, queue in var.contract.queues : name => name },
    { for name, queue in var.contract.deadLetterQueues : name => null },
  )

  # An emulator on loopback speaks no TLS; there the refusal of calls without it refuses nobody.
  insecure = var.context.emulated ? "never" : "false"

  # Who may send to a queue beside the roles of this account: rules of EventBridge.
  rule_statements = {
    for name, rules in var.sending_rules : name => [{
      Sid       = "FromRules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.arn_prefix}${name}"
      Condition = { ArnEquals = { "aws:SourceArn" = rules } }
    }]
  }
}

resource "aws_sqs_queue" "this" {
  #checkov:skip=CKV2_AWS_73:SSE-SQS encrypts at rest; bodies that say more than ids are sealed with the tenant's own key, and a KMS key would cost a call per batch
  for_each = var.contract.queues

  name                       = "${var.context.prefix}-${each.key}"
  visibility_timeout_seconds = each.value.visibilitySeconds
  message_retention_seconds  = each.value.retentionSeconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.maxReceives
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "OverTlsAlone"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "${local.arn_prefix}${each.key}"
      Condition = { Bool = { "aws:SecureTransport" = local.insecure } }
    }], lookup(local.rule_statements, each.key, []))
  })
}

resource "aws_sqs_queue" "dead_letters" {
  #checkov:skip=CKV2_AWS_73:SSE-SQS encrypts at rest, as for the queues that they serve
  for_each = local.dead_letter_queues

  name                      = "${var.context.prefix}-${each.key}-dead-letters"
  message_retention_seconds = 1209600
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true

  # Long enough for the function that drains it (AWS recommends six times the function's timeout).
  visibility_timeout_seconds = var.dead_letter_visibility_seconds

  # Only its own queue may move messages here. One that serves no queue is sent to by Lambda or EventBridge.
  redrive_allow_policy = (
    each.value == null
    ? jsonencode({ redrivePermission = "denyAll" })
    : jsonencode({ redrivePermission = "byQueue", sourceQueueArns = ["${local.arn_prefix}${each.value}"] })
  )

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "OverTlsAlone"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "${local.arn_prefix}${each.key}-dead-letters"
      Condition = { Bool = { "aws:SecureTransport" = local.insecure } }
    }], lookup(local.rule_statements, "${each.key}-dead-letters", []))
  })
}
