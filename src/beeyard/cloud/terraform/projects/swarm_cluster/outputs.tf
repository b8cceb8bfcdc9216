output "vpc_id" {
  description = "ID of the VPC."
  value       = module.network.vpc_id
}

output "vpc_cidr" {
  description = "IPv4 block of the VPC."
  value       = module.network.vpc_cidr
}

output "zones" {
  description = "Availability zones, in the order that was given."
  value       = var.zones
}

output "public_subnet_ids" {
  description = "ID of the public subnet of each zone (workers, or NAT gateways), keyed by zone."
  value       = module.network.public_subnet_ids
}

output "private_subnet_ids" {
  description = "ID of the private subnet of each zone (EFS, RDS, workers behind NAT), keyed by zone."
  value       = module.network.private_subnet_ids
}

output "node_security_group_ids" {
  description = "Security groups: node (every node has it), manager and worker."
  value       = module.swarm_cluster.node_security_group_ids
}

output "nodes" {
  description = "Every node, keyed by name: role, instance_id, instance_type, zone, private_ip, public_ip (null: none)."
  value       = module.swarm_cluster.nodes
}

output "ssh_user" {
  description = "User to sign in as."
  value       = module.swarm_cluster.ssh_user
}

output "ssh_public_key" {
  description = "Public key that new nodes boot with."
  value       = module.swarm_cluster.ssh_public_key
}
