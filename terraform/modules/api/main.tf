# The HTTP API: one function behind all routes, an authorizer before all but a few.

locals {
  # What the router serves without a token (crates/api/src/auth.rs).
  open_routes = toset([
    "GET /", "GET /healthz", "GET /readyz", "GET /openapi.json", "GET /help/errors/{code}",
  ])
  name = "${var.context.prefix}-api"
}

resource "aws_apigatewayv2_api" "this" {
  name                         = local.name
  description                  = "The control plane's HTTP API"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != null
  # No CORS: no browser page of another origin has business here.
}

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = var.api_invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_authorizer" "this" {
  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "bearer-tokens"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = var.authorizer_invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  identity_sources                  = ["$request.header.Authorization"]
  authorizer_result_ttl_in_seconds  = var.authorizer_ttl_seconds

  # An emulator answers with an empty one for every kind of authorizer, and its plan would never settle.
  dynamic "jwt_configuration" {
    for_each = var.context.emulated ? [[]] : []
    content {
      audience = jwt_configuration.value
    }
  }
}

resource "aws_apigatewayv2_route" "open" {
  #checkov:skip=CKV_AWS_309:health, the OpenAPI document and the help pages say nothing of tenants, and are throttled apart
  for_each = local.open_routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  authorization_type = "NONE"
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_apigatewayv2_route" "guarded" {
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = "$default"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.this.id
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable: a year of them costs more than everything else
  # The prefix keeps the log delivery's resource policy below its size limit, as AWS recommends.
  name              = "/aws/vendedlogs/apigateway/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # Who asked for what, and what came of it; no header, no query, no body.
    format = jsonencode({
      requestId        = "$context.requestId"
      time             = "$context.requestTime"
      ip               = "$context.identity.sourceIp"
      method           = "$context.httpMethod"
      path             = "$context.path"
      route            = "$context.routeKey"
      status           = "$context.status"
      principal        = "$context.authorizer.principal"
      latencyMs        = "$context.responseLatency"
      integrationMs    = "$context.integrationLatency"
      integrationError = "$context.integrationErrorMessage"
      authorizerError  = "$context.authorizer.error"
    })
  }

  default_route_settings {
    throttling_rate_limit    = var.requests_per_second
    throttling_burst_limit   = var.requests_burst
    detailed_metrics_enabled = false # six custom metrics for each route, 0.30 USD each and month
  }

  # Strangers cannot use up what callers with a token need.
  dynamic "route_settings" {
    for_each = local.open_routes
    content {
      route_key                = route_settings.value
      throttling_rate_limit    = var.open_requests_per_second
      throttling_burst_limit   = var.open_requests_per_second * 2
      detailed_metrics_enabled = false
    }
  }

  # A route's settings are refused before the route is there.
  depends_on = [aws_apigatewayv2_route.open, aws_apigatewayv2_route.guarded]
}

resource "aws_lambda_permission" "api" {
  statement_id  = "FromTheHttpApi"
  action        = "lambda:InvokeFunction"
  function_name = var.api_function_name
  qualifier     = "live"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"

  # The alias is there before the integration that calls it.
  depends_on = [aws_apigatewayv2_integration.this]
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "FromTheHttpApi"
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_function_name
  qualifier     = "live"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.this.id}"
}

resource "aws_apigatewayv2_domain_name" "this" {
  count       = var.domain == null ? 0 : 1
  domain_name = var.domain.name

  domain_name_configuration {
    certificate_arn = var.domain.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count       = var.domain == null ? 0 : 1
  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.this.id
}
