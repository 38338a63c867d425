# Roles with exactly what the contract says; versions behind an alias; nothing fails unseen.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:mock:live" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:mock", version = "7" }
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
  common_variables     = { TENANTRY_LOG = "info" }
  zip_path             = "versions.tf"
  code_bucket_name     = "acme-code"
  architecture         = "arm64"
  reserved_concurrency = { webhooks = 5 }
  queue_concurrency    = { webhooks = 40 }
  stream_arn           = "arn:aws:dynamodb:eu-central-1:111122223333:table/acme/stream/1"
  key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/1"
  log_retention_days   = 14
  active               = true
}

run "setup" {
  module {
    source = "./tests/setup"
  }
}

run "as_the_contract_says" {
  variables {
    contract               = run.setup.contract
    resources              = run.setup.resources
    variable_values        = run.setup.variable_values
    queue_arns             = run.setup.queue_arns
    dead_letter_queue_arns = run.setup.dead_letter_queue_arns
  }

  assert {
    condition = alltrue([
      for name, function in var.contract.functions : jsondecode(aws_iam_role_policy.this[name].policy).Statement == jsondecode(jsonencode([
        for statement in function.statements : merge(
          {
            Effect   = "Allow"
            Action   = statement.actions
            Resource = flatten([for symbol in statement.resources : var.resources[symbol]])
          },
          { for block in try([statement.conditions], []) : "Condition" => block },
        )
      ]))
    ])
    error_message = "A role may do more, or less, than the contract says."
  }

  assert {
    condition = alltrue(flatten([
      for name, function in var.contract.functions : [
        for index, statement in function.statements :
        !contains(output.statements[name][index].Resource, "*") || try(length(statement.reason) > 20, false)
      ]
    ]))
    error_message = "A statement names * as its resource and gives no reason."
  }

  assert {
    condition = alltrue(flatten([
      for name, statements in output.statements : [
        for statement in statements : [for action in statement.Action : can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))]
      ]
    ]))
    error_message = "A statement's action is a pattern."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      function.publish && function.handler == name && function.runtime == "provided.al2023" &&
      function.architectures == tolist(["arm64"]) && function.tracing_config[0].mode == (contains(["sweeper", "reconciler"], name) ? "PassThrough" : "Active") &&
      function.timeout == var.contract.functions[name].timeoutSeconds &&
      function.memory_size == var.contract.functions[name].memoryMegabytes
    ])
    error_message = "A function is not published, not traced, or not as the contract says."
  }

  assert {
    condition     = alltrue([for name, alias in aws_lambda_alias.live : alias.name == "live" && alias.function_version == "7"])
    error_message = "An alias does not stand on the published version."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      toset(keys(function.environment[0].variables)) == toset(concat(var.contract.functions[name].variables, ["TENANTRY_LOG"]))
    ])
    error_message = "A function is given a variable that it does not ask for, or lacks one."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 14 && group.kms_key_id == var.key_arn])
    error_message = "A log is kept for ever, or is not encrypted."
  }

  assert {
    condition     = aws_lambda_function.this["webhooks"].reserved_concurrent_executions == 5 && aws_lambda_function.this["api"].reserved_concurrent_executions == -1
    error_message = "Reserved concurrency is not what was asked for."
  }
}

run "no_message_is_lost_unseen" {
  variables {
    contract               = run.setup.contract
    resources              = run.setup.resources
    variable_values        = run.setup.variable_values
    queue_arns             = run.setup.queue_arns
    dead_letter_queue_arns = run.setup.dead_letter_queue_arns
  }

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.queue)) == toset(keys(var.contract.queues)) && toset(keys(aws_lambda_event_source_mapping.dead_letters)) == toset(keys(var.contract.queues))
    error_message = "A queue, or a dead letter queue, has no function that empties it."
  }

  assert {
    condition = alltrue([
      for mapping in concat(values(aws_lambda_event_source_mapping.queue), values(aws_lambda_event_source_mapping.dead_letters), values(aws_lambda_event_source_mapping.stream)) :
      mapping.function_response_types == toset(["ReportBatchItemFailures"]) && mapping.enabled && endswith(mapping.function_name, ":live")
    ])
    error_message = "A batch succeeds or fails as a whole, a mapping is off, or calls past the alias."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue["webhooks"].scaling_config[0].maximum_concurrency == 40 && aws_lambda_event_source_mapping.queue["operations"].scaling_config[0].maximum_concurrency == 10
    error_message = "A queue's concurrency is not bounded as was asked for."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stream : mapping.destination_config[0].on_failure[0].destination_arn == one(var.resources["deadLetterQueue/relay"]) && mapping.bisect_batch_on_function_error && mapping.maximum_retry_attempts > 0])
    error_message = "What the relay cannot handle is not kept, or stands in the way of what follows."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.stream) == 1 && jsondecode(one(aws_lambda_event_source_mapping.stream["relay"].filter_criteria[0].filter).pattern).dynamodb.NewImage.index1pk.S[0].prefix == "OUTBOX#"
    error_message = "The relay is called for rows that do not enter the outbox."
  }

  assert {
    condition = alltrue([
      for name, schedule in aws_scheduler_schedule.this :
      schedule.target[0].dead_letter_config[0].arn == one(var.resources["deadLetterQueue/schedules"]) && schedule.state == "ENABLED" &&
      aws_lambda_function_event_invoke_config.this[name].destination_config[0].on_failure[0].destination == one(var.resources["deadLetterQueue/schedules"]) &&
      aws_lambda_function_event_invoke_config.this[name].qualifier == "live"
    ])
    error_message = "A round that fails is not kept, neither by the scheduler nor by Lambda."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : !contains(flatten([statement.Resource]), "*")])
    error_message = "The scheduler may call everything."
  }
}

run "a_standby_region_rests" {
  variables {
    contract               = run.setup.contract
    resources              = run.setup.resources
    variable_values        = run.setup.variable_values
    queue_arns             = run.setup.queue_arns
    dead_letter_queue_arns = run.setup.dead_letter_queue_arns
    active                 = false
  }

  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.state == "DISABLED"]) && alltrue([for mapping in concat(values(aws_lambda_event_source_mapping.queue), values(aws_lambda_event_source_mapping.stream)) : !mapping.enabled])
    error_message = "Something runs in the standby Region."
  }
}
