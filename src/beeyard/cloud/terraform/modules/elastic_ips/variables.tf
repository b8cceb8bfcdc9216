variable "name" {
  description = "Name of the cluster, prefix of each address's Name tag."
  type        = string
  nullable    = false
}

variable "managers" {
  description = "Names of the managers that get an address, e.g. manager-1. Empty behind a load balancer."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for node in var.managers : can(regex("^manager-[1-9][0-9]*$", node))])
    error_message = "managers must be named manager-1, manager-2 and so on."
  }
}
