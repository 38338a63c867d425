# One zip, one function per step, worker and door, each under a role of its own with exactly the statements of
# generated/functions.json.

locals {
  functions = var.contract.functions

  function_names = { for name, function in local.functions : name => "${var.context.prefix}-${name}" }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable: a year of them costs more than everything else
  for_each = local.functions

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

# One upload for all functions, named after its content: a change is a new object, and a function says which one it runs.
resource "aws_s3_object" "code" {
  bucket                 = var.code_bucket_name
  key                    = "bootstrap-${filesha256(var.zip_path)}.zip"
  source                 = var.zip_path
  content_type           = "application/zip"
  server_side_encryption = "aws:kms"
  kms_key_id             = var.key_arn

  # An object takes ten tags at most; what the deployment's tags are for is on the bucket.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:reserved concurrency is taken from everybody else in the account, so it is a variable; queues bound their own workers
  #checkov:skip=CKV_AWS_116:only schedules call asynchronously, and these have a destination on failure (schedules.tf)
  #checkov:skip=CKV_AWS_117:nothing that is reached lies in a VPC; one would cost a NAT gateway and a slower cold start
  #checkov:skip=CKV_AWS_173:the variables are names and addresses; no secret is ever among them
  #checkov:skip=CKV_AWS_272:the zip is given by path and pinned by its hash; signing profiles belong to the account's owner
  for_each = local.functions

  function_name = local.function_names[each.key]
  description   = each.value.summary
  role          = aws_iam_role.this[each.key].arn

  s3_bucket        = aws_s3_object.code.bucket
  s3_key           = aws_s3_object.code.key
  source_code_hash = filebase64sha256(var.zip_path)
  package_type     = "Zip"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  handler          = each.key

  timeout     = each.value.timeoutSeconds
  memory_size = each.value.memoryMegabytes
  publish     = true

  reserved_concurrent_executions = lookup(var.reserved_concurrency, each.key, -1)

  environment {
    variables = merge(
      { for variable in each.value.variables : variable => var.variable_values[variable] },
      var.common_variables,
    )
  }

  logging_config {
    log_format = "Text" # The bootstrap writes JSON itself, with tenant, operation and step.
    log_group  = aws_cloudwatch_log_group.this[each.key].name
  }

  # A round that nobody asked for begins no trace: it would be most of what an idle deployment records.
  tracing_config {
    mode = contains(keys(local.schedules), each.key) ? "PassThrough" : "Active"
  }

  # A function that starts without its permissions fails its first calls.
  depends_on = [aws_iam_role_policy.this]
}

# Everything calls the alias, so that a deployment moves all callers at once, and back.
resource "aws_lambda_alias" "live" {
  for_each = local.functions

  name             = "live"
  description      = "What is called"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}
