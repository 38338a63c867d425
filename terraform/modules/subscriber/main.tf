# One subscriber: a rule on the bus that puts matching events into a queue, with a dead letter queue behind the rule.

locals {
  rule_arn = aws_cloudwatch_event_rule.this.arn

  allowed = {
    Sid      = "FromRule${replace(var.name, "/[^A-Za-z0-9]/", "")}"
    Effect   = "Allow"
    Action   = "sqs:SendMessage"
    Resource = var.queue_arn
  }
  # What the queue's policy must say: that the rule may send, or the role that it sends under. As JSON, because the two
  # are of different types.
  statement = jsondecode(
    var.queue_account_id == null
    ? jsonencode(merge(local.allowed, {
      Principal = { Service = "events.amazonaws.com" }
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
    }))
    : jsonencode(merge(local.allowed, { Principal = { AWS = one(aws_iam_role.sender[*].arn) } }))
  )
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = var.name
  description    = var.description
  event_bus_name = var.bus_name
  event_pattern  = var.pattern
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.bus_name
  target_id      = "queue"
  arn            = var.queue_arn
  role_arn       = one(aws_iam_role.sender[*].arn)

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  # A day, with growing pauses; after that the event lies in the dead letter queue.
  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }
}

# A rule reaches the queue of another account only under a role of the bus's own account.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
resource "aws_iam_role" "sender" {
  count = var.queue_account_id == null ? 0 : 1

  name        = "${var.name}-sender"
  description = "Puts what matches the rule ${var.name} into the subscriber's queue"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "sender" {
  count = var.queue_account_id == null ? 0 : 1

  name = "exactly-what-it-needs"
  role = aws_iam_role.sender[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = var.queue_arn }]
  })
}

resource "aws_sqs_queue" "dead_letters" {
  #checkov:skip=CKV2_AWS_73:SSE-SQS encrypts at rest; events carry no secret
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true

  redrive_allow_policy = jsonencode({ redrivePermission = "denyAll" })
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "FromRule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
      },
      {
        Sid       = "OverTlsAlone"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

# Where this account owns the queue and nothing else sends to it, its policy is written here.
resource "aws_sqs_queue_policy" "queue" {
  count = var.write_queue_policy ? 1 : 0

  queue_url = var.queue_url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.statement,
      {
        Sid       = "OverTlsAlone"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = var.queue_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
