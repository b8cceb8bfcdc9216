variable "zone" {
  description = "Name of an existing public Route 53 hosted zone, e.g. example.com."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.zone))
    error_message = "zone must be a domain name in small letters without a dot at its end, e.g. example.com."
  }
}

variable "domain" {
  description = "Domain of the cluster: the zone's own name or one below it, e.g. apps.example.com."
  type        = string
  nullable    = false

  validation {
    condition     = var.domain == var.zone || endswith(var.domain, ".${var.zone}")
    error_message = "domain must be the zone's name or end with a dot and the zone's name."
  }
}

variable "addresses" {
  description = "Public IPv4 addresses that the names lead to: those of the managers."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.addresses) >= 1 && alltrue([for address in var.addresses : can(cidrhost("${address}/32", 0))])
    error_message = "addresses must hold at least one IPv4 address."
  }
}
