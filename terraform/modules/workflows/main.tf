# The workflows: the files of workflows/, rendered with this deployment's names, published as versions behind an alias.
# A running execution ends on the version that it began with.

locals {
  workflows     = var.contract.workflows
  machine_names = { for name, workflow in local.workflows : name => "${var.context.prefix}-${name}" }

  # What a definition may ask for: a function by its name, a queue by <queue>_queue_url.
  names = merge(
    var.function_arns,
    { for queue, url in var.queue_urls : "${replace(queue, "-", "_")}_queue_url" => url },
  )

  definitions = {
    for name, workflow in local.workflows : name => templatefile(
      "${path.module}/../../../${workflow.file}",
      { for wanted in workflow.names : wanted => local.names[wanted] },
    )
  }

  # An emulator takes only numbers for these, and fails a task whose timeout is computed. On AWS: as they are.
  deployed = {
    for name, definition in local.definitions : name => (
      var.context.emulated
      ? replace(definition, "/\"(Timeout|Heartbeat)Seconds\": *\"{%[^\"]*\"/", "\"$${1}Seconds\": 3600")
      : definition
    )
  }

  statements = {
    for name, workflow in local.workflows : name => [
      for statement in workflow.statements : {
        Effect   = "Allow"
        Action   = statement.actions
        Resource = flatten([for symbol in statement.resources : var.resources[symbol]])
      }
    ]
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable: a year of them costs more than everything else
  for_each = local.workflows

  # The prefix keeps the log delivery's resource policy below its size limit, as AWS recommends.
  name              = "/aws/vendedlogs/states/${local.machine_names[each.key]}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284:tracing is on wherever the endpoint is AWS; the block below is left out under an emulator alone (a test holds it)
  #checkov:skip=CKV_AWS_285:execution data is left out of the logs on purpose: payloads hold task tokens and services' answers
  for_each = local.workflows

  name       = local.machine_names[each.key]
  type       = "STANDARD"
  role_arn   = aws_iam_role.this[each.key].arn
  definition = local.deployed[each.key]
  publish    = true

  logging_configuration {
    level                  = var.log_level
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.this[each.key].arn}:*"
  }

  # An emulator forgets this attribute, and its plan would never settle.
  dynamic "tracing_configuration" {
    for_each = var.context.emulated ? [] : [true]
    content {
      enabled = tracing_configuration.value
    }
  }

  # Step Functions checks at once whether it may log.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_sfn_alias" "live" {
  for_each = local.workflows

  name        = "live"
  description = "What operations are started on"

  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.this[each.key].state_machine_version_arn
    weight                    = 100
  }
}
