variable "name" {
  description = "Name of the cluster: prefix of every resource's name, and value of the tag beeyard:cluster."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must start with a letter, hold only a-z, 0-9 and single hyphens, not end with a hyphen, and have at most 32 characters."
  }
}

variable "region" {
  description = "AWS region of the cluster and of the state bucket, e.g. eu-central-1."
  type        = string
  nullable    = false
}

variable "state_bucket" {
  description = "S3 bucket that holds the state of every project, each under <project>/terraform.tfstate."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags that every resource gets besides beeyard's own."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : key != "Name" && !startswith(key, "beeyard:") && !startswith(key, "aws:")])
    error_message = "tags must not hold Name or keys that start with beeyard: or aws:, which are set by beeyard and AWS."
  }
}

variable "zone" {
  description = "Name of an existing public Route 53 hosted zone, e.g. example.com."
  type        = string
  nullable    = false
}

variable "domain" {
  description = "Domain of the cluster: the zone's own name or one below it, e.g. apps.example.com."
  type        = string
  nullable    = false
}
