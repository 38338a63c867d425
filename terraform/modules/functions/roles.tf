# Roles. What each may do is data; here only its words become ARNs.

locals {
  # On AWS whoever may send a message may send several at once; an emulator asks for a right that AWS does not know.
  batch_actions = var.context.emulated ? ["sqs:SendMessageBatch"] : []

  # Statements, with the symbols of resources replaced. An unknown symbol stops the plan by name.
  statements = {
    for name, function in local.functions : name => [
      for statement in function.statements : merge(
        {
          Effect   = "Allow"
          Action   = concat(statement.actions, contains(statement.actions, "sqs:SendMessage") ? local.batch_actions : [])
          Resource = flatten([for symbol in statement.resources : var.resources[symbol]])
        },
        {
          # An emulator that does not know a condition's key would refuse every call.
          for block in can(statement.conditions) && !var.context.emulated ? ["Condition"] : [] : block => {
            for operator, keys in statement.conditions : operator => {
              for key, values in keys : key => flatten([
                for value in flatten([values]) : lookup(var.resources, value, [value])
              ])
            }
          }
        },
      )
    ]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name        = "${local.function_names[each.key]}${var.context.role_suffix}"
  description = each.value.summary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:only statements with a reason name *: services whose actions know no resources (a test holds it)
  #checkov:skip=CKV_AWS_290:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_289:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_288:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_287:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_286:only statements whose actions know no resources name *, as for CKV_AWS_355
  for_each = local.functions

  name   = "exactly-what-it-needs"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
