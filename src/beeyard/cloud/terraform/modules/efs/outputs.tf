output "file_system_id" {
  description = "ID of the file system."
  value       = aws_efs_file_system.this.id
}

output "dns_name" {
  description = "Name under which the VPC's resolver answers with the mount target of the asking node's zone."
  value       = aws_efs_file_system.this.dns_name
}

output "mount_targets" {
  description = "Address of each zone's mount target, keyed by zone."
  value       = { for zone, target in aws_efs_mount_target.this : zone => target.ip_address }
}
