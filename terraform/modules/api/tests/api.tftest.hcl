# All routes but the open ones stand behind the authorizer; who calls is written down.

mock_provider "aws" {
  mock_resource "aws_apigatewayv2_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:abc" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
  mock_resource "aws_apigatewayv2_stage" {
    defaults = { invoke_url = "https://abc.execute-api.eu-central-1.amazonaws.com/" }
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
  api_function_name        = "acme-api"
  api_invoke_arn           = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:acme-api:live/invocations"
  authorizer_function_name = "acme-authorizer"
  authorizer_invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:acme-authorizer:live/invocations"
  authorizer_ttl_seconds   = 60
  requests_per_second      = 500
  requests_burst           = 1000
  open_requests_per_second = 20
  domain                   = null
  key_arn                  = "arn:aws:kms:eu-central-1:111122223333:key/1"
  log_retention_days       = 14
}

run "only_what_says_nothing_of_tenants_is_open" {
  assert {
    condition     = toset(keys(aws_apigatewayv2_route.open)) == toset(["GET /", "GET /healthz", "GET /readyz", "GET /openapi.json", "GET /help/errors/{code}"])
    error_message = "Another route is open, or one of these is not."
  }

  assert {
    condition     = aws_apigatewayv2_route.guarded.route_key == "$default" && aws_apigatewayv2_route.guarded.authorization_type == "CUSTOM" && aws_apigatewayv2_route.guarded.authorizer_id == aws_apigatewayv2_authorizer.this.id
    error_message = "What is not open does not stand behind the authorizer."
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.this.authorizer_type == "REQUEST" && aws_apigatewayv2_authorizer.this.enable_simple_responses && aws_apigatewayv2_authorizer.this.identity_sources == toset(["$request.header.Authorization"]) && aws_apigatewayv2_authorizer.this.authorizer_result_ttl_in_seconds == 60
    error_message = "The authorizer is not asked by the token, or its answer is kept for longer than was said."
  }

  assert {
    condition     = length(aws_apigatewayv2_authorizer.this.jwt_configuration) == 0 && length(aws_apigatewayv2_api.this.cors_configuration) == 0
    error_message = "Browsers of other origins are let in, or what is the emulator's is on."
  }

  assert {
    condition     = aws_apigatewayv2_integration.this.payload_format_version == "2.0"
    error_message = "The function is called in another format than it reads."
  }

  assert {
    condition     = aws_lambda_permission.api.qualifier == "live" && aws_lambda_permission.authorizer.qualifier == "live" && aws_lambda_permission.api.source_arn == "arn:aws:execute-api:eu-central-1:111122223333:abc/*/*"
    error_message = "Somebody else may call the functions, or past the alias."
  }
}

run "calls_are_written_down_and_bounded" {
  assert {
    condition     = startswith(aws_cloudwatch_log_group.access.name, "/aws/vendedlogs/")
    error_message = "Each API makes the account's resource policy for log deliveries longer, until AWS refuses it."
  }

  assert {
    condition     = !aws_apigatewayv2_stage.this.default_route_settings[0].detailed_metrics_enabled && alltrue([for route in aws_apigatewayv2_stage.this.route_settings : !route.detailed_metrics_enabled])
    error_message = "Each route has six custom metrics that are paid for."
  }

  assert {
    condition     = alltrue([for field in ["requestId", "ip", "method", "path", "status", "principal"] : can(jsondecode(aws_apigatewayv2_stage.this.access_log_settings[0].format)[field])])
    error_message = "The access log does not say who asked for what, and what came of it."
  }

  assert {
    condition     = !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "header") && !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "query")
    error_message = "The access log may hold a token."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 500 && alltrue([for route in aws_apigatewayv2_stage.this.route_settings : route.throttling_rate_limit == 20]) && length(aws_apigatewayv2_stage.this.route_settings) == 5
    error_message = "Calls are not bounded as was asked for."
  }

  assert {
    condition     = output.url == "https://abc.execute-api.eu-central-1.amazonaws.com"
    error_message = "The address ends in a slash."
  }
}

run "a_domain_closes_the_other_door" {
  variables {
    domain = { name = "tenantry.example.com", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
  }

  assert {
    condition     = aws_apigatewayv2_api.this.disable_execute_api_endpoint && output.url == "https://tenantry.example.com" && aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].security_policy == "TLS_1_2"
    error_message = "The API is still reached by its other name, or by old TLS."
  }
}
