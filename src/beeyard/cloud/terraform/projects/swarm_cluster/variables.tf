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

variable "vpc_cidr" {
  description = "IPv4 block of the VPC, from /16 to /22, e.g. 10.20.0.0/16."
  type        = string
  nullable    = false
}

variable "zones" {
  description = "Availability zones, e.g. eu-central-1a. Their order decides the subnets' blocks: append, don't reorder."
  type        = list(string)
  nullable    = false
}

variable "managers" {
  description = "Managers by name (manager-N), each with its zone, instance type and, if wanted, its own private address."
  type = map(object({
    zone          = string
    instance_type = string
    private_ip    = optional(string)
  }))
  nullable = false
}

variable "workers" {
  description = "Workers by name (worker-N), each with its zone, instance type and, if wanted, its own private address."
  type = map(object({
    zone          = string
    instance_type = string
    private_ip    = optional(string)
  }))
  default  = {}
  nullable = false
}

variable "workers_egress" {
  description = "How workers reach the internet: public (an address of their own) or nat (private subnets, a NAT gateway per zone)."
  type        = string
  default     = "public"
  nullable    = false

  validation {
    condition     = contains(["public", "nat"], var.workers_egress)
    error_message = "workers_egress must be public or nat."
  }
}

variable "ssh_user" {
  description = "Admin user of the image: admin on Debian."
  type        = string
  default     = "admin"
  nullable    = false
}

variable "ssh_public_key" {
  description = "Public key of the cluster in OpenSSH's format (RSA or Ed25519)."
  type        = string
  nullable    = false
}

variable "ssh_authorized_keys" {
  description = "Public keys that may sign in to new nodes besides that one. Running nodes keep theirs."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ssh_allowed_cidrs" {
  description = "IPv4 blocks that may open SSH connections to managers, e.g. 198.51.100.7/32. Empty: none."
  type        = list(string)
  nullable    = false
}

variable "ami_id" {
  description = "Image of new nodes. Null: the newest Debian 12 of the architecture."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor architecture of the nodes: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  nullable    = false
}

variable "ecr" {
  description = "ARNs of the repositories of Amazon ECR that managers may pull from and push to. Null: managers have no rights in AWS."
  type = object({
    pull = list(string)
    push = list(string)
  })
  default = null
}

variable "backup_objects" {
  description = "ARNs of the S3 objects that managers may put: backups, and their manifests. Empty: none."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "root_volume_size" {
  description = "Size of each node's encrypted root volume, in GiB."
  type        = number
  default     = 30
  nullable    = false
}
