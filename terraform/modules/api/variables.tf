variable "api_function_name" {
  description = "Name of the function that serves the API."
  type        = string
}

variable "api_invoke_arn" {
  description = "What API Gateway calls the API's alias by."
  type        = string
}

variable "authorizer_function_name" {
  description = "Name of the function that knows the callers."
  type        = string
}

variable "authorizer_invoke_arn" {
  description = "What API Gateway calls the authorizer's alias by."
  type        = string
}

variable "authorizer_ttl_seconds" {
  description = "How long API Gateway remembers what the authorizer said of a token, in seconds: for that long a revoked token still passes the door."
  type        = number
}

variable "requests_per_second" {
  description = "Requests with a token per second, sustained."
  type        = number
}

variable "requests_burst" {
  description = "Requests with a token at once."
  type        = number
}

variable "open_requests_per_second" {
  description = "Requests without a token per second and route."
  type        = number
}

variable "domain" {
  description = "A name of one's own and the ARN of its certificate in this Region; null: the name that API Gateway gives."
  type        = object({ name = string, certificate_arn = string })
}

variable "key_arn" {
  description = "The key that logs are encrypted with."
  type        = string
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
}
