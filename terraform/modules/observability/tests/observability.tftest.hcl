# Everything that can go wrong unseen has an alarm, over the right metric of the right thing.

mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:acme-alarms" }
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
  queue_names                 = { operations = "acme-operations" }
  dead_letter_queue_names     = { operations = "acme-operations-dead-letters", relay = "acme-relay-dead-letters" }
  drained_queues              = ["operations"]
  function_names              = { api = "acme-api", relay = "acme-relay", dead_letters = "acme-dead_letters", reconciler = "acme-reconciler" }
  log_group_names             = { reconciler = "/aws/lambda/acme-reconciler" }
  state_machine_arns          = { provision_tenant = "arn:aws:states:eu-central-1:111122223333:stateMachine:acme-provision_tenant" }
  table_name                  = "acme"
  api_id                      = "abc"
  key_arn                     = "arn:aws:kms:eu-central-1:111122223333:key/1"
  alarm_emails                = ["on-call@example.com"]
  message_age_seconds         = 600
  stream_age_seconds          = 120
  failed_executions_threshold = 0
  error_rate_percent          = 25
  error_rate_functions        = ["api", "relay"]
  monthly_budget_usd          = 100
}

run "alarms" {
  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.this : name => "${alarm.namespace} ${alarm.metric_name} ${join(",", [for key, value in alarm.dimensions : "${key}=${value}"])}"
      } == {
      "age-of-operations"                   = "AWS/SQS ApproximateAgeOfOldestMessage QueueName=acme-operations"
      "api-errors"                          = "AWS/ApiGateway 5xx ApiId=abc"
      "dead-letters-arrived"                = "AWS/Lambda Invocations FunctionName=acme-dead_letters"
      "dead-letters-in-operations"          = "AWS/SQS ApproximateNumberOfMessagesVisible QueueName=acme-operations-dead-letters"
      "dead-letters-in-relay"               = "AWS/SQS ApproximateNumberOfMessagesVisible QueueName=acme-relay-dead-letters"
      "executions-throttled"                = "AWS/States ThrottledEvents ServiceMetric=StateTransition"
      "functions-throttled"                 = "AWS/Lambda Throttles "
      "operations-stuck"                    = "Tenantry/acme QuietOperations "
      "provision_tenant-ExecutionsAborted"  = "AWS/States ExecutionsAborted StateMachineArn=arn:aws:states:eu-central-1:111122223333:stateMachine:acme-provision_tenant"
      "provision_tenant-ExecutionsFailed"   = "AWS/States ExecutionsFailed StateMachineArn=arn:aws:states:eu-central-1:111122223333:stateMachine:acme-provision_tenant"
      "provision_tenant-ExecutionsTimedOut" = "AWS/States ExecutionsTimedOut StateMachineArn=arn:aws:states:eu-central-1:111122223333:stateMachine:acme-provision_tenant"
      "stream-behind"                       = "AWS/Lambda IteratorAge FunctionName=acme-relay"
      "table-ReadThrottleEvents"            = "AWS/DynamoDB ReadThrottleEvents TableName=acme"
      "table-WriteThrottleEvents"           = "AWS/DynamoDB WriteThrottleEvents TableName=acme"
    }
    error_message = "An alarm is missing, one too many, or looks at something else."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.error_rate :
      toset([for query in alarm.metric_query : query.metric[0].dimensions.FunctionName if length(query.metric) == 1]) == toset([var.function_names[name]])
    ]) && toset(keys(aws_cloudwatch_metric_alarm.error_rate)) == toset(["api", "relay"])
    error_message = "A function that was asked for has no alarm over its own failed calls, or another one has."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.error_rate)) :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && length(alarm.alarm_description) > 40
    ])
    error_message = "An alarm tells nobody, or does not say what to do."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.key_arn && alltrue([for subscription in aws_sns_topic_subscription.email : subscription.protocol == "email"])
    error_message = "The topic is not encrypted."
  }

  assert {
    condition = aws_xray_group.this[0].filter_expression == join(" OR ", [
      for name in ["acme-api", "acme-relay", "acme-provision_tenant"] : "service(\"${name}\") { fault = true OR error = true OR responsetime > 5 }"
    ])
    error_message = "The traces' group asks in words that X-Ray does not know, or not for this deployment."
  }

  assert {
    condition     = one(one(aws_budgets_budget.this[0].cost_filter).values) == "user:Application$acme" && one(aws_budgets_budget.this[0].notification).notification_type == "FORECASTED"
    error_message = "The budget is missing, or counts what others spend."
  }
}

run "an_emulator_has_no_alarms" {
  variables {
    context            = merge(var.context, { emulated = true })
    monthly_budget_usd = 0
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length(aws_cloudwatch_metric_alarm.error_rate) + length(aws_xray_group.this) + length(aws_budgets_budget.this) == 0
    error_message = "The plan never settles under an emulator."
  }
}
