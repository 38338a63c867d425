# The whole, put together: an AWS deployment unless an emulator is named, and what is wired to what.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-central-1:111122223333:table/tenantry"
      stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/tenantry/stream/1"
    }
  }
  mock_data "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/tenantry"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/tenantry/stream/2"
    }
  }
  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1" }
  }
  mock_data "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tenantry/system/admin-token-abcdef" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::tenantry", id = "tenantry" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tenantry/system/admin-token-abcdef" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:mock", url = "https://sqs.eu-central-1.amazonaws.com/111122223333/mock" }
  }
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:event-bus/tenantry" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:mock", version = "7" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = {
      arn        = "arn:aws:lambda:eu-central-1:111122223333:function:mock:live"
      invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:mock:live/invocations"
    }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = {
      arn                       = "arn:aws:states:eu-central-1:111122223333:stateMachine:mock"
      state_machine_version_arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:mock:3"
    }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { id = "abc", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:abc" }
  }
  mock_resource "aws_apigatewayv2_stage" {
    defaults = { invoke_url = "https://abc.execute-api.eu-central-1.amazonaws.com/" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:tenantry-alarms" }
  }
}

mock_provider "aws" {
  alias = "replica"
}

variables {
  region   = "eu-central-1"
  zip_path = "versions.tf"
}

run "aws_unless_an_emulator_is_named" {
  assert {
    condition     = var.emulator_endpoint == "" && !local.emulated && length(local.emulator_endpoints) == 0 && output.url == "https://abc.execute-api.eu-central-1.amazonaws.com"
    error_message = "Something of the emulator's is on by default."
  }

  assert {
    condition     = output.resources["taskTokens"] == ["arn:aws:states:eu-central-1:111122223333:stateMachine:tenantry-provision_tenant"]
    error_message = "Task tokens are not bound to the state machines."
  }

  assert {
    condition     = [for symbol, arns in output.resources : symbol if contains(arns, "*")] == ["any"]
    error_message = "A resource that can be named stands for everything."
  }

  assert {
    condition     = var.deletion_protection && var.active && !var.standby && var.replica_region == ""
    error_message = "By default a deployment can be lost, or does not run."
  }
}

run "it_is_wired_by_names_that_do_not_wait_for_each_other" {
  assert {
    condition     = contains(local.publishers, "relay")
    error_message = "The relay may not publish."
  }

  assert {
    condition     = local.secret_references == toset(["system/admin-token"])
    error_message = "A secret that a function reads is not made, or one too many."
  }

  assert {
    condition     = toset(keys(output.functions)) == toset(keys(local.contract.functions)) && toset(keys(output.state_machines)) == toset(keys(local.contract.workflows)) && toset(keys(output.queues)) == toset(keys(local.contract.queues))
    error_message = "A function, a workflow or a queue of the contract is not deployed."
  }

  assert {
    condition     = strcontains(output.admin_token_command, "--secret-id tenantry/system/admin-token")
    error_message = "The command does not print the admin's token."
  }

  assert {
    condition     = local.default_tags.Application == "tenantry" && local.default_tags.ManagedBy == "terraform"
    error_message = "What is made does not say whose it is."
  }
}

run "an_emulator_is_named_by_one_variable" {
  variables {
    emulator_endpoint = "http://127.0.0.1:4566"
  }

  assert {
    condition     = local.emulated && output.url == "http://127.0.0.1:4566/_aws/execute-api/abc/$default" && output.resources["taskTokens"] == ["*"]
    error_message = "The emulator is not reached, or refuses task tokens."
  }
}

run "a_standby_region_has_roles_of_its_own" {
  variables {
    region  = "eu-west-1"
    standby = true
    active  = false
  }

  assert {
    condition     = output.function_roles["relay"] == "tenantry-relay-eu-west-1" && output.state_machine_roles["provision_tenant"] == "tenantry-provision_tenant-eu-west-1" && local.role_arns["relay"] == "arn:aws:iam::111122223333:role/tenantry-relay-eu-west-1"
    error_message = "The two Regions fight over the account's roles."
  }
}
