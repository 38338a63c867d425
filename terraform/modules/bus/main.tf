# The bus that carries the facts to every other service, and the rules that bring us what Step Functions tells.

resource "aws_cloudwatch_event_bus" "this" {
  name        = var.context.prefix
  description = "Facts about tenants, told by ${var.context.prefix}"
}

# Whoever may publish in this account could else pose as Tenantry; other accounts come in only by name.
resource "aws_cloudwatch_event_bus_policy" "this" {
  # An emulator keeps another policy than the one that it was given, and its plan would never settle.
  count = var.context.emulated ? 0 : 1

  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "OnlyThePublishersPublish"
      Effect    = "Deny"
      Principal = "*"
      Action    = "events:PutEvents"
      Resource  = aws_cloudwatch_event_bus.this.arn
      Condition = {
        ArnNotEquals = { "aws:PrincipalArn" = var.publisher_role_arns }
        # A service that acts for nobody has no such ARN: replays of the archive are EventBridge's own.
        Bool = { "aws:PrincipalIsAWSService" = "false" }
      }
      }], length(var.subscriber_account_ids) == 0 ? [] : [{
      Sid       = "SubscribersOfOtherAccountsKeepTheirOwnRules"
      Effect    = "Allow"
      Principal = { AWS = [for id in var.subscriber_account_ids : "arn:${var.context.partition}:iam::${id}:root"] }
      Action = [
        "events:DeleteRule", "events:DescribeRule", "events:DisableRule", "events:EnableRule",
        "events:ListTagsForResource", "events:ListTargetsByRule", "events:PutRule", "events:PutTargets",
        "events:RemoveTargets", "events:TagResource", "events:UntagResource",
      ]
      Resource  = "arn:${var.context.partition}:events:${var.context.region}:${var.context.account_id}:rule/${var.context.prefix}/*"
      Condition = { StringEqualsIfExists = { "events:creatorAccount" = "$${aws:PrincipalAccount}" } }
    }])
  })
}

resource "aws_cloudwatch_event_archive" "this" {
  name             = var.context.prefix
  description      = "Everything that was told; for replays to a new subscriber"
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive_days
}

# How an execution ended, in the body that the execution-status worker reads. One rule per machine: only so can the
# body name the workflow.
resource "aws_cloudwatch_event_rule" "execution_status" {
  for_each = var.execution_status_rules

  name        = each.value.rule_name
  description = "Executions of ${each.key} that ended without success"
  event_pattern = jsonencode({
    source        = ["aws.states"]
    "detail-type" = ["Step Functions Execution Status Change"]
    detail = {
      status       = ["FAILED", "TIMED_OUT", "ABORTED"]
      executionArn = [{ prefix = each.value.execution_arn_prefix }]
    }
  })
}

resource "aws_cloudwatch_event_target" "execution_status" {
  for_each = aws_cloudwatch_event_rule.execution_status

  rule      = each.value.name
  target_id = "execution-status"
  arn       = var.execution_status_queue_arn

  input_transformer {
    input_paths = {
      name   = "$.detail.name"
      status = "$.detail.status"
    }
    input_template = "{\"executionId\": \"${each.key}~<name>\", \"status\": \"<status>\"}"
  }

  dead_letter_config {
    arn = var.dead_letter_queue_arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }
}
