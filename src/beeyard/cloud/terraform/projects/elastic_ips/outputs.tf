output "addresses" {
  description = "Allocation ID and public address of each Elastic IP, keyed by manager's name."
  value       = module.elastic_ips.addresses
}
