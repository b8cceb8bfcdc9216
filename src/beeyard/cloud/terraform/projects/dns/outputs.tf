output "records" {
  description = "The records: name, type and values of each."
  value       = module.dns.records
}
