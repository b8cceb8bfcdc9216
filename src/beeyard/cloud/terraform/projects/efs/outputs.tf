output "file_system_id" {
  description = "ID of the file system."
  value       = module.efs.file_system_id
}

output "dns_name" {
  description = "Name under which the VPC's resolver answers with the mount target of the asking node's zone."
  value       = module.efs.dns_name
}

output "mount_targets" {
  description = "Address of each zone's mount target, keyed by zone."
  value       = module.efs.mount_targets
}
