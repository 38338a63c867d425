# What somebody must look at. Each description says what it means and what to do now.

locals {
  # Alarms over one metric.
  alarms = merge(
    {
      for name, queue in var.dead_letter_queue_names : "dead-letters-in-${name}" => {
        description = "Dead letters lie in ${queue} and nobody takes them away. `tenantry queue dead-letters` lists what was written down; look at the log of the function dead_letters for the rest."
        namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
        dimensions  = { QueueName = queue }
        threshold   = 0, period = 300, periods = contains(var.drained_queues, name) ? 3 : 1
      }
    },
    {
      "dead-letters-arrived" = {
        description = "Messages were given up and written down as dead letters. `tenantry queue dead-letters` shows why; `tenantry queue redrive` sends them again."
        namespace   = "AWS/Lambda", metric = "Invocations", statistic = "Sum"
        dimensions  = { FunctionName = var.function_names["dead_letters"] }
        threshold   = 0, period = 300, periods = 1
      }
    },
    {
      for name, queue in var.queue_names : "age-of-${name}" => {
        description = "The oldest message in ${queue} waits for more than ${var.message_age_seconds} s: its worker fails or is too slow. Look at the worker's log and at its concurrency."
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum"
        dimensions  = { QueueName = queue }
        threshold   = var.message_age_seconds, period = 60, periods = 5
      }
    },
    merge([
      for workflow, arn in var.state_machine_arns : {
        for metric, what in {
          ExecutionsFailed   = "failed; a compensated failure is one of them"
          ExecutionsTimedOut = "ran out of time"
          ExecutionsAborted  = "were stopped"
          } : "${workflow}-${metric}" => {
          description = "Executions of ${workflow} ${what}. `tenantry execution list` shows which."
          namespace   = "AWS/States", metric = metric, statistic = "Sum"
          dimensions  = { StateMachineArn = arn }
          threshold   = var.failed_executions_threshold, period = 300, periods = 1
        }
      }
    ]...),
    {
      "executions-throttled" = {
        # Transitions are the account's and Region's, so is the alarm: one for all workflows.
        description = "Step Functions holds executions back: state transitions are above the account's quota. Ask for a higher one, or lower the concurrency of the queue operations."
        namespace   = "AWS/States", metric = "ThrottledEvents", statistic = "Sum"
        dimensions  = { ServiceMetric = "StateTransition" }
        threshold   = 0, period = 300, periods = 2
      }
      "functions-throttled" = {
        # Concurrency is the account's and Region's, so is the alarm.
        description = "Lambda refuses calls for want of concurrency. Ask for a higher quota, or lower the queues' concurrency."
        namespace   = "AWS/Lambda", metric = "Throttles", statistic = "Sum"
        dimensions  = {}
        threshold   = 0, period = 300, periods = 2
      }
      "stream-behind" = {
        description = "The relay is behind the table's stream: events and operations are late. The sweeper sends them too, once a minute; look at the relay's log."
        namespace   = "AWS/Lambda", metric = "IteratorAge", statistic = "Maximum"
        dimensions  = { FunctionName = var.function_names["relay"] }
        threshold   = var.stream_age_seconds * 1000, period = 60, periods = 5
      }
      "api-errors" = {
        description = "The HTTP API answers 5xx. Look at the access log and at the log of the function api."
        namespace   = "AWS/ApiGateway", metric = "5xx", statistic = "Sum"
        dimensions  = { ApiId = var.api_id }
        threshold   = 5, period = 300, periods = 2
      }
      "operations-stuck" = {
        description = "Operations have made no progress for half an hour. `tenantry operation show` says at which step and why; a service that may take so long is no fault, and `tenantry execution redrive` goes on after another cause is gone."
        namespace   = local.namespace, metric = "QuietOperations", statistic = "Maximum"
        dimensions  = {}
        threshold   = 0, period = 300, periods = 6
      }
    },
    {
      for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : "table-${metric}" => {
        description = "DynamoDB throttles ${var.table_name}: one key is too hot, or the account's limit is reached."
        namespace   = "AWS/DynamoDB", metric = metric, statistic = "Sum"
        dimensions  = { TableName = var.table_name }
        threshold   = 0, period = 300, periods = 2
      }
    },
  )
  namespace = "Tenantry/${var.context.prefix}"

  # Functions with an alarm over their rate of failed calls. The others' failures ring elsewhere: a step's in its
  # execution, a worker's as messages that age and die, a round's as a dead letter of the schedules, the authorizer's as
  # 5xx of the API.
  rated_functions = { for name in var.error_rate_functions : name => var.function_names[name] }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  # An emulator keeps half of an alarm, and its plan would never settle.
  for_each = { for name, alarm in local.alarms : name => alarm if !var.context.emulated }

  alarm_name          = "${var.context.prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Failed calls in a hundred, per function. Single failures are retried and are no news.
resource "aws_cloudwatch_metric_alarm" "error_rate" {
  for_each = { for name, function in local.rated_functions : name => function if !var.context.emulated }

  alarm_name          = "${each.value}-errors"
  alarm_description   = "More than ${var.error_rate_percent} % of the calls of ${each.value} fail. Look at its log for the error's name."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.error_rate_percent
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "rate"
    expression  = "100 * errors / invocations"
    label       = "Failed calls in a hundred"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "Errors", invocations = "Invocations" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        stat        = "Sum"
        period      = 300
        dimensions  = { FunctionName = each.value }
      }
    }
  }
}

# The reconciler says in each round how many operations have made no progress for five minutes.
resource "aws_cloudwatch_log_metric_filter" "quiet" {
  name           = "quiet-operations"
  log_group_name = var.log_group_names["reconciler"]
  pattern        = "{ $.quiet_operations >= 0 }"

  metric_transformation {
    namespace = local.namespace
    name      = "QuietOperations"
    value     = "$.quiet_operations"
  }
}
