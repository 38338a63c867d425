# One page: is it well, and if not, where.

locals {
  execution_metrics = [
    "ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted",
  ]

  # Each chart: what it shows, and its lines as CloudWatch writes them.
  charts = [
    {
      title = "Executions"
      lines = [
        for pair in setproduct(keys(var.state_machine_arns), local.execution_metrics) :
        ["AWS/States", pair[1], "StateMachineArn", var.state_machine_arns[pair[0]], { stat = "Sum", label = "${pair[0]} ${pair[1]}" }]
      ]
    },
    {
      title = "How long executions take, milliseconds (p50, p99)"
      lines = [
        for pair in setproduct(keys(var.state_machine_arns), ["p50", "p99"]) :
        ["AWS/States", "ExecutionTime", "StateMachineArn", var.state_machine_arns[pair[0]], { stat = pair[1], label = "${pair[0]} ${pair[1]}" }]
      ]
    },
    {
      title = "Operations without progress for five minutes"
      lines = [["Tenantry/${var.context.prefix}", "QuietOperations", { stat = "Maximum" }]]
    },
    {
      title = "Messages that wait"
      lines = [
        for name, queue in var.queue_names :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { stat = "Maximum", label = name }]
      ]
    },
    {
      title = "Age of the oldest message, seconds"
      lines = [
        for name, queue in var.queue_names :
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, { stat = "Maximum", label = name }]
      ]
    },
    {
      title = "Dead letters that nobody has written down"
      lines = [
        for name, queue in var.dead_letter_queue_names :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { stat = "Maximum", label = name }]
      ]
    },
    {
      title = "Failed calls of functions"
      lines = [
        for name, function in var.function_names :
        ["AWS/Lambda", "Errors", "FunctionName", function, { stat = "Sum", label = name }]
      ]
    },
    {
      title = "Duration of functions, milliseconds (p99)"
      lines = [
        for name, function in var.function_names :
        ["AWS/Lambda", "Duration", "FunctionName", function, { stat = "p99", label = name }]
      ]
    },
    {
      title = "Table: consumed units and throttles"
      lines = [
        for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] :
        ["AWS/DynamoDB", metric, "TableName", var.table_name, { stat = "Sum", label = metric }]
      ]
    },
    {
      title = "HTTP API: requests, refusals, faults"
      lines = [
        for metric in ["Count", "4xx", "5xx"] :
        ["AWS/ApiGateway", metric, "ApiId", var.api_id, { stat = "Sum", label = metric }]
      ]
    },
    {
      title = "HTTP API: latency, milliseconds (p50, p99)"
      lines = [
        for stat in ["p50", "p99"] :
        ["AWS/ApiGateway", "Latency", "ApiId", var.api_id, { stat = stat, label = stat }]
      ]
    },
    {
      title = "The relay's lag behind the stream, milliseconds"
      lines = [["AWS/Lambda", "IteratorAge", "FunctionName", var.function_names["relay"], { stat = "Maximum" }]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.context.prefix
  dashboard_body = jsonencode({
    widgets = [
      for index, chart in local.charts : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = chart.title
          region  = var.context.region
          period  = 300
          metrics = chart.lines
        }
      }
    ]
  })
}
