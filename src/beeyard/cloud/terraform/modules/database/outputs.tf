output "identifier" {
  description = "Identifier of the database instance."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Host name under which the database answers."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "TCP port."
  value       = aws_db_instance.this.port
}

output "engine" {
  description = "Database engine: mariadb or mysql."
  value       = aws_db_instance.this.engine
}

output "username" {
  description = "Name of the administrator."
  value       = aws_db_instance.this.username
}
