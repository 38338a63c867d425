# Where alarms go.

resource "aws_sns_topic" "alarms" {
  name              = "${var.context.prefix}-alarms"
  display_name      = "${var.context.prefix} alarms"
  kms_master_key_id = var.key_arn
}

# The topic's policy stands in for the default one, which lets the whole account publish.
resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndBudgets"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.context.account_id } }
      },
      {
        Sid       = "OverTlsAlone"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

# A person must confirm by a link in the first message.
resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

# Traces of this deployment alone: requests, what is told, and executions, where they fail or are slow. X-Ray knows no
# beginnings of services' names, so each is named. The emulator has no X-Ray.
locals {
  traced_services = concat(
    [for name in ["api", "relay"] : var.function_names[name]],
    [for workflow, arn in var.state_machine_arns : reverse(split(":", arn))[0]],
  )
}

resource "aws_xray_group" "this" {
  count = var.context.emulated ? 0 : 1

  group_name = var.context.prefix
  filter_expression = join(" OR ", [
    for name in local.traced_services : "service(\"${name}\") { fault = true OR error = true OR responsetime > 5 }"
  ])

  insights_configuration {
    insights_enabled      = true
    notifications_enabled = false
  }
}

resource "aws_budgets_budget" "this" {
  count = var.monthly_budget_usd > 0 ? 1 : 0

  name         = var.context.prefix
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # Only what carries our tag; the tag must be activated for billing once per account.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Application$%s", var.context.prefix)]
  }

  notification {
    comparison_operator       = "GREATER_THAN"
    notification_type         = "FORECASTED"
    threshold                 = 100
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }
}
