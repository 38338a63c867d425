# Rounds that are made from time to time. Two things can fail, and each has its dead letter queue: the scheduler's call
# (the target's), and the function itself after that (the destination of the asynchronous call).

locals {
  schedules = {
    for each in local.triggers : each.function => each.trigger if each.trigger.type == "schedule"
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.context.prefix
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:a schedule's input is empty; there is nothing to encrypt with a key of one's own
  for_each = local.schedules

  name                = local.function_names[each.key]
  description         = local.functions[each.key].summary
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = each.value.expression
  state               = var.active ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live[each.key].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = "{}"

    dead_letter_config {
      arn = one(var.resources[each.value.onFailure])
    }

    # The next round makes up for this one.
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 1
    }
  }

  # A first round without permission would be a dead letter, and an alarm.
  depends_on = [aws_iam_role_policy.scheduler, aws_lambda_function_event_invoke_config.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  for_each = local.schedules

  function_name                = aws_lambda_function.this[each.key].function_name
  qualifier                    = aws_lambda_alias.live[each.key].name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0

  destination_config {
    on_failure {
      destination = one(var.resources[each.value.onFailure])
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.context.prefix}-scheduler${var.context.role_suffix}"
  description = "Calls the functions that make rounds"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.context.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "exactly-what-it-needs"
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = [for name, schedule in local.schedules : aws_lambda_alias.live[name].arn]
      },
      {
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = distinct(flatten([for name, schedule in local.schedules : var.resources[schedule.onFailure]]))
      },
    ]
  })
}
