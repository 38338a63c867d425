# Names and ARNs that are computed, so that no two modules wait for each other, and what the contract's words mean here.

locals {
  contract = jsondecode(file("${path.module}/../../generated/functions.json"))

  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # Roles are the account's, not the Region's.
  role_suffix = var.standby ? "-${var.region}" : ""

  context = {
    prefix      = var.prefix
    partition   = local.partition
    region      = var.region
    account_id  = local.account_id
    emulated    = local.emulated
    role_suffix = local.role_suffix
  }

  arn = {
    for service in ["events", "lambda", "logs", "states"] :
    service => "arn:${local.partition}:${service}:${var.region}:${local.account_id}"
  }

  function_arns  = { for name, function in local.contract.functions : name => "${local.arn.lambda}:function:${var.prefix}-${name}" }
  role_arns      = { for name, function in local.contract.functions : name => "arn:${local.partition}:iam::${local.account_id}:role/${var.prefix}-${name}${local.role_suffix}" }
  machine_prefix = "${local.arn.states}:stateMachine:${var.prefix}-"

  # Publishers are the functions that may call PutEvents.
  publishers = [
    for name, function in local.contract.functions : name
    if anytrue([for statement in function.statements : contains(statement.actions, "events:PutEvents")])
  ]

  secret_references = toset(flatten([
    for function in local.contract.functions : [
      for statement in function.statements : [
        for symbol in statement.resources : trimprefix(symbol, "secret/") if startswith(symbol, "secret/")
      ]
    ]
  ]))

  execution_status_rules = {
    for name, workflow in local.contract.workflows : name => {
      rule_name            = "${var.prefix}-execution-status-${name}"
      execution_arn_prefix = "${local.arn.states}:execution:${var.prefix}-${name}:"
    }
  }
  execution_status_rule_arns = [
    for rule in local.execution_status_rules : "${local.arn.events}:rule/${rule.rule_name}"
  ]

  # What the words of generated/functions.json stand for.
  resources = merge(
    {
      "any"            = ["*"]
      "table"          = [module.table.table_arn]
      "table/stream"   = [module.table.stream_arn]
      "bus"            = [module.bus.arn]
      "key"            = [module.table.key_arn]
      "bucket"         = [module.table.bucket_arn]
      "bucket/objects" = ["${module.table.bucket_arn}/*"]
      # An emulator looks at these actions without a resource.
      "taskTokens" = local.emulated ? ["*"] : [for name, workflow in local.contract.workflows : "${local.machine_prefix}${name}"]
    },
    { for name, arn in module.table.index_arns : "table/index/${name}" => [arn] },
    { for reference, arn in module.table.secret_arns : "secret/${reference}" => [arn] },
    { for name, arn in module.queues.arns : "queue/${name}" => [arn] },
    { for name, arn in module.queues.dead_letter_arns : "deadLetterQueue/${name}" => [arn] },
    {
      for name, workflow in local.contract.workflows : "stateMachine/${name}" =>
      ["${local.machine_prefix}${name}", "${local.machine_prefix}${name}:*"]
    },
    {
      for name, workflow in local.contract.workflows : "execution/${name}" =>
      ["${local.arn.states}:execution:${var.prefix}-${name}:*"]
    },
    { for name, arn in local.function_arns : "function/${name}" => ["${arn}:live"] },
    {
      for name, function in local.contract.functions : "logGroup/${name}" =>
      ["${local.arn.logs}:log-group:/aws/lambda/${var.prefix}-${name}:*"]
    },
  )

  # Values of the variables that functions ask for.
  variable_values = merge(
    {
      TENANTRY_TABLE          = module.table.name
      TENANTRY_BUS            = module.bus.name
      TENANTRY_KEY            = module.table.key_arn
      TENANTRY_BUCKET         = module.table.bucket_name
      TENANTRY_SECRETS_PREFIX = var.prefix
      TENANTRY_STATE_MACHINES = local.machine_prefix
    },
    { for name, queue in local.contract.queues : queue.variable => module.queues.urls[name] },
  )
}
