data "terraform_remote_state" "elastic_ips" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "elastic_ips/terraform.tfstate"
    region = var.region
  }
}

locals {
  nat = var.workers_egress == "nat"
}

module "network" {
  source = "../../modules/network"

  name     = var.name
  vpc_cidr = var.vpc_cidr
  zones    = var.zones
  nat      = local.nat
}

module "swarm_cluster" {
  source = "../../modules/swarm_cluster"

  name                    = var.name
  vpc_id                  = module.network.vpc_id
  manager_subnets         = module.network.manager_subnets
  worker_subnet_ids       = local.nat ? module.network.private_subnet_ids : module.network.public_subnet_ids
  worker_public_addresses = !local.nat
  managers                = var.managers
  workers                 = var.workers
  elastic_ips             = data.terraform_remote_state.elastic_ips.outputs.addresses
  ssh_user                = var.ssh_user
  ssh_public_key          = var.ssh_public_key
  ssh_authorized_keys     = var.ssh_authorized_keys
  ssh_allowed_cidrs       = var.ssh_allowed_cidrs
  ami_id                  = var.ami_id
  architecture            = var.architecture
  root_volume_size        = var.root_volume_size
  ecr                     = var.ecr
  backup_objects          = var.backup_objects
}
