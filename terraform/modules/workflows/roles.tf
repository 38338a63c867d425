# One role per state machine, with the statements that were derived from its definition.

resource "aws_iam_role" "this" {
  for_each = local.workflows

  name        = "${local.machine_names[each.key]}${var.context.role_suffix}"
  description = "Runs the workflow ${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.context.account_id }
        ArnLike = {
          "aws:SourceArn" = "arn:${var.context.partition}:states:${var.context.region}:${var.context.account_id}:stateMachine:${local.machine_names[each.key]}*"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:only statements with a reason name *: log deliveries and X-Ray know no resources (a test holds it)
  #checkov:skip=CKV_AWS_290:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_289:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_288:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_287:only statements whose actions know no resources name *, as for CKV_AWS_355
  #checkov:skip=CKV_AWS_286:only statements whose actions know no resources name *, as for CKV_AWS_355
  for_each = local.workflows

  name   = "exactly-what-it-needs"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
