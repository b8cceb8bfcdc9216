output "identifier" {
  description = "Identifier of the database instance."
  value       = module.database.identifier
}

output "address" {
  description = "Host name under which the database answers."
  value       = module.database.address
}

output "port" {
  description = "TCP port."
  value       = module.database.port
}

output "engine" {
  description = "Database engine: mariadb or mysql."
  value       = module.database.engine
}

output "username" {
  description = "Name of the administrator."
  value       = module.database.username
}
