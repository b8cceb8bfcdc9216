variable "name" {
  description = "Name of the cluster, prefix of each resource's Name tag."
  type        = string
  nullable    = false
}

variable "vpc_cidr" {
  description = "IPv4 block of the VPC, from /16 to /22, e.g. 10.20.0.0/16."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("^[0-9.]+/(1[6-9]|2[0-2])$", var.vpc_cidr))
    error_message = "vpc_cidr must be an IPv4 block between /16 and /22: a /22 is the smallest that holds three subnets in each of five zones."
  }

  validation {
    condition     = try(cidrhost(var.vpc_cidr, 0) == split("/", var.vpc_cidr)[0], false)
    error_message = "vpc_cidr must be the first address of its block, e.g. 10.20.0.0/16 and not 10.20.1.0/16."
  }
}

variable "zones" {
  description = "Availability zones, e.g. eu-central-1a. Their order decides the subnets' blocks: append, don't reorder."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.zones) >= 1 && length(var.zones) <= 5
    error_message = "zones must name one to five availability zones: the VPC is cut into blocks for five."
  }

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must name each availability zone once."
  }
}

variable "nat" {
  description = "Whether the private subnets reach the internet, through a NAT gateway in each zone."
  type        = bool
  default     = false
  nullable    = false
}
