# What calls the workers: queues, dead letter queues, and the table's stream.

locals {
  triggers = flatten([
    for name, function in local.functions : [
      for trigger in function.triggers : { function = name, trigger = trigger }
    ]
  ])

  queue_mappings = {
    for each in local.triggers : each.trigger.queue => each if each.trigger.type == "queue"
  }

  dead_letter_mappings = merge([
    for each in local.triggers : { for queue in each.trigger.queues : queue => each }
    if each.trigger.type == "deadLetters"
  ]...)

  stream_mappings = {
    for each in local.triggers : each.function => each.trigger if each.trigger.type == "stream"
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each = local.queue_mappings

  event_source_arn                   = var.queue_arns[each.key]
  function_name                      = aws_lambda_alias.live[each.value.function].arn
  batch_size                         = each.value.trigger.batchSize
  maximum_batching_window_in_seconds = each.value.trigger.batchingWindowSeconds
  function_response_types            = ["ReportBatchItemFailures"]
  enabled                            = var.active

  # How many run at once, so that a flood waits in the queue and not in the account's concurrency.
  scaling_config {
    maximum_concurrency = lookup(var.queue_concurrency, each.key, 10)
  }
}

resource "aws_lambda_event_source_mapping" "dead_letters" {
  for_each = local.dead_letter_mappings

  event_source_arn                   = var.dead_letter_queue_arns[each.key]
  function_name                      = aws_lambda_alias.live[each.value.function].arn
  batch_size                         = each.value.trigger.batchSize
  maximum_batching_window_in_seconds = each.value.trigger.batchingWindowSeconds
  function_response_types            = ["ReportBatchItemFailures"]
  enabled                            = var.active

  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = local.stream_mappings

  event_source_arn                   = var.stream_arn
  function_name                      = aws_lambda_alias.live[each.key].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = each.value.batchSize
  maximum_batching_window_in_seconds = each.value.batchingWindowSeconds
  maximum_retry_attempts             = each.value.maximumRetryAttempts
  bisect_batch_on_function_error     = each.value.bisectBatchOnFunctionError
  parallelization_factor             = each.value.parallelizationFactor
  function_response_types            = ["ReportBatchItemFailures"]
  enabled                            = var.active

  # Lambda does not call, and nobody pays, for rows that do not enter the outbox.
  filter_criteria {
    dynamic "filter" {
      for_each = each.value.filters
      content {
        pattern = jsonencode(filter.value)
      }
    }
  }

  destination_config {
    on_failure {
      destination_arn = one(var.resources[each.value.onFailure])
    }
  }
}
