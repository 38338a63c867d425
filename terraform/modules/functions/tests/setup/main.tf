# What the environment gives the module: the real contract, and an ARN for each of its words.

locals {
  contract = jsondecode(file("${path.module}/../../../../generated/functions.json"))
  symbols = distinct(flatten(concat(
    [for function in local.contract.functions : [for statement in function.statements : statement.resources]],
    [for workflow in local.contract.workflows : [for statement in workflow.statements : statement.resources]],
    [for name, queue in local.contract.deadLetterQueues : "deadLetterQueue/${name}"],
  )))
}

output "contract" {
  value = local.contract
}

output "resources" {
  value = { for symbol in local.symbols : symbol => symbol == "any" ? ["*"] : ["arn:aws:sqs:eu-central-1:111122223333:${replace(symbol, "/", "-")}"] }
}

output "variable_values" {
  value = { for name in distinct(flatten([for function in local.contract.functions : function.variables])) : name => "value-of-${name}" }
}

output "queue_arns" {
  value = { for name, queue in local.contract.queues : name => "arn:aws:sqs:eu-central-1:111122223333:acme-${name}" }
}

output "queue_urls" {
  value = { for name, queue in local.contract.queues : name => "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-${name}" }
}

output "dead_letter_queue_arns" {
  value = { for name, queue in local.contract.queues : name => "arn:aws:sqs:eu-central-1:111122223333:acme-${name}-dead-letters" }
}

output "function_arns" {
  value = { for name, function in local.contract.functions : name => "arn:aws:lambda:eu-central-1:111122223333:function:acme-${name}:live" }
}

output "function_names" {
  value = { for name, function in local.contract.functions : name => "acme-${name}" }
}
