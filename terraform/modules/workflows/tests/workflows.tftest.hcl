# Published versions behind an alias, least privilege, and logs without payloads.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = {
      arn                       = "arn:aws:states:eu-central-1:111122223333:stateMachine:mock"
      state_machine_version_arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:mock:3"
    }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
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
  key_arn            = "arn:aws:kms:eu-central-1:111122223333:key/1"
  log_retention_days = 14
  log_level          = "ERROR"
}

run "setup" {
  module {
    source = "../functions/tests/setup"
  }
}

run "as_the_contract_says" {
  variables {
    contract      = run.setup.contract
    resources     = run.setup.resources
    function_arns = run.setup.function_arns
    queue_urls    = run.setup.queue_urls
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : machine.publish && machine.type == "STANDARD" && machine.tracing_configuration[0].enabled])
    error_message = "A state machine is not published as a version, or not traced."
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : machine.logging_configuration[0].level == "ERROR" && !machine.logging_configuration[0].include_execution_data])
    error_message = "Executions log nothing, or log their payloads, in which task tokens are."
  }

  assert {
    condition     = alltrue([for alias in aws_sfn_alias.live : alias.name == "live" && one(alias.routing_configuration).state_machine_version_arn == "arn:aws:states:eu-central-1:111122223333:stateMachine:mock:3"])
    error_message = "The alias does not stand on the published version."
  }

  assert {
    condition     = alltrue([for name, machine in aws_sfn_state_machine.this : machine.definition == output.definitions[name]])
    error_message = "What is deployed on AWS is not the rendered file."
  }

  assert {
    condition = alltrue([
      for name, definition in output.definitions :
      strcontains(definition, "function:acme-validate_tenant:live") && strcontains(definition, "/acme-integrations\"") &&
      !strcontains(definition, "$${") && can(jsondecode(definition))
    ])
    error_message = "A definition calls a function past its alias, or a name in it was not replaced."
  }

  assert {
    condition = alltrue(flatten([
      for name, workflow in var.contract.workflows : [
        for index, statement in workflow.statements :
        !contains(output.statements[name][index].Resource, "*") || try(length(statement.reason) > 20, false)
      ]
    ]))
    error_message = "A statement names * as its resource and gives no reason."
  }

  assert {
    condition = alltrue([
      for name, role in aws_iam_role.this :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    ])
    error_message = "A state machine of another account may use the role."
  }
}

run "tracing_is_left_out_under_an_emulator_alone" {
  variables {
    context       = merge(var.context, { emulated = true })
    contract      = run.setup.contract
    resources     = run.setup.resources
    function_arns = run.setup.function_arns
    queue_urls    = run.setup.queue_urls
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : length(machine.tracing_configuration) == 0])
    error_message = "The plan never settles under an emulator."
  }
}
